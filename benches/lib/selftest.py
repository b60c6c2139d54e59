"""`benches/run --self-test`: the benchmark's own arithmetic and parsing. Nothing is timed or started
but this interpreter."""

import json
import os
import sys
import tempfile
import unittest

from . import plot, report, sql, targets
from .process import BenchError, measure
from .rounds import Contender, Result, Results, in_turn
from .stats import paired_ratio, slope, spread, table, with_range


def results_of(*entries):
    """Results with the same seconds, CPU and peak in each round."""
    results = Results()
    for scenario, store, rows, program, seconds in entries:
        one = Result(scenario, store, rows, program)
        one.seconds, one.wall_s, one.peak_mb = list(seconds), list(seconds), [10.0 * s for s in seconds]
        one.client_cpu_s, one.server_cpu_s = list(seconds), [0.0] * len(seconds)
        results.all.append(one)
    return results


class Arithmetic(unittest.TestCase):
    """Medians and ratios."""

    def test_the_median_and_the_extremes(self):
        self.assertEqual(spread([3.0, 1.0, 2.0]), {"median": 2.0, "min": 1.0, "max": 3.0})
        self.assertEqual(spread([4.0, 1.0])["median"], 2.5)
        self.assertIsNone(spread([]))

    def test_ratios_are_taken_within_a_round(self):
        # The second round was ten times slower for both: the ratio does not see it.
        self.assertEqual(paired_ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]), {"median": 2.0, "min": 2.0, "max": 2.0})
        self.assertIsNone(paired_ratio([1.0], [0.0]))

    def test_bytes_a_workout_are_a_slope(self):
        self.assertEqual(slope((1_000, 5_000), (11_000, 105_000)), 10.0)

    def test_figures_for_people(self):
        self.assertEqual(with_range(spread([1.0, 2.0, 3.0])), "2.000 (1.000-3.000)")
        self.assertEqual(with_range(spread([12.34])), "12.3")
        self.assertEqual(table(["a", "b"], [["x", 1], ["long", 22]]), "a      b\n----  --\nx      1\nlong  22")


class Judging(unittest.TestCase):
    """PASS and FAIL."""

    def line(self, results, name):
        return next(line for line in targets.judge(results) if line["target"] == name)

    def test_a_ratio_at_its_limit_passes_and_above_it_fails(self):
        for ours, passes in [(1.3, True), (1.31, False)]:
            results = results_of(("quiet_night", "mariadb", 100, "paceline", [ours]),
                                 ("quiet_night", "mariadb", 100, "plain client", [1.0]))
            line = self.line(results, "quiet night / plain client")
            self.assertEqual((line["pass"], line["rows"]), (passes, 100))

    def test_how_many_times_faster_is_the_inverse(self):
        results = results_of(("retrain_night", "mariadb", 100, "paceline", [2.0]),
                             ("retrain_night", "mariadb", 100, "python", [5.0]))
        line = self.line(results, "retrain night: Python / ours")
        self.assertEqual((line["value"], line["pass"]), (2.5, True))

    def test_the_largest_size_is_judged(self):
        results = results_of(("first_night", "sqlite", 100, "paceline", [1.0]),
                             ("first_night", "sqlite", 500_000, "paceline", [4.0, 5.0, 6.0]))
        line = self.line(results, "SQLite first night, workouts a second")
        self.assertEqual((line["rows"], line["value"], line["pass"]), (500_000, 100_000.0, True))

    def test_growth_is_held_against_the_smaller_size(self):
        names = ("quiet_night", "first_night", "backfill", "import", "verify")
        entries = [(f"{name} memory", "mariadb", rows, "paceline", [rows / 100_000])
                   for name in names for rows in (100_000, 1_000_000)]
        lines = {line["target"]: line for line in targets.judge(results_of(*entries))}
        self.assertTrue(lines["mariadb: quiet night's time for 10 times the rows"]["pass"])
        self.assertFalse(lines["mariadb: backfill peak for 10 times the rows"]["pass"])
        self.assertAlmostEqual(lines["mariadb: quiet_night bytes a workout"]["value"], 90 * 2**20 / 900_000)

    def test_what_was_not_measured_is_not_judged(self):
        self.assertEqual(targets.judge(Results()), [])


class Output(unittest.TestCase):
    """Table, JSON, picture."""

    def test_table_json_and_plot_hold_every_program(self):
        results = results_of(("quiet_night", "mariadb", 1_000, "paceline", [0.5]),
                             ("quiet_night", "mariadb", 1_000, "plain client", [1.0]),
                             ("quiet_night", "mariadb", 10_000, "paceline", [5.0]))
        lines = targets.judge(results)
        facts = {"cores": 2, "cpu": "x", "memory_gib": 1.0, "load_before": (0.0,), "load_after": (0.0,)}
        page = report.text(facts, results, lines)
        self.assertIn("quiet_night mariadb 1,000 plain client", page)
        self.assertIn("0.50", page)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "results.json")
            report.write_json(path, facts, results, lines)
            with open(path, encoding="utf-8") as file:
                written = json.load(file)
        self.assertEqual(len(written["results"]), 3)
        self.assertEqual(written["results"][0]["summary"]["seconds"]["median"], 0.5)
        picture = plot.svg(plot.series(results))
        self.assertEqual(picture.count("<polyline"), 2)

    def test_the_plain_client_reads_the_columns_of_our_statements(self):
        self.assertTrue(sql.WORKOUTS.startswith("SELECT workout_id, workout_date"), sql.WORKOUTS)
        self.assertTrue(sql.CLASSIFICATIONS.endswith("ORDER BY classification_id"), sql.CLASSIFICATIONS)


class Bench:
    """As much of a bench as rounds need."""

    runs = 2

    def __init__(self):
        self.results = Results()


class Measuring(unittest.TestCase):
    """Processes and their order."""

    def test_the_meter_sees_exit_memory_and_output(self):
        with tempfile.TemporaryDirectory() as folder:
            scratch = os.path.join(folder, "x")
            program = "import sys; block = bytearray(60 << 20); block[::4096] = b'x' * len(block[::4096]); print('done')"
            measured = measure([sys.executable, "-I", "-S", "-c", program], scratch)
            self.assertEqual(measured.printed(), "done\n")
            self.assertGreater(measured.peak_kb, 60 << 10)
            self.assertLess(measured.floor_kb, 30 << 10)
            with self.assertRaisesRegex(BenchError, "exit code 3"):
                measure([sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"], scratch)

    def test_contenders_take_turns_and_warm_up_does_not_count(self):
        order = []

        class Measured:
            wall_s, client_cpu_s, server_cpu_s, peak_kb, floor_kb, extra = 1.0, 1.0, 0.0, 1024, 1, {}

        def contender(name):
            def execute():
                order.append(name)
                return Measured()

            return Contender(name, execute=execute, prepare=lambda: order.append(f"prepare {name}"))

        bench, stderr = Bench(), sys.stderr
        with open(os.devnull, "w", encoding="utf-8") as sys.stderr:
            results = in_turn(bench, "s", "none", 1, [contender("a"), contender("b")], warmup=1)
        sys.stderr = stderr
        self.assertEqual(order, ["prepare a", "a", "prepare b", "b"] * 3)
        self.assertEqual([len(one.seconds) for one in results], [2, 2])


def main():
    """The exit code."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    return 0 if unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful() else 1
