"""The figures that the project must show, judged from what was measured in this run.

A target is judged at the largest size that was measured, and says which; the issue asks for 1,000,000
workouts (and 10,000,000 for growth), so a line at another size is a sign and not a proof.
"""

from .scenarios.small import OLDER_TOOL, ROWS
from .stats import slope

MB = 2**20


def judge(results):
    """One line for each target that this run can speak on."""
    lines = []
    for judged in (_quiet, _first, _retrain, _sqlite, _kmeans, _verify, _growth, _small):
        lines += judged(results)
    return lines


def _line(name, rows, value, limit, at_most, unit="x"):
    if limit is None:
        ok = None
    else:
        ok = value <= limit if at_most else value >= limit
    return {"target": name, "rows": rows, "value": value, "limit": limit, "bound": "<=" if at_most else ">=",
            "unit": unit, "pass": ok}


def _largest(results, scenario, store, program="paceline"):
    sizes = results.sizes(scenario, store, program)
    return sizes[-1] if sizes else None


def _ratio(results, scenario, theirs, name, limit, faster, figure="seconds", store="mariadb"):
    """ours / theirs at most `limit`, or where `faster`, theirs / ours at least `limit`."""
    rows = _largest(results, scenario, store)
    # Inverted after pairing: the median of the inverse is not always the inverse of the median.
    pair = ("paceline", theirs) if not faster else (theirs, "paceline")
    found = results.ratio(scenario, store, rows, *pair, figure) if rows else None
    return [_line(name, rows, found["median"], limit, at_most=not faster)] if found else []


def _quiet(results):
    return [
        *_ratio(results, "quiet_night", "plain client", "quiet night / plain client", 1.3, False),
        *_ratio(results, "quiet_night", "python", "quiet night: Python / ours", 2.0, True),
        *_ratio(results, "quiet_night", "python", "quiet night: peak memory ours / Python", 0.5, False, "peak_mb"),
    ]


def _first(results):
    return [
        *_ratio(results, "first_night", "server's limit", "first night / server's limit", 1.25, False),
        *_ratio(results, "first_night", "python", "first night: Python / ours", 1.3, True),
        *_ratio(results, "first_night", "python load-data", "first night: Python with LOAD DATA / ours", None, True),
    ]


def _retrain(results):
    return _ratio(results, "retrain_night", "python", "retrain night: Python / ours", 2.5, True)


def _sqlite(results):
    lines = []
    rows = _largest(results, "first_night", "sqlite")
    if rows:
        found = results.find("first_night", "sqlite", rows, "paceline")
        rate = rows / sorted(found.seconds)[len(found.seconds) // 2]
        lines.append(_line("SQLite first night, workouts a second", rows, rate, 100_000, False, "/s"))
    rows = _largest(results, "import", "sqlite")
    if rows:
        found = results.find("import", "sqlite", rows, "paceline").extra["against_read_and_insert"]
        lines.append(_line("SQLite import / (Polars read + bare insert)", rows, found["median"], 1.5, True))
    return lines


def _kmeans(results):
    rows = _largest(results, "kmeans", "none")
    if not rows:
        return []
    lines = _ratio(results, "kmeans", "scikit-learn", "classic k-means: scikit-learn / ours", 8.0, True, store="none")
    relative = results.find("kmeans", "none", rows, "paceline").extra["relative"]
    return [*lines, _line("classic k-means: inertia, relative to scikit-learn", rows, relative, 1e-6, True, "")]


def _verify(results):
    lines = []
    for store in ("mariadb", "sqlite"):
        rows = _largest(results, "verify", store)
        if rows:
            found = results.find("verify", store, rows, "paceline")
            rate = found.extra["history_rows"] / sorted(found.seconds)[len(found.seconds) // 2]
            lines.append(_line(f"verify on {store}, history rows a second", rows, rate, 500_000, False, "/s"))
    return lines


def _growth(results):
    lines = []
    for store in ("mariadb", "sqlite"):
        sizes = results.sizes("quiet_night memory", store, "paceline")
        if len(sizes) < 2:
            continue
        small, large = sizes[0], sizes[-1]
        lines += _growth_of(results, store, small, large)
    return lines


def _growth_of(results, store, small, large):
    def at(scenario, rows):
        return results.find(f"{scenario} memory", store, rows, "paceline")

    times = large / small
    quiet = at("quiet_night", large).seconds[0] / at("quiet_night", small).seconds[0]
    lines = [_line(f"{store}: quiet night's time for {times:g} times the rows", large, quiet, times * 1.1, True)]
    for scenario in ("quiet_night", "first_night"):
        points = [(rows, at(scenario, rows).peak_mb[0] * MB) for rows in (small, large)]
        lines.append(_line(f"{store}: {scenario} bytes a workout", large, slope(*points), 250, True, "B"))
    for scenario in ("backfill", "import", "verify"):
        grown = at(scenario, large).peak_mb[0] / at(scenario, small).peak_mb[0]
        lines.append(_line(f"{store}: {scenario} peak for {times:g} times the rows", large, grown, 1.2, True))
    return lines


def _small(results):
    lines = []
    for store in ("mariadb", "sqlite"):
        found = results.find("small", store, ROWS, "paceline")
        if found:
            wall = sorted(found.seconds)[len(found.seconds) // 2]
            lines.append(_line(f"{store}: 3,000 workouts end to end", ROWS, wall, 1.0, True, "s"))
            per_workout = OLDER_TOOL["seconds"] / OLDER_TOOL["workouts"]
            ratio = per_workout / (wall / ROWS)
            lines.append(_line(f"{store}: an older tool's 150 s for 2,769 workouts / ours, a workout", ROWS, ratio, None, False))
    return lines
