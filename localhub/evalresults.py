"""Community evaluation results: `.eval_results/*.yaml` of model repos, and a dataset's leaderboard made of them."""

from typing import Any

from localhub.cards import load_yaml
from localhub.errors import Invalid
from localhub.trees import Snapshot

FOLDER = ".eval_results"


def entries_at(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The readable entries of a model repo at one commit, each `{filename, verified, data}`."""
    folder = snapshot.find(FOLDER)
    if folder is None or not folder.is_folder:
        return []
    entries = []
    for row in snapshot.listing(FOLDER):
        if row.is_folder or not row.path.endswith((".yaml", ".yml")):
            continue
        path = f"{FOLDER}/{row.path}"
        try:
            rows = load_yaml(snapshot.text(path) or "")
        except Invalid:
            continue
        for entry in rows if isinstance(rows, list) else []:
            if _is_entry(entry):
                entries.append({"filename": path, "verified": False, "data": entry})
    return entries


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("dataset"), dict):
        return False
    value, dataset = entry.get("value"), entry["dataset"]
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return numeric and isinstance(dataset.get("id"), str) and isinstance(dataset.get("task_id"), str)
