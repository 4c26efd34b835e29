"""`podium benchmark new`, `check` and `try`: benchmarks for lm-eval written, read as a board reads them, and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.client.options import AsJson
from leaderboard.cli.output import Output
from leaderboard.cli.programs import require
from leaderboard.errors import BadBenchmark, Infrastructure, WrongUse

if TYPE_CHECKING:
    from leaderboard.benchmarks import Benchmark
    from leaderboard.benchmarks.drafts import Draft, MetricChoice, Named
    from leaderboard.settings import Settings

app = typer.Typer(help="Benchmarks for lm-eval.", rich_markup_mode=None)
EXAMPLES = 10
SMALL = Path("checkpoints", "podium-demo", "tiny-base", "2")
"""Of a checkout: the checkpoint that benchmarks are tried with."""
Checkpoint = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="The checkpoint to try it with; by default the tiny one of a checkout."),
]
RULES = """Write a benchmark and its lm-eval task from a JSON Lines file, or a benchmark from a task that lm-eval has.

SOURCE is a file of questions, one JSON object a line, or the name of a task, group or tag of lm-eval.
Nothing is written unless every check passes and ten examples run, in a job as on a board, with a tiny checkpoint.

How a file is read, where no option says otherwise:

- The question is the first of these columns that every row has: question, prompt, input, problem, instruction, query, text, sentence.

- The choices are the column choices, options, endings or candidates: a list, {"A": ..., "B": ...} or {"text": [...], "label": [...]}. Or they are columns of one choice each: A, B, ...; choice_a, choice_b, ...; option1, option2, ... Without choices, answers are generated and have to match exactly, spaces at the ends aside.

- The answer is the first of: answer, target, label, gold, correct, answerKey, answer_key, solution, output, response. With choices it names the right one by its text, by its letter or label (before its text where the file has labels), or by its position from 0 or from 1: the first of these that fits every row. Where from 0 and from 1 both fit, --answer-is has to say.

