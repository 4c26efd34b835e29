"""The shared-prefix engine against the harness's own `hf` backend: `python scripts/bench.py prefix --only bbh,musr`.

Each row is a section of its own. `python scripts/bench_prefix.py` has more options: --quick, --dtype.

Makes a random Llama of 44 M parameters with its own tokenizer, then runs the harness's official task definitions over
the data in PODIUM_DATA_ROOT (default ../shared/data/benchmarks), each backend in its own process, same batch size.
Reports ratios of wall time, forwarded tokens and peak memory, and the differences between the answers. Time, memory
and tokens include the engine's probe, which matters only with so few questions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.evaluators.data_root import DataRoot, Need  # noqa: E402
from scripts.figures import Figure, Sections, at_least, at_most, reading, show  # noqa: E402

BBH = ("boolean_expressions", "date_understanding", "reasoning_about_colored_objects", "object_counting")
MMLU = ("abstract_algebra", "anatomy", "astronomy", "business_ethics")
MUSR = ("murder_mysteries", "object_placements", "team_allocation")
FOLDERS = ("leaderboard/bbh_mc", "leaderboard/musr", "leaderboard/ifeval", "arc", "mmlu/default", "gsm8k")
THREADS = os.cpu_count() or 1
BATCH = 8
LENGTH = 4096


class Work(NamedTuple):
    """One row of the table: tasks, and how often faster and how many times fewer tokens they must be."""

    tasks: tuple[str, ...]
    limit: int
    fewshot: int | None = None
    new_tokens: int | None = None
    faster: float | None = None
    fewer: float | None = None


WORK = {
    "bbh": Work(tuple(f"leaderboard_bbh_{name}" for name in BBH), 20, faster=20, fewer=25),
    "musr": Work(tuple(f"leaderboard_musr_{name}" for name in MUSR), 12, faster=5, fewer=3.5),
    "arc": Work(("arc_challenge_first",), 40, fewshot=25, faster=8, fewer=10),
    "arc-drawn": Work(("arc_challenge",), 40, fewshot=25),
    "mmlu": Work(tuple(f"mmlu_{name}" for name in MMLU), 10, fewshot=5, faster=3, fewer=3),
    "gsm8k": Work(("gsm8k_first",), 24, new_tokens=256, faster=1.5),
    "gsm8k-drawn": Work(("gsm8k",), 24, new_tokens=256),
    "ifeval": Work(("leaderboard_ifeval",), 24, new_tokens=256, faster=1),
}


class Size(NamedTuple):
    """How much is measured."""

    rows: tuple[str, ...]
    """Names in WORK."""
    part: int
    """One question in this many is run, but at least `least` per task."""
    least: int
    ratios: bool
    """Whether ratios of time and tokens have limits; with few questions they do not hold."""
    memory: bool
    """Whether peak memory has a limit."""
    hidden: int
    """Width of the model; 512 with 12 layers makes 44 M parameters."""
    layers: int
    dtype: str = "float32"


FULL = Size(tuple(WORK), part=1, least=1, ratios=True, memory=True, hidden=512, layers=12)
QUICK = FULL._replace(part=4, least=3, ratios=False)
TINY = Size(("bbh",), part=100, least=1, ratios=False, memory=False, hidden=64, layers=2)


def sections(size: Size) -> Sections:
    """Run the rows with both backends and compare them, row by row."""
    data = Path(os.environ.get("PODIUM_DATA_ROOT", ROOT.parent / "shared" / "data" / "benchmarks")).resolve()
    if not data.is_dir():
        raise SystemExit(f"No benchmark data found in {data}. Set PODIUM_DATA_ROOT to the folder with the data.")
    with tempfile.TemporaryDirectory(prefix="podium-prefix-") as name:
        folder = Path(name)
        (folder / "mirror").symlink_to(DataRoot(data, folder / "mirrors").prepare(needs()))
        make_model(folder / "model", data, size.hidden, size.layers)
        for row in size.rows:
            yield row, list(compare(folder, data, row, size))


def compare(folder: Path, data: Path, name: str, size: Size) -> Iterator[Figure]:
    """One row: both backends, then their ratios and differences."""
    outcomes = {}
    for engine in ("stock", "shared"):
        out = folder / f"{name}-{engine}.json"
        limit = max(size.least, WORK[name].limit // size.part)
        child(folder, data, ["--worker", engine, name, str(folder), str(limit), size.dtype, str(out)])
        outcomes[engine] = json.loads(out.read_text())
    yield from report(name, outcomes["stock"], outcomes["shared"], size)


def report(name: str, stock: Mapping[str, Any], shared: Mapping[str, Any], size: Size) -> Iterator[Figure]:
    """The figures of one row."""
    work = WORK[name]
    speed, fewer = stock["seconds"] / shared["seconds"], stock["tokens"] / shared["tokens"]
    yield at_least(f"{name}: wall time, times faster", speed, "x", work.faster if size.ratios else None)
    yield at_least(f"{name}: tokens, times fewer", fewer, "x", work.fewer if size.ratios else None)
    if work.new_tokens:
        texts = sum(pair[0] != pair[1] for pair in zip(stock["answers"], shared["answers"], strict=True))
        yield at_most(f"{name}: texts that differ", texts, "texts", 0)
    else:
        pairs = list(zip(stock["answers"], shared["answers"], strict=True))
        largest = max(abs(float(a[0]) - float(b[0])) for a, b in pairs)
        tolerance = 1e-4 if size.dtype == "float32" else None
        yield at_most(f"{name}: largest log-likelihood difference", largest, "nats", tolerance)
        yield at_most(f"{name}: greedy flags that differ", sum(a[1] != b[1] for a, b in pairs), "flags", 0)
    differing = sum(stock["scores"][key] != shared["scores"][key] for key in stock["scores"])
    yield at_most(f"{name}: scores that differ", differing, "scores", 0)
    yield at_most(f"{name}: peak memory, of stock's", shared["peak"] / stock["peak"], "x", 1 if size.memory else None)
    yield reading(f"{name}: processor time, times less", stock["processor"] / shared["processor"], "x")
    yield reading(f"{name}: stock seconds", stock["seconds"], "s")
    yield reading(f"{name}: shared seconds", shared["seconds"], "s")


def child(folder: Path, data: Path, arguments: Sequence[str]) -> None:
    """This script in a process of its own, so that its peak memory is its own."""
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HOME": str(folder / "home"),
        "NLTK_DATA": str(data / "nltk_data"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(THREADS)),
    }
    done = subprocess.run([sys.executable, __file__, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The worker {' '.join(arguments[:3])} failed:\n{done.stderr[-4000:]}")


def needs() -> list[Need]:
    """The official datasets that the tasks need."""
    listed = [Need("leaderboard_bbh", "SaylorTwift/bbh", name) for name in BBH]
    listed += [Need("mmlu", "cais/mmlu", name) for name in MMLU]
    return [
        *listed,
        Need("leaderboard_musr", "TAUR-Lab/MuSR", "default"),
        Need("arc_challenge", "allenai/ai2_arc", "ARC-Challenge"),
        Need("gsm8k", "openai/gsm8k", "main"),
        Need("leaderboard_ifeval", "wis-k/instruction-following-eval", "default"),
    ]


def make_model(folder: Path, data: Path, hidden: int, layers: int) -> None:
    """A random Llama and a byte-level BPE of 16,384 tokens trained on the benchmarks' own text."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=16384, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    rows = (json.loads(line) for path in sorted(data.rglob("*.jsonl")) for line in path.open())
    texts = [value for row in rows for value in row.values()]
    raw.train_from_iterator((text for text in texts if isinstance(text, str)), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16384,
        hidden_size=hidden,
        intermediate_size=11 * hidden // 4,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=LENGTH,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    model.model.norm.weight.data *= 2
    model.save_pretrained(folder)


def work(engine: str, name: str, folder: Path, limit: int, dtype: str, out: Path) -> None:
    """One backend over one row of the table: times, tokens, memory and answers as JSON."""
    import resource
    import time

    import torch
    from lm_eval import evaluator, tasks
    from lm_eval.models.huggingface import HFLM

    from backend.evaluators.shared_prefix.model import SharedPrefixLM
    from backend.evaluators.shared_prefix.reproducible import seeded_scorers

    kind: Any = HFLM if engine == "stock" else SharedPrefixLM
    device = "cuda" if torch.cuda.is_available() else "cpu"
    lm = kind(pretrained=str(folder / "model"), device=device, dtype=dtype, batch_size=BATCH, max_length=LENGTH)
    spent = {"seconds": 0.0, "processor": 0.0, "tokens": 0}

    def timed(call: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            began, processor = time.perf_counter(), time.process_time()
            answers = call(*args, **kwargs)
            spent["seconds"] += time.perf_counter() - began
            spent["processor"] += time.process_time() - processor
            return answers

        return run

    def count(module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        spent["tokens"] += (kwargs["input_ids"] if "input_ids" in kwargs else args[0]).numel()

    lm.model.register_forward_pre_hook(count, with_kwargs=True)
    lm.loglikelihood, lm.generate_until = timed(lm.loglikelihood), timed(lm.generate_until)
    evaluator.add_env_info = lambda results: None
    os.chdir(folder / "mirror")
    installed = Path(tasks.__file__).parent
    manager = tasks.TaskManager(
        include_path=[*(str(installed / name) for name in FOLDERS), str(first_shots(folder, installed))],
        include_defaults=False,
    )
    settings = WORK[name]
    with seeded_scorers():
        results = evaluator.simple_evaluate(
            model=lm,
            tasks=list(settings.tasks),
            task_manager=manager,
            limit=limit,
            num_fewshot=settings.fewshot,
            gen_kwargs=f"max_gen_toks={settings.new_tokens}" if settings.new_tokens else None,
            bootstrap_iters=0,
            log_samples=True,
        )
    samples = [row for task in sorted(results["samples"]) for row in results["samples"][task]]
    answers = [answer[0] for row in sorted(samples, key=lambda row: row["doc_id"]) for answer in row["resps"]]
    scores = {f"{task}/{key}": str(value) for task, row in results["results"].items() for key, value in row.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated()
    provenance = lm.provenance() if engine == "shared" else None
    out.write_text(json.dumps({**spent, "peak": peak, "answers": answers, "scores": scores, "provenance": provenance}))


def first_shots(folder: Path, installed: Path) -> Path:
    """A folder with official tasks that use the first few-shot examples for every question."""
    tasks_folder = folder / "tasks"
    tasks_folder.mkdir(exist_ok=True)
    for group, name in (("arc", "arc_challenge"), ("gsm8k", "gsm8k")):
        official = installed / group / f"{name}.yaml"
        task = f"include: {official}\ntask: {name}_first\nfewshot_config:\n  sampler: first_n\n"
        (tasks_folder / f"{name}_first.yaml").write_text(task)
    return tasks_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when every figure holds its limit."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--worker"]:
        engine, name, folder, limit, dtype, out = arguments[1:]
        work(engine, name, Path(folder), int(limit), dtype, Path(out))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(WORK), help=f"rows, of {', '.join(WORK)}")
    parser.add_argument("--quick", action="store_true", help="a quarter of the questions, no limits on the ratios")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--json", action="store_true", help="one JSON object on one line of stdout, the rest on stderr")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    if unknown := [name for name in names if name not in WORK]:
        parser.error(f"unknown row {', '.join(unknown)}; choose from {', '.join(WORK)}")
    every: list[Figure] = []
    for row, figures in sections((QUICK if options.quick else FULL)._replace(rows=tuple(names), dtype=options.dtype)):
        every += figures
        show(f"prefix: {row}", figures, sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({"figures": every}))
    return 0 if all(figure["ok"] for figure in every) else 1


if __name__ == "__main__":
    sys.exit(main())
