"""The dialect of CodaLab 1.5 and 1.8: a mapping of phases, each with its programs, and one of columns.

1.8 has phases that run beside each other below a parent: they become the tasks of one phase. Programs of a parent,
which combine the scores of its phases, are not run; the mean over the tasks stands in for them.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from leaderboard.benchmarks.bundle_rules import BundlePage, BundlePhase, BundleRules, BundleSettings, BundleTask
from leaderboard.bundles.fields import Fields
from leaderboard.bundles.model import Bundle, BundleColumn
from leaderboard.bundles.parts import (
    MAX_KEY,
    MISSING,
    OPERATIONS,
    ROOT,
    SORTING,
    WALL_SECONDS,
    computations,
    in_time,
    limits_and_hidden,
    logo,
    page,
    precision,
    settings,
    shown_primary,
    track,
    unique,
)
from leaderboard.bundles.programs import task, unprovided

DAY = timedelta(days=1)


def read_v1(top: Fields) -> Bundle:
    """The bundle; where errors were noted it is not to be used."""
    phases, tasks = _phases(top)
    board = _board(top)
    html = top.below("html")
    pages = [(title, page(html, title)) for title in html.value if title != "terms"]
    given: BundleSettings = settings(top)
    rules = BundleRules(
        folder=ROOT,
        docker_image=top.text("competition_docker_image"),
        tasks=tasks,
        phases=phases,
        leaderboard=board[1],
        leaderboard_key=board[0],
        pages=[BundlePage(title=title, file=file) for title, file in pages if file is not None],
        terms=page(html, "terms"),
        logo=logo(top, "image"),
        settings=given.model_copy(
            update={
                "registration_auto_approve": not top.flag("has_registration", True),
                "forum_enabled": top.flag("enable_forum", True),
            }
        ),
    )
    columns = _columns(top, board[1], tasks)
    return Bundle(
        dialect="codalab",
        title=top.needed("title") or MISSING,
        description=top.text("description"),
        columns=columns,
        primary_index=shown_primary(top.below("leaderboard"), columns, 0),
        rules=rules,
    )


def _phases(top: Fields) -> tuple[list[BundlePhase], list[BundleTask]]:
    """One phase after the other with one task each; those below a parent are tasks of one phase."""
    each = [(fields, fields.whole("phasenumber", place)) for place, fields in enumerate(top.under("phases").values())]
    each.sort(key=lambda pair: pair[1])
    unique(each, "phases", "phasenumber")
    ordered = [fields for fields, _ in each]
    if not ordered:
        top.error("There is no phase. Add one, with a scoring program.", "phases")
        return [BundlePhase(track=MISSING, name=MISSING, tasks=[0])], [_no_task()]
    if any(fields.flag("is_parallel_parent", False) or "parent_phasenumber" in fields for fields in ordered):
        return _parallel(top, ordered[0], ordered[1:] or ordered)
    tasks, phases = list[BundleTask](), list[tuple[Fields, BundlePhase]]()
    for index, fields in enumerate(ordered):
        phase = _phase(fields, fields, index, {phase.track for _, phase in phases}, [index])
        tasks.append(_task(fields, index, f"{phase.name} Task"))
        phases.append((fields, phase))
    return in_time(_with_ends(top, phases), "start_date", "start_date"), tasks


def _parallel(top: Fields, parent: Fields, children: list[Fields]) -> tuple[list[BundlePhase], list[BundleTask]]:
    """Version 1.8: the phases below the first one are tasks, and run together."""
    names = [fields.text("label") or f"Task {index + 1}" for index, fields in enumerate(children)]
    tasks = [_task(fields, index, name) for index, (fields, name) in enumerate(zip(children, names, strict=True))]
    phase = _phase(parent, children[0], 0, set(), [task.index for task in tasks])
    return in_time([(parent, _ended(top, phase))], "start_date", "end_date"), tasks


def _phase(fields: Fields, run: Fields, position: int, taken: set[str], tasks: list[int]) -> BundlePhase:
    """`run` says what is run, `fields` all the rest; they differ for a parent."""
    name = fields.text("label") or f"Phase {position + 1}"
    return BundlePhase(
        track=track(name, position, taken),
        name=name,
        description=fields.text("description"),
        start=fields.moment("start_date"),
        tasks=tasks,
        wall_seconds=run.whole("execution_time_limit", 0) or WALL_SECONDS,
        starting_kit=run.folder_or_file("starting_kit"),
        public_data=run.folder_or_file("public_data"),
        auto_migrate=fields.flag("auto_migration", False) and position > 0,
        **limits_and_hidden(fields),
    )


def _task(fields: Fields, index: int, name: str) -> BundleTask:
    fields.needed("scoring_program")
    return task(fields, index, name, "ingestion_program_only_during_scoring")


def _no_task() -> BundleTask:
    return BundleTask(index=0, name=MISSING, scoring_program=MISSING)


def _with_ends(top: Fields, phases: list[tuple[Fields, BundlePhase]]) -> list[tuple[Fields, BundlePhase]]:
    """A phase ends a day before the next one starts, as on Codabench, or at its start where no time would be left."""
    ended = []
    for (fields, phase), (_, following) in pairwise(phases):
        end = following.start
        if end is not None and phase.start is not None and end - DAY > phase.start:
            end -= DAY
        ended.append((fields, phase.model_copy(update={"end": end})))
    last, phase = phases[-1]
    return [*ended, (last, _ended(top, phase))]


def _ended(top: Fields, phase: BundlePhase) -> BundlePhase:
    return phase.model_copy(update={"end": top.moment("end_date")})


def _board(top: Fields) -> tuple[str, str]:
    """Key and label of the leaderboard with the lowest rank, the only one that is used."""
    boards = top.below("leaderboard").under("leaderboards")
    if not boards:
        top.error("There is no leaderboard. Add one, with columns.", "leaderboard", "leaderboards")
        return "main", "Results"
    if len(boards) > 1:
        sentence = "Only the first leaderboard is used, as on Codabench. Columns of the others are left out."
        top.warning(sentence, "leaderboard", "leaderboards")
    key, fields = next(iter(boards.items()))
    return key, fields.text("label") or key


def _columns(top: Fields, board: str, tasks: list[BundleTask]) -> list[BundleColumn]:
    """The board's columns by their rank."""
    every = top.below("leaderboard").under("columns")
    own = [(key, fields) for key, fields in every.items() if _label(fields, board).casefold() == board.casefold()]
    own.sort(key=lambda pair: pair[1].whole("rank", 1))
    if not own:
        top.error("The leaderboard has no column. Add one for each score.", "leaderboard", "columns")
        return [BundleColumn(key=MISSING, title=MISSING, index=0)]
    index_of = {key: index for index, (key, _) in enumerate(own)}
    pairs = [(fields, _column(key, fields, index_of)) for key, fields in own]
    computations(pairs)
    if not any(task.scoring_program == MISSING for task in tasks):
        unprovided(pairs, [top.content_of(task.scoring_program) for task in tasks])
    return [column for _, column in pairs]


def _label(fields: Fields, default: str) -> str:
    return fields.below("leaderboard").text("label") if "leaderboard" in fields else default


def _column(key: str, fields: Fields, index_of: dict[str, int]) -> BundleColumn:
    if len(key) > MAX_KEY:
        fields.error(f"The key is longer than {MAX_KEY} characters. Shorten it.")
    computed = fields.below("computed")
    sources = [name.strip() for name in computed.text("fields").split(",") if name.strip()]
    for name in sources:
        if name not in index_of:
            computed.error(f"There is no column {name!r}. The columns: {', '.join(index_of)}.", "fields")
    return BundleColumn(
        key=key[:MAX_KEY],
        title=fields.text("label") or key,
        index=index_of[key],
        ascending=fields.choice("sort", SORTING, False),
        precision=precision(fields, "numeric_format"),
        hidden=fields.flag("hidden", False),
        computation=computed.choice("operation", OPERATIONS, None),
        computation_indexes=[index_of[name] for name in sources if name in index_of],
    )
