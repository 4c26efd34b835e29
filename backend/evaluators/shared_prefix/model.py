"""`hf-shared`: the harness's `hf` model with shared prefixes. Anything it does not support goes the stock way."""

import resource
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, TypeVar

import torch
import torch.nn.functional as F
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import postprocess_generated_text
from tqdm import tqdm  # type: ignore[import-untyped]

from backend.evaluators.shared_prefix import VERSION
from backend.evaluators.shared_prefix.attention import Attention, Unsupported, attention_of
from backend.evaluators.shared_prefix.budget import SHARE, Budget, budget_for, costs_of, free_bytes
from backend.evaluators.shared_prefix.expanded import ExpandedScorer
from backend.evaluators.shared_prefix.fallback import Fallback
from backend.evaluators.shared_prefix.forward import Runner
from backend.evaluators.shared_prefix.generation import Generator, Prompt, Row
from backend.evaluators.shared_prefix.greedy import Wish, encode, end_tokens, greedy_wishes
from backend.evaluators.shared_prefix.plan import Tokens, group, prefix_tree, stock_tokens
from backend.evaluators.shared_prefix.probe import Probe, choose, expect, rows_of
from backend.evaluators.shared_prefix.scoring import Answer, Scorer
from backend.evaluators.shared_prefix.tokenise import PairEncoder

T = TypeVar("T")
Engine = Literal["shared", "stock"]
Encoded = tuple[tuple[str, str] | None, list[int], list[int]]
PROMPTS_A_PROBE = 32
MOST_PROBED = 4
MOST_SLOTS = 64
NEARLY = 0.9
"""The part of a budget that must be free for it to be used again."""
COPIES = 3


