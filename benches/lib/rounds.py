"""Contenders of a scenario, measured in turn, round after round."""

import os
import sys
from dataclasses import dataclass, field
from typing import Callable

from .stats import paired_ratio, spread


@dataclass
class Contender:
    """One program of a scenario.

    `prepare` restores the state and is not timed; `execute` measures one process; `seconds` picks what is
    compared (default: the wall time of the process); `check` raises where the work was not the same.
    """

    name: str
    execute: Callable
    prepare: Callable = lambda: None
    seconds: Callable = lambda measured: measured.wall_s
    check: Callable = lambda measured: None


@dataclass
class Result:
    """What one program cost in one scenario at one size, one entry a round."""

    scenario: str
    store: str
    rows: int
    program: str
    seconds: list = field(default_factory=list)
    wall_s: list = field(default_factory=list)
    client_cpu_s: list = field(default_factory=list)
    server_cpu_s: list = field(default_factory=list)
    peak_mb: list = field(default_factory=list)
    extra: dict = field(default_factory=dict)

    def add(self, measured, compared):
        """One more round."""
        self.seconds.append(compared)
        self.wall_s.append(measured.wall_s)
        self.client_cpu_s.append(measured.client_cpu_s)
        self.server_cpu_s.append(measured.server_cpu_s)
        self.peak_mb.append(measured.peak_kb / 1024)
        # No peak below this can be seen; see meter.py.
        self.extra["peak_floor_mb"] = measured.floor_kb / 1024

    def cpu_s(self):
        """Client and server together, round by round."""
        return [client + server for client, server in zip(self.client_cpu_s, self.server_cpu_s)]

    def as_dict(self):
        """For results.json."""
        figures = {name: getattr(self, name) for name in ("seconds", "wall_s", "client_cpu_s", "server_cpu_s", "peak_mb")}
        summary = {name: spread(values) for name, values in figures.items()}
        return {"scenario": self.scenario, "store": self.store, "rows": self.rows, "program": self.program,
                "rounds": figures, "summary": summary, **self.extra}


class Results:
    """All results, found again by what they are."""

    def __init__(self):
        self.all = []

    def find(self, scenario, store, rows, program):
        """One result, or None where it was not measured."""
        for one in self.all:
            if (one.scenario, one.store, one.rows, one.program) == (scenario, store, rows, program):
                return one
        return None

    def sizes(self, scenario, store, program):
        """The sizes that were measured, ascending."""
        found = [r.rows for r in self.all if (r.scenario, r.store, r.program) == (scenario, store, program)]
        return sorted(found)

    def ratio(self, scenario, store, rows, ours, theirs, figure="seconds"):
        """The paired ratio ours / theirs; None where one is missing."""
        a, b = self.find(scenario, store, rows, ours), self.find(scenario, store, rows, theirs)
        if a is None or b is None:
            return None
        return paired_ratio(getattr(a, figure), getattr(b, figure))


def in_turn(bench, scenario, store, rows, contenders, warmup=0):
    """Measures the contenders in turn, `bench.runs` times after `warmup` rounds that do not count."""
    results = [Result(scenario, store, rows, c.name) for c in contenders]
    for number in range(-warmup, bench.runs):
        for contender, result in zip(contenders, results):
            contender.prepare()
            measured = contender.execute()
            contender.check(measured)
            if number < 0:
                continue
            compared = contender.seconds(measured)
            result.add(measured, compared)
            result.extra.update(measured.extra)
            note(f"{scenario} {store} {rows:,} round {number + 1}/{bench.runs} {contender.name}: {compared:.3f} s, "
                 f"client {measured.client_cpu_s:.2f} s, server {measured.server_cpu_s:.2f} s, "
                 f"peak {measured.peak_kb / 1024:.0f} MB")
    bench.results.all += results
    return results


def note(text):
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def scratch(bench, name):
    """Where a process's output goes."""
    return os.path.join(bench.work, name)
