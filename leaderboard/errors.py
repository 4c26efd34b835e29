"""Every error that Podium raises on purpose, in one tree, caught in one place per entry point (API, page, CLI, job).

PodiumError                  something a person should read; str(error) is a sentence
├── NotAccepted              the submission has problems; carries all of them
│   └── AlreadyRequested     the same checkpoint is already in the queue; carries the existing request
├── NotAllowed               this person may not do this
│   └── NotSignedIn          nobody is known to ask: a token or a session is missing, wrong or over
├── NotFound                 no such request, result, model or page
│   └── ModelUnavailable     the Hub does not let us read this checkpoint; `code` says why
│       ├── ModelNotFound · RevisionNotFound · ModelGated · ModelPrivate · ModelDisabled
│       └── TooManyFiles     its list of files is too long to be read
├── BadPath                  a path that no store takes: absolute, hidden, "..", a file where a folder is
├── Unreadable               a file of ours does not say what its format demands
├── BadBenchmark             a benchmark's YAML has problems; carries all of them
├── BadArchive               a zip or tar that is not unpacked; carries all of its problems
├── NotPackaged              a folder that no package is made of; carries all of its problems
├── BadSettings              a setting has a value that is not allowed
├── WrongUse                 a command line that cannot be carried out as it is written
├── Interrupted              the person who runs a command ended it
├── SubmissionFailed         a submission that was followed to its end failed or was cancelled
├── BadBackup                a backup cannot be made there, is damaged, or does not fit the board
├── Conflict                 compare-and-swap lost: the file is not what the caller had read
├── NotPossible              the state of a request does not allow this change
├── CollectRefused       what a submitted program left is not collected: links, pipes, too much
├── TooLarge                 more was sent than an address takes
├── TooMany                  somebody asks for more at a time than one person may
└── Infrastructure           our side failed: never the submitter's fault
    ├── HubUnavailable       the Hub did not answer, or answered with its own trouble
    ├── DownloadFailed       a file of the Hub could not be had, or is not what was pinned
    ├── ServerUnavailable    a Podium server, for the command, did not answer or had trouble of its own
    └── NotDelivered         a webhook or mail server did not take a notice
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leaderboard.records import Problem, Request


class PodiumError(Exception):
    """The base: `str(error)` is a sentence for a person."""


class NotAccepted(PodiumError):
    """A submission with problems; `problems` holds every one of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(" ".join(problem.message for problem in self.problems))


class AlreadyRequested(NotAccepted):
    """The same (`leaderboard.records.kinds`) is already in the queue as `existing`."""

    def __init__(self, problem: Problem, existing: Request) -> None:
        self.existing = existing
        super().__init__([problem])


class NotAllowed(PodiumError):
    """This person may not do this."""


class NotSignedIn(NotAllowed):
    """Nobody is known to ask; signing in, or another token, may help."""


class NotFound(PodiumError):
    """Nothing is there under that name."""


class BadPath(PodiumError):
    """A path that no store takes."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(f"{path!r} is not a path for a file here: {reason}.")


class ModelUnavailable(NotFound):
    """A checkpoint that the Hub does not let us read. `code` names the problem in docs/checks.md."""

    code = "model_not_found"

    def __init__(self, model: str, revision: str) -> None:
        self.model = model
        self.revision = revision
        super().__init__(f"{model} at {revision} cannot be read from the Hub: {self.code.replace('_', ' ')}.")


class ModelNotFound(ModelUnavailable):
    """There is no such repository, or it is private and hidden from us."""


class RevisionNotFound(ModelUnavailable):
    """The repository exists, this branch, tag or commit does not."""

    code = "revision_not_found"


class ModelGated(ModelUnavailable):
    """Its files are only for people whom its owner let in, and we are not among them."""

    code = "gated"


class ModelPrivate(ModelUnavailable):
    """It exists and we may not read it."""

    code = "private"


class ModelDisabled(ModelUnavailable):
    """The Hub itself has closed the repository."""

    code = "disabled"


class TooManyFiles(ModelUnavailable):
    """Its list of files is longer than we read."""

    code = "too_many_files"


class Unreadable(PodiumError):
    """A file that cannot be read as what its place says it is."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} cannot be read: {reason}")


class BadBenchmark(PodiumError):
    """A benchmark description with problems; `lines` are sentences that begin with `file:line:`."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


class BadArchive(PodiumError):
    """A zip or tar that is not unpacked; `lines` are sentences that name the entries."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


class NotPackaged(PodiumError):
    """A folder that no package is made of; `lines` are sentences."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


class BadSettings(PodiumError):
    """Settings that cannot be used; one sentence a setting."""


class WrongUse(PodiumError):
    """A command line that cannot be carried out as it is written."""


class Interrupted(PodiumError):
    """The person who runs a command ended it."""


class SubmissionFailed(PodiumError):
    """A submission that was followed to its end failed or was cancelled; `request` as the server tells it."""

    def __init__(self, message: str, request: Mapping[str, Any]) -> None:
        self.request = dict(request)
        super().__init__(message)


class BadBackup(PodiumError):
    """A backup that cannot be made, read or put back."""


class Conflict(PodiumError):
    """A commit found other content than it expected at `paths`; nothing was written."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = sorted(paths)
        super().__init__(
            f"Changed by somebody else in the meantime: {', '.join(self.paths)}. Read again and decide again."
        )


class NotPossible(PodiumError):
    """The request is in a state that does not allow this change."""


class CollectRefused(PodiumError):
    """What a submitted program left is not collected; nothing of it was."""


class TooLarge(PodiumError):
    """More was sent than the address takes."""


class TooMany(PodiumError):
    """Somebody asks for more at a time than one person may; `retry_after_s`: seconds to wait before asking again."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class Infrastructure(PodiumError):
    """Our side failed. Nothing is wrong with the submission."""


class HubUnavailable(Infrastructure):
    """The Hub did not answer, refused our own token, limited our rate or had an error of its own.

    `retry_after_s`: seconds after which trying again makes sense; None when somebody has to fix something first.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class ServerUnavailable(Infrastructure):
    """A Podium server did not answer the command, or had trouble of its own. `may_have_arrived`: it may have acted."""

    def __init__(self, message: str, may_have_arrived: bool = False) -> None:
        self.may_have_arrived = may_have_arrived
        super().__init__(message)


class NotDelivered(Infrastructure):
    """A webhook or mail server did not take a notice; `for_good`: it never will."""

    def __init__(self, message: str, for_good: bool = False) -> None:
        self.for_good = for_good
        super().__init__(message)


class DownloadFailed(Infrastructure):
    """A file of the Hub could not be downloaded, or is not what was pinned; its cause says whose fault that is."""
