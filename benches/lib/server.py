"""The benchmark's own MariaDB: a private folder, a free port of 127.0.0.1, gone when we are.

A watcher process runs the server and ends it as soon as the benchmark is gone, however it went (end,
exception, Ctrl-C, kill -9), and then removes the folder. Nothing is installed here, and no other
server is ever touched.
"""

import os
import shutil
import socket
import subprocess
import time

from .process import BenchError, quiet

# Runs the server ($3..) until the process $1 or the server is gone, then removes the folder $2.
WATCHER = """
parent=$1; folder=$2; shift 2
"$@" & server=$!
while kill -0 "$parent" 2>/dev/null && kill -0 "$server" 2>/dev/null; do sleep 0.2; done
kill -9 "$server" 2>/dev/null; wait "$server" 2>/dev/null
rm -rf "$folder"
"""

USER, PASSWORD = "bench", "bench"
START_TIMEOUT_S = 60
INSTALL = "install it (Debian: apt-get install mariadb-server mariadb-client); ./scripts/test does that too"


class Server:
    """A running private server, and statements as its administrator."""

    def __init__(self, folder, options):
        self.folder = os.path.abspath(folder)
        self.options = options
        self.socket = os.path.join(self.folder, "s.sock")
        self.log = os.path.join(self.folder, "log")
        self.port = free_port()
        self.pid = 0
        self.watcher = None

    def start(self):
        """Installs the tables, starts the server and makes the benchmark's user."""
        program = find("mariadbd")
        installer, self.client = find("mariadb-install-db"), find("mariadb")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        data = os.path.join(self.folder, "data")
        common = [f"--datadir={data}", f"--tmpdir={self.folder}"] + (["--user=root"] if os.getuid() == 0 else [])
        quiet([installer, "--no-defaults", *common, "--auth-root-authentication-method=normal", "--skip-test-db"])
        pid_file = os.path.join(self.folder, "pid")
        listen = [f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve"]
        files = [f"--pid-file={pid_file}", f"--log-error={self.log}", "--local-infile=1"]
        command = [program, "--no-defaults", *common, *listen, *files, *self.options]
        self.watcher = subprocess.Popen(
            ["sh", "-c", WATCHER, "sh", str(os.getpid()), self.folder, *command],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await(pid_file)

    def _await(self, pid_file):
        begun = time.monotonic()
        while True:
            try:
                self.sql(f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'; "
                         f"GRANT ALL ON `bench%`.* TO '{USER}'@'127.0.0.1'")
                with open(pid_file, encoding="ascii") as file:
                    self.pid = int(file.read())
                return
            except (BenchError, OSError, ValueError) as error:
                if self.watcher.poll() is not None or time.monotonic() - begun > START_TIMEOUT_S:
                    raise BenchError(f"MariaDB did not start: {error}; its log: {self._log()}") from error
                time.sleep(0.05)

    def _log(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()[-3000:]
        except OSError:
            return "none"

    def stop(self):
        """Ends the server and waits until its folder is gone."""
        if self.watcher is None:
            return
        try:
            self.sql("SHUTDOWN")
        except BenchError:
            pass
        try:
            self.watcher.wait(timeout=60)
        except subprocess.TimeoutExpired:
            # The watcher kills the server when we are gone.
            pass
        self.watcher = None

    def sql(self, statements, database=None):
        """Runs statements as administrator; returns the rows as lists of text."""
        command = [self.client, "--no-defaults", f"--socket={self.socket}", "--user=root", "-N", "-B"]
        done = quiet([*command, "--default-character-set=utf8mb4", *([database] if database else []), "-e", statements])
        return [line.split("\t") for line in done.splitlines()]

    def value(self, statement, database=None):
        """The one value of a statement."""
        return self.sql(statement, database)[0][0]

    def url(self, database):
        """The address of a database for the benchmark's user."""
        return f"mysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def client_command(self, database, statements):
        """The plain client over TCP, as the programs that are measured connect."""
        login = [f"--user={USER}", f"--password={PASSWORD}", "--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}"]
        return [self.client, "--no-defaults", *login, "--default-character-set=utf8mb4", "-N", "-q", database, "-e", statements]

    def settle(self, timeout_s=60):
        """Waits until what was written is on the disk, so that no process pays for the one before it."""
        self.sql("SET GLOBAL innodb_max_dirty_pages_pct = 0, GLOBAL innodb_max_dirty_pages_pct_lwm = 0")
        waiting = ("SELECT variable_value FROM information_schema.global_status WHERE variable_name IN "
                   "('INNODB_BUFFER_POOL_PAGES_DIRTY', 'INNODB_HISTORY_LIST_LENGTH')")
        begun = time.monotonic()
        while time.monotonic() - begun < timeout_s:
            if all(int(row[0]) < 200 for row in self.sql(waiting)):
                break
            time.sleep(0.2)
        self.sql("SET GLOBAL innodb_max_dirty_pages_pct = 90")

    def settings(self):
        """What was measured against, for the results."""
        names = ["version", "innodb_buffer_pool_size", "innodb_log_file_size", "innodb_flush_log_at_trx_commit",
                 "innodb_doublewrite", "log_bin", "max_allowed_packet", "sync_binlog"]
        quoted = ", ".join(f"'{name.upper()}'" for name in names)
        rows = self.sql("SELECT LOWER(variable_name), variable_value FROM information_schema.global_variables "
                        f"WHERE variable_name IN ({quoted}) ORDER BY 1")
        return dict(rows)


def find(program):
    """The path of a program of the server; BenchError says how to get it."""
    for path in [shutil.which(program), f"/usr/sbin/{program}", f"/usr/local/sbin/{program}"]:
        if path and os.access(path, os.X_OK):
            return path
    raise BenchError(f"there is no {program} on this machine; {INSTALL}, or measure with --store sqlite")


def free_port():
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
