"""Medians, spreads and ratios. A ratio is taken within each round, between processes that ran one
after the other, and then its median over the rounds: so it keeps its meaning on a machine whose speed
drifts while the benchmark goes on."""

from statistics import median


def spread(values):
    """Median, smallest and largest."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": median(values), "min": min(values), "max": max(values)}


def paired_ratio(ours, theirs):
    """The spread of ours / theirs, round by round; None where a round has no pair."""
    pairs = [(a, b) for a, b in zip(ours, theirs) if a is not None and b]
    return spread([a / b for a, b in pairs])


def slope(small, large):
    """How much `y` grows for each `x`, from two points (x, y)."""
    (x0, y0), (x1, y1) = small, large
    return (y1 - y0) / (x1 - x0)


def table(header, rows):
    """Text columns: the first flush left, the others flush right."""
    cells = [header, *rows]
    widths = [max(len(str(row[i])) for row in cells) for i in range(len(header))]
    lines = []
    for n, row in enumerate(cells):
        first = str(row[0]).ljust(widths[0])
        rest = [str(cell).rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join([first, *rest]).rstrip())
        if n == 0:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


def seconds(value):
    """Seconds for people."""
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def with_range(figures, form=seconds):
    """`median (min-max)`."""
    if figures is None:
        return "-"
    if figures["min"] == figures["max"]:
        return form(figures["median"])
    return f"{form(figures['median'])} ({form(figures['min'])}-{form(figures['max'])})"
