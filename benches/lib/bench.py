"""What every scenario is given: where things are, how often to measure, and the results so far."""

import os

from .process import BenchError, quiet
from .rounds import Results, note
from .states import MariaDbStates, SqliteStates


class Bench:
    """One invocation of the benchmark."""

    def __init__(self, root, work, arguments, programs, python):
        self.root, self.work, self.arguments = root, work, arguments
        self.paceline, self.examples = programs
        self.python = python
        self.runs = arguments.runs
        self.stores = ["mariadb", "sqlite"] if arguments.store == "both" else [arguments.store]
        self.server = None
        self.results = Results()
        self.nightly = os.path.join(root, "pipelines", "nightly.toml")
        self.retrain = os.path.join(root, "benches", "pipelines", "retrain.toml")
        self._mariadb, self._sqlite, self._csv = {}, {}, {}

    @property
    def server_pid(self):
        """Whose CPU is counted as the server's; 0 for none."""
        return self.server.pid if self.server else 0

    def example(self, name):
        """The path of an example's binary."""
        return os.path.join(self.examples, name)

    def reference(self, name):
        """The path of a script of the reference."""
        return os.path.join(self.root, "benches", "reference", name)

    def csv(self, rows):
        """Generated workouts, the same for each seed."""
        if rows not in self._csv:
            path = os.path.join(self.work, f"workouts_{rows}.csv")
            if not os.path.exists(path):
                note(f"generating {rows:,} workouts")
                seed = str(self.arguments.seed)
                quiet([self.example("generate_sample"), "--out", path, "--rows", str(rows), "--seed", seed])
            self._csv[rows] = path
        return self._csv[rows]

    def mariadb(self, rows):
        """The databases of a size."""
        if rows not in self._mariadb:
            self._mariadb[rows] = MariaDbStates(self.server, self.paceline, self.csv(rows), rows)
        return self._mariadb[rows]

    def sqlite(self, rows):
        """The files of a size."""
        if rows not in self._sqlite:
            folder = os.path.join(self.work, f"sqlite_{rows}")
            self._sqlite[rows] = SqliteStates(folder, self.paceline, self.csv(rows), rows)
        return self._sqlite[rows]

    def forget(self, rows):
        """Drops what a size took."""
        if rows in self._sqlite:
            self._sqlite.pop(rows).clean()
        if self._mariadb.pop(rows, None) is not None:
            for (name,) in self.server.sql(f"SHOW DATABASES LIKE 'bench\\_%\\_{rows}'"):
                self.server.sql(f"DROP DATABASE {name}")
        if not self.arguments.keep and rows in self._csv:
            os.remove(self._csv.pop(rows))

    def python_variants(self):
        """Which bulk paths of the reference write the first night."""
        return ["text", "executemany", "load-data"] if self.arguments.variants else ["text"]

    def _only(self):
        return [name.strip() for name in self.arguments.only.split(",") if name.strip()]

    def chosen(self, contenders):
        """Those of --only, in whose words the plain client is `client`."""
        only = self._only()
        if not only:
            return contenders
        found = [c for c in contenders if c.name.split()[-1] in only]
        if not found:
            raise BenchError(f"--only {self.arguments.only} leaves nothing of {', '.join(c.name for c in contenders)}")
        return found

    def who(self):
        """Whose databases are needed."""
        return ["ours", "python"] if not self._only() or "python" in self._only() else ["ours"]

    def arguments_shown(self):
        """For the results."""
        return {name: value for name, value in vars(self.arguments).items() if value not in (None, "", [], False)}
