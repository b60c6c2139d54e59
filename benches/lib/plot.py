"""Time against the number of workouts, both on logarithmic scales, as an SVG written by hand."""

import math
from html import escape

from .stats import spread

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 560, 70, 300, 40, 50
COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22"]


def write(path, results):
    """Draws every program that was measured."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(svg(series(results)))


def series(results):
    """Points (rows, median seconds) by name, for what was measured at one size or more."""
    found = {}
    for one in results.all:
        median = spread(one.seconds)["median"]
        if median > 0:
            found.setdefault(f"{one.scenario} {one.store}: {one.program}", []).append((one.rows, median))
    return {name: sorted(points) for name, points in found.items()}


def svg(lines):
    """The picture; a line at slope 1 is linear time."""
    points = [point for some in lines.values() for point in some]
    if not points:
        points = [(1, 1.0)]
    x_low, x_high = decades(p[0] for p in points)
    y_low, y_high = decades(p[1] for p in points)

    def x(rows):
        return LEFT + (math.log10(rows) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def y(value):
        return HEIGHT - BOTTOM - (math.log10(value) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{max(HEIGHT, TOP + 14 * len(lines) + 20)}" '
             'font-family="sans-serif" font-size="11">',
             f'<rect width="100%" height="100%" fill="white"/><text x="{LEFT}" y="22" font-size="14">'
             'Seconds (median) against workouts</text>']
    parts += axes(x, y, (x_low, x_high), (y_low, y_high))
    for n, (name, some) in enumerate(lines.items()):
        parts += one_line(n, name, [(x(rows), y(value)) for rows, value in some])
    return "\n".join([*parts, "</svg>\n"])


def decades(values):
    """Exponents of ten around all values, at least one apart."""
    logs = [math.log10(value) for value in values]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return (low, high) if high > low else (low, low + 1)


def axes(x, y, x_range, y_range):
    """A grid line for each power of ten."""
    parts = []
    for power in range(x_range[0], x_range[1] + 1):
        at = x(10.0**power)
        parts.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
                     f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{10**power:,}</text>')
    for power in range(y_range[0], y_range[1] + 1):
        at = y(10.0**power)
        label = f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"
        parts.append(f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    return parts


def one_line(n, name, points):
    """A line with its dots and its entry in the legend; dashed where the colours begin again."""
    colour, dash = COLOURS[n % len(COLOURS)], ' stroke-dasharray="5 3"' if n >= len(COLOURS) else ""
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    dots = [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>' for px, py in points]
    at = TOP + 14 * n + 8
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>', *dots,
            f'<line x1="{WIDTH - RIGHT + 12}" y1="{at - 4}" x2="{WIDTH - RIGHT + 30}" y2="{at - 4}" stroke="{colour}"{dash}/>'
            f'<text x="{WIDTH - RIGHT + 36}" y="{at}">{escape(name)}</text>']
