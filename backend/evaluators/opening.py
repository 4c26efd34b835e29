"""A request's checkpoint as a model of the harness: in this process, in one process a device, or in vLLM."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psutil

from backend import sandbox
from backend.abilities import hardware
from backend.evaluators.loading import Loaded, is_seq2seq, load, load_tokenizer
from backend.evaluators.placement import Parallel, Placement, devices_of, loaded_bytes, memory_of, place, visible
from backend.evaluators.remote.model import RemoteLM, hardware_of
from backend.evaluators.remote.process import Start, start_all
from backend.evaluators.remote.vllm_arguments import ENVIRONMENT, Files, copies, vllm_arguments, vllm_refusal
from backend.evaluators.shared_prefix.model import make_lm
from backend.failures import Stage
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import PodiumError
from leaderboard.records import Request, WeightType

MOST_ROWS = 16
CONTEXT_TOKENS = 2048
"""Prompt length assumed when a batch size is chosen for a processor."""
ONE_DEVICE = "backend.evaluators.remote.hf:make"
log = logging.getLogger(__name__)


class Opened(NamedTuple):
    """A model that is ready to answer."""

    lm: Any
    batch_size: str
    hardware: str
    """The accelerators or the processor, in words."""
    tied: bool
    """Whether its embeddings are its output's weights too."""
    devices: int
    parallel: Parallel
    harness_model: str = "hf"
    """What the harness calls this kind of model."""
    copy_on: int = 1
    """Devices that hold one copy in vLLM."""
    not_vllm: str = ""
    """Why vLLM does not answer although it was to; empty where it does or was not to."""

    @property
    def arguments(self) -> dict[str, str]:
        """Model arguments with which the harness's own command shares the work in the same way."""
        if self.parallel is Parallel.LAYERS:
            return {"parallelize": "True"}
        return {"tensor_parallel_size": str(self.copy_on)} if self.copy_on > 1 else {}

    @property
    def processor_seconds(self) -> float:
        """Processor time that other processes have spent on answers so far."""
        return float(getattr(self.lm, "processor_seconds", 0.0))

    def account(self) -> dict[str, Any]:
        """What a result says about its engine."""
        account = {**self.lm.provenance(), "devices": self.devices, "parallel": self.parallel.value}
        if self.not_vllm:
            reasons = (f"not vLLM: {self.not_vllm}", account.get("fallback"))
            account["fallback"] = "; ".join(reason for reason in reasons if reason)
        return account


class NoVllm(PodiumError):
    """vLLM cannot be used for a request; the text is the end of a sentence that says why."""


def open_model(
    request: Request,
    benchmark: Benchmark,
    options: JobOptions,
    workdir: Workdir,
    device: str,
    settle: Callable[[str], str] = str,
) -> Opened:
    """The request's checkpoint on the devices of the job, `device` being what kind they are.

    `settle` makes a batch size that was chosen here the one to use.

    Raises JobFailed, and what transformers raises, marked with its Stage.
    """
    devices, not_vllm = devices_of(options, device), ""
    if options.engine == "vllm":
        try:
            return open_vllm(request, benchmark, options, workdir, devices)
        except NoVllm as reason:
            not_vllm = str(reason)
            log.warning("vLLM does not evaluate %s: %s. The harness's own backend does.", request.model, reason)
    if len(devices) == 1:
        opened = open_here(request, benchmark, options, workdir, Placement(tuple(devices)), settle)
    else:
        with Stage("weights"):
            placement = place(devices, loaded_bytes(request, workdir), memory_of(devices))
        if placement.parallel is Parallel.DATA:
            opened = open_in_processes(request, options, workdir, placement)
        else:
            opened = open_here(request, benchmark, options, workdir, placement, settle)
    return opened._replace(not_vllm=not_vllm)


def open_here(
    request: Request,
    benchmark: Benchmark,
    options: JobOptions,
    workdir: Workdir,
    placement: Placement,
    settle: Callable[[str], str] = str,
) -> Opened:
    """In this process, on the placement's one device or spread over all of them."""
    loaded = load(request, workdir.checkpoint, workdir.base, placement)
    device = placement.devices[0]
    batch_size = settle(choose_batch_size(options, loaded, device))
    lm = make_lm(
        engine="shared" if options.engine == "shared" else "stock",
        pretrained=loaded.model,
        tokenizer=loaded.tokenizer,
        batch_size=batch_size,
        max_length=benchmark.harness.max_length,
    )
    several = len(placement.devices)
    words = hardware_of([{"hardware": hardware(device), "devices": several}])
    tied = bool(loaded.model.config.tie_word_embeddings)
    return Opened(lm, batch_size, words, tied, several, placement.parallel)


