"""Between harness and model: answers that an earlier run kept are given again, new ones are kept as they come.

The batch in which a request is answered changes the last bits of a log-likelihood. So that a run that goes on ends with
the very answers of one that was never interrupted, no batch may be put together differently:

- The shared-prefix engine plans a call as a whole. Its calls are cut into pieces, the same in every run, and a piece
  is kept as a whole or asked again as a whole.
- The stock backend sorts all requests of a call and answers them batch by batch. What is left of a call after whole
  batches is answered in the batches that it would have had, so its answers are kept between two batches, and the call
  stays the one that the plain `lm_eval` command makes. Rolling log-likelihoods are kept batch by batch.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lm_eval.api.model import CacheHook

from backend.evaluators.resume.keys import digest, request_keys
from backend.evaluators.resume.records import Records
from backend.evaluators.shared_prefix.account import account, add, since
from backend.evaluators.watch import REQUEST_TYPES, Watch

log = logging.getLogger(__name__)
Answer = Callable[..., Any]


class Keeper(CacheHook):  # type: ignore[misc]
    """Stands in the place of a model's answering methods, and of its cache hook, once it is attached."""

    def __init__(self, records: Records, tasks: Mapping[str, str], examples: int) -> None:
        """`tasks`: hash of what a task's answers depend on; `examples`: how many of a task make a piece."""
        super().__init__(None)
        self._records = records
        self._tasks = tasks
        self._run = digest(tasks)
        self._examples = examples
        self.answered = self.reused = 0
        """Answers in all, and how many of them an earlier run had kept."""
        self._calls = 0
        self._stream: Stream | None = None

    def attach(self, lm: Any, watch: Watch) -> None:
        """Keep what `lm`, which `watch` watches already, answers."""
        self._lm, self._watch = lm, watch
        lm.set_cache_hook(self)
        for kind in REQUEST_TYPES:
            setattr(lm, kind, self._around(kind, getattr(lm, kind)))
        lm._detect_batch_size = self._detecting(lm._detect_batch_size)
        inner = getattr(lm.model, "get_base_model", lambda: lm.model)()  # an adapter's model generates without it
        inner.register_forward_pre_hook(self._between_batches)

    def add_partial(self, attr: str, req: Any, res: Any) -> None:
        """One answer; the harness calls this."""
        self._watch.add_partial(attr, req, res)
        if self._stream is not None:
            self._stream.answered(req, res)

    def _around(self, kind: str, answer: Answer) -> Answer:
        def kept(requests: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
            self._calls += 1
            self.answered += len(requests)
            keys = request_keys(kind, requests, self._tasks)
            if kind == "loglikelihood_rolling":
                answers = self._in_windows(answer, requests, *args, **kwargs)
            elif self._lm.shares:
                answers = self._in_pieces(kind, answer, requests, keys, *args, **kwargs)
            else:
                answers = self._in_batches(kind, answer, requests, keys, *args, **kwargs)
            self._records.write()
            return answers

        return kept

    # --- the shared-prefix engine

    def _in_pieces(
        self, kind: str, answer: Answer, requests: list[Any], keys: Sequence[str | None], *args: Any, **kwargs: Any
    ) -> list[Any]:
        answers: list[Any] = []
        for piece in pieces(requests, self._examples):
            part, names = requests[piece], keys[piece]
            known = self._known_piece(kind, part, names)
            if known is None:
                before = account(self._lm)
                known = answer(part, *args, **kwargs)
                self._keep_piece(names, known, since(self._lm, before))
            answers += known
        return answers

    def _known_piece(self, kind: str, requests: Sequence[Any], keys: Sequence[str | None]) -> list[Any] | None:
        """The answers of a piece, if all of them were kept, and with them what the engine says of its work."""
        known = [None if key is None else checked(kind, self._records.get(key)) for key in keys]
        if any(value is None for value in known):
            return None
        accounted = account_key(keys)
        try:
            add(self._lm, self._records.get(accounted))
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            log.warning("Ignored kept answers without an account of the engine's work: %s", error)
            return None
        self._reuse([*keys, accounted], requests)
        return known

    def _keep_piece(self, keys: Sequence[str | None], answers: Sequence[Any], done: Mapping[str, Any]) -> None:
        if None not in keys:
            for key, value in zip(keys, answers, strict=True):
                self._records.add(str(key), value)
            self._records.add(account_key(keys), done)
            self._records.write()

    # --- the stock backend

    def _in_batches(
        self, kind: str, answer: Answer, requests: list[Any], keys: Sequence[str | None], *args: Any, **kwargs: Any
    ) -> list[Any]:
        answers = [None if key is None else checked(kind, self._records.get(key)) for key in keys]
        left = [index for index, value in enumerate(answers) if value is None]
        reused = [index for index, value in enumerate(answers) if value is not None]
        self._reuse([keys[index] for index in reused], [requests[index] for index in reused])
        self._lm.answered["stock"] += len(reused)
        if left:
            part = [requests[index] for index in left]
            self._stream = Stream(part, [keys[index] for index in left])
            try:
                given = answer(part, *args, **kwargs)
                self._keep(self._stream.rest(given))
            finally:
                self._stream = None
            for index, value in zip(left, given, strict=True):
                answers[index] = value
        return answers

    def _between_batches(self, model: Any, inputs: Any) -> None:
        """A forward pass begins, so all answers so far are those of whole batches."""
        if self._stream is not None and len(self._stream.fresh) >= min(self._examples, self._stream.least):
            self._keep(self._stream.taken())

    def _keep(self, records: Sequence[tuple[str, Any]]) -> None:
        for key, value in records:
            self._records.add(key, value)
        if records:
            self._records.write()

    # --- rolling log-likelihoods

    def _in_windows(self, answer: Answer, requests: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Answers made of those of windows of texts, which the backend puts into batches itself, in order."""
        tasks = sorted({self._tasks.get(request.task_name, "") for request in requests})
        score = self._lm._loglikelihood_tokens
        waiting = 0

        def windows(requests: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
            nonlocal waiting
            values: list[Any]
            key = digest(tasks, "windows", [request[1:] for request in requests])
            known = self._records.get(key)
            if isinstance(known, list) and len(known) == len(requests):
                values = [checked("loglikelihood", value) for value in known]
                if None not in values:
                    self._records.use(key)
                    return values
            values = list(score(requests, *args, **kwargs))
            self._records.add(key, values)
            waiting += len(requests)
            if waiting >= self._examples:
                waiting = 0
                self._records.write()
            return values

        self._lm._loglikelihood_tokens = windows
        try:
            answers: list[Any] = answer(requests, *args, **kwargs)
        finally:
            self._lm._loglikelihood_tokens = score
        return answers

    # --- both

    def _reuse(self, keys: Sequence[str | None], requests: Sequence[Any]) -> None:
        for key in keys:
            self._records.use(str(key))
        self.reused += len(requests)
        self._watch.skip(requests)

    def _detecting(self, detect: Answer) -> Answer:
        """Batch sizes that are found out by trying: the one that was found for the same call is taken again."""

        def detected(*args: Any, **kwargs: Any) -> Any:
            key = digest(self._run, "batch size", self._calls)
            known = self._records.get(key)
            if isinstance(known, int) and known > 0:
                self._records.use(key)
                return known
            size = detect(*args, **kwargs)
            self._records.add(key, size)
            return size

        return detected


class Stream:
    """Answers of one call of the stock backend, as they come."""

    def __init__(self, requests: Sequence[Any], keys: Sequence[str | None]) -> None:
        self.fresh: list[tuple[str, Any]] = []
        """Key and answer, not kept yet."""
        self.least = min(Counter(request.task_name for request in requests).values())
        """Requests of the smallest task: more than these are not left unkept."""
        self._keys = keys
        self._waiting: dict[str, deque[str]] = defaultdict(deque)
        for request, key in zip(requests, keys, strict=True):
            if key is not None:
                self._waiting[digest(request.args)].append(key)
        self._kept: set[str] = set()

    def answered(self, args: Any, answer: Any) -> None:
        """Take in an answer by the arguments of its request; of equal requests the first comes first."""
        keys = self._waiting.get(digest(tuple(args)))
        if keys:
            key = keys.popleft()
            self._kept.add(key)
            self.fresh.append((key, answer))

    def taken(self) -> list[tuple[str, Any]]:
        """The answers that are not kept yet; from now on they count as kept."""
        fresh, self.fresh = self.fresh, []
        return fresh

    def rest(self, answers: Sequence[Any]) -> list[tuple[str, Any]]:
        """What is left to keep at the end of the call, whose answers these are."""
        unseen = [(key, value) for key, value in zip(self._keys, answers, strict=True) if key and key not in self._kept]
        return self.taken() + unseen


def pieces(requests: Sequence[Any], examples: int) -> Iterator[slice]:
    """Parts of a call that are answered one after the other: up to `examples` examples of one task each."""
    start, seen = 0, set[Any]()
    for index, request in enumerate(requests):
        new = request.doc_id not in seen
        if index > start and (request.task_name != requests[index - 1].task_name or (new and len(seen) == examples)):
            yield slice(start, index)
            start, seen = index, set()
        seen.add(request.doc_id)
    if start < len(requests):
        yield slice(start, len(requests))


def account_key(keys: Sequence[str | None]) -> str:
    """The key of what the engine says of its work for a piece."""
    return digest("account", keys)


def checked(kind: str, value: Any) -> Any:
    """A kept value as the model would give it; None when it is no answer of this kind."""
    if kind == "generate_until":
        return value if isinstance(value, str) else None
    if not isinstance(value, list) or len(value) != 2:
        return None
    number, greedy = value
    sound = isinstance(number, float) and not math.isnan(number) and isinstance(greedy, bool)
    return (number, greedy) if sound else None
