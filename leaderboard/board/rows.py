"""The contents table, as pure functions: one row for each name and identity (`leaderboard.records.kinds`).

The first 18 columns, two for each score column, and six more are those of the Open LLM Leaderboard's contents dataset,
in its order and with its names; ours follow. Unknown values are missing, never 0 or -1.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.community.flags import Category, Upheld
from leaderboard.models.lineage import base_models, generation, is_merge, is_mixture, originals
from leaderboard.records import (
    KINDS,
    MODEL_TYPE_SYMBOLS,
    Kind,
    ModelFacts,
    ModelType,
    PodiumBlock,
    Request,
    identity_of,
    kind_of,
)

Row = dict[str, Any]

HEAD = [
    "eval_name", "Precision", "Type", "T", "Weight type", "Architecture", "Model", "fullname", "Model sha",
    "Average ⬆️", "Hub License", "Hub ❤️", "#Params (B)", "Available on the hub", "MoE", "Flagged", "Chat Template",
    "CO₂ cost (kg)",
]  # fmt: skip
TAIL = ["Merged", "Official Providers", "Upload To Hub Date", "Submission Date", "Generation", "Base Model"]
OURS = {
    "request_id": "str", "attempt": "Int64", "benchmark_version": "str", "result_path": "str",
    "result_version": "str", "result_time": "str", "evaluation_time_s": "Float64", "sender": "str", "track": "str",
    "copy_of": "str",
    "flag_category": "str", "flag_link": "str",
    "kind": "str", "identity": "str",
}  # fmt: skip
DTYPES = {
    **dict.fromkeys(["Average ⬆️", "#Params (B)", "CO₂ cost (kg)"], "Float64"),
    **dict.fromkeys(["Hub ❤️", "Generation"], "Int64"),
    **dict.fromkeys(
        ["Available on the hub", "MoE", "Flagged", "Chat Template", "Merged", "Official Providers"], "bool"
    ),
    **OURS,
}
MEASURED = [
    "eval_name", "Precision", "Weight type", "Model", "fullname", "Model sha", "Average ⬆️", "Chat Template",
    "CO₂ cost (kg)", "request_id", "attempt", "benchmark_version", "result_path", "result_version", "result_time",
    "evaluation_time_s", "kind", "identity",
]  # fmt: skip
"""Columns that a result file alone decides, beside the scores."""

CO2_KG_PER_KWH = 0.2698
"""The Open LLM Leaderboard's figure for its power supply."""
LINK = (
    '<a target="_blank" href="https://huggingface.co/{name}" style="color: var(--link-text-color); '
    'text-decoration: underline;text-decoration-style: dotted;">{name}</a>'
)


class Known(NamedTuple):
    """What is known beside the results."""

    requests: Mapping[str, Request] = {}
    """By id."""
    facts: Mapping[str, ModelFacts] = {}
    """By model."""
    gone: Collection[str] = ()
    """Models that are not on the Hub any more."""
    flagged: Mapping[str, Upheld] = {}
    """Models with a flag that the maintainers accepted; those whose owner had them removed are not in the table."""
    official: Collection[str] = ()
    """Official providers, in lower case."""


def columns(benchmark: Benchmark) -> dict[str, str]:
    """Columns of a benchmark's table, in order -> dtype."""
    titles = [column.title for column in benchmark.columns]
    scores = [name for title in titles for name in (f"{title} Raw", title)]
    names = {name: DTYPES.get(name, "str") for name in HEAD}
    names |= dict.fromkeys(scores, "Float64")
    names |= {name: DTYPES.get(name, "str") for name in TAIL} | OURS
    return names | {f"{title} stderr": "Float64" for title in titles} | {f"{title} n": "Int64" for title in titles}


def measured_columns(benchmark: Benchmark) -> list[str]:
    """The columns of `measured`."""
    return MEASURED + [f"{column.title}{end}" for column in benchmark.columns for end in (" Raw", "", " stderr", " n")]


def measured(block: PodiumBlock, path: str, version: str, benchmark: Benchmark) -> Row:
    """The part of a row that a result file decides.

    Scores of another version of the benchmark are left out: they cannot be compared.
    """
    comparable = block.benchmark_version == benchmark.version
    energy = block.provenance.energy_kwh
    row: Row = {
        **_named(block.model, block.precision, kind_of(block)),
        "Precision": block.precision,
        "Weight type": block.weight_type,
        "Model sha": block.revision,
        "Average ⬆️": block.average if comparable else None,
        "Chat Template": block.use_chat_template,
        "CO₂ cost (kg)": None if energy is None else energy * CO2_KG_PER_KWH,
        "request_id": block.request_id,
        "attempt": block.attempt,
        "benchmark_version": block.benchmark_version,
        "result_path": path,
        "result_version": version,
        "result_time": block.time,
        "evaluation_time_s": block.provenance.wall_seconds,
        "kind": block.kind,
        "identity": identity_of(block),
    }
    for column in benchmark.columns:
        score = block.scores.get(column.key) if comparable else None
        row[f"{column.title} Raw"] = score.raw if score else None
        row[column.title] = score.normalised if score else None
        row[f"{column.title} stderr"] = score.stderr if score else None
        row[f"{column.title} n"] = score.n if score else None
    return row


