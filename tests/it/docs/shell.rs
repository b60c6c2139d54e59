//! A reader's machine: a folder with the sample data, a shell that keeps what was exported, and a server where the
//! page speaks of one.
//!
//! Absolute paths of a page (`/etc/paceline/..`) lie below a folder of the test, the server of a page
//! (`127.0.0.1:3306`) is a private one, and `sudo` does as it is told without asking. All else is the real thing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::private::PrivateServer;

/// Where pages may put files; each lies below [`Shell::root`].
const PLACES: [&str; 6] = ["/etc/", "/mnt/", "/run/", "/srv/", "/usr/local/", "/var/"];

/// The server as pages write it.
const SERVER: &str = "127.0.0.1:3306";

/// No command of a page may take longer.
const TIMEOUT: Duration = Duration::from_secs(180);

/// What would change a command behind the page's back.
const INHERITED: [&str; 8] = [
    "DATABASE_URL",
    "RUST_LOG",
    "PACELINE_CRASH_AT",
    "PACELINE_HOLD_AT",
    "PACELINE_HOLD_FILE",
    "MYSQL_HOST",
    "MYSQL_UNIX_PORT",
    "MYSQL_PWD",
];

/// Answers for the examples that read some.
const ANSWERS: &str = "workout_id,type,label,certainty\n649777380418,accept,,4\n649757783559,correct,pup_walk,5\n";

/// A machine with a page's files, commands and server.
pub struct Shell {
    root: TempDir,
    server: Option<PrivateServer>,
    /// Exit code of the command before.
    last: i32,
}

/// What a command did.
pub struct Ran {
    /// -1 where a signal ended it.
    pub code: i32,
    /// Standard output, then standard error, as the page would show them.
    pub printed: String,
}

