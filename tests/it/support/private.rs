//! A MariaDB server of one test: to be killed, made read-only, and asked to be impatient.
//!
//! It is as [`super::mariadb`]'s, except that its keeper starts it again where it dies, as a service manager
//! would, on the same port and data; and that a commit is in the system's hands when it is acknowledged, so
//! that `kill -9` loses none.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mysql_async::Row;
use mysql_async::prelude::Queryable;

use super::TestStore;
use super::mariadb::{
    PASSWORD_IN_URL, USER, administrator, await_answer, common, free_port, in_own_runtime, install, roomy_folder,
};

/// Keeps the server ($3..) up until the process $1 is gone or $2/stop is there, then removes the folder $2.
const KEEPER: &str = r#"
parent=$1; folder=$2; shift 2
wanted() { kill -0 "$parent" 2>/dev/null && [ ! -e "$folder/stop" ]; }
while wanted; do
  "$@" & server=$!
  while wanted && kill -0 "$server" 2>/dev/null; do sleep 0.05; done
done
kill -9 "$server" 2>/dev/null; wait "$server" 2>/dev/null
rm -rf "$folder"
"#;

/// The running server; it ends with the value.
pub struct PrivateServer {
    folder: PathBuf,
    /// Its port on 127.0.0.1.
    pub port: u16,
    databases: AtomicU32,
    keeper: Child,
}

impl PrivateServer {
    /// Starts one with these options besides.
    pub fn start(options: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("paceline-private-")
            .tempdir_in(roomy_folder())
            .expect("a folder for the server")
            .keep();
        let data = folder.join("data");
        install(&data, &folder);
        let port = free_port();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh", &std::process::id().to_string()]);
        keeper.arg(&folder).args(["mariadbd", "--no-defaults"]);
        keeper.args(common(&data));
        keeper.arg(format!("--socket={}", folder.join("s.sock").display()));
        keeper.arg(format!("--port={port}"));
        keeper.arg(format!("--pid-file={}", folder.join("pid").display()));
        keeper.arg(format!("--log-error={}", folder.join("log").display()));
        keeper.args([
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=32M",
        ]);
        keeper.args(["--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=1"]);
        let keeper = keeper
            .args(options)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh");
        await_answer(&folder.join("s.sock"), &folder.join("log"));
        Self {
            folder,
            port,
            databases: AtomicU32::new(0),
            keeper,
        }
    }

    /// A new empty database, opened.
    pub async fn store(&self) -> TestStore {
        let name = format!("p{}", self.databases.fetch_add(1, Ordering::SeqCst));
        self.admin(&[
            &format!("CREATE DATABASE {name}"),
            &format!("GRANT ALL PRIVILEGES ON {name}.* TO '{USER}'@'127.0.0.1'"),
        ]);
        TestStore::on_server(format!(
            "mysql://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{}/{name}",
            self.port
        ))
        .await
    }

    /// Its socket, by which `root` needs no password.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("s.sock")
    }

    /// Runs statements as the administrator.
    pub fn admin(&self, statements: &[&str]) {
        for statement in statements {
            self.ask(statement);
        }
    }

    /// Runs a statement as the administrator; returns the first column as text.
    pub fn ask(&self, statement: &str) -> Vec<String> {
        let (socket, statement) = (self.folder.join("s.sock"), statement.to_owned());
        in_own_runtime(move || async move {
            let mut conn = administrator(&socket).await.expect("log in as administrator");
            let rows: Vec<Row> = conn
                .query(&statement)
                .await
                .unwrap_or_else(|e| panic!("{statement}: {e}"));
            conn.disconnect().await.expect("disconnect");
            let first = |row: Row| row.get::<Option<String>, usize>(0).flatten().unwrap_or_default();
            rows.into_iter().map(first).collect()
        })
    }

    /// Ends every connection of the tests' user.
    pub fn hang_up(&self) {
        self.admin(&[&format!("KILL CONNECTION USER '{USER}'@'127.0.0.1'")]);
    }

    /// `kill -9`; its keeper starts it again. Comes back when the old process is gone.
    pub fn kill(&self) {
        let id = std::fs::read_to_string(self.folder.join("pid")).expect("its number");
        let id = id.trim().to_owned();
        let killed = Command::new("kill").args(["-KILL", &id]).status().expect("kill");
        assert!(killed.success(), "kill -KILL {id}");
        let began = Instant::now();
        let exists = || Command::new("kill").args(["-0", &id]).stderr(Stdio::null()).status();
        while exists().expect("kill").success() {
            assert!(began.elapsed() < Duration::from_secs(20), "process {id} does not go");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // Its keeper looks twenty times a second.
        if std::fs::write(self.folder.join("stop"), "").is_ok() {
            let _ = self.keeper.wait();
        }
    }
}
