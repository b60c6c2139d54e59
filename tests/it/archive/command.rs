//! The command line: what a person types, and what comes back.

use std::fs;

use crate::support::cli::{file, on_both_stores};

const NIGHTLY: &str = "pipelines/nightly.toml";
const ROWS: &str = "workout_id,workout_date,activity_type,distance_mi,duration_sec,avg_pace\n\
    a,2024-01-01,Run,3.1,1674,9.0\nb,2024-01-02,Walk,1.0,1200,20.0\nc,2024-01-03,Walk,1.0,1200,20.0\n";

#[test]
fn a_year_is_archived_looked_at_and_brought_back() {
    on_both_stores(|paceline, _| {
        let folder = &tempfile::tempdir().expect("a folder");
        let old = paceline.at("2024-06-01T00:00:00Z");
        old.ok(&["run", NIGHTLY, "--import", &file(folder, "in.csv", ROWS)]);
        let correct = [
            "feedback", "add", "a", "--type", "correct", "--label", "mixed", "--user", "anna",
        ];
        paceline.at("2024-06-02T00:00:00Z").ok(&correct);
        let to = folder.path().join("years").display().to_string();
        let make = ["archive", "--older-than", "1y", "--to", &to];

        let nothing = old.json(&make);
        assert_eq!(nothing["status"], "nothing");
        paceline.refused(&["archive"], 2, &["--older-than 1y"]);
        paceline.refused(&["archive", "--older-than", "1y"], 2, &["--to DIR"]);
        paceline.refused(&["archive", "--older-than", "1 year", "--to", &to], 2, &["is no age"]);
        paceline.refused(&["archive", "restore"], 2, &["--all"]);
        let planned = paceline.json(&["archive", "--older-than", "1y", "--dry-run"]);
        assert_eq!((&planned["status"], &planned["rows"]), (&"planned".into(), &4.into()));

        let before = paceline.tables();
        let page = paceline.ok(&make).stdout;
        assert!(
            page.contains("Archived  4 history rows") && page.contains(&to),
            "{page}"
        );
        let list = paceline.json(&["archive", "list"]);
        assert_eq!((&list[0]["status"], &list[0]["rows"]), (&"archived".into(), &4.into()));
        assert_eq!(list[0]["newest_at"], "2024-06-02 00:00:00.000000");
        assert!(paceline.ok(&["archive", "list"]).stdout.contains("archived"));

        let verified = paceline.json(&["verify"]);
        assert_eq!(
            (&verified["ok"], &verified["unchecked"], &verified["archived"]),
            (&true.into(), &0.into(), &4.into())
        );
        let page = paceline.ok(&["verify"]).stdout;
        assert!(
            page.contains("4 rows are in archive files, 4 of them checked"),
            "{page}"
        );
        let page = paceline.ok(&["verify", "--no-archive"]).stdout;
        assert!(page.contains("NOT CHECKED: 4 rows in archive files"), "{page}");
        assert_eq!(paceline.json(&["history", "a"]).as_array().map(Vec::len), Some(2));
        assert_eq!(
            paceline.json(&["prove", "a"])["proofs"].as_array().map(Vec::len),
            Some(2)
        );
        let then = ["state", "--as-of", "2024-06-01T00:00:00Z", "a"];
        assert_eq!(paceline.json(&then)[0]["classification"], "real_run");
        assert_eq!(
            paceline.json(&["state", "--as-of", "2024-06-03", "a"])[0]["classification"],
            "mixed"
        );
        let changes = paceline.ok(&["report", "changes"]);
        assert!(
            changes.stderr.contains("4 history rows are archived and left out"),
            "{changes}"
        );

        // Whatever byte is another one, it is a finding, and the program goes on to say so.
        let name = list[0]["file"].as_str().expect("a name");
        let path = std::path::Path::new(&to).join(name);
        let whole = fs::read(&path).expect("the file");
        for at in (0..whole.len()).step_by(whole.len() / 16) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x11;
            fs::write(&path, flipped).expect("written");
            let found = paceline.run(&["verify"]);
            found.expect(1, &["put the files back from a copy"]);
            assert!(found.stdout.contains("file_changed"), "byte {at}: {found}");
        }
        fs::write(&path, whole).expect("written");

        // The files move to another place.
        let elsewhere = folder.path().join("elsewhere").display().to_string();
        fs::rename(&to, &elsewhere).expect("moved");
        let page = paceline.ok(&["verify"]).stdout;
        assert!(
            page.contains("not_checked") && page.contains("NOT CHECKED: 4 rows"),
            "{page}"
        );
        paceline.refused(&then, 1, &["is archived in paceline-1-2-", "--archive DIR"]);
        paceline.refused(&["prove", "a"], 1, &["is archived in paceline-1-2-"]);
        let part = paceline.ok(&["history", "a"]);
        assert!(part.stderr.contains("is archived in paceline-1-2-"), "{part}");
        assert_eq!(paceline.json(&["verify", "--archive", &elsewhere])["unchecked"], 0);
        assert_eq!(
            paceline.json(&[&then[..], &["--archive", &elsewhere]].concat())[0]["classification"],
            "real_run"
        );
        // A folder that was named and has no such file is a promise that is not kept.
        let empty = folder.path().display().to_string();
        let missing = paceline.run(&["verify", "--archive", &empty]);
        missing.expect(1, &["1 finding"]);
        assert!(missing.stdout.contains("file_missing"), "{missing}");
        let refused = paceline.run(&["archive", "restore", "--all"]);
        refused.expect(1, &["is archived in paceline-1-2-", "--archive"]);

        let restored = paceline.json(&["archive", "restore", "1", "--archive", &elsewhere]);
        assert_eq!(
            (&restored["status"], &restored["rows"]),
            (&"restored".into(), &4.into())
        );
        let after = paceline.tables();
        for table in before.keys().filter(|t| {
            !t.starts_with("audit_s")
                && !t.starts_with("archive_")
                && !t.ends_with("archives")
                && *t != "pipeline_lease"
        }) {
            assert_eq!(before[table], after[table], "{table}");
        }
        assert!(
            before["audit_segments"]
                .iter()
                .all(|row| after["audit_segments"].contains(row))
        );
        assert_eq!(paceline.json(&["archive", "list"])[0]["status"], "restored");
        assert_eq!(paceline.json(&["verify"])["ok"], true);
    });
}

