"""`verify`: replay and re-hash the whole history. Nobody else does that, so there is only our rate."""

from ..process import BenchError, measure
from ..rounds import Contender, in_turn, scratch
from .nights import ensure_done


def verify(bench, rows):
    """On each store, after one first night."""
    for store in bench.stores:
        if store == "mariadb":
            states = bench.mariadb(rows)
            ensure_done(bench, states, "ours")
            states.restore_done("ours")
        else:
            states = bench.sqlite(rows)
            states.done("ours", bench.nightly)
        contender = Contender("paceline", check=_holds, execute=lambda states=states: run(bench, states.url("ours")))
        in_turn(bench, "verify", store, rows, [contender], warmup=1)


def run(bench, url):
    """Paceline's verify, measured."""
    command = [bench.paceline, "--database-url", url, "--output", "json", "verify"]
    return measure(command, scratch(bench, "verify"), bench.server_pid)


def _holds(measured):
    report = measured.json()
    if not report["ok"]:
        raise BenchError(f"verify found {report['findings'][:3]}")
    measured.extra["history_rows"] = report["rows"]
