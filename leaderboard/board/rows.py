"""The contents table, as pure functions: one row for each name and identity (`leaderboard.records.kinds`).

The first 18 columns, two for each score column, and six more are those of the Open LLM Leaderboard's contents dataset,
in its order and with its names; ours follow. Unknown values are missing, never 0 or -1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.columns import AFTER_SCORES, BEFORE_SCORES, COLUMNS, SCORE_ENDINGS
from leaderboard.columns.column import ModelInfo, ResultFile, RowName
from leaderboard.community.flags import Upheld, discussed_at
from leaderboard.competitions.standings import Standing
from leaderboard.models.lineage import base_models, generation, is_merge, is_mixture, originals
from leaderboard.models.repositories import Repositories, Repository
from leaderboard.records import (
    KINDS,
    AnyRequest,
    Kind,
    ModelFacts,
    ModelType,
    PodiumBlock,
    kind_of,
    model_in,
    namespace_of,
)

Row = dict[str, Any]

MEASURED = [column for column in COLUMNS if column.from_result]
NAMED = [column for column in COLUMNS if column.from_name]
HAS_NAME = "has_name"
"""Key of a row, no column: whether its repository still has the name."""
DESCRIBED = [column for column in COLUMNS if column.from_model]


class KnownFacts(NamedTuple):
    """What is known beside the results."""

    requests: Mapping[str, AnyRequest] = {}
    """By id."""
    facts: Mapping[str, ModelFacts] = {}
    """By model."""
    flagged: Sequence[Upheld] = ()
    """Flags that the maintainers accepted, removals first; models that were removed are not in the table."""
    official: Collection[str] = ()
    """Official providers, in lower case."""
    standings: Mapping[str, Standing] = {}
    """What organisers decided, by request."""


def columns(benchmark: Benchmark) -> dict[str, str]:
    """Columns of a benchmark's table, in order -> dtype."""
    raw, stderr, n = SCORE_ENDINGS
    titles = [column.title for column in benchmark.columns]
    dtypes = {column.name: column.dtype for column in BEFORE_SCORES}
    dtypes |= {name: "Float64" for title in titles for name in (title + raw, title)}
    dtypes |= {column.name: column.dtype for column in AFTER_SCORES}
    return dtypes | {title + stderr: "Float64" for title in titles} | {title + n: "Int64" for title in titles}


def measured_columns(benchmark: Benchmark) -> list[str]:
    """The columns of `measured`."""
    own = [column.name for column in (*NAMED, *MEASURED)]
    return own + [column.title + ending for column in benchmark.columns for ending in ("", *SCORE_ENDINGS)]


def measured(block: PodiumBlock, path: str, version: str, benchmark: Benchmark) -> Row:
    """The part of a row that a result file decides.

    Scores of another version of the benchmark are left out: they cannot be compared.
    """
    result = ResultFile(block, path, version, comparable=block.benchmark_version == benchmark.version)
    row = _named(block.model, block.precision, kind_of(block))
    row |= {column.name: column.from_result(result) for column in MEASURED if column.from_result}
    raw, stderr, n = SCORE_ENDINGS
    for column in benchmark.columns:
        score = block.scores.get(column.key) if result.comparable else None
        row[column.title + raw] = score.raw if score else None
        row[column.title] = score.normalised if score else None
        row[column.title + stderr] = score.stderr if score else None
        row[column.title + n] = score.n if score else None
    return row


def latest(rows: Iterable[Row]) -> list[Row]:
    """Of all evaluations of the same the one that started last, in a fixed order."""
    newest: dict[tuple[str, str, str], Row] = {}
    for row in sorted(rows, key=_age):
        newest[(row["kind"], row["fullname"], row["identity"])] = row
    return sorted(newest.values(), key=lambda row: row["result_path"])


def _age(row: Row) -> tuple[Any, ...]:
    return row["result_time"], row["attempt"], row["result_path"]


