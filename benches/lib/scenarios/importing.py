"""`import` of a CSV into an empty store.

On MariaDB against the reference, whose table must be equal cell by cell afterwards. On SQLite against
what it could at best cost: Polars reading the file in a process of its own, plus a bare loop over one
prepared INSERT in one transaction.
"""

from ..process import BenchError, measure
from ..rounds import Contender, in_turn, note, scratch
from ..stats import paired_ratio


def importing(bench, rows):
    """On each store."""
    for store in bench.stores:
        if store == "mariadb":
            _mariadb(bench, rows)
        else:
            _sqlite(bench, rows)


def run(bench, url, rows):
    """Paceline's import, measured."""
    command = [bench.paceline, "--database-url", url, "--output", "json", "import", bench.csv(rows)]
    return measure(command, scratch(bench, "import"), bench.server_pid)


def _all_new(measured):
    report = measured.json()
    if report["new"] + report["quarantined"] != report["read"]:
        raise BenchError(f"an import into an empty store found something there: {report}")


def _mariadb(bench, rows):
    states = bench.mariadb(rows)
    python = [bench.python, bench.reference("nightly.py"), "import", bench.csv(rows), "--url"]
    contenders = [
        Contender("paceline", prepare=lambda: states.empty("ours"), check=_all_new,
                  execute=lambda: run(bench, states.url("ours"), rows)),
        Contender("python", prepare=lambda: states.empty("python"), check=lambda measured: states.same_workouts("ours", "python"),
                  execute=lambda: measure([*python, states.url("python")], scratch(bench, "python"), bench.server_pid)),
    ]
    in_turn(bench, "import", "mariadb", rows, bench.chosen(contenders))
    for who in ("ours", "python"):
        states.drop(who)


def _sqlite(bench, rows):
    states = bench.sqlite(rows)
    states.ensure_imported()
    reading = [bench.python, bench.reference("read_csv.py"), bench.csv(rows)]
    inserting = [bench.example("bench_floor_sqlite_insert"), "--from", states.path("imported"), "--to", states.path("floor")]
    contenders = [
        Contender("paceline", prepare=lambda: states.remove("ours"), check=_all_new,
                  execute=lambda: run(bench, states.url("ours"), rows)),
        Contender("polars read_csv", execute=lambda: measure(reading, scratch(bench, "read")),
                  seconds=lambda measured: measured.json()["read_s"]),
        Contender("bare insert", prepare=lambda: states.remove("floor"),
                  execute=lambda: measure(inserting, scratch(bench, "floor")),
                  seconds=lambda measured: measured.json()["write_s"]),
    ]
    ours, read, insert = in_turn(bench, "import", "sqlite", rows, contenders)
    together = [a + b for a, b in zip(read.seconds, insert.seconds)]
    ours.extra["against_read_and_insert"] = paired_ratio(ours.seconds, together)
    note(f"import sqlite: {ours.extra['against_read_and_insert']['median']:.2f} times reading plus bare insert")
    for who in ("ours", "floor"):
        states.remove(who)