def choose_batch_size(options: JobOptions, loaded: Loaded, device: str) -> str:
    """As the operator says; `auto` is the harness's own search on a GPU, and what fits the memory on a processor."""
    if options.batch_size != "auto" or device != "cpu":
        return options.batch_size
    config = loaded.model.config.get_text_config()
    row = CONTEXT_TOKENS * 2 * 4 * config.vocab_size
    free = psutil.virtual_memory().available // 2
    if options.view.memory_bytes:
        free = min(free, options.view.memory_bytes // 2)
    return str(max(1, min(MOST_ROWS, (free - loaded.model.get_memory_footprint()) // row)))


def open_in_processes(request: Request, options: JobOptions, workdir: Workdir, placement: Placement) -> Opened:
    """One process a device, each with the whole checkpoint."""
    tokenizer = load_tokenizer(request, workdir.checkpoint, workdir.base)
    starts = [
        Start(
            [sys.executable],
            ONE_DEVICE,
            {"workdir": str(workdir.path), "device": device.partition(":")[0], "batch_size": options.batch_size},
            visible([device], os.environ.get("CUDA_VISIBLE_DEVICES")),
        )
        for device in placement.devices
    ]
    return remote(starts, tokenizer, Parallel.DATA)


def open_vllm(
    request: Request, benchmark: Benchmark, options: JobOptions, workdir: Workdir, devices: Sequence[str]
) -> Opened:
    """In vLLM, each copy of the checkpoint in a process of its environment. Raises NoVllm where it cannot."""
    if options.environment is None:
        raise NoVllm("this worker has no environment with it (PODIUM_VLLM_PYTHON)")
    if sandbox.entered() and sandbox.Layer.NAMESPACES not in sandbox.entered():
        raise NoVllm("its processes talk over a network, and this worker's sandbox gives jobs none of their own")
    files = vllm_files(request, workdir)
    refusal = vllm_refusal(request, files, is_seq2seq(request, workdir.checkpoint, workdir.base))
    if refusal:
        raise NoVllm(refusal)
    tokenizer = load_tokenizer(request, workdir.checkpoint, workdir.base)
    with Stage("weights"):
        groups = copies(devices, loaded_bytes(request, workdir), memory_of(devices))
    maker, python, seen = options.environment.maker, options.environment.python, os.environ.get("CUDA_VISIBLE_DEVICES")
    starts = [
        Start(
            python,
            maker,
            {"model": vllm_arguments(request, benchmark.harness, files, len(group), options.batch_size)},
            ENVIRONMENT | visible(group, seen),
        )
        for group in groups
    ]
    try:
        opened = remote(starts, tokenizer, vllm_parallel(groups))
        return opened._replace(harness_model="vllm", copy_on=len(groups[0]))
    except NotImplementedError as error:
        raise NoVllm(str(error)) from error
    except ValueError as error:  # its text may name folders of this machine; it is in the log
        raise NoVllm(f"it does not take this checkpoint ({type(error).__name__})") from error


def vllm_parallel(groups: Sequence[Sequence[str]]) -> Parallel:
    """How copies on these devices share the work."""
    if len(groups[0]) > 1:
        return Parallel.TENSOR
    return Parallel.DATA if len(groups) > 1 else Parallel.NONE


def vllm_files(request: Request, workdir: Workdir) -> Files:
    """Where the files lie that vLLM reads."""
    own, base = workdir.checkpoint, workdir.base
    if request.weight_type != WeightType.ADAPTER:
        return Files(own, own)
    with Stage("adapter"):
        config = json.loads((own / "adapter_config.json").read_bytes())
    return Files(base, own if (own / "tokenizer_config.json").exists() else base, own, config)


def remote(starts: Sequence[Start], tokenizer: Any, parallel: Parallel) -> Opened:
    """A model in other processes. Raises what starting them raises."""
    processes, facts = start_all(starts)
    lm = RemoteLM(processes, facts, tokenizer)
    devices = sum(int(each["devices"]) for each in facts)
    return Opened(lm, lm.batch_size, hardware_of(facts), bool(facts[0]["tied"]), devices, parallel)
