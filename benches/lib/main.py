"""The command: arguments, preparation, the scenarios, the results."""

import argparse
import fcntl
import os
import shutil
import signal
import sys
import time

from . import build, machine, plot, report, selftest, targets
from .bench import Bench
from .process import BenchError
from .rounds import note
from .scenarios import SCENARIOS, small
from .server import Server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIZES = [3_000, 100_000, 1_000_000]


def numbers(text):
    """`3000,1e5` as whole numbers."""
    return [int(float(part.replace("_", ""))) for part in text.split(",")]


def parser():
    """The command line; the defaults are what benches/README.md describes."""
    p = argparse.ArgumentParser(prog="benches/run", description="Measures Paceline from end to end; see benches/README.md.",
                                formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--rows", type=numbers, default=SIZES, metavar="N[,N..]", help="workouts; 1e6 is understood")
    p.add_argument("--store", choices=["sqlite", "mariadb", "both"], default="both")
    p.add_argument("--runs", type=int, default=5, metavar="R", help="rounds of every scenario")
    p.add_argument("--scenario", default=",".join(SCENARIOS), metavar="LIST", help="which, comma separated")
    p.add_argument("--only", default="", metavar="LIST",
                   help="only these programs of quiet_night, retrain_night and import: paceline,python,client")
    p.add_argument("--seed", type=int, default=7, help="of the generated workouts")
    p.add_argument("--out", default=os.path.join(ROOT, "target", "bench"), metavar="DIR", help="results and work files")
    p.add_argument("--growth", type=int, default=10, metavar="X", help="memory and quiet night: X times the rows as well")
    p.add_argument("--variants", action="store_true", help="first night: the other bulk paths of Python, too")
    p.add_argument("--no-build", action="store_true", help="measure the programs that are there")
    p.add_argument("--binary", metavar="PATH", help="measure this paceline; its examples are looked for beside it")
    p.add_argument("--python", metavar="PATH", help="an existing Python with benches/reference/requirements.txt")
    p.add_argument("--buffer-pool", default="4G", help="innodb_buffer_pool_size")
    p.add_argument("--log-file-size", default="1G", help="innodb_log_file_size")
    p.add_argument("--flush-log", type=int, choices=[0, 1, 2], default=1, help="innodb_flush_log_at_trx_commit")
    p.add_argument("--server-option", action="append", default=[], metavar="--X=Y", help="another option of mariadbd")
    p.add_argument("--keep", action="store_true", help="keep generated files; databases always go with the server")
    p.add_argument("--self-test", action="store_true", help="check the benchmark's own arithmetic, measure nothing")
    return p


def server_options(arguments):
    """Options of mariadbd; everything else is as it comes."""
    return [
        f"--innodb-buffer-pool-size={arguments.buffer_pool}",
        f"--innodb-log-file-size={arguments.log_file_size}",
        f"--innodb-flush-log-at-trx-commit={arguments.flush_log}",
        *arguments.server_option,
    ]


def main(argv):
    """Entry point; the exit code is 0 when everything was measured, whatever the targets say."""
    arguments = parser().parse_args(argv)
    if arguments.self_test:
        return selftest.main()
    # A terminated benchmark stops its server like one that ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return measure_all(arguments)
    except BenchError as error:
        print(f"benches/run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def chosen_scenarios(text):
    """The functions that were asked for, in the table's order."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise BenchError(f"unknown scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    return {name: function for name, function in SCENARIOS.items() if name in names}


def measure_all(arguments):
    """Builds, measures, reports."""
    scenarios = chosen_scenarios(arguments.scenario)
    out = os.path.abspath(arguments.out)
    work = os.path.join(out, "work")
    os.makedirs(work, exist_ok=True)
    # Held until this process is gone, however it goes.
    lock = locked(os.path.join(out, "lock"))
    programs = build.programs(ROOT, arguments)
    needs_python = "mariadb" in arguments.store or arguments.store == "both" or {"kmeans", "import"} & set(scenarios)
    python = build.python(ROOT, out, arguments.python) if needs_python else None
    bench = Bench(ROOT, work, arguments, programs, python)
    begun = time.time()
    facts = machine.facts()
    try:
        if "mariadb" in bench.stores:
            bench.server = Server(os.path.join(work, "server"), server_options(arguments))
            bench.server.start()
            facts["server"] = bench.server.settings()
        run_scenarios(bench, scenarios, arguments.rows)
    finally:
        finish(bench, facts, out, begun)
        if bench.server is not None:
            bench.server.stop()
        if not arguments.keep:
            shutil.rmtree(work, ignore_errors=True)
        lock.close()
    return 0


def locked(path):
    """The open lock file; BenchError where another benchmark works in the same folder."""
    file = open(path, "w", encoding="ascii")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise BenchError(f"another benchmark works in {os.path.dirname(path)}; wait for it or give another --out") from None
    return file


def run_scenarios(bench, scenarios, sizes):
    """Every scenario at every size; a size's databases go before the next one comes."""
    for rows in sizes:
        for name, scenario in scenarios.items():
            if name == "small" and rows != sizes[0]:
                continue
            note(f"== {name}, {rows:,} workouts")
            scenario(bench, rows)
        bench.forget(rows)
    bench.forget(small.ROWS)


def finish(bench, facts, out, begun):
    """Whatever was measured is reported, also after an interruption."""
    if not bench.results.all:
        return
    facts["seconds"] = round(time.time() - begun)
    facts["load_after"] = os.getloadavg()
    facts["arguments"] = bench.arguments_shown()
    lines = targets.judge(bench.results)
    report.write_json(os.path.join(out, "results.json"), facts, bench.results, lines)
    plot.write(os.path.join(out, "time-against-rows.svg"), bench.results)
    print(report.text(facts, bench.results, lines))
    print(f"\n{os.path.join(out, 'results.json')}\n{os.path.join(out, 'time-against-rows.svg')}")
