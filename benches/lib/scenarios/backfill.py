"""A backfill by month over the whole range: classifies everything in bounded memory."""

from ..process import BenchError, measure
from ..rounds import Contender, in_turn, scratch

# The generated workouts lie in these years; the sample's calendar says so.
RANGE = ["--from", "2012-01-01", "--to", "2026-01-01", "--window", "1mo"]


def backfill(bench, rows):
    """On each store, from imported workouts."""
    for store in bench.stores:
        states = bench.mariadb(rows) if store == "mariadb" else bench.sqlite(rows)

        def execute(states=states, store=store):
            if store == "mariadb":
                states.touched("ours")
            return run(bench, states.url("ours"))

        contender = Contender("paceline", prepare=lambda states=states: states.imported("ours"), execute=execute,
                              check=lambda measured: _whole(measured, rows))
        in_turn(bench, "backfill", store, rows, [contender])
        if store == "sqlite":
            states.remove("ours")


def run(bench, url):
    """Paceline's backfill, measured."""
    command = [bench.paceline, "--database-url", url, "--output", "json", "backfill", bench.nightly, *RANGE]
    return measure(command, scratch(bench, "backfill"), bench.server_pid, cwd=bench.work)


def _whole(measured, rows):
    report = measured.json()
    if report["changes"]["new"] < 0.9 * rows:
        raise BenchError(f"a backfill of {rows} workouts classified {report['changes']}")
