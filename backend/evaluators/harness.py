"""One evaluation with lm-eval's Python API: tasks, model, answers, scores, and the files that a job leaves.

The harness's own `simple_evaluate` does the work, once for each number of few-shot examples that the columns
ask for, over a model that is loaded once.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import lm_eval.evaluator
import torch
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable

from backend.abilities import pick_device, refused
from backend.evaluators import provenance
from backend.evaluators.block import result_block
from backend.evaluators.generation import fit_generation, overrides
from backend.evaluators.opening import Opened, open_model
from backend.evaluators.resume.keeper import Keeper
from backend.evaluators.resume.keys import digest, folders_of, run_facts, task_keys, without_places
from backend.evaluators.resume.records import Records
from backend.evaluators.shared_prefix.model import SharedPrefixLM
from backend.evaluators.shared_prefix.reproducible import seeded_scorers
from backend.evaluators.tasks import local_data, task_manager
from backend.evaluators.watch import Watch
from backend.failures import JobFailed, Stage
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Fault, PodiumBlock, Provenance, Request, WeightType
from leaderboard.results.details import details_table
from leaderboard.statistics.scores import score

BOOTSTRAPS = 1000
"""Resamplings for the standard error of metrics that have no formula for it; accuracies do."""
MERGED = (
    "results",
    "groups",
    "group_subtasks",
    "configs",
    "versions",
    "n-shot",
    "higher_is_better",
    "n-samples",
    "samples",
)


class LoadedTasks:
    """Tasks that are loaded already, in the place of the harness's TaskManager."""

    def __init__(self, manager: TaskManager, names: list[str]) -> None:
        self.task_index = manager.task_index
        self.loaded = manager.load(names)

    def load(self, names: list[str]) -> Any:
        """The loaded tasks, whatever is asked for."""
        return self.loaded

    @property
    def leaves(self) -> dict[str, Any]:
        """Leaf task name -> task."""
        tasks: dict[str, Any] = self.loaded["tasks"]
        return tasks


def evaluate(path: Path) -> None:
    """Evaluate the checkpoint in the work folder `path`, and write results.json and details/."""
    began = time.monotonic()
    workdir = Workdir(path)
    request, benchmark, options = workdir.request(), workdir.benchmark(), workdir.options()
    device = pick_device(options.device)
    reason = refused(device).get(request.precision)
    if reason:
        raise JobFailed("precision_impossible", f"{reason} Submit it in float16, bfloat16 or float32.")
    if options.threads:
        torch.set_num_threads(options.threads)
    watch = Watch(workdir, request.model, request.precision)
    watch.say("loading the tasks")
    groups = fewshot_groups(benchmark)
    datasets.config.HF_DATASETS_CACHE = workdir.scratch / "datasets"
    tasks = load_tasks(benchmark, groups, options.data_root)
    watch.say("loading the checkpoint")
    records, facts = Records(workdir), run_facts(request, benchmark, options, device)
    settle = functools.partial(same_batch_size, records=records, facts=facts)
    opened = open_model(request, benchmark, options, workdir, device, settle)
    lm, batch_size = opened.lm, opened.batch_size
    leaves = {name: task for each in tasks.values() for name, task in each.leaves.items()}
    cut = fit_generation(lm, leaves, benchmark.harness, request.model)
    gen_kwargs = overrides(benchmark.harness, cut)
    lm.apply_chat_template = staged("chat_template", lm.apply_chat_template)
    watch.attach(lm, expected(tasks, options.limit))
    facts |= {"batch_size": batch_size, "chat_template": lm.tokenizer.chat_template, "generation": gen_kwargs}
    keeper = keep_answers(lm, watch, records, facts, tasks, workdir)
    results: dict[str, Any] = {}
    started, worked = time.monotonic(), time.process_time()
    for fewshot, loaded_tasks in tasks.items():
        merge(results, run(lm, loaded_tasks, fewshot, request, benchmark, options, gen_kwargs))
    spent, before = time.monotonic() - started, records.spent_before
    work = time.process_time() - worked + opened.processor_seconds
    watch.say("writing the results")
    samples = results.pop("samples")
    template = lm.chat_template(True) if request.use_chat_template else None
    made = Provenance(
        **provenance.of_harness(benchmark, samples),
        hardware=opened.hardware,
        engine=opened.account(),
        generation_cut=cut,
        chat_template_sha=provenance.template_sha(template),
        batch_size=batch_size,
        wall_seconds=round(time.monotonic() - began + before.seconds, 3),
        evaluation_seconds=round(spent + before.seconds, 3),
        processor_seconds=round(work + before.processor_seconds, 3),
        resumed_runs=records.runs_used,
        resumed_answers=keeper.reused,
        command=""
        if cut or added_twice(request, opened)
        else provenance.command(request, benchmark, groups, device, batch_size, opened.harness_model, opened.arguments),
    )
    results["config"]["model"] = opened.harness_model
    describe(results, request, template, made, benchmark.harness.fewshot_as_multiturn)
    write(workdir, benchmark, results, samples, block(request, benchmark, results, made, options.limit))