How a task is taken: a group of up to 12 members becomes a column for each, a larger one a single column. A column shows acc_norm, else acc, else exact_match, else the first metric that is a share from 0 to 1, unless --metric names one."""  # noqa: E501


@app.command("new", help=RULES)
def new(
    source: Annotated[str, typer.Argument(help="A JSON Lines file, or the name of a task, group or tag of lm-eval.")],
    benchmark_id: Annotated[str, typer.Option("--id", help="Id of the benchmark; by default made from SOURCE.")] = "",
    title: Annotated[str, typer.Option(help="Its name on the board; by default made from the id.")] = "",
    description: Annotated[str, typer.Option(help="What it is for; by default what is asked.")] = "",
    question: Annotated[str, typer.Option(metavar="COLUMN", help="The column of the question.")] = "",
    answer: Annotated[str, typer.Option(metavar="COLUMN", help="The column of the right answer.")] = "",
    choices: Annotated[
        str, typer.Option(metavar="COLUMN[,COLUMN]", help="The column of the choices, or a column for each choice.")
    ] = "",
    answer_is: Annotated[
        str, typer.Option(metavar="WAY", help="How an answer names its choice: text, label, from-0 or from-1.")
    ] = "",
    generation: Annotated[
        bool, typer.Option("--generation", help="Answers are generated, also where a column looks like choices.")
    ] = False,
    max_new_tokens: Annotated[
        int, typer.Option(min=0, help="New tokens of a generated answer; 0: enough for the longest right one.")
    ] = 0,
    metric: Annotated[
        str, typer.Option(metavar="METRIC[,FILTER]", help="The metric that counts, as lm-eval's results name it.")
    ] = "",
    value_range: Annotated[
        str, typer.Option("--range", metavar="LOW,HIGH", help="Raw values of a metric that is no share from 0 to 1.")
    ] = "",
    lower_is_better: Annotated[bool, typer.Option("--lower-is-better", help="With --range: LOW is the best.")] = False,
    include_path: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Task definitions of your own, in which SOURCE is looked for.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over the files of a benchmark of that id.")] = False,
    without_trial: Annotated[bool, typer.Option("--without-trial", help="Run no examples.")] = False,
    checkpoint: Checkpoint = None,
    as_json: AsJson = False,
) -> None:
    """Write a benchmark."""
    require("benchmark new", *([] if without_trial else ["worker"]))
    from leaderboard.benchmarks.drafts import MetricChoice, Named
    from leaderboard.benchmarks.drafts import benchmark_id as id_of
    from leaderboard.settings import load_settings

    settings, output = load_settings(), Output(as_json)
    file = Path(source) if Path(source).is_file() or source.endswith((".jsonl", ".json")) else None
    named = Named(benchmark_id or id_of(file.stem if file else source), title, description)
    if file:
        not_here = {"--range": value_range, "--lower-is-better": lower_is_better, "--include-path": include_path}
        _refuse(not_here, "is for tasks of lm-eval, and SOURCE is a file")
        wanted = {
            "question": question, "answer": answer, "answer_is": answer_is, "generation": generation,
            "choices": tuple(name.strip() for name in choices.split(",") if name.strip()),
        }  # fmt: skip
        draft = _from_file(file, wanted, named, metric, max_new_tokens, output)
    else:
        not_here = {
            "--question": question, "--answer": answer, "--choices": choices, "--answer-is": answer_is,
            "--generation": generation, "--max-new-tokens": max_new_tokens,
        }  # fmt: skip
        _refuse(not_here, f"is for files, and there is no file {source!r}")
        chosen = MetricChoice(_key(metric), _range(value_range), lower_is_better)
        draft = _from_task(source, named, chosen, include_path, settings)
    _check_try_write(draft, settings, output, replace, None if without_trial else _checkpoint(checkpoint))


@app.command("check")
def check(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Benchmarks; by default all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell everything that is wrong with benchmarks and their tasks, as a board would at its start; run nothing."""
    from leaderboard.benchmarks import load_benchmarks
    from leaderboard.settings import load_settings

    settings, output = load_settings(), Output(as_json)
    benchmarks = load_benchmarks(settings.benchmarks_dir, ids or settings.benchmark_ids)
    for benchmark in benchmarks.values():
        output.done(f"{settings.benchmarks_dir / benchmark.id}.yaml: {_counted(len(benchmark.columns), 'column')}")
    output.next(f"podium benchmark try {next(iter(benchmarks))}")
    output.end(benchmarks=list(benchmarks))


@app.command("try")
def try_(
    benchmark_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a benchmark that lm-eval evaluates.")],
    checkpoint: Checkpoint = None,
    as_json: AsJson = False,
) -> None:
    """Run ten examples of each task of a benchmark with a tiny checkpoint, in a job as on a board."""
    require("benchmark try", "worker")
    from leaderboard.benchmarks import choose_benchmark, load_benchmarks
    from leaderboard.settings import load_settings

    settings, output = load_settings(), Output(as_json)
    benchmark = choose_benchmark(load_benchmarks(settings.benchmarks_dir, [benchmark_id]), benchmark_id)
    if benchmark.on_scores:
        raise WrongUse(f"lm-eval does not evaluate {benchmark_id}: its columns are scores of its own.")
    scores = _try(benchmark, settings, output, _checkpoint(checkpoint))
    output.next("podium serve")
    output.end(id=benchmark_id, scores=scores)


def _from_file(
    file: Path, wanted: dict[str, Any], named: Named, metric: str, max_new_tokens: int, output: Output
) -> Draft:
    from leaderboard.benchmarks.drafts import ANSWER_IS, Columns, draft_from_questions, read_questions

    if wanted["answer_is"] not in ("", *ANSWER_IS):
        raise WrongUse(f"--answer-is: {wanted['answer_is']!r} is none. Allowed are: {', '.join(ANSWER_IS)}.")
    questions = read_questions(file, Columns(**wanted), _asking(output))
    columns = questions.columns
    choices = f", choices: {', '.join(columns.choices)}" if columns.choices else ""
    output.done(
        f"{file}: {_counted(len(questions.questions), 'question')}. Question: {columns.question}{choices}, answer: "
        f"{columns.answer}"
    )
    if len(set(questions.counts)) > 1:
        output.note(f"The questions have from {min(questions.counts)} to {max(questions.counts)} choices.")
    return draft_from_questions(questions, named, metric.removesuffix(",none"), max_new_tokens)


