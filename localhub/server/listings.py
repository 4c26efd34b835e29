"""The route that lists repos. It refuses filters that it does not support: ignoring one would return every repo."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from localhub import rights
from localhub.accounts import Visitor
from localhub.errors import Invalid
from localhub.facts import list_entry, listed_entry
from localhub.names import Kind
from localhub.refs import MAIN
from localhub.repos import Repo
from localhub.server.context import Expand, Served, Site, Who, answer
from localhub.server.paging import next_link, page_of
from localhub.trees import Snapshot

router = APIRouter()
_FILTERS = ("author", "filter", "gated", "search")
_MODEL_FILTERS = (*_FILTERS, "pipeline_tag")
_SHAPES = {"sort", "direction", "limit", "cursor", "expand", "expand[]", "full", "cardData", "config"}
"""Parameters for the order, the page and the returned properties; they filter nothing."""
_SORTS = {
    "createdAt": "createdAt",
    "created_at": "createdAt",
    "lastModified": "lastModified",
    "last_modified": "lastModified",
    "likes": "likes",
    "downloads": "downloads",
    "id": "id",
}
_GATED = {"true": True, "false": False}
_NOT_A_TAG = "benchmark:"
"""Prefix of `filter` values for the benchmarks that Hugging Face chooses; no repo has such a tag."""


@dataclass(frozen=True)
class RepoQuery:
    """Filters and order of a list of repos."""

    words: list[str]
    author: str
    tags: set[str]
    task: str | None
    gated: bool | None
    sort: str
    ascending: bool

    @classmethod
    def parse(cls, kind: Kind, query: QueryParams) -> "RepoQuery":
        """Read the parameters; raises Invalid, which names every one that is not supported."""
        tags = {tag for text in query.getlist("filter") for tag in text.split(",") if tag}
        _check(kind, query, tags)
        return cls(
            [word.lower() for word in query.getlist("search")],
            query.get("author", "").lower(),
            tags,
            query.get("pipeline_tag") or None,
            _GATED.get(query.get("gated", "").lower()),
            _SORTS[query.get("sort") or "createdAt"],
            query.get("direction") == "1",
        )

    def selects(self, repo: Repo) -> bool:
        """Whether the repo's id and settings match the filters."""
        owned = self.author in ("", repo.name.namespace.lower())
        gated = self.gated in (None, bool(repo.meta.gated))
        return owned and gated and all(word in repo.id.lower() for word in self.words)

    def matches(self, row: dict[str, Any]) -> bool:
        """Whether a row of the list has the tags and the task."""
        return self.tags <= set(row["tags"]) and self.task in (None, row.get("pipeline_tag"))


def _check(kind: Kind, query: QueryParams, tags: set[str]) -> None:
    filters = _MODEL_FILTERS if kind is Kind.MODEL else _FILTERS
    unknown = sorted(set(query) - {*filters, *_SHAPES})
    problems = []
    if unknown:
        names = ", ".join(f'"{name[:50]}"' for name in unknown)
        problems.append(f"Filtering {kind} by {names} is not supported by this Hub: expected {', '.join(filters)}")
    for tag in sorted(tags):
        if tag.startswith(_NOT_A_TAG):
            problems.append(f'"filter" cannot be "{tag[:100]}" on this Hub, which has no list of benchmarks: use tags')
    if query.get("sort") and query["sort"] not in _SORTS:
        allowed = "createdAt, lastModified, likes, downloads, id"
        problems.append(f'"sort" cannot be "{query["sort"][:50]}" on this Hub: expected one of {allowed}')
    if "gated" in query and query["gated"].lower() not in _GATED:
        problems.append(f'"gated" cannot be "{query["gated"][:50]}": expected true or false')
    if problems:
        raise Invalid(". ".join(problems))


@router.get("/api/{kind:kind}")
def listing(
    request: Request, site: Served, who: Who, kind: str, expand: Expand, limit: int = 1000, cursor: str = ""
) -> Response:
    """Repos that the visitor may see: `search` matches the id, `author` the namespace, `filter` lists required tags."""
    query = RepoQuery.parse(Kind(kind), request.query_params)
    rows = [row for row in _entries(site, who, Kind(kind), query) if query.matches(row)]
    rows.sort(key=lambda row: (row[query.sort], row["id"]), reverse=not query.ascending)
    page, following = page_of(rows, cursor, limit)
    if expand:
        page = [{name: value for name, value in row.items() if name in {"_id", "id", *expand}} for row in page]
    return answer(page, headers=next_link(request, following))


def _entries(site: Site, who: Visitor, kind: Kind, query: RepoQuery) -> Iterator[dict[str, Any]]:
    for repo in site.hub.repos.all(kind):
        head = repo.refs.get(MAIN)
        if head and query.selects(repo) and rights.may_see(who, repo):
            entry_of = list_entry if rights.may_read_files(who, repo) else listed_entry
            yield entry_of(Snapshot(repo, head))