@register_model("hf-shared")
class SharedPrefixLM(HFLM):  # type: ignore[misc]
    """An HFLM that scores and generates with shared prefixes, checked against the stock backend before results count.

    Takes HFLM's arguments and `engine`: `stock` switches the sharing off. `on_answered(indices)` is called after each
    batch with those of the current call's requests that were answered in it.
    """

    def __init__(self, *args: Any, engine: Engine = "shared", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_answered: Callable[[Collection[int]], None] | None = None
        self.probe: Probe | None = None
        self.fallback = Fallback()
        self.tokens_saved = 0
        self.stock_probe_tokens = 0
        self.answered = {"shared": 0, "stock": 0, "rolling": 0}
        self.halved = 0
        self.budget_bytes: int | None = None
        """Bytes of a batch's budget, found out at the first one: with one budget equal requests make equal batches."""
        self.runner: Runner | None = None
        self.engine = engine
        if engine == "shared":
            self.runner = self._attempt("start", 0, self._make_runner)
        else:
            self.fallback.reasons.append("switched off")

    @property
    def active(self) -> bool:
        """Whether the engine may answer: the model is supported, and no probe has failed."""
        return self.runner is not None and not self.fallback.probe_failed

    @property
    def shares(self) -> bool:
        """Whether the engine is made for this model, so that equal calls are answered alike and others may differ."""
        return self.runner is not None

    def adopt_budget(self, size: int | None) -> None:
        """Use the budget (bytes) of an earlier process, unless there is clearly less memory now."""
        if size and size > 0 and self.budget_bytes is None and free_bytes(self.device) * SHARE >= NEARLY * size:
            self.budget_bytes = size

    def _make_runner(self) -> Runner:
        return Runner(self.model, self._attention(), self.device, self.mixed_precision_dtype)

    def _attention(self) -> Attention:
        if self.backend != "causal":
            raise Unsupported("encoder-decoder models are scored by the stock backend")
        if self.world_size > 1:
            raise Unsupported("several processes share this run")
        if len(set(getattr(self.model, "hf_device_map", {}).values())) > 1:
            raise Unsupported("the layers of the checkpoint are spread over several devices")
        return attention_of(self.model)

    @property
    def tokens_forwarded(self) -> int:
        """Token ids that the engine has forwarded, padding and the probes' stock rows included."""
        return self.stock_probe_tokens + (self.runner.tokens if self.runner else 0)

    def provenance(self) -> dict[str, Any]:
        """What a result says about its engine: name, version, checks, tokens forwarded and spared, memory."""
        return {
            "engine": "shared-prefix" if self.answered["shared"] else "stock",
            "version": VERSION,
            "supported": self.runner is not None,
            **self.fallback.provenance(),
            "probe": self.probe
            and {
                "questions": self.probe.questions,
                "tokens": self.stock_probe_tokens,
                "max_difference": self.probe.max_difference,
                "tolerance": self.probe.tolerance,
                "passed": self.probe.passed,
            },
            "requests_shared": self.answered["shared"],
            "requests_stock": self.answered["stock"],
            "requests_rolling": self.answered["rolling"],
            "tokens_forwarded": self.tokens_forwarded,
            "tokens_saved": self.tokens_saved,
            "budget_halved": self.halved,
            "memory_peak_bytes": _peak(self.device),
        }

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[Answer]:
        """Log-likelihoods and greedy flags in the order of the requests, as HFLM gives them."""
        pairs = [request.args for request in requests]
        if pairs and self.active and not self.enable_thinking:
            answers = self._attempt("loglikelihood", len(pairs), lambda: self._score_pairs(pairs, disable_tqdm))
            if answers is not None:
                for pair, answer in zip(pairs, answers, strict=True):
                    self.cache_hook.add_partial("loglikelihood", pair, answer)
                return answers
        self.answered["stock"] += len(pairs)
        stock: list[Answer] = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        return stock

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """The stock backend's log-likelihoods of whole texts, counted: there is no prefix to share."""
        self.answered["stock"] += len(requests)
        self.answered["rolling"] += len(requests)
        self.fallback.reasons.append("rolling log-likelihoods are scored by the stock backend")
        answers: list[float] = super().loglikelihood_rolling(requests, disable_tqdm=disable_tqdm)
        return answers

    def _attempt(self, call: str, requests: int, work: Callable[[], T]) -> T | None:
        """The result of the engine's work, or None when the stock backend has to answer; see `Fallback.attempt`."""
        before = self.tokens_forwarded
        result = self.fallback.attempt(call, requests, work)
        if result is None:
            self.tokens_saved -= self.tokens_forwarded - before
        return result

    def _score_pairs(self, pairs: Sequence[tuple[str, str]], disable_tqdm: bool) -> list[Answer]:
        tokens = PairEncoder(self).encode(pairs)
        encoded: list[Encoded] = [(pair, *each) for pair, each in zip(pairs, tokens, strict=True)]
        assert self.runner is not None
        return self._score(self.runner, encoded, disable_tqdm)

    def _score(self, runner: Runner, encoded: Sequence[Encoded], disable_tqdm: bool) -> list[Answer]:
        requests = [(context, continuation) for _, context, continuation in encoded]
        if any(not context or not 0 < len(following) <= self.max_length for context, following in requests):
            raise Unsupported("a context or a continuation is empty, or a continuation is longer than the model allows")
        self._within(runner, max(len(context) + len(following) for context, following in requests) - 1)
        before = self.tokens_forwarded
        questions = group(requests, self.max_length)
        stock = stock_tokens(requests, self._stock_batch(), self.max_length, self.logits_cache)
        self.probe = probe = self.probe or Probe()
        longest = max(min(len(context) + len(following), self.max_length) for context, following in requests)
        kind = Scorer if runner.attention.packed else ExpandedScorer
        scorer = kind(runner, self._budget(runner, longest), self.softmax_dtype)
        tree = scorer.plan(questions)
        chosen, miniature = choose(questions, tree, stock, runner.attention.window is not None)
        if miniature:
            self._rehearse(scorer, miniature, probe)
        expect(probe, encoded, list(chosen.values()), self._stock, self.model.dtype)
        answers: dict[int, Answer] = {}
        bar = tqdm(total=len(requests), disable=disable_tqdm or self.rank != 0, desc="Running loglikelihood requests")
        with bar:
            for batch in scorer.score(questions, tree, first=chosen):
                probe.compare(batch)
                answers.update(batch)
                bar.update(len(batch))
                self._report(batch)
        self.halved += scorer.budget.halved
        self.tokens_saved += stock - (self.tokens_forwarded - before)
        self.answered["shared"] += len(requests)
        return [answers[index] for index in range(len(requests))]

    def _rehearse(self, scorer: Scorer, requests: Sequence[tuple[Tokens, Tokens]], probe: Probe) -> None:
        """Probe questions that are not among the requests."""
        questions = group(requests, self.max_length)
        encoded = [(None, list(context), list(following)) for context, following in requests]
        probed = [request for row in rows_of(questions[0]) for request in row]
        expect(probe, encoded, [probed], self._stock, self.model.dtype)
        for batch in scorer.score(questions, prefix_tree([question.context for question in questions], least_gain=1)):
            probe.compare(batch)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Generated texts in the order of the requests, as HFLM gives them.

        The engine answers what asks for greedy decoding, the stock backend every other request, such as sampling.
        """
        texts: dict[int, str] = {}
        if requests and self.active:
            pairs = [request.args for request in requests]
            texts = self._attempt("generate_until", len(pairs), lambda: self._greedy(pairs, disable_tqdm)) or {}
            for index, text in texts.items():
                self.cache_hook.add_partial("generate_until", pairs[index], text)
        rest = [index for index in range(len(requests)) if index not in texts]
        self.answered["stock"] += len(rest)
        if rest:
            stock = super().generate_until([requests[index] for index in rest], disable_tqdm=disable_tqdm)
            texts.update(zip(rest, stock, strict=True))
        return [texts[index] for index in range(len(requests))]

    def _greedy(self, requests: Sequence[tuple[str, Any]], disable_tqdm: bool) -> dict[int, str]:
        """The texts of the requests that ask for greedy decoding, by index."""
        wishes, refused = greedy_wishes(self, requests)
        self.fallback.reasons.extend(refused)
        if not wishes:
            return {}
        assert self.runner is not None
        indices = [*wishes]
        texts = self._generate(
            self.runner, [*wishes.values()], disable_tqdm, lambda place: self._report([indices[place]])
        )
        return dict(zip(wishes, texts, strict=True))

    def _generate(
        self, runner: Runner, wishes: Sequence[Wish], disable_tqdm: bool, answered: Callable[[int], None]
    ) -> list[str]:
        if not runner.attention.packed:
            raise Unsupported("generation needs a kernel that takes 4D masks")
        ends = end_tokens(self)
        tokens = encode(self, wishes)
        self._within(runner, max(len(each) + wish.most for each, wish in zip(tokens, wishes, strict=True)))
        eos = self.tok_decode(self.eot_token_id, skip_special_tokens=False)
        by_length = sorted(range(len(tokens)), key=lambda index: -len(tokens[index]))
        count = max(1, min(MOST_PROBED, len(tokens) // PROMPTS_A_PROBE))
        probed = {by_length[step * len(tokens) // count] for step in range(count)}
        prompts = [
            Prompt(index, tuple(each), wish.most, tuple(s for s in wish.stops if s and s != eos), index in probed)
            for index, (each, wish) in enumerate(zip(tokens, wishes, strict=True))
        ]
        budget = self._budget(runner, max(map(len, tokens)))
        size = self.batch_size if isinstance(self.batch_size, int) else MOST_SLOTS
        generator = Generator(runner, budget, size, ends, self._decode, self.softmax_dtype)
        self.probe = probe = self.probe or Probe()
        texts: dict[int, str] = {}
        generated: dict[int, int] = {}
        before = self.tokens_forwarded
        bar = tqdm(total=len(wishes), disable=disable_tqdm or self.rank != 0, desc="Running generate_until requests")
        with bar:
            for row in generator.generate(prompts, self._lookback):
                index = row.prompt.index
                if row.prompt.probed:
                    self._check(probe, runner, row)
                texts[index] = self._text(row.tokens, wishes[index])
                generated[index] = len(row.tokens)
                bar.update(1)
                answered(index)
        self.halved += budget.halved
        stock = _stock_generation([(len(each), generated[index]) for index, each in enumerate(tokens)], size)
        self.tokens_saved += stock - (self.tokens_forwarded - before)
        self.answered["shared"] += len(wishes)
        return [texts[index] for index in range(len(wishes))]

    def _check(self, probe: Probe, runner: Runner, row: Row) -> None:
        """Compare the log-probability of a row's first tokens with that of a plain forward of the same text."""
        index, head = row.prompt.index, row.tokens[: len(row.head)]

        def plain(copies: int) -> Answer:
            scores = F.log_softmax(runner.plain((*row.prompt.tokens, *head), copies), dim=-1, dtype=self.softmax_dtype)
            self.stock_probe_tokens += copies * (len(row.prompt.tokens) + len(head) - 1)
            chosen = torch.tensor(head, device=scores.device)
            chosen_scores = scores[-len(head) :].gather(1, chosen[:, None])
            return float(chosen_scores.sum()), bool((scores[-len(head) :].argmax(dim=-1) == chosen).all())

        expect(probe, {index: row}, [[index]], lambda _: [plain(1)], self.model.dtype, again=lambda _: [plain(COPIES)])
        ours = torch.tensor(row.head, dtype=self.softmax_dtype or self.model.dtype).sum()
        probe.compare({index: (float(ours), True)})

    def _stock(self, requests: list[Encoded]) -> list[Answer]:
        """The stock backend's answers, without its cache hook."""
        bare = [(None, context, following) for _, context, following in requests]
        pairs = [(context, following) for _, context, following in bare]
        self.stock_probe_tokens += stock_tokens(pairs, self._stock_batch(), self.max_length, self.logits_cache)
        answers: list[Answer] = self._loglikelihood_tokens(bare, disable_tqdm=True, override_bs=len(bare))
        return answers

    def _within(self, runner: Runner, longest: int) -> None:
        limit = runner.attention.longest
        if limit is not None and min(longest, self.max_length) > limit:
            raise Unsupported(f"rotary frequencies change with the length beyond {limit} tokens")

    def _budget(self, runner: Runner, longest: int) -> Budget:
        costs = costs_of(self.model, runner.attention, self.softmax_dtype)
        batch = self._stock_batch()
        budget = budget_for(self.device, costs, batch * longest if batch else None)
        if self.budget_bytes is None or budget.bytes < NEARLY * self.budget_bytes:
            self.budget_bytes = budget.bytes
        budget.bytes = self.budget_bytes
        return budget

    def _stock_batch(self) -> int:
        return self.batch_size if isinstance(self.batch_size, int) else 0

    def _report(self, answered: Collection[int]) -> None:
        if self.on_answered is not None:
            self.on_answered(answered)

    def _decode(self, tokens: list[int], skip_special: bool) -> str:
        text: str = self.tok_decode(tokens, skip_special_tokens=skip_special)
        return text

    def _lookback(self, stop: str) -> int:
        return len(self.tokenizer.encode(stop, add_special_tokens=False)) + 2

    def _text(self, tokens: list[int], wish: Wish) -> str:
        text: str = postprocess_generated_text(self._decode(tokens, True), list(wish.stops), None)
        return text


def make_lm(*, engine: Engine = "shared", **settings: Any) -> SharedPrefixLM:
    """The harness model for a checkpoint; `settings` are HFLM's: pretrained, revision, dtype, device, peft..."""
    return SharedPrefixLM(engine=engine, **settings)


def _stock_generation(rows: Sequence[tuple[int, int]], size: int) -> int:
    """Tokens that the stock backend forwards at least for rows of (prompt, generated) lengths: it pads, and waits."""
    ordered = sorted(rows, reverse=True)
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return sum(len(batch) * (batch[0][0] + max(new for _, new in batch) - 1) for batch in batches)


def _peak(device: Any) -> int:
    """Peak memory in bytes: allocated on a GPU, resident for the process otherwise."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
