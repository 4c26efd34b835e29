"""The plots as plotly figures: plain dictionaries, with the pages' colour tokens in place of colours.

A colour is written `var(--token)`; plots.js puts in what the token is in the reader's theme. Names of models are
escaped, because plotly reads markup in texts.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from leaderboard import plots
from leaderboard.board.filters import Floats
from leaderboard.board.table import Board
from leaderboard.plots import Name, When
from leaderboard.records import ModelType

Figure = dict[str, Any]

POINTS = 3000
"""Dots in one drawing; the front and the chosen ones are always among them."""
BINS = 50
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "5px,2px")
SYMBOLS = ("circle", "square", "triangle-up", "cross", "x", "star", "hexagon")
TYPES = {kind.value: at for at, kind in enumerate(ModelType)}
UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
OPEN = "<br><i>click to open</i><extra></extra>"


def figure(board: Board, name: Name, key: str = "average", when: When = "submitted", ids: Sequence[str] = ()) -> Figure:
    """The drawing of the plot `name` with the rows of `ids` marked."""
    marked = plots.chosen(board, ids)
    if name == "progress":
        return _progress(board, key, when, marked)
    if name == "size":
        return _size(board, key, marked)
    return _spread(board, marked) if name == "spread" else _correlation(board)


def to_json(drawn: Figure) -> bytes:
    """The figure as plotly reads it."""
    return json.dumps(drawn, ensure_ascii=False, allow_nan=False).encode()


def short(kind: str) -> str:
    """A model type without its explanation."""
    return kind.partition(" (")[0].removesuffix(" on domain-specific datasets")


def _progress(board: Board, key: str, when: When, marked: Sequence[int]) -> Figure:
    records = plots.table(board, "progress", key, when)
    data: list[Figure] = []
    for kind, part in records.groupby("type", sort=False):
        place = TYPES.get(str(kind))
        line = {"color": _colour(place), "width": 1.5 if place is not None else 3, "shape": "hv"}
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": short(str(kind)),
                "x": [*part["date"], records["date"].max()],
                "y": [*_floats(part["score"]), float(part["score"].max())],
                "line": line | {"dash": DASHES[place] if place is not None else "solid"},
                "marker": {
                    "size": [7] * len(part) + [0],
                    "symbol": SYMBOLS[place] if place is not None else "circle",
                    "line": {"width": 0},
                },
                "text": [*_names(part["model"]), ""],
                "customdata": [*_links(part["model"]), None],
                "hovertemplate": "<b>%{text}</b><br>%{y:.2f} on %{x|%-d %b %Y}" + OPEN,
            }
        )
    dates, scores = board.texts[when], plots.scores_of(board, key)
    there = [at for at in marked if dates[at] is not None and not np.isnan(scores[at])]
    data.append(
        _marks(board, there, [str(dates[at])[:10] for at in there], [float(scores[at]) for at in there], marked)
    )
    title = plots.title_of(board, key)
    label = "Submitted" if when == "submitted" else "Put on the Hub"
    return _drawn(data, _axis(label, type="date", **_days(records)), _axis(f"{title}, points", rangemode="tozero"))


def _days(records: pd.DataFrame) -> Figure:
    """Room around a board that is one day old, which plotly would draw in milliseconds."""
    days = pd.to_datetime(records["date"])
    if not len(days) or days.nunique() > 1:
        return {}
    around = [str((days.iloc[0] + pd.Timedelta(days=shift)).date()) for shift in (-3, 3)]
    return {"range": around, "dtick": 86_400_000, "tickformat": "%-d %b %Y"}


def _size(board: Board, key: str, marked: Sequence[int]) -> Figure:
    points = plots.table(board, "size", key)
    shown = _thinned(points)
    data: list[Figure] = []
    for kind, part in shown.groupby(shown["type"].fillna(ModelType.OTHER.value), sort=False):
        place = TYPES.get(str(kind), len(TYPES) - 1)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": short(str(kind)),
                "x": _floats(part["params"]),
                "y": _floats(part["score"]),
                "marker": {"color": _colour(place), "symbol": SYMBOLS[place], "size": 7, "opacity": 0.65},
                "text": _names(part["model"]),
                "customdata": _links(part["model"]),
                "hovertext": [size_label(value) for value in part["params"]],
                "hovertemplate": "<b>%{text}</b><br>%{y:.2f} at %{hovertext} parameters" + OPEN,
            }
        )
    front = points[points["front"]]
    data.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best for its size",
            "x": _floats(front["params"]),
            "y": _floats(front["score"]),
            "line": {"color": "var(--ink)", "width": 1.5, "shape": "hv"},
            "hoverinfo": "skip",
        }
    )
    params, scores = board.numbers["params"], plots.scores_of(board, key)
    there = [at for at in marked if params[at] > 0 and not np.isnan(scores[at])]
    data.append(_marks(board, there, [float(params[at]) for at in there], [float(scores[at]) for at in there], marked))
    x = _axis("Parameters", type="log", **_size_ticks(points["params"]))
    return _drawn(data, x, _axis(f"{plots.title_of(board, key)}, points", rangemode="tozero"))


def size_label(billions: float) -> str:
    """A number of parameters with its unit: `7 B`, `188 k`."""
    number = billions * 1e9
    amount, unit = next(((number / each, unit) for each, unit in UNITS if number >= each), (number, ""))
    return f"{amount:.3g} {unit}".strip()


def _size_ticks(params: pd.Series) -> Figure:
    """Powers of ten; over less than two of them also 2 and 5."""
    if params.empty:
        return {}
    low, high = math.floor(math.log10(params.min())), math.ceil(math.log10(params.max()))
    steps = (1,) if high - low > 2 else (1, 2, 5)
    values = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    return {"tickvals": values, "ticktext": [size_label(value) for value in values]}


def _spread(board: Board, marked: Sequence[int]) -> Figure:
    lines = plots.table(board, "spread")
    keep = ~board.of_kind(plots.LEFT_OUT)
    data: list[Figure] = []
    for line, key in enumerate(lines["task"]):
        values = plots.scores_of(board, key)[keep]
        data.append(_hill(values[~np.isnan(values)], line))
    at = list(range(len(lines)))
    gaps: list[float | None] = [value for low, high in zip(lines["p25"], lines["p75"], strict=True)
                                for value in (float(low), float(high), None)]  # fmt: skip
    heights: list[float | None] = [value for place in at for value in (float(place), float(place), None)]
    data.append(
        {"type": "scatter", "mode": "lines", "name": "middle half", "x": gaps, "y": heights, "hoverinfo": "skip",
         "line": {"color": "var(--ink-3)", "width": 4}}
    )  # fmt: skip
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "median",
            "x": _floats(lines["median"]),
            "y": at,
            "marker": {"color": "var(--ground)", "size": 8, "line": {"color": "var(--ink-2)", "width": 2}},
            "text": [html.escape(title) for title in lines["title"]],
            "hovertemplate": "<b>%{text}</b><br>median %{x:.2f}<extra></extra>",
        }
    )
    for place, row in enumerate(marked):
        points = [(float(plots.scores_of(board, key)[row]), line) for line, key in enumerate(lines["task"])]
        known = [(x, y) for x, y in points if not np.isnan(x)]
        data.append(_mark(board, row, place, [x for x, _ in known], [y for _, y in known], "%{x:.2f}"))
    ticks = {"tickvals": at, "ticktext": [html.escape(title) for title in lines["title"]], "autorange": "reversed"}
    return _drawn(data, _axis("Points"), _axis("", showgrid=False, **ticks), height=90 + 56 * max(2, len(lines)))


def _hill(values: Floats, at: int) -> Figure:
    """The outline of a distribution, mirrored about the line `at`."""
    low, high = min(0.0, float(values.min())), max(100.0, float(values.max()))
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    smooth = np.convolve(counts, np.array([1, 4, 6, 4, 1]) / 16, mode="same")
    half = 0.42 * smooth / (smooth.max() or 1.0)
    x = (edges[:-1] + edges[1:]) / 2
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*map(float, x), *map(float, x[::-1])],
        "y": [*map(float, at - half), *map(float, at + half[::-1])],
        "fill": "toself",
        "fillcolor": "var(--plot-hill)",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _correlation(board: Board) -> Figure:
    points = plots.table(board, "correlation")
    size = len(board.keys)
    values = points["correlation"].to_numpy(dtype=float).reshape(size, size)
    numbers = points["n"].to_numpy(dtype=int).reshape(size, size)
    titles = [html.escape(plots.title_of(board, key)) for key in board.keys]
    z = [[None if np.isnan(value) else round(float(value), 4) for value in line] for line in values]
    data: list[Figure] = [
        {
            "type": "heatmap",
            "x": titles,
            "y": titles,
            "z": z,
            "zmin": -1,
            "zmax": 1,
            "xgap": 2,
            "ygap": 2,
            "colorscale": [[0, "var(--plot-cold)"], [0.5, "var(--ground)"], [1, "var(--plot-heat)"]],
            "showscale": False,
            "texttemplate": "%{z:.2f}",
            "textfont": {"color": "var(--ink)"},
            "customdata": numbers.tolist(),
            "hovertemplate": "%{y} and %{x}: %{z:.2f}<br>%{customdata:,} checkpoints<extra></extra>",
        }
    ]
    axis = {"showgrid": False, "zeroline": False}
    return _drawn(data, _axis("", **axis), _axis("", autorange="reversed", **axis), height=90 + 46 * max(4, size))


def _marks(board: Board, there: Sequence[int], x: Sequence[Any], y: Sequence[float], marked: Sequence[int]) -> Figure:
    """The chosen rows as one layer above the others."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "chosen",
        "x": list(x),
        "y": list(y),
        "marker": {"size": 13, "symbol": "diamond", "color": [_chosen_colour(marked.index(at)) for at in there],
                   "line": {"color": "var(--ground)", "width": 2}},
        "text": _names(board.names[at] for at in there),
        "customdata": _links(board.names[at] for at in there),
        "hovertemplate": "<b>%{text}</b><br>%{y:.2f}" + OPEN,
        "showlegend": False,
    }  # fmt: skip


