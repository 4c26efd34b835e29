"""Where the engine hands over to the stock backend: the reasons, and the one place that catches what it raises."""

import gc
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch

from backend.evaluators.shared_prefix.attention import Unsupported
from backend.evaluators.shared_prefix.probe import ProbeFailed
from leaderboard.errors import PodiumError

T = TypeVar("T")
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """An error of the engine in a call that the stock backend then answered."""

    call: str
    """The harness's name of the call; `start` when the engine was made."""
    requests: int
    """Requests of the call."""
    error: str
    """Class of the exception. Its text stays in the log, because it may name paths of the machine."""

    @property
    def message(self) -> str:
        """A short sentence."""
        return f"The engine stopped with {self.error} in {self.call}, so the stock backend was used."


class Fallback:
    """Runs the engine's work, and keeps every reason for which the stock backend has to answer instead."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.failures: list[Failure] = []
        self.probe_failed = False
        """Whether the engine's numbers differed from the stock backend's, so that it must not be used again."""

    def attempt(self, call: str, requests: int, work: Callable[[], T]) -> T | None:
        """The result of `work`, or None when the stock backend has to answer.

        Any `Exception` of the engine ends here, out-of-memory errors included: its trace goes to the log, the stock
        backend answers the same requests, and what is not the engine's fault is then raised by the stock backend.
        Findings about the model or the job (`PodiumError`) and requests to stop (KeyboardInterrupt, SystemExit) pass.
        """
        try:
            return work()
        except PodiumError:
            raise
        except Unsupported as reason:
            self.reasons.append(str(reason))
        except ProbeFailed as reason:
            self.reasons.append(str(reason))
            self.probe_failed = True
        except Exception as error:
            LOG.exception("The shared-prefix engine failed in %s; the stock backend answers.", call)
            failure = Failure(call, requests, type(error).__name__)
            self.failures.append(failure)
            self.reasons.append(failure.message)
        _release_memory()
        return None

    @property
    def reason(self) -> str | None:
        """Every reason once, None without one."""
        return "; ".join(reason.rstrip(".") for reason in dict.fromkeys(self.reasons)) or None

    def provenance(self) -> dict[str, Any]:
        """The part of a result's engine provenance that says why requests went the stock way."""
        failures = [{**asdict(failure), "message": failure.message} for failure in self.failures]
        return {"fallback": self.reason, "failures": failures}


def _release_memory() -> None:
    """Give back what the engine held, so that the stock backend has the memory that it would have had without it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
