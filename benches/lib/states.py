"""States of a store, restored before each measured process and outside its timing.

On MariaDB every contender has a database of its own with the same workouts; `imported` (nothing is
classified) and `done` (after a first night of its own) are restored from the administrator's
connection: TRUNCATE, which fires no trigger, and INSERT .. SELECT from a template. On SQLite the file
is copied.
"""

import os
import shutil

from .process import BenchError, quiet

KEPT = ("workout_summary", "paceline_migrations")


class MariaDbStates:
    """The databases of one size."""

    def __init__(self, server, paceline, csv, rows):
        self.server, self.paceline, self.csv, self.rows = server, paceline, csv, rows
        self.base = f"bench_base_{rows}"
        self.now = {}
        self.done = set()
        self.columns = {}

    def database(self, who):
        """The database of a contender."""
        return f"bench_{who}_{self.rows}"

    def url(self, who):
        """Its address."""
        return self.server.url(self.database(who))

    def create(self, database):
        """A migrated database without rows."""
        self.server.sql(f"DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database}")
        quiet([self.paceline, "--database-url", self.server.url(database), "migrate", "--yes"])

    def drop(self, who):
        """Makes room."""
        self.server.sql(f"DROP DATABASE IF EXISTS {self.database(who)}")
        self.now.pop(who, None)

    def tables(self, database):
        """Each table with its columns, generated ones left out."""
        if not self.columns:
            rows = self.server.sql(
                "SET group_concat_max_len = 100000; SELECT c.table_name, GROUP_CONCAT(c.column_name ORDER BY "
                "c.ordinal_position) FROM information_schema.columns c WHERE c.table_schema = "
                f"'{database}' AND c.extra NOT LIKE '%GENERATED%' GROUP BY c.table_name ORDER BY c.table_name")
            self.columns = {table: columns for table, columns in rows}
        return self.columns

    def ensure_base(self):
        """The imported workouts, once for each size."""
        if "base" not in self.now:
            self.create(self.base)
            quiet([self.paceline, "--database-url", self.server.url(self.base), "import", self.csv])
            self.now["base"] = "imported"

    def empty(self, who):
        """A migrated database without workouts."""
        if who not in self.now:
            self.create(self.database(who))
        statements = ["SET foreign_key_checks = 0"]
        statements += [f"TRUNCATE {table}" for table in self.tables(self.database(who)) if table != "paceline_migrations"]
        self.server.sql("; ".join(statements), self.database(who))
        self.now[who] = "empty"
        self.server.settle()

    def imported(self, who):
        """Workouts, and nothing classified."""
        if self.now.get(who) == "imported":
            return
        self.ensure_base()
        database = self.database(who)
        statements = ["SET foreign_key_checks = 0"]
        if who not in self.now or self.now[who] == "empty":
            if who not in self.now:
                self.create(database)
            columns = self.tables(database)["workout_summary"]
            statements.append(f"INSERT INTO workout_summary ({columns}) SELECT {columns} FROM {self.base}.workout_summary "
                              "ORDER BY workout_id")
        else:
            statements += [f"TRUNCATE {table}" for table in self.tables(database) if table not in KEPT]
        self.server.sql("; ".join(statements), database)
        self.now[who] = "imported"
        self.server.settle()

    def truncated(self, who):
        """As `imported`, of workouts that are there already and need no template."""
        statements = ["SET foreign_key_checks = 0"]
        database = self.database(who)
        statements += [f"TRUNCATE {table}" for table in self.tables(database) if table not in KEPT]
        self.server.sql("; ".join(statements), database)
        self.now[who] = "imported"
        self.server.settle()

    def touched(self, who):
        """A process has written there."""
        self.now[who] = "touched"

    def ensure_done(self, who, first_night):
        """The template of `done`, made by `first_night()` on the contender's imported database."""
        if who in self.done:
            return
        self.imported(who)
        first_night()
        self.now[who] = "done"
        self.keep_done(who)

    def keep_done(self, who):
        """Keeps the state of now as the template of `done`."""
        template = f"bench_done_{who}_{self.rows}"
        self.create(template)
        self._copy(self.database(who), template)
        self.done.add(who)

    def restore_done(self, who):
        """After a first night."""
        if self.now.get(who) != "done":
            self.imported_or_touched(who)
            self._copy(f"bench_done_{who}_{self.rows}", self.database(who))
            self.now[who] = "done"
        self.server.settle()

    def imported_or_touched(self, who):
        """Workouts are there; whatever is classified will be replaced."""
        if who not in self.now or self.now[who] == "empty":
            self.imported(who)

    def _copy(self, source, target):
        statements = ["SET foreign_key_checks = 0"]
        for table, columns in self.tables(source).items():
            if table not in KEPT:
                statements.append(f"TRUNCATE {target}.{table}")
                statements.append(f"INSERT INTO {target}.{table} ({columns}) SELECT {columns} FROM {source}.{table}")
        self.server.sql("; ".join(statements))

    def labels(self, who):
        """How many workouts have each label."""
        rows = self.server.sql("SELECT current_classification, COUNT(*) FROM workout_ml_classifications GROUP BY 1",
                               self.database(who))
        return {label: int(count) for label, count in rows}

    def same_verdicts(self, ours, theirs):
        """Raises BenchError unless both databases hold the same labels and confidences."""
        a, b = self.database(ours), self.database(theirs)
        differ = self.server.value(
            f"SELECT COUNT(*) FROM {a}.workout_ml_classifications a LEFT JOIN {b}.workout_ml_classifications b "
            "USING (workout_id) WHERE NOT (a.current_classification <=> b.current_classification) "
            "OR ABS(a.classification_confidence - b.classification_confidence) > 1e-9")
        counts = self.labels(ours), self.labels(theirs)
        if int(differ) or counts[0] != counts[1]:
            raise BenchError(f"{ours} and {theirs} disagree on {differ} workouts: {counts[0]} and {counts[1]}")
        history = [self.server.value("SELECT COUNT(*) FROM workout_classification_history", name) for name in (a, b)]
        if history[0] != history[1]:
            raise BenchError(f"history rows: {ours} wrote {history[0]}, {theirs} {history[1]}")

    def same_workouts(self, ours, theirs):
        """Raises BenchError unless both databases hold the same workouts, cell by cell."""
        columns = self.tables(self.database(ours))["workout_summary"]
        a, b = self.database(ours), self.database(theirs)
        # Doubles are compared with room for the last digits that a text may lose.
        cells = columns.split(",")
        same = " AND ".join(
            f"(a.{c} <=> b.{c} OR ABS(a.{c} - b.{c}) < 1e-6)" if c in FLOATS else f"a.{c} <=> b.{c}" for c in cells)
        differ = self.server.value(f"SELECT COUNT(*) FROM {a}.workout_summary a LEFT JOIN {b}.workout_summary b "
                                   f"USING (workout_id) WHERE NOT ({same})".replace("a.workout_id <=> b.workout_id",
                                                                                     "b.workout_id IS NOT NULL"))
        counts = [self.server.value("SELECT COUNT(*) FROM workout_summary", name) for name in (a, b)]
        if int(differ) or counts[0] != counts[1]:
            raise BenchError(f"{ours} and {theirs} imported {counts} workouts, of which {differ} differ")


