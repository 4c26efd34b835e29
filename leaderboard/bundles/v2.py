"""The dialects of Codabench and BenchGen: lists of tasks, phases, solutions and leaderboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from leaderboard.benchmarks.bundle_rules import (
    BundlePhase,
    BundleRules,
    BundleSolution,
    BundleTask,
    FactSheetQuestion,
    SubmissionRule,
)
from leaderboard.bundles.fields import Fields
from leaderboard.bundles.model import Bundle, BundleColumn, Dialect
from leaderboard.bundles.parts import (
    MAX_KEY,
    MISSING,
    OPERATIONS,
    ROOT,
    SORTING,
    WALL_SECONDS,
    computations,
    in_time,
    known_tasks,
    limits_and_hidden,
    logo,
    page,
    pages,
    precision,
    settings,
    shown_primary,
    track,
    unique,
)
from leaderboard.bundles.programs import task, unprovided

RULES: dict[str, SubmissionRule] = {rule: rule for rule in get_args(SubmissionRule)}
QUESTIONS = {name: name for name in ("checkbox", "text", "select")}


def read_v2(top: Fields, dialect: Dialect) -> Bundle:
    """The bundle; where errors were noted it is not to be used."""
    tasks = _tasks(top, dialect)
    board = _board(top)
    columns = _columns(board, tasks)
    place_of = {column.index: place for place, column in enumerate(columns)}
    rules = BundleRules(
        folder=ROOT,
        docker_image=top.text("docker_image"),
        tasks=tasks,
        phases=_phases(top, [task.index for task in tasks]),
        submission_rule=board.choice("submission_rule", RULES, "Add"),
        leaderboard=board.text("title", "Results"),
        leaderboard_key=board.text("key", "main"),
        fact_sheet=_fact_sheet(top),
        pages=pages(top),
        terms=page(top, "terms"),
        logo=logo(top, "image"),
        solutions=_solutions(top, [task.index for task in tasks]),
        settings=settings(top),
    )
    return Bundle(
        dialect=dialect,
        title=top.needed("title") or MISSING,
        description=top.text("description"),
        columns=[_at_its_place(column, place_of) for column in columns],
        primary_index=place_of.get(_primary(board, columns), 0),
        rules=rules,
    )


def _tasks(top: Fields, dialect: Dialect) -> list[BundleTask]:
    each = top.each("tasks")
    if not each:
        top.error("There is no task. Add one, with a scoring program.", "tasks")
    tasks = []
    for position, fields in enumerate(each):
        if "key" in fields:
            fields.error("It is a task that another site stores. Write its programs and data here.", "key")
        else:
            fields.needed("scoring_program")
        if dialect == "benchgen":
            fields.needed("reference_data")
        tasks.append(_task(fields, position))
    unique([(fields, task.index) for fields, task in zip(each, tasks, strict=True)], "tasks", "index")
    tasks = tasks or [BundleTask(index=0, name=MISSING, scoring_program=MISSING)]
    return sorted(tasks, key=lambda task: task.index)


def _task(fields: Fields, position: int) -> BundleTask:
    index = fields.whole("index", position)
    return task(fields, index, fields.text("name") or f"Task {index}", "ingestion_only_during_scoring")


def _phases(top: Fields, tasks: list[int]) -> list[BundlePhase]:
    each = [(fields.whole("index", position), fields) for position, fields in enumerate(top.each("phases"))]
    each.sort(key=lambda pair: pair[0])
    unique([(fields, index) for index, fields in each if "index" in fields], "phases", "index")
    if not each:
        top.error("There is no phase. Add one, with a list of tasks.", "phases")
    phases: list[tuple[Fields, BundlePhase]] = []
    for position, (_, fields) in enumerate(each):
        taken = {phase.track for _, phase in phases}
        phases.append((fields, _phase(fields, position, taken, tasks)))
    return in_time(phases, "start", "end") or [BundlePhase(track=MISSING, name=MISSING, tasks=[0])]


def _phase(fields: Fields, position: int, taken: set[str], tasks: list[int]) -> BundlePhase:
    name = fields.text("name") or f"Phase {position + 1}"
    own = list(dict.fromkeys(fields.numbers("tasks")))
    if not own:
        fields.error("The phase has no task. Write the indexes of its tasks.", "tasks")
    known_tasks(fields, own, tasks)
    migrates = fields.flag("auto_migrate_to_this_phase", False)
    if migrates and position == 0:
        fields.warning("The first phase has none before it, so that nothing migrates.", "auto_migrate_to_this_phase")
    return BundlePhase(
        track=track(name, position, taken),
        name=name,
        description=fields.text("description"),
        start=fields.moment("start"),
        end=fields.moment("end"),
        tasks=own or [0],
        wall_seconds=_wall_seconds(fields),
        starting_kit=fields.folder_or_file("starting_kit"),
        public_data=fields.folder_or_file("public_data"),
        auto_migrate=migrates and position > 0,
        accepts_only_results=fields.flag("accepts_only_result_submissions", False),
        **limits_and_hidden(fields),
    )


def _wall_seconds(fields: Fields) -> int:
    """The limit in seconds; older files name it in milliseconds."""
    seconds = fields.whole("execution_time_limit", 0)
    return seconds or -(-fields.whole("execution_time_limit_ms", 0) // 1000) or WALL_SECONDS


def _board(top: Fields) -> Fields:
    """The first leaderboard: of a list, or the only one; of either name."""
    key = "leaderboards" if "leaderboards" in top else "leaderboard"
    if isinstance(top.value.get(key), dict):
        return top.below(key)
    boards = top.each(key)
    if len(boards) > 1:
        boards[1].warning("Only the first leaderboard is used, as on Codabench.")
    if not boards:
        top.error("There is no leaderboard. Add one, with columns.", key)
    return boards[0] if boards else top.below("leaderboards")


def _columns(board: Fields, tasks: Sequence[BundleTask]) -> list[BundleColumn]:
    pairs = [(fields, _column(fields, position)) for position, fields in enumerate(board.each("columns"))]
    if not pairs and board.value:
        board.error("The leaderboard has no column. Add one for each score.", "columns")
    unique([(fields, column.key) for fields, column in pairs if column.key != MISSING], "columns", "key")
    unique([(fields, column.index) for fields, column in pairs], "columns", "index")
    computations(pairs)
    if board.flag("hidden", False):
        sentence = "Podium shows every leaderboard. Leave it out, and hide the columns that nobody may see."
        board.error(sentence, "hidden")
    if not any(task.scoring_program == MISSING for task in tasks):
        unprovided(pairs, [board.content_of(task.scoring_program) for task in tasks])
    columns = [column for _, column in pairs] or [BundleColumn(key=MISSING, title=MISSING, index=0)]
    return sorted(columns, key=lambda column: column.index)


def _column(fields: Fields, position: int) -> BundleColumn:
    key = fields.needed("key") or MISSING
    if len(key) > MAX_KEY:
        fields.error(f"The key is longer than {MAX_KEY} characters. Shorten it.", "key")
    computation = fields.text("computation")
    return BundleColumn(
        key=key[:MAX_KEY],
        title=fields.text("title") or key,
        index=fields.whole("index", position),
        ascending=fields.choice("sorting", SORTING, False),
        precision=precision(fields, "precision"),
        hidden=fields.flag("hidden", False),
        computation=fields.choice("computation", OPERATIONS, None) if computation.lower() != "none" else None,
        computation_indexes=fields.numbers("computation_indexes"),
    )


def _at_its_place(column: BundleColumn, place_of: Mapping[int, int]) -> BundleColumn:
    """The column with indexes that count from 0."""
    sources = [place_of[index] for index in column.computation_indexes if index in place_of]
    return column.model_copy(update={"index": place_of[column.index], "computation_indexes": sources})


def _primary(board: Fields, columns: list[BundleColumn]) -> int:
    """Index of the column that ranks: the first one, where none is named."""
    indexes = [column.index for column in columns]
    primary = board.whole("primary_index", indexes[0] if 0 not in indexes else 0)
    if primary not in indexes and "columns" in board:
        known = ", ".join(map(str, indexes))
        board.error(f"There is no column with the index {primary}. The columns' indexes: {known}.", "primary_index")
    return shown_primary(board, columns, primary)


def _solutions(top: Fields, tasks: list[int]) -> list[BundleSolution]:
    pairs = []
    for position, fields in enumerate(top.each("solutions")):
        if "key" in fields and "path" not in fields:
            fields.error("It is a solution that another site stores. Put it into the bundle and write `path`.", "key")
            continue
        own = fields.numbers("tasks")
        if not own:
            fields.error("The solution has no task. Write the indexes of the tasks that it solves.", "tasks")
        known_tasks(fields, own, tasks)
        fields.needed("path")
        index = fields.whole("index", position)
        pairs.append((fields, BundleSolution(index=index, file=fields.folder("path") or MISSING, tasks=own or [0])))
    unique([(fields, solution.index) for fields, solution in pairs], "solutions", "index")
    return sorted((solution for _, solution in pairs), key=lambda solution: solution.index)


def _fact_sheet(top: Fields) -> list[FactSheetQuestion]:
    questions = []
    for name, fields in top.under("fact_sheet").items():
        selection = [answer for answer in fields.texts("selection") if answer]
        question = FactSheetQuestion.model_validate(
            {
                "key": fields.text("key") or name,
                "title": fields.text("title") or name,
                "type": fields.choice("type", QUESTIONS, "text"),
                "selection": selection,
                "required": fields.flag("is_required", False),
                "on_leaderboard": fields.flag("is_on_leaderboard", False),
            }
        )
        if question.type == "select" and not selection:
            fields.error("There is nothing to select. Write the answers as a list.", "selection")
        questions.append((fields, question))
    unique([(fields, question.key) for fields, question in questions], "questions", "key")
    return [question for _, question in questions]
