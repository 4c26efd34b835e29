"""The rooms of Podium, and what each may import: the one table that `tests/test_architecture.py` walks.

A room is a package or a module one level below `leaderboard` or `backend`. What is not named here is refused.
"""

from __future__ import annotations

NOUNS = "leaderboard leaderboard.records leaderboard.errors"
"""The seam to files, the records and the errors: for everybody."""

ROOMS = {
    # what the nouns are
    "leaderboard": "",
    "leaderboard.records": "",
    "leaderboard.errors": "leaderboard.records",
    "leaderboard.settings": "leaderboard.errors leaderboard.records",
    "leaderboard.columns": "leaderboard.records",
    "leaderboard.benchmarks": f"{NOUNS} leaderboard.columns",
    "leaderboard.statistics": f"{NOUNS} leaderboard.benchmarks",
    # where things are
    "leaderboard.hub": f"{NOUNS} leaderboard.settings leaderboard.benchmarks",
    "leaderboard.stores": f"{NOUNS} leaderboard.settings leaderboard.hub",
    "leaderboard.endpoints": f"{NOUNS} leaderboard.settings",
    # what people do, in the order in which a submission meets them
    "leaderboard.archives": NOUNS,
    "leaderboard.artifacts": f"{NOUNS} leaderboard.settings leaderboard.hub",
    "leaderboard.predictions": f"{NOUNS} leaderboard.benchmarks leaderboard.statistics leaderboard.archives",
    "leaderboard.packaging": f"{NOUNS} leaderboard.settings leaderboard.benchmarks leaderboard.archives "
    "leaderboard.predictions",
    "leaderboard.bundles": f"{NOUNS} leaderboard.columns leaderboard.benchmarks leaderboard.archives",
    "leaderboard.models": f"{NOUNS} leaderboard.stores",
    "leaderboard.queue": f"{NOUNS} leaderboard.stores",
    "leaderboard.submissions": f"{NOUNS} leaderboard.benchmarks leaderboard.hub leaderboard.stores "
    "leaderboard.models "
    "leaderboard.queue leaderboard.archives leaderboard.artifacts leaderboard.endpoints leaderboard.predictions "
    "leaderboard.packaging",
    "leaderboard.competitions": f"{NOUNS} leaderboard.benchmarks leaderboard.stores leaderboard.queue",
    "leaderboard.results": f"{NOUNS} leaderboard.settings leaderboard.benchmarks leaderboard.hub leaderboard.stores",
    "leaderboard.live": f"{NOUNS} leaderboard.queue leaderboard.results",
    "leaderboard.identity": f"{NOUNS} leaderboard.settings",
    "leaderboard.community": f"{NOUNS} leaderboard.hub leaderboard.stores leaderboard.models leaderboard.queue "
    "leaderboard.submissions leaderboard.identity",
    "leaderboard.board": f"{NOUNS} leaderboard.settings leaderboard.columns leaderboard.benchmarks "
    "leaderboard.stores leaderboard.models "
    "leaderboard.results leaderboard.submissions leaderboard.community leaderboard.competitions "
    "leaderboard.statistics",
    "leaderboard.compare": f"{NOUNS} leaderboard.benchmarks leaderboard.statistics leaderboard.results "
    "leaderboard.board",
    "leaderboard.plots": f"{NOUNS} leaderboard.statistics leaderboard.board",
    "leaderboard.importer": f"{NOUNS} leaderboard.settings leaderboard.benchmarks leaderboard.statistics "
    "leaderboard.hub leaderboard.stores leaderboard.models leaderboard.queue leaderboard.results",
    "leaderboard.notices": f"{NOUNS} leaderboard.settings leaderboard.queue",
    # put together
    "leaderboard.opening": f"{NOUNS} leaderboard.artifacts leaderboard.settings leaderboard.benchmarks "
    "leaderboard.stores leaderboard.models "
    "leaderboard.queue "
    "leaderboard.results",
    "leaderboard.monitoring": f"{NOUNS} leaderboard.settings leaderboard.benchmarks leaderboard.hub "
    "leaderboard.queue "
    "leaderboard.opening",
    "leaderboard.backup": f"{NOUNS} leaderboard.stores leaderboard.results leaderboard.opening",
    "leaderboard.space": "leaderboard leaderboard.errors leaderboard.settings",
    "leaderboard.service": f"{NOUNS} leaderboard.artifacts leaderboard.bundles leaderboard.endpoints "
    "leaderboard.predictions leaderboard.packaging "
    "leaderboard.settings "
    "leaderboard.benchmarks leaderboard.hub leaderboard.stores "
    "leaderboard.models leaderboard.queue leaderboard.submissions leaderboard.results leaderboard.identity "
    "leaderboard.community leaderboard.competitions leaderboard.board leaderboard.opening leaderboard.live "
    "leaderboard.monitoring",
    "leaderboard.api": f"{NOUNS} leaderboard.competitions leaderboard.artifacts leaderboard.bundles "
    "leaderboard.settings "
    "leaderboard.benchmarks leaderboard.queue leaderboard.submissions "
    "leaderboard.live leaderboard.results leaderboard.identity leaderboard.community leaderboard.board "
    "leaderboard.compare leaderboard.plots leaderboard.service leaderboard.monitoring",
    "leaderboard.documents": f"{NOUNS} leaderboard.competitions leaderboard.artifacts leaderboard.bundles "
    "leaderboard.settings "
    "leaderboard.columns leaderboard.benchmarks leaderboard.models leaderboard.queue "
    "leaderboard.submissions leaderboard.results leaderboard.identity leaderboard.community leaderboard.board "
    "leaderboard.compare leaderboard.plots leaderboard.service leaderboard.api leaderboard.statistics leaderboard.live",
    "leaderboard.pages": f"{NOUNS} leaderboard.competitions leaderboard.benchmarks leaderboard.submissions "
    "leaderboard.identity leaderboard.community leaderboard.board leaderboard.service leaderboard.api "
    "leaderboard.documents",
    "leaderboard.cli": f"{NOUNS} leaderboard.artifacts leaderboard.bundles leaderboard.settings "
    "leaderboard.benchmarks leaderboard.predictions leaderboard.queue leaderboard.results "
    "leaderboard.board leaderboard.importer leaderboard.opening leaderboard.backup "
    "leaderboard.space leaderboard.packaging leaderboard.archives",
    # what runs work
    "backend": "leaderboard.records leaderboard.benchmarks",
    "backend.sandbox": "leaderboard.errors",
    "backend.accelerators": "",
    "backend.environment": f"{NOUNS} leaderboard.settings",
    "backend.kept": "",
    "backend.workdir": f"{NOUNS} leaderboard.benchmarks backend backend.sandbox backend.kept",
    "backend.resources": f"{NOUNS} leaderboard.settings backend",
    "backend.engines": f"{NOUNS} leaderboard.settings leaderboard.benchmarks backend backend.workdir",
    "backend.failures": f"{NOUNS} backend backend.workdir",
    "backend.relay": f"{NOUNS} leaderboard.settings leaderboard.benchmarks leaderboard.endpoints backend.workdir "
    "backend.failures",
    "backend.abilities": f"{NOUNS} leaderboard.benchmarks backend backend.sandbox backend.workdir",
    "backend.evaluators": f"{NOUNS} leaderboard.archives leaderboard.predictions leaderboard.settings "
    "leaderboard.benchmarks leaderboard.statistics "
    "leaderboard.results leaderboard.endpoints backend backend.sandbox backend.accelerators backend.kept "
    "backend.workdir backend.resources "
    "backend.failures backend.relay backend.abilities",
    "backend.job": f"{NOUNS} backend backend.workdir backend.failures backend.evaluators",
    "backend.executors": f"{NOUNS} leaderboard.artifacts leaderboard.settings leaderboard.benchmarks "
    "leaderboard.hub leaderboard.results backend backend.sandbox backend.accelerators "
    "backend.environment backend.workdir backend.failures backend.relay backend.evaluators backend.job",
    "backend.upkeep": f"{NOUNS} leaderboard.settings leaderboard.benchmarks leaderboard.stores leaderboard.hub "
    "leaderboard.models leaderboard.queue leaderboard.results backend.environment",
    "backend.scheduler": f"{NOUNS} leaderboard.artifacts leaderboard.settings leaderboard.benchmarks "
    "leaderboard.stores leaderboard.hub "
    "leaderboard.queue leaderboard.results leaderboard.board leaderboard.opening leaderboard.monitoring backend "
    "backend.sandbox backend.environment backend.kept backend.workdir backend.resources backend.engines "
    "backend.failures backend.evaluators backend.upkeep",
    "backend.doctor": f"{NOUNS} leaderboard.settings leaderboard.benchmarks leaderboard.hub leaderboard.stores "
    "leaderboard.opening "
    "backend backend.sandbox backend.executors",
    "backend.commands": f"{NOUNS} leaderboard.artifacts leaderboard.settings leaderboard.benchmarks "
    "leaderboard.stores leaderboard.hub leaderboard.opening leaderboard.monitoring backend backend.sandbox "
    "backend.environment backend.failures backend.workdir "
    "backend.evaluators backend.executors backend.scheduler backend.doctor",
    "backend.__main__": "backend.commands",
}
"""Room -> the rooms that it may import from, in the order in which a reader meets them."""
