"""The kind `checkpoint`: a model repository on the Hub at a commit, and how it is loaded."""

from __future__ import annotations

from leaderboard.records.kinds.kind import Kind
from leaderboard.records.repository import is_commit, is_repo_id
from leaderboard.records.request import Request
from leaderboard.records.result import PodiumBlock
from leaderboard.records.submission import CheckpointSubmission


class CheckpointKind(Kind):
    """Checkpoints."""

    submission = CheckpointSubmission
    title = "Checkpoint"
    name_field = "model"
    on_hub = True
    loads_weights = True
    activity = "evaluation"
    alternatives = "another commit, precision or chat setting"

    def identity(self, record: Request | PodiumBlock) -> tuple[str, ...]:
        """Commit, precision and weight type, and `chat` with the chat template."""
        loaded = (record.revision, record.precision, record.weight_type)
        return (*loaded, "chat") if record.use_chat_template else loaded

    def subject(self, record: Request | PodiumBlock) -> str:
        """`org/model at 26a66f0d862e (bfloat16, Original)`."""
        return f"{record.model} at {record.revision[:12]} ({', '.join(self.identity(record)[1:])})"

    def obstacle(self, request: Request) -> str | None:
        """A checkpoint is loaded from a repository at a commit; other boards' files may name neither."""
        if not is_commit(request.revision):
            return f"Its revision {request.revision!r} is not a commit (40 hex digits); submit it again to resolve it."
        if not is_repo_id(request.model):
            return (
                f"Its model {request.model!r} is not a Hub repository id (organisation/name, or one name); "
                "submit it under its full id."
            )
        return None
