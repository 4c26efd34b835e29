"""The harness's models for OpenAI-compatible servers, with the relay in the place of a network."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI
from lm_eval.models.utils import configure_pad_token

from backend.evaluators.hosted.answers import Answers
from backend.relay.client import RelayClient
from leaderboard.records.artifact import Endpoint

NOWHERE = "relay"
"""The harness's base address, which is never used."""


class ThroughRelay:
    """What both interfaces have in common: several requests at a time, each answer checked before it is read."""

    route: ClassVar[str]
    batch_size = "1"
    tokenizer: Any
    cache_hook: Any

    def use(self, relay: RelayClient, answers: Answers, workers: int) -> None:
        """Send requests through `relay`, `workers` at a time."""
        self._relay, self._answers, self._workers = relay, answers, workers

    async def get_batched_requests(
        self,
        requests: list[Any],
        cache_keys: list[Any],
        *,
        generate: bool = True,
        ctxlens: list[int] | None = None,
        gen_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[list[Any]]:
        """The harness's seam for several requests at a time. Raises JobFailed, after which nothing more is sent."""
        contexts = ctxlens or [0] * len(requests)
        kind = "generate_until" if generate else "loglikelihood"
        answers: list[list[Any]] = []
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="requests")
        try:
            asked = [
                pool.submit(self._generated, request, gen_kwargs or {})
                if generate
                else pool.submit(self._likelihood, request, context)
                for request, context in zip(requests, contexts, strict=True)
            ]
            for future, key in zip(asked, cache_keys, strict=True):
                answer = future.result()
                if key is not None:
                    self.cache_hook.add_partial(kind, key, answer)
                answers.append([answer])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return answers

    def payload(self, request: Any, generate: bool, gen_kwargs: dict[str, Any] | None = None) -> dict[str, Any]:
        """The body of one request, as the harness writes it."""
        this: Any = self
        body: dict[str, Any] = this._create_payload(
            this.create_message([request]),
            generate=generate,
            gen_kwargs=copy.deepcopy(gen_kwargs),
            seed=this._seed,
            eos=this.eos_string if self.tokenizer is not None else None,
        )
        return body

    def _generated(self, request: Any, gen_kwargs: dict[str, Any]) -> str:
        answer = self._relay.ask(self.route, self.payload(request, True, gen_kwargs))
        return self._answers.text(answer, chat=self.route != "completions")

    def _likelihood(self, request: list[int], context: int) -> tuple[float, bool]:
        answer = self._relay.ask(self.route, self.payload(request, False))
        return self._answers.likelihood(answer, len(request), context)


class RelayedCompletions(ThroughRelay, LocalCompletionsAPI):  # type: ignore[misc]
    """`/completions`: prompts as tokens where there is a tokenizer, else as text."""

    route = "completions"

    def __init__(self, endpoint: Endpoint, tokenizer: Any, max_length: int) -> None:
        # Two at a time is the harness's way into `get_batched_requests`.
        settings = {"base_url": NOWHERE, "model": endpoint.model, "num_concurrent": 2, "max_length": max_length}
        LocalCompletionsAPI.__init__(self, tokenizer_backend=None, **settings)
        if tokenizer is not None:
            self.tokenizer = configure_pad_token(tokenizer)
            self.tokenizer_backend, self.tokenized_requests = "huggingface", True


class RelayedChat(ThroughRelay, LocalChatCompletion):  # type: ignore[misc]
    """`/chat/completions`, which only generates."""

    route = "chat/completions"

    def __init__(self, endpoint: Endpoint, max_length: int) -> None:
        settings = {"base_url": NOWHERE, "model": endpoint.model, "num_concurrent": 2, "max_length": max_length}
        LocalChatCompletion.__init__(self, tokenizer_backend=None, **settings)


def open_endpoint(endpoint: Endpoint, tokenizer: Any, max_length: int) -> Any:
    """The harness model for an endpoint; `tokenizer` may be None."""
    if endpoint.api == "chat":
        return RelayedChat(endpoint, max_length)
    return RelayedCompletions(endpoint, tokenizer, max_length)