def latest(rows: Iterable[Row]) -> list[Row]:
    """Of all evaluations of the same the one that started last, in a fixed order."""
    newest: dict[tuple[str, str, str], Row] = {}
    for row in sorted(rows, key=_age):
        newest[(row["kind"], row["fullname"], row["identity"])] = row
    return sorted(newest.values(), key=lambda row: row["result_path"])


def _age(row: Row) -> tuple[Any, ...]:
    return row["result_time"], row["attempt"], row["result_path"]


def frame(rows: Sequence[Row], known: Known, benchmark: Benchmark) -> pd.DataFrame:
    """The table of measured rows, completed with what is known of their models and requests."""
    rows = latest(_under_present_names(rows, known.facts))
    known = known._replace(flagged=_flags_of_present_names(known))
    removed = {model for model, flag in known.flagged.items() if flag.category == Category.REMOVAL}
    rows = [row for row in rows if row["fullname"] not in removed]
    bases = _bases(rows, known)
    copies = originals(known.facts)
    whole = [row | _described(row, known, bases, copies) for row in rows]
    dtypes = columns(benchmark)
    return pd.DataFrame({name: [row[name] for row in whole] for name in dtypes}, columns=list(dtypes)).astype(dtypes)


def _under_present_names(rows: Iterable[Row], facts: Mapping[str, ModelFacts]) -> list[Row]:
    """The rows, those of repositories that were renamed since under the new name.

    Only what was measured before counts: the old name may be somebody else's by now.
    """
    now = {old: (model, time) for model, one in facts.items() for old, time in one.aliases.items()}
    found = []
    for row in rows:
        kind = KINDS[row["kind"]]
        if not kind.on_hub:
            found.append(row)
            continue
        measured_as = "/".join(row["result_path"].split("/")[1:3])
        model, time = now.get(measured_as, (measured_as, ""))
        found.append(row | _named(model, row["Precision"], kind) if row["result_time"] <= time else row)
    return found


def _flags_of_present_names(known: Known) -> dict[str, Upheld]:
    """The flags by what their models are called now: a new name does not leave them behind."""
    now = {old: (model, time) for model, one in known.facts.items() for old, time in one.aliases.items()}
    found: dict[str, Upheld] = {}
    for name, flag in known.flagged.items():
        model, time = now.get(name, (name, ""))
        model = model if flag.time <= time else name
        if model not in found or flag.category == Category.REMOVAL:
            found[model] = flag
    return found


def _named(model: str, precision: str, kind: Kind) -> Row:
    """The columns that hold the name."""
    parts = (model.replace("/", "_"), precision)
    return {
        "eval_name": "_".join(part for part in parts if part),
        "Model": LINK.format(name=html.escape(model)) if kind.on_hub else html.escape(model),
        "fullname": model,
    }


def _described(
    row: Row, known: Known, bases: Mapping[str, Sequence[str]], copies: Mapping[tuple[str, str], str]
) -> Row:
    """The part of a row that comes from its request and from what the Hub said of the model."""
    model, on_hub = row["fullname"], KINDS[row["kind"]].on_hub
    request = known.requests.get(row["request_id"])
    facts = known.facts.get(model) if on_hub else None
    kind = _type(request)
    architectures = _architectures(request, facts)
    created = facts.created_at if facts else None
    flag = known.flagged.get(model)
    return {
        "Type": kind.value,
        "T": MODEL_TYPE_SYMBOLS[kind],
        "Architecture": architectures or None,
        "Hub License": (facts.licence if facts else None) or (request.license or None if request else None),
        "Hub ❤️": facts.likes if facts else None,
        "#Params (B)": request.params if request and request.params else facts.params if facts else None,
        "Available on the hub": not on_hub or model not in known.gone,
        "MoE": is_mixture(facts, architectures.split(";")),
        "Flagged": flag is not None,
        "Merged": kind is ModelType.MERGE or (facts is not None and is_merge(facts)),
        "Official Providers": on_hub and model.partition("/")[0].casefold() in known.official,
        "Upload To Hub Date": created[:10] if created else None,
        "Submission Date": (request.submitted_time[:10] or None) if request else None,
        "Generation": generation(model, bases, lambda name: name != model or kind is ModelType.PRETRAINED),
        "Base Model": next(iter(bases.get(model, ())), model if kind is ModelType.PRETRAINED else None),
        "sender": request.sender or None if request else None,
        "track": request.track if request else None,
        "copy_of": copies.get((model, row["Model sha"])),
        "flag_category": flag.category if flag else None,
        "flag_link": flag.link if flag else None,
    }


def _type(request: Request | None) -> ModelType:
    return ModelType(request.model_type) if request and request.model_type in set(ModelType) else ModelType.OTHER


def _architectures(request: Request | None, facts: ModelFacts | None) -> str:
    said = request.architectures if request else ""
    return said or (";".join(facts.architectures) if facts else "")


def _bases(rows: Sequence[Row], known: Known) -> dict[str, list[str]]:
    """Model -> what it was made from, as far as requests, cards and tags say."""
    bases = {model: base_models(facts) for model, facts in known.facts.items()}
    for row in rows:
        request, model = known.requests.get(row["request_id"]), row["fullname"]
        if request and request.base_model and request.base_model != model:
            others = [base for base in bases.get(model, ()) if base != request.base_model]
            bases[model] = [request.base_model, *others]
    return bases