def _from_task(source: str, named: Named, chosen: MetricChoice, include_path: Path | None, settings: Settings) -> Draft:
    from leaderboard.benchmarks.drafts import draft_from_task

    if include_path is not None and not include_path.is_dir():
        raise WrongUse(f"--include-path: There is no folder {include_path}.")
    return draft_from_task(source, named, chosen, include_path, settings.benchmarks_dir)


def _check_try_write(draft: Draft, settings: Settings, output: Output, replace: bool, checkpoint: Path | None) -> None:
    """Put a draft into the folder of the benchmarks once nothing is wrong with it."""
    if not replace:
        draft.refuse_overwriting(settings.benchmarks_dir)
    scores = None
    with draft.staged(settings.benchmarks_dir) as benchmark:
        if checkpoint is not None:
            try:
                scores = _try(benchmark, settings, output, checkpoint)
            except BadBenchmark as error:
                advice = "Nothing was written. Change the source or the options, or write it with --without-trial."
                raise BadBenchmark([*error.lines, advice]) from error
            except Infrastructure as error:
                raise Infrastructure(f"{error} Nothing was written. --without-trial writes it unseen.") from error
    files = [str(path) for path in draft.put(settings.benchmarks_dir)]
    for file in files:
        output.done(f"{file} is written")
    if draft.without_choices:
        first, *more = draft.without_choices
        others = f" and {len(more):,} more tasks" if more else ""
        output.warn(
            f"How many choices the questions of {first}{others} have cannot be told from here, so that a guesser gets "
            f"more than 0 points. Write `choices: NUMBER` beside their metrics in {files[0]}."
        )
    if settings.benchmark_ids and draft.id not in settings.benchmark_ids:
        output.warn(f"PODIUM_BENCHMARKS does not name it. Add {draft.id}, or the board will not show it.")
    output.next(f"podium benchmark try {draft.id}" if checkpoint is None else "podium serve")
    output.end(id=draft.id, files=files, scores=scores)


def _try(benchmark: Benchmark, settings: Settings, output: Output, checkpoint: Path) -> dict[str, float]:
    """Raw scores by column of a few examples."""
    from leaderboard.settings import PROJECT

    name = checkpoint.relative_to(PROJECT) if checkpoint.is_relative_to(PROJECT) else checkpoint
    output.note(f"Running up to {EXAMPLES} examples of each task with {name}")
    trial = import_module("backend.commands.benchmark_trial").run(benchmark, settings, checkpoint, EXAMPLES)
    scores: dict[str, float] = dict(trial.scores)
    for column in benchmark.columns:
        if column.key in scores:
            output.done(f"{column.title}: {scores[column.key]:.3f} ({', '.join(_metrics(column.parts))})")
    return scores


def _metrics(parts: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(metric for part in parts for metric in part.metrics))


def _checkpoint(given: Path | None) -> Path:
    """The checkpoint to try a benchmark with. Raises WrongUse where there is none."""
    from leaderboard.settings import PROJECT

    folder = given or PROJECT / SMALL
    if not (folder / "config.json").is_file():
        raise WrongUse(
            f"There is no checkpoint in {folder}. Name a folder that `save_pretrained` wrote, with --checkpoint FOLDER."
        )
    return folder


def _asking(output: Output) -> Callable[[str, Sequence[str]], str] | None:
    """Asks for a column where somebody can answer."""
    if not output.answers_questions:
        return None
    return lambda name, columns: output.ask(f"Which column holds the {name}? {', '.join(columns)}")


def _refuse(options: dict[str, Any], reason: str) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise WrongUse(" ".join(f"{name} {reason}." for name in given))


def _key(metric: str) -> str:
    """`metric,filter`: tasks without filters of their own have `none`."""
    return metric if not metric or "," in metric else f"{metric},none"


def _range(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError as error:
        raise WrongUse(f"--range: {text!r} is no pair of numbers, such as 1,100.") from error
    return low, high


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
