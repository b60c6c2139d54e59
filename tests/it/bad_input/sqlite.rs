//! SQLite paths that hold no store, or not ours.

use std::path::Path;

use super::{NIGHTLY, six_workouts};
use crate::support::cli::{Paceline, file, on_new_sqlite};

/// Every command that only looks, and those that change what must be there already.
const LOOKING: &[&[&str]] = &[
    &["classifications"],
    &["history", "r1"],
    &["explain", "r1"],
    &["model", "list"],
    &["model", "show", "active"],
    &["model", "lineage"],
    &["model", "compare", "a", "b"],
    &["model", "activate", "a"],
    &["model", "rollback"],
    &["model", "deprecate", "a", "--reason", "r"],
    &["model", "fail", "a", "--reason", "r"],
    &["runs", "list"],
    &["runs", "show", "r"],
    &["quarantine", "list"],
    &["quarantine", "export", "never-written.csv"],
    &["plan", NIGHTLY],
    &["run", NIGHTLY, "--dry-run"],
];

fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn looking_at_a_store_that_is_not_there_creates_none() {
    let (folder, paceline) = on_new_sqlite();
    for args in LOOKING.iter().chain(&[&["doctor"][..]]) {
        let outcome = paceline.run(args);
        outcome.expect(69, &["there is no store at", "paceline.db", "paceline migrate"]);
        assert_eq!(outcome.stdout.is_empty(), args[0] != "doctor", "{args:?}");
        assert_eq!(files_in(folder.path()), Vec::<String>::new(), "{args:?}");
    }
    let statements = paceline.ok(&["migrate", "--dry-run"]).stdout;
    assert!(
        statements.contains("CREATE TABLE IF NOT EXISTS workout_summary"),
        "{statements}"
    );
    assert_eq!(files_in(folder.path()), Vec::<String>::new());
}

#[test]
fn input_that_cannot_be_imported_creates_no_store() {
    let (folder, paceline) = on_new_sqlite();
    let six = file(&folder, "in.csv", six_workouts());
    let unknown = file(&folder, "unknown.csv", "a,b\n1,2\n");
    let before = files_in(folder.path());
    for args in [
        &["import", "absent.csv"][..],
        &["import", &unknown],
        &["import", &six, "absent.csv"],
        &["run", NIGHTLY, "--import", &six, "--import", "absent.csv"],
    ] {
        assert_eq!(paceline.run(args).code, 1, "{args:?}");
        assert_eq!(files_in(folder.path()), before, "{args:?}");
    }
}

#[test]
fn a_path_that_cannot_hold_a_store() {
    let (folder, _) = on_new_sqlite();
    let six = file(&folder, "in.csv", six_workouts());
    let before = files_in(folder.path());
    let directory = format!("sqlite://{}", folder.path().display());
    let no_folder = format!("sqlite://{}/no/paceline.db", folder.path().display());
    let below_a_file = format!("sqlite://{six}/paceline.db");
    for (url, part) in [
        (&directory, "it is a directory; name a file inside it"),
        (&no_folder, "does not exist"),
        (&below_a_file, "does not exist"),
    ] {
        for args in [
            &["import", &six][..],
            &["migrate"],
            &["migrate", "--dry-run"],
            &["run", NIGHTLY],
        ] {
            Paceline::new(url)
                .run(args)
                .expect(69, &["cannot reach", part, "next: "]);
        }
    }
    for args in LOOKING.iter().chain(&[&["doctor"][..]]) {
        Paceline::new(&directory).run(args).expect(69, &["it is a directory"]);
    }
    assert_eq!(files_in(folder.path()), before);
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let (folder, paceline) = on_new_sqlite();
    let six = file(&folder, "in.csv", six_workouts());
    let contents = "workout_id,workout_date\nthis is a CSV file, and not even a long one\n".repeat(40);
    let path = file(&folder, "paceline.db", &contents);
    for args in LOOKING
        .iter()
        .chain(&[&["doctor"][..], &["import", &six], &["migrate"], &["run", NIGHTLY]])
    {
        let outcome = paceline.run(args);
        outcome.expect(69, &["it is not an SQLite database; name another file"]);
        let after = std::fs::read_to_string(&path).expect("still there");
        assert_eq!(after, contents, "{args:?}");
    }
    assert_eq!(files_in(folder.path()), ["in.csv", "paceline.db"]);
}

#[test]
fn a_damaged_store_says_so() {
    let (folder, paceline) = on_new_sqlite();
    let six = file(&folder, "in.csv", six_workouts());
    paceline.json(&["import", &six]);
    let path = folder.path().join("paceline.db");
    let mut bytes = std::fs::read(&path).expect("the store");
    // Beyond the first page, whose header says that it is a database.
    bytes[16384..].fill(0x5a);
    std::fs::write(&path, &bytes).expect("write");
    for args in [&["classifications"][..], &["run", NIGHTLY], &["import", &six]] {
        paceline
            .run(args)
            .expect(69, &["the file is damaged", "restore it from a backup"]);
    }
}

#[test]
fn an_empty_file_is_a_store_without_tables() {
    let (folder, paceline) = on_new_sqlite();
    let six = file(&folder, "in.csv", six_workouts());
    file(&folder, "paceline.db", "");
    for args in LOOKING {
        paceline.refused(
            args,
            78,
            &["migrations of", "are not applied", "run `paceline migrate`"],
        );
    }
    let doctor = paceline.refused(&["doctor"], 1, &["1 finding needs attention"]);
    assert!(doctor.stdout.contains("run `paceline migrate`"), "{doctor}");
    assert_eq!(paceline.json(&["import", &six])["new"], 6);
}

#[test]
fn somebody_elses_database_is_only_touched_when_asked() {
    let (folder, paceline) = on_new_sqlite();
    let six = file(&folder, "in.csv", six_workouts());
    let path = folder.path().join("paceline.db");
    let theirs = rusqlite::Connection::open(&path).expect("open");
    theirs
        .execute_batch("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('https://x.example');")
        .expect("their table");
    theirs.close().expect("close");
    let before = std::fs::read(&path).expect("their file");
    for args in LOOKING.iter().chain(&[&["import", &six][..], &["run", NIGHTLY]]) {
        paceline.run(args).expect(78, &["run `paceline migrate`"]);
        assert_eq!(std::fs::read(&path).expect("their file"), before, "{args:?}");
    }
    paceline.ok(&["migrate", "--dry-run"]);
    let parts = ["1 table that is not Paceline's", "bookmarks", "--yes"];
    paceline.run(&["migrate"]).expect(78, &parts);
    assert_eq!(std::fs::read(&path).expect("their file"), before);
    assert_eq!(files_in(folder.path()), ["in.csv", "paceline.db"]);

    paceline.ok(&["migrate", "--yes"]);
    assert_eq!(paceline.json(&["import", &six])["new"], 6);
    assert_eq!(paceline.tables()["bookmarks"], [["https://x.example"]]);
}
