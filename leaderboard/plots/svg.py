"""The plots as SVG: the same figures as plotly draws, for browsers before a reader touches them, and without a script.

It knows what `leaderboard.plots.figures` uses of plotly: lines, steps, outlines, marks and a heat map, on axes that are
linear, logarithmic, dates or names. Colours stay the pages' tokens, so that a drawing follows the reader's theme.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any

from markupsafe import Markup, escape

from leaderboard.plots.figures import Figure

WIDTH = 980
LEFT, RIGHT, BOTTOM, LEGEND = 64.0, 44.0, 48.0, 26.0
"""Room around the drawing, and of a line of its legend."""
SHAPES = {
    "circle": "m{r} 0a{r} {r} 0 1 1-{d} 0a{r} {r} 0 1 1 {d} 0",
    "square": "m-{r}-{r}h{d}v{d}h-{d}z",
    "triangle-up": "m0-{r}l{r} {d}h-{d}z",
    "diamond": "m0-{r}l{r} {r}l-{r} {r}l-{r}-{r}z",
    "cross": "m-{t}-{r}h{d3}v{d3}h{d3}v{d3}h-{d3}v{d3}h-{d3}v-{d3}h-{d3}v-{d3}h{d3}z",
    "x": "m-{r}-{r}l{d} {d}m0-{d}l-{d} {d}",
    "star": "m0-{r}l{t} {d}l-{d}-{r}h{d}l-{d} {r}z",
    "hexagon": "m-{t}-{r}h{d3}l{t} {r}l-{t} {r}h-{d3}l-{t}-{r}z",
}
DASHES = {
    "dash": "7 4",
    "dot": "2 3",
    "dashdot": "7 3 2 3",
    "longdash": "11 4",
    "longdashdot": "11 3 2 3",
    "5px,2px": "5 2",
}
DAY_S = 86_400


@dataclass(frozen=True)
class Axis:
    """From values to places on paper."""

    title: str
    ticks: list[tuple[float, str]]
    """Places, and what stands there."""
    place: Callable[[Any], float]


def to_svg(figure: Figure, label: str) -> Markup:
    """The drawing. `label` says what it shows, for those who cannot see it."""
    height = float(figure["layout"]["height"])
    named = [trace for trace in figure["data"] if trace.get("name") and trace.get("showlegend", True)]
    lines = _legend_lines(named)
    top = 10 + LEGEND * len(lines)
    traces, layout = figure["data"], figure["layout"]
    left = LEFT if layout["yaxis"]["title"]["text"] else _room(_labels(layout["yaxis"], traces, "y"))
    x = _axis(layout["xaxis"], traces, "x", left, WIDTH - RIGHT)
    y = _axis(layout["yaxis"], traces, "y", height - BOTTOM, top)
    parts = [*_frame(x, y, left, top, height), *_legend(lines)]
    for trace in traces:
        parts += _heat(trace, x, y) if trace["type"] == "heatmap" else _scatter(trace, x, y)
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" font-size="12">{}</svg>').format(
        WIDTH, f"{height:g}", label, Markup("".join(parts))
    )


# -- axes -------------------------------------------------------------------------------------------------------------


def _axis(layout: Mapping[str, Any], traces: Sequence[Figure], side: str, start: float, end: float) -> Axis:
    title = unescape(layout["title"]["text"])
    names = _names(traces, side)
    if names:
        step = (end - start) / len(names)
        places = {name: start + step * (at + 0.5) for at, name in enumerate(names)}
        if side == "y":  # from above, as `autorange: reversed` says
            places = dict(zip(names, reversed(places.values()), strict=True))
        return Axis(title, [(place, unescape(name)) for name, place in places.items()], places.__getitem__)
    read, values = _reader(layout), [value for trace in traces for value in trace[side] if value is not None]
    numbers = [read(value) for value in layout.get("range", values)] or [0.0]
    low, high = _bounds(layout, numbers)
    if layout.get("autorange") == "reversed":
        low, high = high, low

    def place(value: Any) -> float:
        return start + (end - start) * (read(value) - low) / (high - low)

    ticks = [(place(value), text) for value, text in _ticks(layout, min(low, high), max(low, high))]
    return Axis(title, [tick for tick in ticks if min(start, end) - 1 <= tick[0] <= max(start, end) + 1], place)


def _names(traces: Sequence[Figure], side: str) -> list[str]:
    """The names on an axis of names; empty for any other."""
    return [str(name) for name in traces[0][side]] if traces and traces[0]["type"] == "heatmap" else []


def _reader(layout: Mapping[str, Any]) -> Callable[[Any], float]:
    """From a value of the axis to a number that grows evenly along it."""
    kind = layout.get("type", "linear")
    if kind == "date":
        return lambda value: datetime.fromisoformat(str(value)[:10]).replace(tzinfo=UTC).timestamp() / DAY_S
    return (lambda value: math.log10(float(value))) if kind == "log" else float


def _bounds(layout: Mapping[str, Any], numbers: Sequence[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    if layout.get("rangemode") == "tozero":
        low = min(0.0, low)
    room = 0.04 * (high - low) or 0.5
    return (low if layout.get("rangemode") == "tozero" and low == 0 else low - room), high + room


def _ticks(layout: Mapping[str, Any], low: float, high: float) -> Iterator[tuple[Any, str]]:
    if "tickvals" in layout:
        yield from zip(layout["tickvals"], map(unescape, layout["ticktext"]), strict=True)
    elif layout.get("type") == "date":
        for day in range(math.ceil(low), math.floor(high) + 1, max(1, math.ceil((high - low) / 7))):
            date = datetime.fromtimestamp(day * DAY_S, UTC)
            yield date.date().isoformat(), f"{date.day} {date:%b %Y}"
    else:
        step = _step((high - low) / 6)
        for number in range(math.ceil(low / step), math.floor(high / step) + 1):
            yield number * step, f"{number * step:g}"


def _step(about: float) -> float:
    """1, 2 or 5 times a power of ten, not below `about`."""
    power = 10.0 ** math.floor(math.log10(about))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= about * 0.999)


def _labels(layout: Mapping[str, Any], traces: Sequence[Figure], side: str) -> list[str]:
    return _names(traces, side) or list(layout.get("ticktext", []))


def _room(labels: Sequence[str]) -> float:
    return min(240.0, 20 + 7.0 * max((len(unescape(label)) for label in labels), default=4))


# -- what is drawn ----------------------------------------------------------------------------------------------------


def _frame(x: Axis, y: Axis, left: float, top: float, height: float) -> Iterator[str]:
    """Grid, labels and titles of the axes."""
    floor = height - BOTTOM
    for place, text in x.ticks:
        yield f'<path d="M{place:.1f} {top:.0f}V{floor:.0f}" stroke="var(--line)"/>'
        yield _text(place, floor + 16, text, "middle")
    for place, text in y.ticks:
        yield f'<path d="M{left:.0f} {place:.1f}H{WIDTH - RIGHT:.0f}" stroke="var(--line)"/>'
        yield _text(left - 8, place + 4, text, "end")
    if x.title:
        yield _text((left + WIDTH) / 2, height - 10, x.title, "middle")
    if y.title:
        middle = (top + floor) / 2
        yield f'<text x="14" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 14 {middle:.0f})" ' + (
            f'fill="var(--ink-2)">{escape(y.title)}</text>'
        )


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "var(--ink-2)") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _scatter(trace: Figure, x: Axis, y: Axis) -> Iterator[str]:
    pairs = [
        None if b is None or a is None else (x.place(a), y.place(b))
        for a, b in zip(trace["x"], trace["y"], strict=True)
    ]
    if "lines" in trace["mode"]:
        yield _line(trace, pairs)
    if "markers" in trace["mode"]:
        yield from _marks(trace, pairs)


def _line(trace: Figure, pairs: Sequence[tuple[float, float] | None]) -> str:
    line, steps = trace.get("line", {}), trace.get("line", {}).get("shape") == "hv"
    pieces, broken = [], True
    for pair in pairs:
        if pair is not None:
            across, down = f"{pair[0]:.1f}", f"{pair[1]:.1f}"
            pieces.append(f"M{across} {down}" if broken else f"H{across}V{down}" if steps else f"L{across} {down}")
        broken = pair is None
    dash = f' stroke-dasharray="{DASHES[line["dash"]]}"' if line.get("dash") in DASHES else ""
    fill = trace.get("fillcolor", "none")
    stroke = (
        f'stroke="{line["color"]}" stroke-width="{line.get("width", 1.5)}"' if line.get("color") else 'stroke="none"'
    )
    return f'<path d="{"".join(pieces)}" fill="{fill}" {stroke}{dash}/>'


def _marks(trace: Figure, pairs: Sequence[tuple[float, float] | None]) -> Iterator[str]:
    """All marks of one size and colour as one path."""
    marker = trace["marker"]
    size, colour = marker["size"], marker.get("color") or trace.get("line", {}).get("color", "var(--ink-2)")
    groups: dict[tuple[float, str], list[str]] = {}
    for at, pair in enumerate(pairs):
        own = float(size[at] if isinstance(size, list) else size)
        if pair is not None and own:
            key = (own, str(colour[at] if isinstance(colour, list) else colour))
            groups.setdefault(key, []).append(
                f"M{pair[0]:.1f} {pair[1]:.1f}{_shape(marker.get('symbol', 'circle'), own / 2)}"
            )
    edge = marker.get("line", {})
    stroke = f' stroke="{edge["color"]}" stroke-width="{edge["width"]}"' if edge.get("color") else ""
    for (_, fill), pieces in groups.items():
        lined = f' stroke="{fill}" stroke-width="2"' if marker.get("symbol") == "x" else stroke
        yield f'<path d="{"".join(pieces)}" fill="{fill}"{lined} opacity="{marker.get("opacity", 1)}"/>'


def _shape(symbol: str, radius: float) -> str:
    sizes = {"r": radius, "d": 2 * radius, "t": radius / 3, "d3": 2 * radius / 3}
    return SHAPES[symbol].format(**{name: f"{value:.3g}" for name, value in sizes.items()})


def _heat(trace: Figure, x: Axis, y: Axis) -> Iterator[str]:
    columns, rows = len(trace["x"]), len(trace["y"])
    wide, high = (abs(axis.ticks[-1][0] - axis.ticks[0][0]) / max(1, count - 1) if count > 1 else 60.0
                  for axis, count in ((x, columns), (y, rows)))  # fmt: skip
    for name, line in zip(trace["y"], trace["z"], strict=True):
        for other, value in zip(trace["x"], line, strict=True):
            across, down = x.place(str(other)), y.place(str(name))
            if value is not None:
                colour = "var(--plot-heat)" if value >= 0 else "var(--plot-cold)"
                yield (
                    f'<rect x="{across - wide / 2 + 1:.1f}" y="{down - high / 2 + 1:.1f}" width="{wide - 2:.1f}" '
                    f'height="{high - 2:.1f}" fill="{colour}" opacity="{abs(value):.2f}"/>'
                )
                yield _text(across, down + 4, f"{value:.2f}", "middle", "var(--ink)")


# -- legend -----------------------------------------------------------------------------------------------------------


def _legend_lines(named: Sequence[Figure]) -> list[list[tuple[float, Figure]]]:
    """The named traces in lines, each with its place from the left."""
    lines: list[list[tuple[float, Figure]]] = []
    across = float(WIDTH)
    for trace in named:
        width = 44 + 6.6 * len(unescape(trace["name"]))
        if across + width > WIDTH:
            lines.append([])
            across = 8.0
        lines[-1].append((across, trace))
        across += width
    return lines


def _legend(lines: Sequence[Sequence[tuple[float, Figure]]]) -> Iterator[str]:
    for number, line in enumerate(lines):
        down = 16 + LEGEND * number
        for across, trace in line:
            pair = [(across, float(down)), (across + 22, float(down))]
            if "lines" in trace["mode"]:
                yield _line({**trace, "fillcolor": "none"}, pair)
            if "markers" in trace["mode"]:
                marker = {**trace["marker"]}
                marker["size"] = 8
                yield from _marks({**trace, "marker": marker}, [(across + 11, float(down))])
            yield _text(across + 28, down + 4, unescape(trace["name"]))
