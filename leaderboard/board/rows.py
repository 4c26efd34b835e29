"""The contents table, as pure functions: one row for each name and identity (`leaderboard.records.kinds`).

The first 18 columns, two for each score column, and six more are those of the Open LLM Leaderboard's contents dataset,
in its order and with its names; ours follow. Unknown values are missing, never 0 or -1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from leaderboard.benchmarks import Benchmark
from leaderboard.columns import AFTER_SCORES, BEFORE_SCORES, COLUMNS, MODEL, RESULT_PATH, SCORE_ENDINGS
from leaderboard.columns.column import Cell, ModelInfo, ResultFile, RowName
from leaderboard.community.flags import Upheld, discussed_at
from leaderboard.competitions.standings import Standing
from leaderboard.models.lineage import generation, is_mixture
from leaderboard.models.repositories import Repositories, Repository
from leaderboard.models.summary import originals
from leaderboard.records import (
    KINDS,
    AnyRequest,
    Kind,
    ModelSummary,
    ModelType,
    PodiumBlock,
    kind_of,
    model_in,
    namespace_of,
)

Row = dict[str, Cell]

MEASURED = [column for column in COLUMNS if column.from_result]
NAMED = [column for column in COLUMNS if column.from_name]
DESCRIBED = [column for column in COLUMNS if column.from_model]
SAME = ["kind", MODEL, "identity"]
"""Columns in which two evaluations of the same are equal."""
AGE = ["result_time", "attempt", RESULT_PATH]


class KnownFacts(NamedTuple):
    """What is known beside the results."""

    requests: Mapping[str, AnyRequest] = {}
    """By id."""
    facts: Mapping[str, ModelSummary] = {}
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


def measured_dtypes(benchmark: Benchmark) -> dict[str, str]:
    """Column of `measured` -> dtype."""
    dtypes = columns(benchmark)
    return {name: dtypes[name] for name in measured_columns(benchmark)}


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


def in_columns(rows: Sequence[Row], benchmark: Benchmark) -> pd.DataFrame:
    """Measured rows as a table, which takes a tenth of the memory."""
    return pd.DataFrame(rows, columns=measured_columns(benchmark)).astype(measured_dtypes(benchmark))


def latest(rows: pd.DataFrame) -> pd.DataFrame:
    """Of all evaluations of the same the one that started last, in a fixed order."""
    newest = rows.sort_values(AGE).drop_duplicates(SAME, keep="last").sort_values(RESULT_PATH)
    return rows if newest.index.equals(rows.index) else newest.reset_index(drop=True)


def cells(table: pd.DataFrame, *names: str) -> Iterable[tuple[Any, ...]]:
    """Row by row the cells of some columns, None where unknown."""
    return zip(*(pa.array(table[name], from_pandas=True).to_pylist() for name in names), strict=True)


def frame(rows: pd.DataFrame, known: KnownFacts, benchmark: Benchmark) -> pd.DataFrame:
    """The table of the `latest` measured rows, completed with what is known of their models and requests."""
    repositories = Repositories(known.facts)
    rows, present = _under_present_names(rows, repositories)
    flags = _flags(known.flagged, repositories)
    shown = [at for at, row in enumerate(present) if not (flag := flags.get(row.repository)) or not flag.removes]
    if len(shown) < len(present):
        rows, present = rows.take(shown).reset_index(drop=True), [present[at] for at in shown]
    bases = _bases(present, known)
    copies = originals(known.facts)
    models = [_model_info(row, known, flags.get(row.repository), bases, copies) for row in present]
    dtypes = columns(benchmark)
    described = pd.DataFrame(
        {column.name: [column.from_model(model) for model in models] for column in DESCRIBED if column.from_model}
    )
    described = described.astype({str(name): dtypes[str(name)] for name in described})
    return pd.concat([rows, described], axis="columns")[list(dtypes)]


class _PresentRow(NamedTuple):
    """What a row is called now, and what tells what is known of it beside its result file."""

    repository: Repository
    kind: Kind
    request_id: str
    commit: str


def _under_present_names(rows: pd.DataFrame, repositories: Repositories) -> tuple[pd.DataFrame, list[_PresentRow]]:
    """The latest rows under what their repositories are called now, in order."""
    present: list[_PresentRow] = []
    renamed: dict[int, Row] = {}
    told = cells(rows, "kind", MODEL, "Precision", RESULT_PATH, "result_time", "Model sha", "request_id")
    for at, (kind_name, name, precision, path, time, commit, request_id) in enumerate(told):
        kind = KINDS[kind_name]
        repository = _repository(kind, name, path, time, commit, repositories)
        present.append(_PresentRow(repository, kind, request_id, commit))
        if repository.name != name:
            renamed[at] = _named(repository.name, precision, kind)
    if not renamed:
        return rows, present
    rows = rows.assign(place=range(len(rows)))
    for column in NAMED:
        rows.loc[list(renamed), column.name] = [row[column.name] for row in renamed.values()]
    rows = latest(rows)
    return rows.drop(columns="place"), [present[at] for at in rows["place"]]


def _repository(kind: Kind, name: str, path: str, time: str, commit: str, repositories: Repositories) -> Repository:
    """The repository of a row that was measured."""
    if not kind.on_hub:
        return Repository(name)
    return repositories.of(model_in("/".join(path.split("/")[1:3])), time, (commit,))


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
    row: _PresentRow,
    known: KnownFacts,
    flag: Upheld | None,
    bases: Mapping[str, Sequence[str]],
    copies: Mapping[tuple[str, str], str],
) -> ModelInfo:
    """What is said of a row beside its result file."""
    (model, has_name), on_hub = row.repository, row.kind.on_hub
    facts = known.facts.get(model) if on_hub and has_name else None
    info = request_info(model, known.requests.get(row.request_id), facts)
    standing = known.standings.get(row.request_id, Standing())
    pretrained = info.type is ModelType.PRETRAINED
    return info._replace(
        base=next(iter(bases.get(model, ())), model if pretrained else None),
        generation=generation(model, bases, lambda name: name != model or pretrained),
        merged=info.type is ModelType.MERGE or (facts is not None and facts.is_merge),
        mixture=is_mixture(facts.states_mixture if facts else None, info.architectures.split(";")),
        available=has_name and (facts is None or facts.available),
        official=on_hub and namespace_of(model).casefold() in known.official,
        copy_of=copies.get((model, row.commit)),
        flag_category=flag.category if flag else None,
        flag_link=flag.link if flag else None,
        review=standing.review.state.value if standing.review else None,
        review_reason=standing.review.reason or None if standing.review else None,
        is_baseline=standing.is_baseline,
    )


def request_info(model: str, request: AnyRequest | None, facts: ModelSummary | None) -> ModelInfo:
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


def _bases(rows: Sequence[_PresentRow], known: KnownFacts) -> dict[str, list[str]]:
    """Model -> what it was made from, as far as requests, cards and tags say."""
    bases = {model: list(facts.bases) for model, facts in known.facts.items() if facts.bases}
    for row in rows:
        request, model = known.requests.get(row.request_id), row.repository.name
        if request and request.base_model and request.base_model != model:
            others = [base for base in bases.get(model, ()) if base != request.base_model]
            bases[model] = [request.base_model, *others]
    return bases
