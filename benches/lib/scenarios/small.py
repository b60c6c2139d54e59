"""3,000 workouts from the export to the written classification in one command, on each store.

An older Python tool for the same job took 150 seconds for 2,769 workouts on this kind of machine; it is
not part of this benchmark, so that figure is quoted and not measured.
"""

from ..process import BenchError, measure
from ..rounds import Contender, in_turn, scratch

ROWS = 3_000
OLDER_TOOL = {"seconds": 150.0, "workouts": 2_769}


def small(bench, _rows):
    """Import, train, classify, write."""
    for store in bench.stores:
        if store == "mariadb":
            states = bench.mariadb(ROWS)
            prepare = lambda states=states: states.empty("ours")  # noqa: E731
        else:
            states = bench.sqlite(ROWS)
            prepare = lambda states=states: states.remove("ours")  # noqa: E731
        command = [bench.paceline, "--database-url", states.url("ours"), "--output", "json", "run", bench.nightly,
                   "--import", bench.csv(ROWS)]
        contender = Contender("paceline", prepare=prepare, check=_whole,
                              execute=lambda command=command: measure(command, scratch(bench, "ours"), bench.server_pid))
        in_turn(bench, "small", store, ROWS, [contender], warmup=1)


def _whole(measured):
    report = measured.json()
    if report["changes"]["new"] < 0.9 * ROWS:
        raise BenchError(f"only {report['changes']} of {ROWS} workouts were classified")
