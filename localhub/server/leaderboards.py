"""A dataset's leaderboard, built from the `.eval_results` of all models: on main and in open pull requests."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from localhub import rights
from localhub.accounts import Visitor
from localhub.cards import load_yaml
from localhub.discussions import OPEN, Discussions
from localhub.errors import Invalid, NotFound
from localhub.evalresults import FOLDER, entries_at
from localhub.facts import card_at
from localhub.names import Kind
from localhub.refs import MAIN
from localhub.repos import Repo
from localhub.server.accounts import AVATAR
from localhub.server.context import Served, Site, Target, Who, answer, flag
from localhub.trees import Snapshot

router = APIRouter()


@router.get("/api/datasets/{namespace}/{name}/leaderboard")
def leaderboard(site: Served, who: Who, repo: Target, task_id: str = "", base_model: str = "true") -> Response:
    """Models ranked by value, the highest first, on one task (the dataset's first by default).

    Models that name a base model are left out, as on the Hub, unless `base_model` is false; so are models whose files
    the visitor may not read.
    """
    tasks = _tasks(repo)
    dataset_rows = [
        row for row in _entries(site, who, flag(base_model)) if _same(row["data"]["dataset"]["id"], repo.id)
    ]
    if not tasks and not dataset_rows:
        raise NotFound(f"The dataset {repo.id} has no leaderboard: it has no eval.yaml and no model has results on it")
    task = task_id or (tasks[0] if tasks else dataset_rows[0]["data"]["dataset"]["task_id"])
    rows = [row for row in dataset_rows if row["data"]["dataset"]["task_id"] == task]
    rows.sort(key=lambda row: (-row["data"]["value"], row["modelId"]))
    return answer([_shown(site, rank, row) for rank, row in enumerate(rows, 1)])


def _same(repo_id: str, other_id: str) -> bool:
    return repo_id.lower() == other_id.lower()


def _tasks(repo: Repo) -> list[str]:
    head = repo.refs.get(MAIN)
    text = Snapshot(repo, head).text("eval.yaml") if head else None
    try:
        data = load_yaml(text or "")
    except Invalid:
        return []
    tasks = data.get("tasks") if isinstance(data, dict) else None
    return [str(task["id"]) for task in tasks or [] if isinstance(task, dict) and "id" in task]


def _entries(site: Site, who: Visitor, base_models_only: bool) -> Iterator[dict[str, Any]]:
    for repo in site.hub.repos.all(Kind.MODEL):
        head = repo.refs.get(MAIN)
        if not head or not rights.may_read_files(who, repo):
            continue
        snapshot = Snapshot(repo, head)
        if base_models_only and (card_at(snapshot) or {}).get("base_model"):
            continue
        merged = entries_at(snapshot)
        for entry in merged:
            yield {**entry, "modelId": repo.id}
        if not repo.refs.under("refs/pr/"):
            continue
        for pull in Discussions(repo).all():
            oid = repo.refs.get(pull.ref) if pull.is_pull_request and pull.status == OPEN else None
            if not oid or Snapshot(repo, oid).find(FOLDER) == snapshot.find(FOLDER):
                continue
            for entry in entries_at(Snapshot(repo, oid)):
                if entry not in merged:
                    yield {**entry, "modelId": repo.id, "pullRequest": pull.num}


def _shown(site: Site, rank: int, row: dict[str, Any]) -> dict[str, Any]:
    namespace = row["modelId"].partition("/")[0]
    kind = "org" if site.hub.accounts.is_organization(namespace) else "user"
    author = {"type": kind, "name": namespace, "fullname": namespace, "avatarUrl": AVATAR}
    if kind == "user":
        author["user"] = namespace
    shown = {"rank": rank, "modelId": row["modelId"], "value": row["data"]["value"], "filename": row["filename"]}
    shown |= {"verified": row["verified"], "author": author}
    optional = {key: row["data"][key] for key in ("source", "notes") if key in row["data"]}
    return shown | optional | ({"pullRequest": row["pullRequest"]} if "pullRequest" in row else {})
