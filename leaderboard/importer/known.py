"""What an old board knew of its models: from its request files, and from its table (`contents`), as facts of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from leaderboard.errors import Unreadable
from leaderboard.records import ModelFacts, is_repo_id

NEEDED = {"fullname", "Model sha"}
"""Columns by which the Open LLM Leaderboard's table is known."""
READ = {
    *NEEDED, "Hub License", "Hub ❤️", "Available on the hub", "MoE", "Merged", "Not_Merged", "Base Model",
    "Upload To Hub Date",
}  # fmt: skip
TABLE_NAME = re.compile(r"(?:contents|train-).*\.(?:parquet|csv)")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
TRUE, FALSE = {"true", "1", "yes"}, {"false", "0", "no"}


def is_table(path: str) -> bool:
    """Whether the name may be that of a board's table."""
    return bool(TABLE_NAME.fullmatch(path.rpartition("/")[2]))


def read_table(path: str, file: Path) -> Iterator[ModelFacts]:
    """What the table says of each model. Raises Unreadable for a file that is no such table."""
    try:
        if path.endswith(".csv"):
            names = pa_csv.open_csv(file).schema.names
            text = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=_read(names))
            table = pa_csv.read_csv(file, convert_options=text) if text.include_columns else None
        else:
            columns = _read(pq.read_schema(file).names)
            table = pq.read_table(file, columns=columns) if columns else None
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(path, f"it cannot be read as a table ({str(error)[:200]})") from error
    if table is None:
        raise Unreadable(path, "it is not the table of an Open LLM Leaderboard (it lacks `fullname` or `Model sha`)")
    for batch in table.to_batches(max_chunksize=1000):
        for row in batch.to_pylist():
            if isinstance(row["fullname"], str) and is_repo_id(row["fullname"]):
                yield _facts(row)


def of_request(fields: Mapping[str, Any], model: str, revision: str) -> ModelFacts:
    """What a request file of another board says of its model."""
    return _facts(
        {
            "fullname": model,
            "Model sha": revision,
            "Hub License": fields.get("license"),
            "Hub ❤️": fields.get("likes"),
            "Base Model": fields.get("base_model"),
        }
    )


def joined(first: ModelFacts, second: ModelFacts) -> ModelFacts:
    """`first`, and what only `second` says. Both are of one model."""
    stated = {name: getattr(first, name) for name in first.model_fields_set if name != "card"}
    return second.model_copy(update={**stated, "card": second.card | first.card})


def _facts(row: Mapping[str, Any]) -> ModelFacts:
    """Only what is known: other boards wrote 0 likes and no licence where they had not looked."""
    model = row["fullname"]
    card = {}
    if licence := _text(row.get("Hub License")):
        card["license"] = licence
    base = _text(row.get("Base Model"))
    if base and base != model and is_repo_id(base):
        card["base_model"] = base
    merged = _yes(row.get("Merged")) or _yes(row.get("Not_Merged")) is False
    tags = [tag for tag, holds in (("merge", merged), ("moe", _yes(row.get("MoE")))) if holds]
    stated: dict[str, Any] = {"card": card} if card else {}
    stated |= {"tags": tags} if tags else {}
    likes = _number(row.get("Hub ❤️"))
    stated |= {"likes": likes} if likes else {}
    available = _yes(row.get("Available on the hub"))
    stated |= {"available": False} if available is False else {}
    date = _text(row.get("Upload To Hub Date"))[:10]
    stated |= {"created_at": f"{date}T00:00:00.000Z"} if DATE.fullmatch(date) else {}
    return ModelFacts(model=model, revision=_text(row.get("Model sha")) or "main", imported=True, **stated)


def _read(names: list[str]) -> list[str]:
    return [name for name in names if name in READ] if set(names) >= NEEDED else []


def _text(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return "" if text in ("?", "None", "nan", "Removed") else text[:200]


def _number(value: Any) -> int | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if 0 <= number < 1e9 else None


def _yes(value: Any) -> bool | None:
    text = str(value).strip().lower()
    return True if text in TRUE else False if text in FALSE else None
