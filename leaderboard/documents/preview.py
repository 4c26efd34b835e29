"""GET /preview.png: the picture that other sites show beside a link to the board, to a benchmark or to a model."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from PIL import Image, ImageDraw, ImageFont

from leaderboard.api.answers import has_already
from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.service import Service

SIZE = (1200, 630)
GROUND, INK, QUIET, LINE, ACCENT, FAINT = "#ffffff", "#16181d", "#545a66", "#e2e4e8", "#1f58c7", "#c5d3f2"
MARGIN = 72
BARS = 5
KEPT = 128
"""Pictures kept in memory, some 20 kB each."""
HOUR_S = 3600


class Bar(NamedTuple):
    """A line of the picture."""

    label: str
    points: float


class Picture(NamedTuple):
    """What a picture says."""

    title: str
    heading: str
    sentence: str
    bars: tuple[Bar, ...]


def preview_routes(service: Service) -> APIRouter:
    """The route; `benchmark` and `model` in the address choose what is shown."""
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/preview.png", methods=["GET", "HEAD"])
    def get_preview(request: Request, benchmark: str = "", model: str = "") -> Response:
        """The picture. Raises NotFound."""
        board = service.boards.get(service.benchmark(benchmark).id).board
        picture = of_model(service, board, model) or of_board(service, board)
        body = drawn(picture)
        tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        headers = {"ETag": tag, "Cache-Control": f"public, max-age={HOUR_S}"}
        if has_already(request, tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="image/png", headers=headers)

    return routes


def of_board(service: Service, board: Board) -> Picture:
    """The best rows of the board."""
    best = board.select(View()).rows[:BARS]
    average = board.average(board.keys)
    known = [(str(board.names[at]), float(average[at])) for at in best if average[at] == average[at]]
    bars = () if board.benchmark.on_scores else tuple(Bar(name, points) for name, points in known)
    noun = "submission" if board.benchmark.on_scores else "checkpoint"
    sentence = f"{board.size:,} {noun}{'' if board.size == 1 else 's'} evaluated"
    return Picture(service.settings.title, board.benchmark.title, sentence, bars)


def of_model(service: Service, board: Board, model: str) -> Picture | None:
    """The scores of a model's best row; None for a model that is not on the board."""
    selection = board.select(View(hide=()))
    at = next((int(row) for row in selection.rows if board.names[row] == model), None)
    if at is None:
        return None
    average, rank = selection.average[at], selection.rank[at]
    parts = [f"average {average:.2f}"] if average == average and not board.benchmark.on_scores else []
    parts += [f"rank {int(rank):,} of {board.size:,}"] if rank == rank else []
    points = {column.title: float(board.normalised[column.key][at]) for column in board.benchmark.columns}
    bars = [Bar(title, value) for title, value in points.items() if value == value]
    shown = () if board.benchmark.on_scores else tuple(bars[: BARS + 1])
    return Picture(f"{service.settings.title} · {board.benchmark.title}", model, ", ".join(parts), shown)


@lru_cache(maxsize=KEPT)
def drawn(picture: Picture) -> bytes:
    """The picture as PNG."""
    image = Image.new("RGB", SIZE, GROUND)
    draw = ImageDraw.Draw(image)
    for left, top, right, colour in ((0, 14, 18, LINE), (21, 0, 39, ACCENT), (42, 22, 60, LINE)):
        draw.rectangle((MARGIN + left, MARGIN + top, MARGIN + right, MARGIN + 44), fill=colour)
    draw.text((MARGIN + 78, MARGIN + 22), _cut(draw, picture.title, 34, 950), INK, _font(34), anchor="lm")
    draw.text((MARGIN, 196), _cut(draw, picture.heading, 58, SIZE[0] - 2 * MARGIN), INK, _font(58), anchor="lm")
    draw.text((MARGIN, 256), _cut(draw, picture.sentence, 32, SIZE[0] - 2 * MARGIN), QUIET, _font(32), anchor="lm")
    for number, bar in enumerate(picture.bars):
        top = 320 + 44 * number
        draw.text((MARGIN, top + 14), _cut(draw, bar.label, 26, 480), INK, _font(26), anchor="lm")
        length = 440 * min(100.0, max(0.0, bar.points)) / 100
        draw.rounded_rectangle((570, top, 570 + max(2.0, length), top + 28), 5, fill=FAINT)
        draw.text((SIZE[0] - MARGIN, top + 14), f"{bar.points:.2f}", INK, _font(26), anchor="rm")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow, so that a picture is the same on every machine."""
    return ImageFont.load_default(size)


def _cut(draw: ImageDraw.ImageDraw, text: str, size: int, width: int) -> str:
    """As much of a text as fits."""
    if draw.textlength(text, _font(size)) <= width:
        return text
    while text and draw.textlength(f"{text}...", _font(size)) > width:
        text = text[:-1]
    return f"{text}..."
