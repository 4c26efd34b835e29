"""One evaluation with lm-eval's Python API: tasks, model, answers, scores, and the files that a job leaves.

The harness's own `simple_evaluate` does the work, once for each number of few-shot examples that the columns
ask for, over a model that is loaded once.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import lm_eval.evaluator
import torch
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable

from backend import sandbox
from backend.abilities import pick_device, refused
from backend.evaluators import provenance
from backend.evaluators.generation import fit_generation, overrides
from backend.evaluators.opening import Opened, open_model
from backend.evaluators.shared_prefix.reproducible import SEEDING, seeded_scorers
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
    opened = open_model(request, benchmark, options, workdir, device)
    lm, batch_size = opened.lm, opened.batch_size
    leaves = {name: task for each in tasks.values() for name, task in each.leaves.items()}
    cut = fit_generation(lm, leaves, benchmark.harness, request.model)
    gen_kwargs = overrides(benchmark.harness, cut)
    lm.apply_chat_template = staged("chat_template", lm.apply_chat_template)
    watch.attach(lm, expected(tasks, options.limit))
    results: dict[str, Any] = {}
    started, worked = time.monotonic(), time.process_time()
    for fewshot, loaded_tasks in tasks.items():
        merge(results, run(lm, loaded_tasks, fewshot, request, benchmark, options, gen_kwargs))
    spent, work = time.monotonic() - started, time.process_time() - worked + opened.processor_seconds
    watch.say("writing the results")
    samples = results.pop("samples")
    template = lm.chat_template(True) if request.use_chat_template else None
    made = Provenance(
        packages=provenance.packages(),
        hardware=opened.hardware,
        sandbox=list(sandbox.entered()),
        seeds={str(name): seed for name, seed in benchmark.harness.seeds.items()},
        scorers=SEEDING,
        engine=opened.account(),
        task_hashes=provenance.task_hashes(samples),
        generation_cut=cut,
        chat_template_sha=provenance.template_sha(template),
        batch_size=batch_size,
        wall_seconds=round(time.monotonic() - began, 3),
        evaluation_seconds=round(spent, 3),
        processor_seconds=round(work, 3),
        command=""
        if cut or added_twice(request, opened)
        else provenance.command(request, benchmark, groups, device, batch_size, opened.harness_model, opened.arguments),
    )
    results["config"]["model"] = opened.harness_model
    describe(results, request, template, made, benchmark.harness.fewshot_as_multiturn)
    results["podium"] = block(request, benchmark, results, made, options.limit).model_dump(mode="json")
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


def expected(tasks: Mapping[int | None, LoadedTasks], limit: int | None) -> int:
    """About how many requests the harness will make."""
    total = 0
    for task in (task for each in tasks.values() for task in each.leaves.values()):
        documents = task.eval_docs
        choices = 1
        if task.OUTPUT_TYPE == "multiple_choice" and len(documents):
            choices = len(task.doc_to_choice(documents[0]))
        total += choices * min(len(documents), limit or len(documents))
    return total


def run(
    lm: Any,
    tasks: LoadedTasks,
    fewshot: int | None,
    request: Request,
    benchmark: Benchmark,
    options: JobOptions,
    gen_kwargs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The harness's results and samples of one number of few-shot examples."""
    with without_host_details(), seeded_scorers():
        results: dict[str, Any] = lm_eval.evaluator.simple_evaluate(
            model=lm,
            model_args=dict(provenance.model_args(request)),
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
    return PodiumBlock(
        request_id=request.id,
        attempt=request.attempts,
        benchmark=benchmark.id,
        benchmark_version=benchmark.version,
        model=request.model,
        revision=request.revision,
        base_model=request.base_model,
        precision=request.precision,
        weight_type=request.weight_type,
        use_chat_template=request.use_chat_template,
        time=request.job_start_time or "",
        scores=scores,
        average=average,
        limit=limit,
        provenance=made,
    )


def dump(results: Mapping[str, Any], benchmark: Benchmark, workdir: Workdir) -> bytes:
    """The results as JSON, as the harness writes them, without the places of files on this machine."""
    text = json.dumps(results, indent=2, default=handle_non_serializable, ensure_ascii=False)
    data_root = workdir.options().data_root
    for place in (benchmark.folder.resolve(), data_root and data_root.resolve(), workdir.path):
        if place:
            text = text.replace(f"{place}{os.sep}", "")
    return text.encode()
