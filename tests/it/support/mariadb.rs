//! A private MariaDB server for this test binary.
//!
//! It is started on first use in a folder of its own (in memory where there is room, or else under the
//! system's temporary folder), listens on a free port of 127.0.0.1, and is shared by all tests, each of which gets a database of its own. A
//! Rust static is never dropped, so a watcher process ends the server and removes the folder as soon
//! as the test process is gone, however it went (end, panic, Ctrl-C, kill -9).

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};

/// The tests' user. Its password holds every character that a URL has a meaning for.
pub(super) const USER: &str = "paceline";
const PASSWORD: &str = "p@ss:w/rd#?%1+ü";
/// [`PASSWORD`] as it stands in a URL.
pub(super) const PASSWORD_IN_URL: &str = "p%40ss%3Aw%2Frd%23%3F%251+%C3%BC";

/// How long the server may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the server ($3..) until the process $1 or the server is gone, then removes the folder $2.
const WATCHER: &str = r#"
parent=$1; folder=$2; shift 2
"$@" & server=$!
while kill -0 "$parent" 2>/dev/null && kill -0 "$server" 2>/dev/null; do sleep 0.2; done
kill -9 "$server" 2>/dev/null; wait "$server" 2>/dev/null
rm -rf "$folder"
"#;

/// The running server.
pub struct Server {
    socket: PathBuf,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The authority of its certificate; None where this machine has no `openssl` to make one.
    pub ca: Option<PathBuf>,
    /// Outlives this process by design; see [`WATCHER`].
    _watcher: Child,
}

/// The server of this test binary; starts it on first use.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(start)
}

/// A new empty database; returns the URL of the tests' user, who may do anything in it.
pub fn fresh_database() -> String {
    let name = fresh_name();
    admin(&[
        &format!("CREATE DATABASE {name}"),
        &format!("GRANT ALL PRIVILEGES ON {name}.* TO '{USER}'@'127.0.0.1'"),
    ]);
    url(USER, PASSWORD_IN_URL, &name)
}

/// A new user with only these privileges (`SELECT, INSERT`) on the database of `of`; returns the URL.
pub fn restricted_user(of: &str, privileges: &str) -> String {
    let database = database_of(of);
    let user = fresh_name();
    admin(&[
        &format!("CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY 'secret'"),
        &format!("GRANT {privileges} ON {database}.* TO '{user}'@'127.0.0.1'"),
    ]);
    url(&user, "secret", database)
}

/// The URL of the tests' user for a database, with any password.
pub fn url_with_password(of: &str, password: &str) -> String {
    url(USER, password, database_of(of))
}

/// Makes the tables of `to` hold what those of `from` hold, in every table that both have. TRUNCATE fires no
/// trigger, so append-only tables are no exception.
pub fn copy_tables(from: &str, to: &str) {
    let (from, to) = (database_of(from).to_owned(), database_of(to).to_owned());
    let socket = server().socket.clone();
    in_own_runtime(move || async move {
        let mut conn = administrator(&socket).await.expect("log in as administrator");
        let columns: Vec<(String, String)> = conn
            .exec(
                "SELECT table_name, GROUP_CONCAT(column_name ORDER BY ordinal_position) \
                 FROM information_schema.columns \
                 WHERE table_schema = ? AND extra NOT LIKE '%GENERATED%' GROUP BY table_name ORDER BY table_name",
                (&from,),
            )
            .await
            .expect("its columns");
        let unchecked = "SET foreign_key_checks = 0".to_owned();
        let copies = columns.iter().flat_map(|(table, columns)| {
            [
                format!("TRUNCATE {to}.{table}"),
                format!("INSERT INTO {to}.{table} ({columns}) SELECT {columns} FROM {from}.{table}"),
            ]
        });
        for statement in [unchecked].into_iter().chain(copies) {
            let done = conn.query_drop(&statement).await;
            done.unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
        conn.disconnect().await.expect("disconnect");
    });
}

/// The database that a URL of this module names.
pub fn database_of(url: &str) -> &str {
    url.rsplit('/').next().expect("a database")
}

/// What the `mariadb` client prints for a script, as an operator would run it: cells separated by tabs, a
/// row a line, the header first.
pub fn client(url: &str, script: &str) -> Vec<Vec<String>> {
    let socket = format!("--socket={}", server().socket.display());
    let mut command = assert_cmd::Command::new("mariadb");
    command.args(["--no-defaults", &socket, "--user=root", "--batch", database_of(url)]);
    let output = command.write_stdin(script).output().expect("the mariadb client");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}\n{script}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

/// Runs statements as the server's administrator.
pub fn admin(statements: &[&str]) {
    let statements: Vec<String> = statements.iter().map(|&s| s.to_owned()).collect();
    let socket = server().socket.clone();
    in_own_runtime(move || async move {
        let mut conn = administrator(&socket).await.expect("log in as administrator");
        for statement in statements {
            conn.query_drop(&statement)
                .await
                .unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
        conn.disconnect().await.expect("disconnect");
    });
}

fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn url(user: &str, password: &str, database: &str) -> String {
    format!("mysql://{user}:{password}@127.0.0.1:{}/{database}", server().port)
}

/// Tests call from inside a runtime, where a second one cannot block: so, a thread.
pub(super) fn in_own_runtime<F, Fut, T>(work: F) -> T
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = T>,
    T: Send + 'static,
{
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(work())
    })
    .join()
    .expect("the administrator's thread")
}

