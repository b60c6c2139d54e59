"""Peak memory at N and at a multiple of N: what must not grow, and what may grow so much a workout.

One round each: a peak varies far less than a time. The whole-table paths (first and quiet night) are held
against 250 bytes a workout, the streaming ones (import, backfill, verify) against no growth at all.
On the server the sizes are those of the store, so that nothing but our own process is looked at.
"""

from ..rounds import Result, note
from . import backfill, importing, nights, verify


def memory(bench, rows):
    """N and N times --growth."""
    for store in bench.stores:
        sizes = [rows, rows * bench.arguments.growth] if bench.arguments.growth > 1 else [rows]
        for size in sizes:
            _peaks(bench, store, size)
            if size != rows:
                bench.forget(size)


def _peaks(bench, store, rows):
    states = bench.mariadb(rows) if store == "mariadb" else bench.sqlite(rows)
    empty = states.empty if store == "mariadb" else states.remove
    url = states.url("ours")
    empty("ours")
    _once(bench, "import memory", store, rows, lambda: importing.run(bench, url, rows))
    _once(bench, "first_night memory", store, rows, lambda: nights.ours(bench, url, bench.nightly))
    if store == "mariadb":
        bench.server.settle()
    for _ in range(2):
        # Twice: the first warms the server's pages, the second counts; their time is the growth's.
        measured = nights.ours(bench, url, bench.nightly)
    _keep(bench, "quiet_night memory", store, rows, measured)
    _once(bench, "verify memory", store, rows, lambda: verify.run(bench, url))
    _imported_again(states, store)
    _once(bench, "backfill memory", store, rows, lambda: backfill.run(bench, url))
    if store == "mariadb":
        states.touched("ours")
    else:
        states.remove("ours")


def _imported_again(states, store):
    """Everything but the workouts goes. On the server without a copy of them: at ten million that is minutes."""
    if store == "mariadb":
        states.touched("ours")
        states.truncated("ours")
    else:
        states.imported("ours")


def _once(bench, scenario, store, rows, execute):
    _keep(bench, scenario, store, rows, execute())


def _keep(bench, scenario, store, rows, measured):
    result = Result(scenario, store, rows, "paceline")
    result.add(measured, measured.wall_s)
    bench.results.all.append(result)
    note(f"{scenario} {store} {rows:,}: {measured.wall_s:.2f} s, peak {measured.peak_kb / 1024:.0f} MB")
