"""Which request a result answers: of those that are here, and of those that are imported now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from leaderboard.importer.requests import Imported
from leaderboard.importer.results import Origin
from leaderboard.queue.queue import Queue
from leaderboard.queue.request_files import read_request
from leaderboard.records import AnyRequest, Request


class KnownRequests:
    """The requests of one benchmark, by model. Those that have ended are read again when they are asked for."""

    def __init__(self, queue: Queue, benchmark: str) -> None:
        self._view = queue.view()
        self._here: dict[str, dict[str, AnyRequest]] = defaultdict(dict)
        """Model -> id -> request."""
        self._imported: dict[str, dict[str, Imported]] = defaultdict(dict)
        for request in self._view:
            if request.benchmark == benchmark:
                self._here[request.model][request.id] = request

    def add(self, imported: Imported) -> None:
        """One more, unless a request with its id is here."""
        if imported.id not in self._here.get(imported.model, ()):
            self._imported[imported.model].setdefault(imported.id, imported)

    def of(self, model: str) -> list[Request]:
        """The requests for a model, in full."""
        here = self._view.in_full(self._here[model].values()) if model in self._here else []
        return [*here, *self._read(model)]

    def _read(self, model: str) -> Iterator[Request]:
        for imported in self._imported.get(model, {}).values():
            yield read_request(imported.path, imported.content)

    def __iter__(self) -> Iterator[Imported]:
        """Those that were added."""
        for of_model in self._imported.values():
            yield from of_model.values()


def answered(origin: Origin, of_model: list[Request]) -> Request | None:
    """The request of the same model, precision and revision; else the only one that can be."""
    of_precision = [request for request in of_model if origin.precision in ("?", request.precision)]
    of_revision = [request for request in of_precision if request.revision == origin.revision]
    of_template = [request for request in of_revision if request.use_chat_template == origin.use_chat_template]
    if of_template or of_revision:
        return (of_template or of_revision)[0]
    if len(of_precision) == 1 and (len(of_precision[0].revision) != 40 or not origin.says_revision):
        return of_precision[0]
    return None
