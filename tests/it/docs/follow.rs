//! Follows a page from top to bottom, as a reader does who trusts it.
//!
//! `console` blocks are typed and what they print is compared with what the page shows, where it shows anything: `...`
//! stands for any lines, ids and times for others of their kind. A command must succeed, unless the one after it is
//! `echo $?`. `sql` goes to the server, `sh` is parsed, a `crontab` and a unit of systemd are checked, and what a
//! comment names as a file is written. What cannot be done here says why (see [`super::page`]).

use std::path::{Path, PathBuf};

use super::compare::difference;
use super::page::{Block, Step, blocks};
use super::shell::Shell;

/// Programs that a machine may lack; a block that needs one is left out then, and that is said.
const MAY_LACK: [&str; 4] = ["jq", "python3", "sqlite3", "systemd-analyze"];

/// Languages of blocks that say nothing that could be executed.
const NOTHING_TO_DO: [&str; 5] = ["", "text", "csv", "yaml", "diff"];

/// What became of a page.
#[derive(Debug, Default)]
pub struct Followed {
    /// Commands that were typed.
    pub commands: usize,
    /// The reason of each block that cannot be executed.
    pub not_run: Vec<String>,
    /// What is not as the page says.
    pub wrong: Vec<String>,
}

/// Follows a page on a machine; `path` is for what is said of it.
pub fn follow(path: &Path, shell: &mut Shell) -> Followed {
    let mut followed = Followed::default();
    for block in blocks(path) {
        if let Some(reason) = block.note("not run") {
            assert!(reason.len() > 10, "{}:{}: a reason", path.display(), block.line);
            followed
                .not_run
                .push(format!("{}:{}: {reason}", path.display(), block.line));
            continue;
        }
        if let Some(lacking) = lacking(&block, shell) {
            eprintln!("SKIPPED {}:{}: there is no {lacking}", path.display(), block.line);
            continue;
        }
        if let Some(given) = block.note("given") {
            shell.must(given);
        }
        if let Some(file) = block.note("file") {
            shell.file(file, &block.text());
        }
        let mut wrong = Vec::new();
        done(&block, path, shell, &mut followed.commands, &mut wrong);
        let at = |wrong: String| format!("{}:{}: {wrong}", path.display(), block.line);
        followed.wrong.extend(wrong.into_iter().map(at));
    }
    followed
}

/// True where a page needs a server.
pub fn needs_server(path: &Path) -> bool {
    let speaks_of_one = |block: &Block| block.language == "sql" || block.text().contains("mysql://");
    !is_schema(path) && blocks(path).iter().any(speaks_of_one)
}

/// The queries of that page are run on both stores by [`super::schema`].
fn is_schema(path: &Path) -> bool {
    path.ends_with("docs/schema.md")
}

fn lacking(block: &Block, shell: &Shell) -> Option<&'static str> {
    let text = match block.language.as_str() {
        "console" => block.text(),
        "ini" => "systemd-analyze".to_owned(),
        _ => return None,
    };
    let named = |program: &&&str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '-')
            .any(|word| word == **program)
    };
    MAY_LACK
        .iter()
        .filter(named)
        .find(|program| !shell.has(program))
        .copied()
}

fn done(block: &Block, path: &Path, shell: &mut Shell, commands: &mut usize, wrong: &mut Vec<String>) {
    match block.language.as_str() {
        "console" => {
            let steps = block.steps();
            *commands += steps.len();
            for (at, step) in steps.iter().enumerate() {
                let asked = steps.get(at + 1).is_some_and(|next| next.command == "echo $?");
                wrong.extend(typed(block, step, asked, shell));
            }
        }
        "sql" if is_schema(path) => {}
        "sql" => shell.sql(&block.text()),
        "sh" => {
            shell.file("/srv/script.sh", &block.text());
            let parsed = shell.run("bash -n /srv/script.sh");
            wrong.extend((parsed.code != 0).then_some(parsed.printed));
        }
        "crontab" => wrong.extend(block.lines.iter().filter_map(|line| crontab(line, shell))),
        "ini" if block.lines.iter().any(|line| line == "[Service]") => wrong.extend(unit(block, shell)),
        "toml" => wrong.extend(
            toml::from_str::<toml::Table>(&block.text())
                .err()
                .map(|e| e.to_string()),
        ),
        "json" => {
            let parsed = serde_json::from_str::<serde_json::Value>(&block.text());
            wrong.extend(parsed.err().map(|e| e.to_string()));
        }
        "ini" => {}
        known if NOTHING_TO_DO.contains(&known) => {}
        unknown => wrong.push(format!("nobody says what to do with a block of '{unknown}'")),
    }
}

/// Types a command; says what is not as the page shows it.
fn typed(block: &Block, step: &Step, may_fail: bool, shell: &mut Shell) -> Option<String> {
    let command = with_ids(&step.command.replace("cargo run --release -- ", "paceline "), shell);
    let ends = block.note("ends");
    let ran = match ends.map(|ends| ends.split_whitespace().collect::<Vec<_>>()).as_deref() {
        None => shell.run(&command),
        Some(["SIGTERM", "after", seconds, "s"]) => {
            shell.run(&format!("timeout --preserve-status --signal=TERM {seconds} {command}"))
        }
        Some(other) => panic!("an end that nobody knows: {other:?}"),
    };
    let expected = if ends.is_some() { 143 } else { 0 };
    if ran.code != expected && !may_fail {
        return Some(format!("`{command}` ended with {}:\n{}", ran.code, ran.printed));
    }
    if step.shown.is_empty() {
        return None;
    }
    let difference = difference(&step.shown, &ran.printed)?;
    Some(format!("`{command}`: {difference}"))
}