impl Shell {
    /// A machine with pipelines, data and SQL in the working folder, and a server where it is asked for.
    pub fn new(with_server: bool) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let shell = Self {
            root,
            server: with_server.then(|| PrivateServer::start(&[])),
            last: 0,
        };
        for place in PLACES.iter().chain(&[
            "/etc/paceline/",
            "/home/",
            "/mnt/elsewhere/",
            "/usr/local/bin/",
            "/var/backups/",
        ]) {
            std::fs::create_dir_all(shell.place(place)).expect("a folder");
        }
        let folder = shell.folder();
        for given in ["pipelines", "data", "sql/report", "docs"] {
            copy(&package.join(given), &folder.join(given));
        }
        std::fs::write(folder.join("answers.csv"), ANSWERS).expect("a file");
        let bin = shell.place("/usr/local/bin/");
        let program = env!("CARGO_BIN_EXE_paceline");
        std::os::unix::fs::symlink(program, bin.join("paceline")).expect("a link");
        executable(
            &bin.join("sudo"),
            "#!/bin/sh\n[ \"$1\" = -u ] && shift 2\nexec \"$@\"\n",
        );
        if let Some(server) = &shell.server {
            // A page makes its own user.
            server.admin(&["DROP USER 'paceline'@'127.0.0.1'"]);
            let login = format!("[client]\nsocket={}\nuser=root\n", server.socket().display());
            std::fs::write(shell.place("/home/").join(".my.cnf"), login).expect("a file");
        }
        shell
    }

    /// The folder in which commands run.
    pub fn folder(&self) -> PathBuf {
        self.place("/home/paceline")
    }

    /// Where an absolute path of a page lies.
    fn place(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// The text with a page's places and server exchanged for those that there are.
    pub fn inside(&self, text: &str) -> String {
        let mut inside = String::new();
        let mut rest = text;
        while let Some(at) = PLACES.iter().filter_map(|place| rest.find(place)).min() {
            let before = &rest[..at];
            inside.push_str(before);
            // `sqlite:///var/..` is a path too, `data/run/..` is not.
            let begins = !before.ends_with(|c: char| c.is_alphanumeric() || "./_-}".contains(c));
            if begins || before.ends_with("//") {
                inside.push_str(&self.root.path().display().to_string());
            }
            inside.push('/');
            rest = &rest[at + 1..];
        }
        inside.push_str(rest);
        match &self.server {
            Some(server) => inside.replace(SERVER, &format!("127.0.0.1:{}", server.port)),
            None => inside,
        }
    }

    /// What was printed, as a reader of the page would see it.
    fn outside(&self, text: &str) -> String {
        let text = text.replace(&self.root.path().display().to_string(), "");
        match &self.server {
            Some(server) => text.replace(&format!("127.0.0.1:{}", server.port), SERVER),
            None => text,
        }
    }

    /// Types a command; what it exports and where it goes holds for the next one.
    pub fn run(&mut self, command: &str) -> Ran {
        let state = self.place("/state");
        let given = format!(
            "[ -r {0} ] && . {0}\n(exit {1})\n{2}\ncode=$?\n{{ export -p; echo \"cd '$PWD'\"; }} > {0}\nexit $code\n",
            state.display(),
            self.last,
            self.inside(command)
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &given]).current_dir(self.folder());
        for inherited in INHERITED {
            bash.env_remove(inherited);
        }
        let path = std::env::var("PATH").unwrap_or_default();
        bash.env("PATH", format!("{}:{path}", self.place("/usr/local/bin").display()));
        bash.env("HOME", self.place("/home/")).env("NO_COLOR", "1");
        let output = assert_cmd::Command::from_std(bash).timeout(TIMEOUT).output();
        let output = output.expect("bash starts");
        let both = [output.stdout, output.stderr].concat();
        let printed = self.outside(&String::from_utf8_lossy(&both));
        assert!(!printed.contains("panicked at"), "{command}: {printed}");
        self.last = output.status.code().unwrap_or(-1);
        Ran {
            code: self.last,
            printed,
        }
    }

    /// As [`Shell::run`]; panics where it fails.
    pub fn must(&mut self, command: &str) -> String {
        let ran = self.run(command);
        assert_eq!(ran.code, 0, "{command}: {}", ran.printed);
        ran.printed
    }

    /// Runs statements as the server's administrator, in `fitness` where that is there already.
    pub fn sql(&mut self, statements: &str) {
        let server = self.server.as_ref().expect("a page with SQL has a server");
        let there = server.ask("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'fitness'");
        let begin = if there == ["1"] { "USE fitness;\n" } else { "" };
        self.file("/srv/statements.sql", &format!("{begin}{statements}"));
        self.must("mariadb < /srv/statements.sql");
    }

    /// Writes a file of the page.
    pub fn file(&self, path: &str, text: &str) {
        let path = PathBuf::from(self.inside(path));
        let path = if path.is_absolute() {
            path
        } else {
            self.folder().join(path)
        };
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, self.inside(text)).expect("a file");
    }

    /// True where the machine has such a command.
    pub fn has(&self, program: &str) -> bool {
        let found = Command::new("bash").args(["-c", "command -v \"$0\"", program]).output();
        found.expect("bash starts").status.success()
    }
}

/// Copies a folder, whole.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.expect("an entry").path();
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).expect("copy a file");
        }
    }
}

fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
}

#[test]
fn a_shell_keeps_what_was_exported_and_how_the_last_command_ended() {
    let mut shell = Shell::new(false);
    shell.must("export A='b c'; mkdir x; cd x");
    assert_eq!(shell.run("echo \"$A $(basename \"$PWD\")\"").printed, "b c x\n");
    assert_eq!(shell.run("exit 3").code, 3);
    assert_eq!(shell.run("echo $?").printed, "3\n");
    shell.must("echo hello > /etc/paceline/there");
    let told = shell.must("cat '/etc/paceline/there'; ls -d /etc/paceline");
    assert_eq!(
        told, "hello\n/etc/paceline\n",
        "below the test's folder, and not seen there"
    );
    assert!(!Path::new("/etc/paceline/there").exists());
}
