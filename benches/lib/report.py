"""The table for people and results.json for programs (its schema: benches/README.md)."""

import json

from .stats import paired_ratio, seconds, spread, table, with_range


LEGEND = """Medians (smallest-largest) of the rounds. `ours/it`: our seconds over those of this row, paired round by
round; `CPU`: the same of the CPU of client and server together, which waits for a busy machine are not in."""


def text(facts, results, lines):
    """Everything that was measured, then the targets."""
    server = facts.get("server", {})
    head = (f"{facts['cores']} cores, {facts['cpu']}, {facts['memory_gib']} GiB; "
            f"load before {facts['load_before'][0]:.1f}, after {facts['load_after'][0]:.1f}")
    if server:
        head += f"\nMariaDB {server['version']}, buffer pool {int(server['innodb_buffer_pool_size']) >> 20} MiB"
    parts = [head, LEGEND, measured(results)]
    if lines:
        parts.append(judged(lines))
    return "\n\n".join(parts)


def measured(results):
    """One row for each program of each scenario."""
    rows = []
    for one in results.all:
        ours = results.find(one.scenario, one.store, one.rows, "paceline")
        ratio = cpu = None
        if one is not ours and ours is not None:
            ratio = paired_ratio(ours.seconds, one.seconds)
            cpu = paired_ratio(ours.cpu_s(), one.cpu_s())
        rows.append([
            f"{one.scenario} {one.store} {one.rows:,} {one.program}", with_range(spread(one.seconds)),
            seconds(spread(one.client_cpu_s)["median"]), seconds(spread(one.server_cpu_s)["median"]),
            f"{spread(one.peak_mb)['median']:.0f}", with_range(ratio, lambda value: f"{value:.2f}"),
            f"{cpu['median']:.2f}" if cpu else "-",
        ])  # fmt: skip
    return table(["scenario, store, workouts, program", "seconds", "client CPU", "server CPU", "peak MB", "ours/it", "CPU"],
                 rows)


def figure(value, unit):
    """A value of a target for people."""
    if unit == "":
        return f"{value:.2g}"
    if unit == "/s":
        return f"{value:,.0f}/s"
    if unit == "B":
        return f"{value:,.0f} B"
    return f"{value:.2f} s" if unit == "s" else f"{value:.2f}x"


def judged(lines):
    """One row for each target."""
    rows = []
    for line in lines:
        bound, verdict = "-", ""
        if line["limit"] is not None:
            bound = f"{line['bound']} {figure(line['limit'], line['unit'])}"
            verdict = "PASS" if line["pass"] else "FAIL"
        rows.append([line["target"], f"{line['rows']:,}", figure(line["value"], line["unit"]), bound, verdict])
    return table(["target", "workouts", "found", "must be", ""], rows)


def write_json(path, facts, results, lines):
    """results.json."""
    content = {"schema": 1, "machine": facts, "results": [one.as_dict() for one in results.all], "targets": lines}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