def frame(rows: Sequence[Row], known: KnownFacts, benchmark: Benchmark) -> pd.DataFrame:
    """The table of measured rows, completed with what is known of their models and requests."""
    repositories = Repositories(known.facts)
    flags = _flags(known.flagged, repositories)
    rows = latest(_under_present_names(rows, repositories))
    rows = [row for row in rows if not (flag := flags.get(_repository(row))) or not flag.removes]
    bases = _bases(rows, known)
    copies = originals(known.facts)
    models = [_model_info(row, known, flags.get(_repository(row)), bases, copies) for row in rows]
    described = {
        column.name: [column.from_model(model) for model in models] for column in DESCRIBED if column.from_model
    }
    dtypes = columns(benchmark)
    cells = {name: described[name] if name in described else [row[name] for row in rows] for name in dtypes}
    return pd.DataFrame(cells, columns=list(dtypes)).astype(dtypes)


def _under_present_names(rows: Iterable[Row], repositories: Repositories) -> list[Row]:
    """The rows under what their repositories are called now; HAS_NAME says whether the name is still their own."""
    renamed = []
    for row in rows:
        kind = KINDS[row["kind"]]
        if not kind.on_hub:
            renamed.append(row)
            continue
        measured_as = model_in("/".join(row["result_path"].split("/")[1:3]))
        repository = repositories.of(measured_as, row["result_time"], (row["Model sha"],))
        if repository != _repository(row):
            row = row | _named(repository.name, row["Precision"], kind) | {HAS_NAME: repository.has_name}
        renamed.append(row)
    return renamed


def _repository(row: Row) -> Repository:
    """The repository of a row that was measured."""
    return Repository(row["fullname"], row.get(HAS_NAME, True))


def _flags(flagged: Iterable[Upheld], repositories: Repositories) -> dict[Repository, Upheld]:
    """Repository -> its flag, the first of several."""
    flags: dict[Repository, Upheld] = {}
    for flag in flagged:
        repository = repositories.of(flag.model, flag.time, flag.commits)
        flags.setdefault(repository, flag._replace(link=discussed_at(flag.link, repository, flag.id)))
    return flags


def _named(model: str, precision: str, kind: Kind) -> Row:
    """The columns that hold the name."""
    name = RowName(model, precision, kind.on_hub)
    return {column.name: column.from_name(name) for column in NAMED if column.from_name}


def _model_info(
    row: Row,
    known: KnownFacts,
    flag: Upheld | None,
    bases: Mapping[str, Sequence[str]],
    copies: Mapping[tuple[str, str], str],
) -> ModelInfo:
    """What is said of a row beside its result file."""
    model, on_hub, has_name = row["fullname"], KINDS[row["kind"]].on_hub, _repository(row).has_name
    facts = known.facts.get(model) if on_hub and has_name else None
    info = request_info(model, known.requests.get(row["request_id"]), facts)
    standing = known.standings.get(row["request_id"], Standing())
    pretrained = info.type is ModelType.PRETRAINED
    return info._replace(
        base=next(iter(bases.get(model, ())), model if pretrained else None),
        generation=generation(model, bases, lambda name: name != model or pretrained),
        merged=info.type is ModelType.MERGE or (facts is not None and is_merge(facts)),
        mixture=is_mixture(facts, info.architectures.split(";")),
        available=has_name and (facts is None or facts.available),
        official=on_hub and namespace_of(model).casefold() in known.official,
        copy_of=copies.get((model, row["Model sha"])),
        flag_category=flag.category if flag else None,
        flag_link=flag.link if flag else None,
        review=standing.review.state.value if standing.review else None,
        review_reason=standing.review.reason or None if standing.review else None,
        is_baseline=standing.is_baseline,
    )


def request_info(model: str, request: AnyRequest | None, facts: ModelFacts | None) -> ModelInfo:
    """What the request and the Hub alone say of a model."""
    stated = request.model_type if request else ""
    return ModelInfo(
        model=model,
        type=ModelType(stated) if stated in set(ModelType) else ModelType.OTHER,
        request=request,
        facts=facts,
        architectures=(request.architectures if request else "") or (";".join(facts.architectures) if facts else ""),
        base=(request.base_model or None) if request else None,
    )


def _bases(rows: Sequence[Row], known: KnownFacts) -> dict[str, list[str]]:
    """Model -> what it was made from, as far as requests, cards and tags say."""
    bases = {model: base_models(facts) for model, facts in known.facts.items()}
    for row in rows:
        request, model = known.requests.get(row["request_id"]), row["fullname"]
        if request and request.base_model and request.base_model != model:
            others = [base for base in bases.get(model, ()) if base != request.base_model]
            bases[model] = [request.base_model, *others]
    return bases