/// `MODEL_ID` is the newest model, `RUN_ID` the newest run.
fn with_ids(command: &str, shell: &mut Shell) -> String {
    let mut command = command.to_owned();
    for (word, list, key, newest_last) in [
        ("MODEL_ID", "model list", "model_id", true),
        ("RUN_ID", "runs list", "run_id", false),
    ] {
        if !command.contains(word) {
            continue;
        }
        let listed = shell.must(&format!("paceline {list} --output json"));
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("a list");
        let newest = if newest_last { listed.last() } else { listed.first() };
        let id = newest.and_then(|row| row[key].as_str()).expect("an id");
        command = command.replace(word, id);
    }
    command
}

/// A line of `/etc/cron.d`: five fields, a user, and a command that a shell can parse.
fn crontab(line: &str, shell: &mut Shell) -> Option<String> {
    if line.trim().is_empty() || line.starts_with('#') {
        return None;
    }
    let is_time = |field: &&str| field.chars().all(|c| c.is_ascii_digit() || "*/,-".contains(c));
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() < 7 || !fields[..5].iter().all(is_time) {
        return Some(format!("no line of a crontab: {line}"));
    }
    shell.file("/srv/command.sh", &fields[6..].join(" "));
    let parsed = shell.run("bash -n /srv/command.sh");
    (parsed.code != 0).then_some(parsed.printed)
}

/// What systemd says of a unit, without starting it.
fn unit(block: &Block, shell: &mut Shell) -> Option<String> {
    shell.file("/srv/paceline.service", &block.text());
    let checked = shell.run("systemd-analyze verify --man=no /srv/paceline.service");
    (checked.code != 0 || !checked.printed.is_empty()).then_some(checked.printed)
}

/// Follows each page on a machine that `machine` prepares; panics with all that is wrong, and returns the number of
/// commands and the reasons of what was not run.
#[track_caller]
pub fn follow_all(pages: &[PathBuf], machine: impl Fn(&Path) -> Shell + Sync) -> (usize, Vec<String>) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let Some(page) = pages.get(at) else { return mine };
            mine.push(follow(page, &mut machine(page)));
        }
    };
    let all: Vec<Followed> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        let done = workers
            .into_iter()
            .map(|worker| worker.join().expect("a page's thread"));
        done.flatten().collect()
    });
    let wrong: Vec<&String> = all.iter().flat_map(|followed| &followed.wrong).collect();
    let separate = "\n----\n";
    let wrong: Vec<&str> = wrong.into_iter().map(String::as_str).collect();
    assert!(wrong.is_empty(), "{separate}{}", wrong.join(separate));
    let mut not_run: Vec<String> = all.iter().flat_map(|followed| followed.not_run.clone()).collect();
    not_run.sort();
    (all.iter().map(|followed| followed.commands).sum(), not_run)
}

/// Follows a page of this text.
fn followed(text: &str) -> Followed {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.md");
    std::fs::write(&page, text).expect("a page");
    follow(&page, &mut Shell::new(needs_server(&page)))
}

#[test]
fn what_is_not_as_the_page_says_is_seen() {
    for (wrong, said) in [
        (
            "```console\n$ paceline validate pipelines/nightly.tomb\n```\n",
            "ended with 78",
        ),
        ("```console\n$ paceline --version\npaceline 99\n```\n", "the page shows"),
        ("```console\n$ paceline no-such-command\n...\n```\n", "ended with 2"),
        ("```console\n$ false\n$ echo $?\n0\n```\n", "the page shows"),
        (
            "<!-- ends: SIGTERM after 1 s -->\n```console\n$ sleep 0\n```\n",
            "ended with 0",
        ),
        ("```sh\nif then\n```\n", "unexpected"),
        ("```toml\na = \n```\n", "TOML parse error"),
        ("```json\n{,}\n```\n", "column"),
        ("```crontab\n* * * * paceline true\n```\n", "no line of a crontab"),
        ("```crontab\n* * * * * paceline (true\n```\n", "unexpected"),
        (
            "```ini\n[Service]\nExecStart=/usr/local/bin/paceline\nRestartSecs=1\n```\n",
            "RestartSecs",
        ),
        ("```cobol\nSTOP RUN.\n```\n", "nobody says what to do"),
    ] {
        let found = followed(wrong).wrong;
        let without_systemd = wrong.contains("[Service]") && found.is_empty();
        assert!(
            without_systemd || found.len() == 1 && found[0].contains(said),
            "{wrong}: {found:?}"
        );
    }
}

#[test]
fn what_is_as_the_page_says_is_not() {
    let page = "<!-- given: echo hello > there -->\n```console\n$ cat there\nhello\n$ false\n$ echo $?\n1\n```\n\
                <!-- file: /etc/paceline/x -->\n```text\nworld\n```\n```console\n$ cat /etc/paceline/x\n...\n```\n\
                <!-- not run: there is no such machine -->\n```console\n$ reboot\n```\n\
                <!-- ends: SIGTERM after 1 s -->\n```console\n$ sleep 60\n```\n";
    let Followed {
        commands,
        not_run,
        wrong,
    } = followed(page);
    assert_eq!((commands, not_run.len(), wrong), (5, 1, Vec::new()));
}
