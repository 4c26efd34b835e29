"""The table of columns: everything that a board says of a checkpoint beside its scores, each column described once.

From it are made the contents table, the board's arrays, filters with their counts and address parameters, the fields of
the search, column presets, headings that benchmarks may not use, the facts on a model's page, exports, and what the
table's script is told. To add a column, add an entry at the end of AFTER_SCORES: files in use keep their order.
"""

from __future__ import annotations

import html
from typing import Any

from leaderboard.columns.column import BoardColumn, Group, ModelInfo, Search
from leaderboard.columns.filters import (
    Choice,
    Filter,
    Hidden,
    HideFilter,
    ListFilter,
    OnlyFilter,
    RangeFilter,
    describe,
    hidden_kinds,
)
from leaderboard.records import MODEL_TYPE_SYMBOLS, ModelType, PodiumBlock, Precision, identity_of, plain_type

GROUPS: tuple[Group, ...] = ("Model", "Hub", "Run")
"""In the order of the column picker and of the filters."""
DEFAULT_PRESET = "scores"
PRESETS = (DEFAULT_PRESET, "model facts", "how it was run", "on the Hub")
"""Presets of the column picker; the first is what a first visitor sees."""
SCORE_ENDINGS = (" Raw", " stderr", " n")
"""The contents table's other columns of each score are its title with one of these."""
KIND = "kind"
"""Shown to a first visitor too where a benchmark takes several kinds."""
MODEL = "fullname"
AVERAGE = "Average ⬆️"
CHANGE = "Change of rank"
"""Column of a competition's final board: places gained from the public to the private labels."""
RESULT_PATH = "result_path"
RESULT_VERSION = "result_version"
TRACKS = "tracks"
REVIEW, BASELINE = "review", "baseline"
"""Columns of the contents table, and a filter, that others ask for by name."""

CO2_KG_PER_KWH = 0.2698
"""The Open LLM Leaderboard's figure for its power supply."""
LINK = (
    '<a target="_blank" href="https://huggingface.co/{name}" style="color: var(--link-text-color); '
    'text-decoration: underline;text-decoration-style: dotted;">{name}</a>'
)

TYPES = tuple(Choice(kind.name.lower(), kind.value, f"{MODEL_TYPE_SYMBOLS[kind]} {kind.value}") for kind in ModelType)
PRECISIONS = tuple(Choice(each.value, each.value, each.value) for each in Precision)
SIZES: dict[str, tuple[float | None, float | None]] = {
    "edge": (None, 3.0),
    "consumer": (3.0, 7.0),
    "mid-range": (7.0, 65.0),
    "datacentre": (65.0, None),
}