def _mark(board: Board, row: int, place: int, x: Sequence[float], y: Sequence[float], label: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": html.escape(str(board.names[row])),
        "x": list(x),
        "y": list(y),
        "marker": {"size": 12, "symbol": "diamond", "color": _chosen_colour(place),
                   "line": {"color": "var(--ground)", "width": 1.5}},
        "text": _names([board.names[row]]) * len(x),
        "customdata": _links([board.names[row]]) * len(x),
        "hovertemplate": "<b>%{text}</b><br>" + label + OPEN,
        "showlegend": False,
    }  # fmt: skip


def _thinned(points: pd.DataFrame) -> pd.DataFrame:
    """At most about POINTS rows, evenly over the sizes, with the whole front."""
    step = -(-len(points) // POINTS) or 1
    keep = points["front"].to_numpy(dtype=bool) | (np.arange(len(points)) % step == 0)
    return pd.DataFrame(points.loc[keep])


def _drawn(data: list[Figure], x: Figure, y: Figure, height: int = 420) -> Figure:
    layout = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "var(--ink-2)"},
        "hoverlabel": {
            "bgcolor": "var(--raised)",
            "bordercolor": "var(--line-strong)",
            "font": {"color": "var(--ink)"},
        },
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": x,
        "yaxis": y,
    }
    return {"data": data, "layout": layout}


def _axis(title: str, **more: Any) -> Figure:
    return {
        "title": {"text": html.escape(title), "standoff": 8},
        "automargin": True,
        "gridcolor": "var(--line)",
        "linecolor": "var(--line-strong)",
        "zeroline": False,
        "fixedrange": True,
        **more,
    }


def _colour(place: int | None) -> str:
    return "var(--ink-2)" if place is None else f"var(--plot-{place + 1})"


def _chosen_colour(place: int) -> str:
    return f"var(--chosen-{place % 5 + 1})"


def _floats(values: pd.Series) -> list[float]:
    return [float(value) for value in values]


def _names(values: Any) -> list[str]:
    return [html.escape(str(value)) for value in values]


def _links(values: Any) -> list[str]:
    """What a click opens: the model's page."""
    return [f"/model/{value}" for value in values]