FLOATS = ("distance_mi", "duration_sec", "avg_pace", "max_pace")


class SqliteStates:
    """The files of one size."""

    def __init__(self, folder, paceline, csv, rows):
        self.folder, self.paceline, self.csv, self.rows = folder, paceline, csv, rows
        os.makedirs(folder, exist_ok=True)

    def path(self, who):
        """The file of a contender or template."""
        return os.path.join(self.folder, f"{who}_{self.rows}.db")

    def url(self, who):
        """Its address."""
        return f"sqlite://{self.path(who)}"

    def remove(self, who):
        """No file."""
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.path(who) + suffix):
                os.remove(self.path(who) + suffix)

    def copy(self, source, target):
        """Makes the file of `target` that of `source`, in the page cache and on the disk."""
        self.remove(target)
        shutil.copyfile(self.path(source), self.path(target))
        os.sync()

    def ensure_imported(self):
        """The template without classifications."""
        if not os.path.exists(self.path("imported")):
            self.remove("making")
            quiet([self.paceline, "--database-url", self.url("making"), "import", self.csv])
            os.rename(self.path("making"), self.path("imported"))

    def imported(self, who):
        """Workouts, and nothing classified."""
        self.ensure_imported()
        self.copy("imported", who)

    def done(self, who, pipeline):
        """After a first night."""
        self.ensure_imported()
        if not os.path.exists(self.path("done")):
            self.copy("imported", "making")
            quiet([self.paceline, "--database-url", self.url("making"), "run", pipeline])
            os.rename(self.path("making"), self.path("done"))
        self.copy("done", who)

    def clean(self):
        """Makes room."""
        shutil.rmtree(self.folder, ignore_errors=True)