BEFORE_SCORES = (
    BoardColumn(
        name="eval_name",
        from_name=lambda name: "_".join(part for part in (name.model.replace("/", "_"), name.precision) if part),
    ),
    BoardColumn(
        name="Precision",
        from_result=lambda result: result.block.precision,
        key="precision", heading="Precision", group="Run",
        about="The number format in which the weights were loaded.",
        presets=("scores", "how it was run"),
        filter=ListFilter("precisions", "Precision", PRECISIONS),
        search=Search(("precision", "dtype"), "word"),
    ),
    BoardColumn(
        name="Type",
        from_model=lambda info: info.type.value,
        key="type", heading="Type", group="Model",
        about="How the checkpoint came to be.",
        presets=("model facts",),
        filter=ListFilter("types", "Type", TYPES, closed=True),
        search=Search(("type", "model type"), "word"),
        fact="Type",
        read=lambda text: plain_type(text).value,
    ),
    BoardColumn(
        name="T",
        from_model=lambda info: MODEL_TYPE_SYMBOLS[info.type],
        key="symbol",
    ),
    BoardColumn(
        name="Weight type",
        from_result=lambda result: result.block.weight_type,
        key="weight_type", heading="Weight type", group="Run",
        about="A whole checkpoint, an adapter, or differences to a base model.",
        presets=("how it was run",),
    ),
    BoardColumn(
        name="Architecture",
        from_model=lambda info: info.architectures or None,
        key="architecture", heading="Architecture", group="Model",
        about="The class of the model that its configuration names.",
        presets=("model facts",),
        filter=ListFilter("architectures", "Architecture"),
        search=Search(("architecture", "arch"), "anywhere"),
        fact="Architecture",
        read=lambda text: None if text == "?" else text,
    ),
    BoardColumn(
        name="Model",
        from_name=lambda name: LINK.format(name=html.escape(name.model)) if name.on_hub else html.escape(name.model),
    ),
    BoardColumn(
        name=MODEL,
        from_name=lambda name: name.model,
        key="model",
        search=Search(("name", "model"), "name"),
    ),
    BoardColumn(
        name="Model sha",
        for_all=True,
        from_result=lambda result: result.block.revision,
        kind="commit",
        key="revision", heading="Revision", group="Run",
        about="The commit that was evaluated.",
        presets=("scores", "how it was run"),
        search=Search(("revision", "sha"), "start"),
    ),
    BoardColumn(
        name=AVERAGE,
        from_result=lambda result: result.block.average if result.comparable else None,
        kind="number",
    ),
    BoardColumn(
        name="Hub License",
        from_model=lambda info: license_of(info),
        key="license", heading="Licence", group="Hub",
        about="What the model card says.",
        presets=("scores", "model facts", "on the Hub"),
        filter=ListFilter("license", "Licence", older_names=("licences",)),
        search=Search(("license", "licence", "hub license", "hub licence"), "word"),
        fact="Licence",
    ),
    BoardColumn(
        name="Hub ❤️",
        from_model=lambda info: info.facts.likes if info.facts else None,
        kind="number", whole=True,
        key="likes", heading="Likes", group="Hub",
        about="On the Hub, when it was last asked.",
        presets=("on the Hub",),
    ),
    BoardColumn(
        name="#Params (B)",
        from_model=lambda info: params_of(info),
        kind="number", positive=True,
        key="params", heading="Parameters (B)", group="Model",
        about="Billions of parameters.",
        presets=("scores", "model facts"),
        filter=RangeFilter("size", "Size", "B", SIZES),
        search=Search(("params", "size", "parameters"), "number"),
        fact="Size",
    ),
    BoardColumn(
        name="Available on the hub",
        from_model=lambda info: info.available,
        kind="yes", default=True,
        key="available", heading="On the Hub", group="Hub",
        about="Whether everybody could read it there when it was last looked at.",
        presets=("on the Hub",),
        filter=HideFilter((Hidden("unavailable", "no longer on the Hub", "unavailable", value=False),)),
    ),
    BoardColumn(
        name="MoE",
        from_model=lambda info: info.mixture,
        kind="yes",
        key="moe", heading="Mixture of experts", group="Model",
        about="Whether only some of its parameters work on each token.",
        presets=("model facts",),
        filter=HideFilter((Hidden("moe", "mixtures of experts", "mixture-of-experts"),)),
    ),
    BoardColumn(
        name="Flagged",
        for_all=True,
        from_model=lambda info: info.flag_category is not None,
        kind="yes",
        key="flagged",
        filter=HideFilter((Hidden("flagged", "flagged", "flagged", by_default=True),)),
    ),
    BoardColumn(
        name="Chat Template",
        from_result=lambda result: result.block.use_chat_template,
        kind="yes",
        key="chat", heading="Chat template", group="Run",
        about="Whether prompts went through the checkpoint's chat template.",
        presets=("how it was run",),
        filter=HideFilter(
            (
                Hidden("chat", "with chat template", "chat"),
                Hidden("non_chat", "without chat template", "non-chat", value=False),
            )
        ),
    ),
    BoardColumn(
        name="CO₂ cost (kg)",
        from_result=lambda result: co2_kg(result.block),
        kind="number", positive=True,
        key="co2", heading="CO₂ (kg)", group="Run",
        about="From the energy drawn, where it was measured.",
        presets=("how it was run",),
    ),
)  # fmt: skip
"""The Open LLM Leaderboard's columns before its scores, in its order and with its names."""

