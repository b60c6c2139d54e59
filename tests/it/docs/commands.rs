//! `docs/commands/` is what `paceline manual` makes of the definitions; man pages and completions come from the same.

use std::collections::BTreeMap;
use std::path::Path;

use super::{BLESS, held_against, root};
use crate::support::cli::{Paceline, on_new_sqlite};

/// The files of a folder with their texts.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let text = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a page"))
    };
    entries.map(text).collect()
}

fn manual(paceline: &Paceline, folder: &Path, format: &str) -> BTreeMap<String, String> {
    let out = folder.join(format);
    let path = out.display().to_string();
    let told = paceline.json(&["manual", "--out", &path, "--format", format]);
    let pages = texts(&out);
    assert_eq!(told["pages"].as_array().map(Vec::len), Some(pages.len()));
    pages
}

#[test]
fn the_page_of_every_command_is_the_one_that_its_definition_makes() {
    let (folder, paceline) = on_new_sqlite();
    let made = manual(&paceline, folder.path(), "md");
    // Whatever the terminal: the same bytes.
    let narrow = manual(&paceline.with_env("COLUMNS", "40"), folder.path(), "md");
    assert_eq!(made, narrow);
    assert!(made.len() > 20 && !made.contains_key("manual.md"), "{:?}", made.keys());
    let committed = root().join("docs/commands");
    for (name, text) in &made {
        held_against(&committed.join(name), text, "docs::commands");
    }
    let mut left: Vec<String> = texts(&committed).into_keys().collect();
    left.retain(|name| !made.contains_key(name));
    if std::env::var_os(BLESS).is_some() {
        let gone = |name: String| std::fs::remove_file(committed.join(name)).expect("a page of a command that is gone");
        left.drain(..).for_each(gone);
    }
    assert!(left.is_empty(), "pages of commands that are gone: {left:?}");
}

#[test]
fn a_page_says_all_that_help_says() {
    let (folder, paceline) = on_new_sqlite();
    let pages = manual(&paceline, folder.path(), "md");
    for (command, page) in [("run", "run.md"), ("backfill", "backfill.md"), ("review", "review.md")] {
        let help = paceline.ok(&[command, "--help"]).stdout;
        let flags = help.split_whitespace().filter(|word| word.starts_with("--"));
        for flag in flags.map(|flag| flag.trim_end_matches([',', ';', '.', ')'])) {
            let of_all = [
                "--help",
                "--version",
                "--database-url",
                "--output",
                "--now",
                "--verbose",
                "--log-format",
                "--trace",
                "--metrics-file",
            ]
            .contains(&flag);
            let stands_in = if of_all { "README.md" } else { page };
            let there = pages[stands_in].contains(flag) || ["--help", "--version"].contains(&flag);
            assert!(there, "{stands_in} does not say {flag}");
        }
        assert!(help.contains("Examples:"), "{help}");
    }
    let index = &pages["README.md"];
    for part in [
        "DATABASE_URL",
        "| 75 |",
        "[`model rollback`](model.md#paceline-model-rollback)",
    ] {
        assert!(index.contains(part), "no {part} in {index}");
    }
    assert!(!index.contains("paceline manual\n"), "{index}");
}

#[test]
fn man_pages_are_made_and_a_formatter_takes_them() {
    let (folder, paceline) = on_new_sqlite();
    let pages = manual(&paceline, folder.path(), "man");
    for name in ["paceline.1", "paceline-run.1", "paceline-model-rollback.1"] {
        let page = &pages[name];
        for section in [
            ".SH NAME",
            ".SH SYNOPSIS",
            ".SH DESCRIPTION",
            ".SH OPTIONS",
            ".SH \"EXIT STATUS\"",
        ] {
            assert!(page.contains(section), "{name} has no {section}: {page}");
        }
    }
    assert!(
        !pages
            .keys()
            .any(|name| name.contains("help") || name.contains("manual")),
        "{:?}",
        pages.keys()
    );
    let path = folder.path().join("man/paceline-run.1");
    let formatted = std::process::Command::new("man")
        .args(["--local-file", "--warnings"])
        .arg(&path)
        .output();
    let Ok(formatted) = formatted else {
        eprintln!("SKIPPED: there is no `man` to format the pages with");
        return;
    };
    let (page, complaints) = (
        String::from_utf8_lossy(&formatted.stdout),
        String::from_utf8_lossy(&formatted.stderr),
    );
    assert!(
        page.contains("--accept-churn") && complaints.is_empty(),
        "{page}\n{complaints}"
    );
}

#[test]
fn completions_name_every_command_and_a_shell_takes_them() {
    let (folder, paceline) = on_new_sqlite();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = paceline.ok(&["completions", shell]).stdout;
        for name in ["backfill", "rollback", "--accept-churn"] {
            assert!(script.contains(name.trim_start_matches("--")), "{shell}: no {name}");
        }
    }
    let script = paceline.ok(&["completions", "bash"]).stdout;
    let path = crate::support::cli::file(&folder, "completions.bash", script);
    let parsed = std::process::Command::new("bash")
        .args(["-n", &path])
        .status()
        .expect("bash");
    assert!(parsed.success());
}