def write(
    workdir: Workdir,
    benchmark: Benchmark,
    results: dict[str, Any],
    samples: Mapping[str, Any],
    podium: PodiumBlock,
) -> None:
    """Write results.json with its block, and the details of the tasks whose questions are not hidden."""
    results["podium"] = podium.model_dump(mode="json")
    hidden = {name for column in benchmark.columns if column.private for name in column.run}
    published = {
        task: details_table(rows) for task, rows in samples.items() if not hidden & {task, *parents(task, results)}
    }
    workdir.write_results(dump(results, benchmark, workdir), published)


def staged(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, with what it raises marked as raised in that stage."""

    @functools.wraps(call)
    def marked(*args: Any, **kwargs: Any) -> Any:
        with Stage(name):
            return call(*args, **kwargs)

    return marked


def fewshot_groups(benchmark: Benchmark) -> dict[int | None, list[str]]:
    """Number of few-shot examples (None: the tasks' own) -> what is run with it, in the columns' order."""
    groups: dict[int | None, list[str]] = {}
    for column in benchmark.columns:
        names = groups.setdefault(column.fewshot, [])
        names += [name for name in column.run if name not in names]
    return groups


def load_tasks(
    benchmark: Benchmark, groups: Mapping[int | None, list[str]], data_root: Path | None
) -> dict[int | None, LoadedTasks]:
    """Every task with its data, before a checkpoint is loaded for nothing."""
    with Stage("tasks"):
        manager = task_manager(benchmark)
        with local_data(manager, [name for names in groups.values() for name in names], data_root):
            tasks = {fewshot: LoadedTasks(manager, names) for fewshot, names in groups.items()}
    names = [name for each in tasks.values() for name in each.leaves]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise JobFailed(
            "benchmark_data",
            f"The benchmark {benchmark.id} runs {', '.join(twice)} with different numbers of few-shot examples; its "
            "organiser has to choose one.",
            Fault.INFRASTRUCTURE,
        )
    return tasks


def expected(tasks: Mapping[int | None, LoadedTasks], limit: int | None) -> dict[str, int]:
    """Task -> about how many requests the harness will make for it, in the order in which it will."""
    totals = {}
    for name, task in ((name, task) for each in tasks.values() for name, task in each.leaves.items()):
        documents = task.eval_docs
        choices = 1
        if task.OUTPUT_TYPE == "multiple_choice" and len(documents):
            choices = len(task.doc_to_choice(documents[0]))
        totals[name] = choices * min(len(documents), limit or len(documents))
    return totals


def same_batch_size(chosen: str, records: Records, facts: Mapping[str, Any]) -> str:
    """The batch size of an earlier run that this one goes on with, unless `chosen` says that there is less room now.

    What was kept with other batches is not used.
    """
    key = digest(facts, "batch size")
    earlier = records.get(key)
    fits = isinstance(earlier, str) and earlier.isdecimal() and chosen.isdecimal() and 0 < int(earlier) <= int(chosen)
    size = str(earlier) if fits else chosen
    records.add(key, size)
    return size


def keep_answers(
    lm: Any,
    watch: Watch,
    records: Records,
    facts: Mapping[str, Any],
    tasks: Mapping[int | None, LoadedTasks],
    workdir: Workdir,
) -> Keeper:
    """Have what `lm` answers from now on kept for a later run, and what earlier ones kept not asked for again.

    Models in other processes keep nothing.
    """
    benchmark, options = workdir.benchmark(), workdir.options()
    groups = {fewshot: each.leaves for fewshot, each in tasks.items()}
    keeper = Keeper(records, task_keys(facts, groups, folders_of(workdir, benchmark)), options.keep_examples)
    if options.keep_examples and isinstance(lm, SharedPrefixLM):
        keeper.attach(lm, watch)
    records.begin()
    return keeper


def run(
    lm: Any,
    tasks: LoadedTasks,
    fewshot: int | None,
    request: Request,
    benchmark: Benchmark,
    options: JobOptions,
    gen_kwargs: dict[str, Any] | None = None,
    model_args: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The harness's results and samples of one number of few-shot examples.

    `model_args`: what the results say of the model; None for what loads the request's checkpoint.
    """
    with without_host_details(), seeded_scorers():
        results: dict[str, Any] = lm_eval.evaluator.simple_evaluate(
            model=lm,
            model_args=dict(provenance.model_args(request) if model_args is None else model_args),
            tasks=list(tasks.leaves),
            task_manager=tasks,
            num_fewshot=fewshot,
            batch_size=lm.batch_size,
            device=str(lm.device),
            limit=options.limit,
            bootstrap_iters=BOOTSTRAPS,
            log_samples=True,
            apply_chat_template=request.use_chat_template,
            fewshot_as_multiturn=benchmark.harness.fewshot_as_multiturn,
            gen_kwargs=gen_kwargs,
            **benchmark.harness.seeds,
        )
    return results


@contextlib.contextmanager
def without_host_details() -> Iterator[None]:
    """Keep the harness from running `pip list` and `git`, and the host's details out of published results."""
    evaluator = lm_eval.evaluator
    original = evaluator.add_env_info, evaluator.get_git_commit_hash
    evaluator.add_env_info, evaluator.get_git_commit_hash = lambda results: None, lambda: None
    try:
        yield
    finally:
        evaluator.add_env_info, evaluator.get_git_commit_hash = original


def added_twice(request: Request, opened: Opened) -> bool:
    """Whether the plain command would score another checkpoint: it adds a delta to tied embeddings twice."""
    return request.weight_type == WeightType.DELTA and opened.tied


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add one run's results to the others'."""
    for name, value in more.items():
        if name in MERGED:
            into.setdefault(name, {}).update(value)
        else:
            into.setdefault(name, value)


def parents(task: str, results: Mapping[str, Any]) -> set[str]:
    """The groups that a task belongs to, directly or not."""
    groups: set[str] = set()
    todo = [task]
    while todo:
        name = todo.pop()
        above = {group for group, members in results["group_subtasks"].items() if name in members} - groups
        groups |= above
        todo += above
    return groups


def describe(
    results: dict[str, Any], request: Request, template: str | None, made: Provenance, multiturn: bool
) -> None:
    """Say what the harness would have said had it loaded the model itself; publishing adds names and hashes."""
    results["config"]["model_revision"] = results["config"]["model_sha"] = request.revision
    results["transformers_version"] = made.packages["transformers"]
    results["lm_eval_version"] = made.packages["lm_eval"]
    results["system_instruction"] = None
    results["fewshot_as_multiturn"] = request.use_chat_template and multiturn
    results["chat_template"] = template


def block(
    request: Request, benchmark: Benchmark, results: Mapping[str, Any], made: Provenance, limit: int | None
) -> PodiumBlock:
    """What Podium adds to the harness's results."""
    scores, average = score(benchmark, results)
    return result_block(request, benchmark, scores, average, made, limit)


def dump(results: Mapping[str, Any], benchmark: Benchmark, workdir: Workdir) -> bytes:
    """The results as JSON, as the harness writes them, without the places of files on this machine."""
    text = json.dumps(results, indent=2, default=handle_non_serializable, ensure_ascii=False)
    return without_places(text, folders_of(workdir, benchmark)).encode()