#[test]
fn nothing_is_archived_beside_a_run() {
    on_both_stores(|paceline, folder| {
        let old = paceline.at("2024-06-01T00:00:00Z");
        old.ok(&["run", NIGHTLY, "--import", &file(folder, "in.csv", ROWS)]);
        let to = folder.path().join("years").display().to_string();
        let make = ["archive", "--before", "2025-01-01", "--to", &to];
        paceline.tamper(&[
            "UPDATE pipeline_lease SET run_id = 'run_x', holder = 'somebody', process = NULL, \
             expires_at = '2030-01-01 00:00:00.000000'",
        ]);
        paceline
            .run(&make)
            .expect(75, &["'nightly' is held by run_x (somebody)", "give it again"]);
        assert_eq!(paceline.json(&["verify"])["archived"], 0);
        paceline.tamper(&["UPDATE pipeline_lease SET expires_at = '2020-01-01 00:00:00.000000'"]);
        paceline.ok(&make);
        assert_eq!(paceline.json(&["verify"])["archived"], 3);
    });
}

#[test]
fn what_is_not_as_it_was_sealed_stays_where_it_is() {
    on_both_stores(|paceline, folder| {
        let old = paceline.at("2024-06-01T00:00:00Z");
        old.ok(&["run", NIGHTLY, "--import", &file(folder, "in.csv", ROWS)]);
        paceline.tamper(&[
            "DROP TRIGGER workout_classification_history_no_update",
            "UPDATE workout_classification_history SET reason = 'another' WHERE workout_id = 'b'",
        ]);
        let to = folder.path().join("years").display().to_string();
        let make = ["archive", "--before", "2025-01-01", "--to", &to];
        paceline.run(&make).expect(
            1,
            &["segment 1 seals rows with root", "`paceline verify` says what is not"],
        );
        assert_eq!(paceline.json(&["archive", "list"]), serde_json::json!([]));
        assert!(paceline.run(&["verify"]).stdout.contains("edited"));
    });
}
