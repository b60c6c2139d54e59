"""First, quiet and retrain night: the same command three times, on three states.

The Python reference does the same work by the same rule on a database of its own, and its labels,
confidences and numbers of rows are held against ours after the first round.
"""

import os

from ..process import BenchError, measure
from ..rounds import Contender, in_turn, scratch
from ..sql import CLASSIFICATIONS, WORKOUTS


def first_night(bench, rows):
    """Imported, nothing classified."""
    for store in bench.stores:
        if store == "mariadb":
            _mariadb_first(bench, rows)
        else:
            states = bench.sqlite(rows)
            _sqlite(bench, "first_night", rows, lambda: states.imported("ours"), bench.nightly, new=True)


def quiet_night(bench, rows):
    """Everything is classified, nothing has changed."""
    for store in bench.stores:
        if store == "mariadb":
            _mariadb_quiet(bench, rows)
        else:
            states = bench.sqlite(rows)
            _sqlite(bench, "quiet_night", rows, lambda: states.done("ours", bench.nightly), bench.nightly, new=False)


def retrain_night(bench, rows):
    """A new model: about 5 % of the labels change, all other rows are refreshed."""
    options = ["--retrain", "always", "--accept-churn"]
    for store in bench.stores:
        if store == "mariadb":
            _mariadb_retrain(bench, rows, options)
        else:
            states = bench.sqlite(rows)
            _sqlite(bench, "retrain_night", rows, lambda: states.done("ours", bench.nightly), bench.retrain, None, options)


def ours(bench, url, pipeline, options=()):
    """Paceline's run, measured."""
    command = [bench.paceline, "--database-url", url, "--output", "json", "run", pipeline, *options]
    return measure(command, scratch(bench, "ours"), bench.server_pid, cwd=bench.work)


def python(bench, url, pipeline, options=()):
    """The reference's run, measured."""
    command = [bench.python, bench.reference("nightly.py"), "run", pipeline, "--url", url, *options]
    return measure(command, scratch(bench, "python"), bench.server_pid, cwd=bench.work)


def labels_match(states, name="python"):
    """A check that runs once: comparing a million rows takes longer than writing them should."""
    done = []

    def check(measured):
        report = measured.json()
        counts = {label: count for label, count in report["labels"].items() if count}
        if counts != states.labels(name):
            raise BenchError(f"{name} says {counts} and wrote {states.labels(name)}")
        if not done:
            states.same_verdicts("ours", name)
            done.append(True)

    return check


def _mariadb_first(bench, rows):
    states = bench.mariadb(rows)
    contenders = [
        Contender(
            "paceline",
            prepare=lambda: states.imported("ours"),
            execute=lambda: _touching(states, "ours", lambda: ours(bench, states.url("ours"), bench.nightly)),
            check=lambda measured: _keep_first(bench, states, measured),
        ),
    ]
    for variant in bench.python_variants():
        options = [] if variant == "text" else ["--bulk", variant]
        name = "python" if variant == "text" else f"python {variant}"
        contenders.append(Contender(
            name,
            prepare=lambda: states.imported("python"),
            execute=lambda options=options: _touching(
                states, "python", lambda: python(bench, states.url("python"), bench.nightly, options)),
            check=labels_match(states),
        ))
    contenders.append(Contender(
        "server's limit",
        prepare=lambda: states.imported("floor"),
        execute=lambda: _touching(states, "floor", lambda: _floor(bench, states)),
        seconds=lambda measured: measured.json()["write_s"],
    ))
    in_turn(bench, "first_night", "mariadb", rows, contenders)
    states.drop("floor")


def _keep_first(bench, states, measured):
    """The first finished night is the template of the floor and of the later scenarios."""
    report = measured.json()
    if report["changes"]["new"] != report["rows"]["classified"]:
        raise BenchError(f"a first night left something unwritten: {report['changes']}")
    if "ours" not in states.done:
        states.keep_done("ours")


def _touching(states, who, execute):
    states.touched(who)
    return execute()


def _floor(bench, states):
    template = bench.server.url(f"bench_done_ours_{states.rows}")
    command = [bench.example("bench_floor_first_night"), "--from", template, "--to", states.url("floor")]
    return measure(command, scratch(bench, "floor"), bench.server_pid)


def ensure_done(bench, states, who):
    """A contender's own finished first night."""
    run = {"ours": ours, "python": python}[who]
    states.ensure_done(who, lambda: run(bench, states.url(who), bench.nightly))


def _unchanged(measured):
    changes = {name: count for name, count in measured.json()["changes"].items() if count and name != "unchanged"}
    if changes:
        raise BenchError(f"a quiet night changed something: {changes}")


def _mariadb_quiet(bench, rows):
    states = bench.mariadb(rows)
    for who in bench.who():
        ensure_done(bench, states, who)
    reading = bench.server.client_command(states.database("ours"), f"{WORKOUTS}; {CLASSIFICATIONS}")
    contenders = [
        Contender("paceline", prepare=lambda: states.restore_done("ours"), check=_unchanged,
                  execute=lambda: ours(bench, states.url("ours"), bench.nightly)),
        Contender("python", prepare=lambda: states.restore_done("python"), check=_unchanged,
                  execute=lambda: python(bench, states.url("python"), bench.nightly)),
        Contender("plain client", prepare=lambda: states.restore_done("ours"),
                  execute=lambda: measure(reading, scratch(bench, "client"), bench.server_pid, stdout=os.devnull)),
    ]
    in_turn(bench, "quiet_night", "mariadb", rows, bench.chosen(contenders), warmup=1)


def _mariadb_retrain(bench, rows, options):
    states = bench.mariadb(rows)
    for who in bench.who():
        ensure_done(bench, states, who)

    def prepare(who):
        states.restore_done(who)
        states.touched(who)

    contenders = [
        Contender("paceline", prepare=lambda: prepare("ours"), check=_relabelled,
                  execute=lambda: ours(bench, states.url("ours"), bench.retrain, options)),
        Contender("python", prepare=lambda: prepare("python"), check=labels_match(states),
                  execute=lambda: python(bench, states.url("python"), bench.retrain, options[:2])),
    ]
    in_turn(bench, "retrain_night", "mariadb", rows, bench.chosen(contenders))


def _relabelled(measured):
    """The share that changes is part of the scenario: another one would be another amount of work."""
    changes = measured.json()["changes"]
    classified = sum(changes.values())
    share = changes["changed"] / classified
    measured.extra.update(changed=changes["changed"], refreshed=changes["refreshed"], changed_share=share)
    if not 0.03 <= share <= 0.07 or changes["unchanged"] > 0.02 * classified:
        raise BenchError(f"the retrain night does not relabel about 5 % and refresh the others: {changes}")


def _sqlite(bench, scenario, rows, prepare, pipeline, new=None, options=()):
    """Ours alone: the targets of the embedded store are rates."""
    states = bench.sqlite(rows)

    def check(measured):
        if new is False:
            _unchanged(measured)
        elif new is None:
            _relabelled(measured)

    contender = Contender("paceline", prepare=prepare, check=check,
                          execute=lambda: ours(bench, states.url("ours"), pipeline, options))
    in_turn(bench, scenario, "sqlite", rows, [contender], warmup=1 if scenario == "quiet_night" else 0)
    states.remove("ours")
