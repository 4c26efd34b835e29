"""The form of the kinds that are no checkpoints. The page's script sends it through the API, the file first."""

from __future__ import annotations

from leaderboard.documents.entry import asked
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.records import KINDS
from leaderboard.service import Service

NOUNS = {"predictions": "predictions", "code": "code", "endpoint": "an endpoint"}
CHECKED = {
    "predictions": "The file's columns, types, ranges and ids, before it is scored.",
    "code": "The package's layout, entry points and declared models, before it is run in a sandbox.",
    "endpoint": "The address, the interface and the tokenizer, before the server is asked anything.",
}


def chosen_kind(service: Service, here: Visit) -> str:
    """The kind of submission that the reader's address asks for; the benchmark's first one without."""
    kinds = service.benchmark(here.benchmark).kinds
    wanted = here.query.get("kind", "")
    return wanted if wanted in kinds else kinds[0]


def draw(service: Service, here: Visit) -> str:
    """The choice of kinds where there are several, and the form of the chosen one where it is no checkpoint."""
    benchmark = service.benchmark(here.benchmark)
    kind = chosen_kind(service, here)
    rules = benchmark.upload_rules(kind)
    return render(
        "submit_named",
        benchmark=benchmark,
        kind=kind,
        kinds=benchmark.kinds,
        titles={name: KINDS[name].title for name in benchmark.kinds},
        nouns=NOUNS,
        checked=CHECKED,
        limit=rules.max_bytes if rules else None,
        query=here.query,
        **asked(service, here),
    )
