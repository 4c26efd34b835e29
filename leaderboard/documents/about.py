"""About: how scores are made, with a worked example from the board, and how to reproduce a row."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from leaderboard.benchmarks import Benchmark, Column
from leaderboard.benchmarks.scale import Scale
from leaderboard.columns import AVERAGE, RESULT_PATH, RESULT_VERSION
from leaderboard.documents.entry import tracks_of
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.errors import NotFound, Unreadable
from leaderboard.models.repositories import present_command
from leaderboard.records import MODEL_TYPE_SYMBOLS, ModelType, PodiumBlock
from leaderboard.service import Service

TITLE = "About"

DECISIONS_SHOWN = 50
EFFECTS = {
    ("quota", "lift"): "no quota",
    ("quota", "impose"): "the quota again",
    ("official_provider", "lift"): "no official provider",
    ("official_provider", "impose"): "official provider",
    ("do_not_submit", "lift"): "may be submitted",
    ("do_not_submit", "impose"): "not accepted",
    ("copy", "lift"): "may be submitted although it is a copy",
    ("copy", "impose"): "not accepted as a copy",
}
"""What maintainers decided, in words."""

TYPES = {
    ModelType.PRETRAINED: "trained from scratch on a corpus, by next-token prediction",
    ModelType.CONTINUOUSLY_PRETRAINED: "a pretrained checkpoint, trained further on another corpus",
    ModelType.FINE_TUNED: "trained further on the data of a domain",
    ModelType.CHAT: "trained to follow instructions or to converse, by instruction tuning or from preferences",
    ModelType.MERGE: "made by combining the weights of other checkpoints, without training",
    ModelType.MULTIMODAL: "reads more than text; here only its text side is measured",
    ModelType.OTHER: "anything else, or not given",
}


@dataclass(frozen=True)
class Worked:
    """One column of a real row, with the numbers that lead to its score."""

    column: Column
    raw: float
    normalised: float
    stderr: float | None
    n: int | None

    @property
    def scale(self) -> Scale | None:
        """Worst and best raw score, where the column is one task; None where several are normalised on their own."""
        return self.column.scale(self.column.parts[0]) if len(self.column.parts) == 1 else None


def worked_row(benchmark: Benchmark, block: PodiumBlock) -> list[Worked]:
    """The measured columns of a published evaluation."""
    rows = []
    for column in benchmark.columns:
        score = block.scores.get(column.key)
        if score is not None and score.raw is not None and score.normalised is not None:
            rows.append(Worked(column, score.raw, score.normalised, score.stderr, score.n))
    return rows


def best(service: Service, benchmark_id: str) -> PodiumBlock | None:
    """The evaluation with the highest average on the board; None when none has one."""
    scored = service.contents.frame(benchmark_id)[[AVERAGE, RESULT_PATH, RESULT_VERSION]].dropna(subset=[AVERAGE])
    if scored.empty:
        return None
    first = int(scored[AVERAGE].to_numpy(dtype=float).argmax())
    path, version = str(scored[RESULT_PATH].iat[first]), str(scored[RESULT_VERSION].iat[first])
    with suppress(NotFound, Unreadable):  # it changed since the table was made
        return service.results.blocks.read(path, version)[0]
    return None


def draw(service: Service, visit: Visit) -> str:
    """The page of the benchmark that the address names."""
    benchmark = service.benchmark(visit.benchmark)
    block = best(service, benchmark.id)
    return render(
        "about",
        title=service.settings.title,
        benchmark=benchmark,
        rules=benchmark.competition,
        tracks=tracks_of(benchmark),
        block=block,
        command=present_command(block, service.models.repositories()) if block else "",
        worked=worked_row(benchmark, block) if block else [],
        refused=service.policies.rules(benchmark.id).refused(),
        decisions=list(reversed(service.policies.history(benchmark.id)))[:DECISIONS_SHOWN],
        effects=EFFECTS,
        types=[(MODEL_TYPE_SYMBOLS[kind], kind.value, text) for kind, text in TYPES.items()],
    )