pub(super) async fn administrator(socket: &Path) -> mysql_async::Result<Conn> {
    let options = OptsBuilder::default().socket(socket.to_str()).user(Some("root"));
    Conn::new(options).await
}

fn start() -> Server {
    let folder = tempfile::Builder::new()
        .prefix("paceline-mariadb-")
        .tempdir_in(roomy_folder())
        .expect("a folder for the server")
        .keep();
    let data = folder.join("data");
    install(&data, &folder);
    let ca = certificate(&folder);
    let socket = folder.join("s.sock");
    let port = free_port();
    let log = folder.join("log");
    let mut watcher = Command::new("sh");
    watcher.args(["-c", WATCHER, "sh", &std::process::id().to_string()]);
    watcher.arg(&folder).args(["mariadbd", "--no-defaults"]);
    watcher.args(common(&data));
    watcher.arg(format!("--socket={}", socket.display()));
    watcher.arg(format!("--port={port}"));
    watcher.arg(format!("--pid-file={}", folder.join("pid").display()));
    watcher.arg(format!("--log-error={}", log.display()));
    watcher.args([
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--innodb-buffer-pool-size=128M",
        "--innodb-flush-log-at-trx-commit=0",
        "--max-connections=400",
        "--max-allowed-packet=16M",
    ]);
    if ca.is_some() {
        for (option, file) in [("ca", "ca.pem"), ("cert", "server.pem"), ("key", "server.key")] {
            watcher.arg(format!("--ssl-{option}={}", folder.join(file).display()));
        }
    }
    // Its own group and no inherited pipes: Ctrl-C must not end the watcher before its work, and
    // `cargo test | tail` must not wait for it.
    let watcher = watcher
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh");
    await_answer(&socket, &log);
    Server {
        socket,
        port,
        ca,
        _watcher: watcher,
    }
}

/// Every DDL statement waits for the disk several times, whatever the settings: in memory a migration
/// takes a tenth of the time. Containers often have 64 MB of it, which is not enough.
pub(super) fn roomy_folder() -> PathBuf {
    const IN_MEMORY: &str = "/dev/shm";
    const NEEDED_KB: u64 = 2_000_000;
    let df = Command::new("df").args(["-Pk", IN_MEMORY]).output();
    let text = df.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let free = text.ok().and_then(|text| {
        let numbers = text.lines().nth(1)?;
        numbers.split_whitespace().nth(3)?.parse::<u64>().ok()
    });
    match free {
        Some(kb) if kb > NEEDED_KB => PathBuf::from(IN_MEMORY),
        _ => std::env::temp_dir(),
    }
}

/// Options of both programs. mariadbd refuses to run as root unless told to; and it removes the
/// temporary tables that it finds where it starts, another server's too, so each has a folder of its own.
pub(super) fn common(data: &Path) -> Vec<String> {
    let temporary = data.parent().expect("the server's folder");
    let mut options = vec![
        format!("--datadir={}", data.display()),
        format!("--tmpdir={}", temporary.display()),
    ];
    let id = Command::new("id").arg("-u").output().expect("id");
    if id.stdout.trim_ascii() == b"0" {
        options.push("--user=root".to_owned());
    }
    options
}

pub(super) fn install(data: &Path, folder: &Path) {
    let output = Command::new("mariadb-install-db")
        .arg("--no-defaults")
        .args(common(data))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
        .output();
    let failure = match output {
        Ok(output) if output.status.success() => return,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let _ = std::fs::remove_dir_all(folder);
    panic!(
        "these tests need MariaDB's server (mariadbd, mariadb-install-db) on the PATH: {failure}\n\
         install it (Debian: apt-get install mariadb-server), or run ./scripts/test, which does"
    );
}

/// A certificate for 127.0.0.1 from an authority of its own, where there is an `openssl`.
fn certificate(folder: &Path) -> Option<PathBuf> {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem \
                  && openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr \
                  && printf 'subjectAltName=IP:127.0.0.1' > names \
                  && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                     -extfile names -out server.pem";
    let done = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .expect("sh");
    done.status.success().then(|| folder.join("ca.pem"))
}

pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Waits until the server answers, then makes the tests' user.
pub(super) fn await_answer(socket: &Path, log: &Path) {
    let started = Instant::now();
    loop {
        let path = socket.to_owned();
        let ready = in_own_runtime(move || async move {
            let mut conn = administrator(&path).await.map_err(|e| e.to_string())?;
            let create = format!("CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'");
            conn.query_drop("SET NAMES utf8mb4").await.map_err(|e| e.to_string())?;
            conn.query_drop(create).await.map_err(|e| e.to_string())
        });
        match ready {
            Ok(()) => return,
            Err(error) if started.elapsed() > START_TIMEOUT => {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                panic!("MariaDB did not answer within {START_TIMEOUT:?}: {error}\n{log}");
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
