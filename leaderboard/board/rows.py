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
from leaderboard.community.flags import Category, Upheld
from leaderboard.competitions.standings import Standing
from leaderboard.models.lineage import base_models, generation, is_merge, is_mixture, originals
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
DESCRIBED = [column for column in COLUMNS if column.from_model]


class KnownFacts(NamedTuple):
    """What is known beside the results."""

    requests: Mapping[str, AnyRequest] = {}
    """By id."""
    facts: Mapping[str, ModelFacts] = {}
    """By model."""
    flagged: Mapping[str, Upheld] = {}
    """Models with a flag that the maintainers accepted; those whose owner had them removed are not in the table."""
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
    rows = latest(_under_present_names(rows, known.facts))
    known = known._replace(flagged=_flags_of_present_names(known))
    removed = {model for model, flag in known.flagged.items() if flag.category == Category.REMOVAL}
    rows = [row for row in rows if row["fullname"] not in removed]
    bases = _bases(rows, known)
    copies = originals(known.facts)
    models = [_model_info(row, known, bases, copies) for row in rows]
    described = {
        column.name: [column.from_model(model) for model in models] for column in DESCRIBED if column.from_model
    }
    dtypes = columns(benchmark)
    cells = {name: described[name] if name in described else [row[name] for row in rows] for name in dtypes}
    return pd.DataFrame(cells, columns=list(dtypes)).astype(dtypes)


def _under_present_names(rows: Iterable[Row], facts: Mapping[str, ModelFacts]) -> list[Row]:
    """The rows, those of repositories that were renamed since under the new name.

    Only what was measured before counts: the old name may be somebody else's by now.
    """
    now = {old: (model, time) for model, facts_of in facts.items() for old, time in facts_of.aliases.items()}
    renamed = []
    for row in rows:
        kind = KINDS[row["kind"]]
        if not kind.on_hub:
            renamed.append(row)
            continue
        measured_as = model_in("/".join(row["result_path"].split("/")[1:3]))
        model, time = now.get(measured_as, (measured_as, ""))
        renamed.append(row | _named(model, row["Precision"], kind) if row["result_time"] <= time else row)
    return renamed


def _flags_of_present_names(known: KnownFacts) -> dict[str, Upheld]:
    """The flags by what their models are called now: a new name does not leave them behind."""
    now = {old: (model, time) for model, facts_of in known.facts.items() for old, time in facts_of.aliases.items()}
    flags: dict[str, Upheld] = {}
    for name, flag in known.flagged.items():
        model, time = now.get(name, (name, ""))
        model = model if flag.time <= time else name
        if model not in flags or flag.category == Category.REMOVAL:
            flags[model] = flag
    return flags


def _named(model: str, precision: str, kind: Kind) -> Row:
    """The columns that hold the name."""
    name = RowName(model, precision, kind.on_hub)
    return {column.name: column.from_name(name) for column in NAMED if column.from_name}


def _model_info(
    row: Row, known: KnownFacts, bases: Mapping[str, Sequence[str]], copies: Mapping[tuple[str, str], str]
) -> ModelInfo:
    """What is said of a row beside its result file."""
    model, on_hub = row["fullname"], KINDS[row["kind"]].on_hub
    facts, flag = known.facts.get(model) if on_hub else None, known.flagged.get(model)
    info = request_info(model, known.requests.get(row["request_id"]), facts)
    standing = known.standings.get(row["request_id"], Standing())
    pretrained = info.type is ModelType.PRETRAINED
    return info._replace(
        base=next(iter(bases.get(model, ())), model if pretrained else None),
        generation=generation(model, bases, lambda name: name != model or pretrained),
        merged=info.type is ModelType.MERGE or (facts is not None and is_merge(facts)),
        mixture=is_mixture(facts, info.architectures.split(";")),
        available=facts is None or facts.available,
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
