"""Loss curves as an SVG, written by hand so that nothing has to be installed for it."""

from __future__ import annotations

from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, GAP = 420, 250, 52, 30, 44
COLOURS = ["#1f5fa8", "#c2571a", "#3b8547", "#7a4fa0", "#666666"]
Points = list[tuple[float, float]]


def smooth(points: Points, over: int) -> Points:
    """A running mean over so many points."""
    parts = [points[max(0, at + 1 - over) : at + 1] for at in range(len(points))]
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in parts]


def ticks(low: float, high: float) -> list[float]:
    """About five round values between two others."""
    step = 10.0 ** len(str(int((high - low) / 5))) if high - low >= 5 else 1.0
    while (high - low) / step < 4:
        step /= 2
    first = int(low / step) * step
    return [first + n * step for n in range(12) if low <= first + n * step <= high]


def panel(title: str, series: dict[str, Points], left: float) -> list[str]:
    """One diagram over tokens, its top left corner at `left`."""
    series = {name: points for name, points in series.items() if points}
    out = [f'<g transform="translate({left} 0)"><text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>']
    everything = [point for points in series.values() for point in points]
    if not everything:
        return [*out, f'<text x="{LEFT}" y="{TOP + 20}">no run yet</text></g>']
    right = max(x for x, _ in everything) or 1.0
    low, high = min(y for _, y in everything), max(y for _, y in everything)
    pad = 0.05 * (high - low) or 0.1
    low, high = low - pad, high + pad

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + x / right * (WIDTH - LEFT - 10), TOP + (high - y) / (high - low) * HEIGHT

    for y in ticks(low, high):
        at = place(0, y)[1]
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in ticks(0, right / 1000):
        at = place(1000 * x, low)[0]
        out.append(f'<text x="{at:.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{x:g}</text>')
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        at = f'x="{WIDTH - 14}" y="{TOP + 14 + 15 * number}" text-anchor="end"'
        out.append(f'<text {at} fill="{colour}">{escape(name)}</text>')
    return [*out, f'<text x="{WIDTH - 10}" y="{TOP + HEIGHT + 32}" text-anchor="end">thousand tokens</text></g>']


def svg(panels: dict[str, dict[str, Points]]) -> str:
    """Diagrams side by side."""
    width, height = len(panels) * (WIDTH + GAP), TOP + HEIGHT + 42
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (title, series) in enumerate(panels.items()):
        out += panel(title, series, number * (WIDTH + GAP))
    return "\n".join([*out, "</svg>", ""])
