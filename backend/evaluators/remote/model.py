"""The harness model for weights that are in other processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

import torch
from lm_eval.api.model import LM, TemplateLM
from lm_eval.models.huggingface import HFLM

from backend.evaluators.remote.process import EngineProcess, collect

COUNTED = ("requests_shared", "requests_stock", "requests_rolling", "tokens_forwarded", "tokens_saved", "budget_halved")
"""What engines count of their work; over several processes it is added up."""


class Elsewhere(torch.nn.Module):  # type: ignore[misc]
    """Stands for weights that are in other processes: nothing is forwarded here, so no hook on it is ever called."""


class RemoteLM(LM):  # type: ignore[misc]
    """Deals the harness's requests out to processes, and puts their answers back into the requests' order.

    `on_answered(indices)` is called with requests of the current call whenever more of them are answered; it is right
    in their number, not in which they are.
    """

    chat_template = TemplateLM.chat_template
    apply_chat_template = HFLM.apply_chat_template
    tokenizer_name = HFLM.tokenizer_name
    chat_template_args: ClassVar[dict[str, Any]] = {}

    def __init__(self, processes: Sequence[EngineProcess], facts: Sequence[Mapping[str, Any]], tokenizer: Any) -> None:
        """`facts`: what each engine says of itself (see serve.Engine)."""
        super().__init__()
        self.tokenizer = tokenizer
        self.model = Elsewhere()
        self.facts = facts[0]
        self.backend = self.facts["backend"]
        self.batch_size = str(self.facts["batch_size"])
        self.max_length = int(self.facts["max_length"])
        self.on_answered: Callable[[Collection[int]], None] | None = None
        self._told = 0
        self.processor_seconds = 0.0
        """Processor time of the processes while they answered."""
        self._device = torch.device(self.facts["device"])
        self._processes = list(processes)
        self._accounts: list[Mapping[str, Any]] = [{} for _ in processes]

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-likelihoods and greedy flags in the order of the requests."""
        return [(float(value), bool(greedy)) for value, greedy in self._answers("loglikelihood", requests)]

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """Log-likelihoods of whole texts in the order of the requests."""
        return [float(value) for value in self._answers("loglikelihood_rolling", requests)]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Generated texts in the order of the requests."""
        return [str(text) for text in self._answers("generate_until", requests)]

    def provenance(self) -> dict[str, Any]:
        """What a result says about its engine: that of the first process, and what all of them counted together."""
        return together(self._accounts)

    def get_model_info(self) -> dict[str, Any]:
        """What the harness writes about the model."""
        return dict(self.facts["model_info"])

    def _answers(self, kind: str, requests: Sequence[Any]) -> list[Any]:
        self._told = 0
        parts = deal(requests, len(self._processes))
        asked = [process for process, part in zip(self._processes, parts, strict=True) if part]
        for process, part in zip(asked, filter(None, parts), strict=True):
            process.tell({"kind": kind, "requests": [spoken(requests[index]) for index in part]})
        messages = collect(asked, "answers", self._report)
        answers: list[Any] = [None] * len(requests)
        for process, part, message in zip(asked, filter(None, parts), messages, strict=True):
            self.processor_seconds += message["processor_seconds"]
            self._accounts[self._processes.index(process)] = message["account"]
            for index, answer in zip(part, message["answers"], strict=True):
                answers[index] = answer
        for request, answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial(kind, request.args, tuple(answer) if isinstance(answer, list) else answer)
        return answers

    def _report(self, done: int) -> None:
        if self.on_answered is not None and done > self._told:
            self.on_answered(range(self._told, done))
        self._told = done


def together(accounts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The accounts of several engines as one: the first one's, with what was counted added up and every reason kept."""
    account = dict(accounts[0])
    account |= {name: sum(each.get(name, 0) for each in accounts) for name in COUNTED if name in account}
    reasons = [str(each["fallback"]) for each in accounts if each.get("fallback")]
    if "fallback" in account:
        account["fallback"] = "; ".join(dict.fromkeys(reasons)) or None
    if "failures" in account:
        account["failures"] = [failure for each in accounts for failure in each.get("failures", [])]
    return account


def spoken(request: Any) -> dict[str, Any]:
    """One of the harness's requests as a message has it."""
    return {"args": list(request.args), "task": request.task_name, "doc": request.doc_id}


def deal(requests: Sequence[Any], parts: int) -> list[list[int]]:
    """Indexes of the requests for each part, in order: a task's examples are dealt out one by one, each as a whole."""
    dealt: list[list[int]] = [[] for _ in range(parts)]
    seen: dict[tuple[Any, Any], int] = {}
    examples: Counter[Any] = Counter()
    for index, request in enumerate(requests):
        example = request.task_name, request.doc_id
        if example not in seen:
            seen[example] = examples[request.task_name] % parts
            examples[request.task_name] += 1
        dealt[seen[example]].append(index)
    return dealt


def hardware_of(facts: Sequence[Mapping[str, Any]]) -> str:
    """The hardware of several engines in words, each kind once with its number."""
    counts: Counter[str] = Counter()
    for each in facts:
        counts[str(each["hardware"])] += int(each["devices"])
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in counts.items())