AFTER_SCORES = (
    BoardColumn(
        name="Merged",
        from_model=lambda info: info.merged,
        kind="yes",
        key="merged", heading="Merged", group="Model",
        about="Whether the weights of several checkpoints were combined.",
        presets=("model facts",),
        filter=HideFilter((Hidden("merged", "merges", "merged"),)),
    ),
    BoardColumn(
        name="Official Providers",
        from_model=lambda info: info.official,
        kind="yes",
        key="official", heading="Official provider", group="Hub",
        about="Whether the organisers know its organisation as the model's maker.",
        presets=("on the Hub",),
        filter=OnlyFilter("official", "Only official providers"),
    ),
    BoardColumn(
        name="Upload To Hub Date",
        from_model=lambda info: info.facts.created_at[:10] if info.facts and info.facts.created_at else None,
        kind="time",
        key="uploaded", heading="Uploaded", group="Hub",
        about="When its repository was made.",
        presets=("on the Hub",),
    ),
    BoardColumn(
        name="Submission Date",
        for_all=True,
        from_model=lambda info: info.request.submitted_time[:10] or None if info.request else None,
        kind="time",
        key="submitted", heading="Submitted", group="Run",
        about="When it was submitted to this board.",
        presets=("how it was run",),
    ),
    BoardColumn(
        name="Generation",
        from_model=lambda info: info.generation,
        kind="number", whole=True,
        key="generation", heading="Generation", group="Model",
        about="How many times a checkpoint was made from another, since the pretrained one.",
        presets=("model facts",),
    ),
    BoardColumn(
        name="Base Model",
        from_model=lambda info: info.base,
        key="base", heading="Base model", group="Model",
        about="What it was made from.",
        presets=("model facts",),
        search=Search(("base", "base model"), "anywhere"),
        fact="Made from",
    ),
    BoardColumn(name="request_id", from_result=lambda result: result.block.request_id),
    BoardColumn(name="attempt", from_result=lambda result: result.block.attempt, kind="number", whole=True),
    BoardColumn(name="benchmark_version", from_result=lambda result: result.block.benchmark_version),
    BoardColumn(name=RESULT_PATH, from_result=lambda result: result.path),
    BoardColumn(name=RESULT_VERSION, from_result=lambda result: result.version),
    BoardColumn(name="result_time", from_result=lambda result: result.block.time),
    BoardColumn(
        name="evaluation_time_s",
        for_all=True,
        from_result=lambda result: result.block.provenance.wall_seconds,
        kind="number", positive=True,
        key="seconds", heading="Evaluation time (s)", group="Run",
        about="From the start of the job to its last score.",
        presets=("how it was run",),
    ),
    BoardColumn(
        name="sender",
        for_all=True,
        from_model=lambda info: info.request.sender or None if info.request else None,
        key="sender", heading="Submitted by", group="Run",
        about="Who submitted it to this board.",
        presets=("how it was run",),
        search=Search(("sender", "submitter", "submitted by"), "anywhere"),
    ),
    BoardColumn(
        name="track",
        from_model=lambda info: info.request.track if info.request else None,
        for_all=True,
        key="track", heading="Track", group="Run",
        about="The rule set or phase for which it was submitted.",
        filter=ListFilter(TRACKS, "Track"),
    ),
    BoardColumn(name="copy_of", from_model=lambda info: info.copy_of, key="copy_of"),
    BoardColumn(name="flag_category", from_model=lambda info: info.flag_category, key="flag_category"),
    BoardColumn(name="flag_link", from_model=lambda info: info.flag_link, key="flag_link"),
    BoardColumn(
        name="kind",
        for_all=True,
        from_result=lambda result: result.block.kind,
        key=KIND, heading="Kind", group="Run",
        about="What was submitted: a checkpoint, a hosted model, a file of predictions or code.",
        presets=("how it was run",),
        filter=ListFilter("kinds", "Kind"),
        search=Search((KIND,), "word"),
    ),
    BoardColumn(name="identity", from_result=lambda result: identity_of(result.block)),
    BoardColumn(name=REVIEW, from_model=lambda info: info.review, key="review"),
    BoardColumn(name="review_reason", from_model=lambda info: info.review_reason, key="review_reason"),
    BoardColumn(name=BASELINE, from_model=lambda info: info.is_baseline, kind="yes", key="baseline"),
)  # fmt: skip
"""The Open LLM Leaderboard's columns after its scores, then Podium's own."""

COLUMNS = (*BEFORE_SCORES, *AFTER_SCORES)
BY_KEY = {column.key: column for column in COLUMNS if column.key}
SHOWN = {
    column.key: column
    for column in sorted((column for column in COLUMNS if column.group), key=lambda column: GROUPS.index(column.group))
}
"""Key -> column, of those that readers may choose, in the picker's order."""
FILTERS: tuple[tuple[BoardColumn, Filter], ...] = tuple(
    (column, column.filter)
    for column in sorted(COLUMNS, key=lambda column: GROUPS.index(column.group) if column.group else -1)
    if column.filter
)
"""In the order in which the page offers them."""
HIDDEN = hidden_kinds(filter for _, filter in FILTERS)
"""Kind of rows that readers may leave out -> how it is offered."""
RESERVED_TITLES = {"rank", "model", "average", CHANGE.lower()} | {
    title.lower() for column in COLUMNS for title in (column.name, column.heading) if title
}
"""Headings, in lower case, that the board and its exports use for themselves."""


def co2_kg(block: PodiumBlock) -> float | None:
    """Of the evaluation; None where the energy was not measured."""
    energy = block.provenance.energy_kwh
    return None if energy is None else energy * CO2_KG_PER_KWH


def params_of(info: ModelInfo) -> float | None:
    """Billions of parameters, as the request says, else as the Hub does."""
    if info.request and info.request.params:
        return info.request.params
    return info.facts.params if info.facts else None


def license_of(info: ModelInfo) -> str | None:
    """As a maintainer corrected it, else as the card says now, else as it said when it was submitted."""
    stated = info.request.license if info.request else ""
    if info.request and "license" in info.request.corrected:
        return stated or None
    return (info.facts.license if info.facts else None) or stated or None


def preset(name: str) -> list[str]:
    """Keys of the columns that a preset shows beside the scores."""
    return [column.key for column in COLUMNS if name in column.presets]


def describe_columns(of_models: bool = True) -> list[dict[str, str]]:
    """What the table's script is told of each column that readers may choose; `of_models`: on a board of models."""
    return [
        {"key": each.key, "title": each.heading, "kind": each.kind, "group": each.group or "", "about": each.about}
        for each in SHOWN.values()
        if of_models or each.for_all
    ]


def describe_filters(of_models: bool = True) -> list[dict[str, Any]]:
    """What the table's script is told of each chip; `of_models`: on a board of models."""
    return describe(filter for column, filter in FILTERS if of_models or column.for_all)
