"""The nouns of Podium: what is written to files and passed between its parts.

Times are UTC strings `YYYY-MM-DDTHH:MM:SSZ` (request files keep the Open LLM Leaderboard's format).
"""

from leaderboard.records.artifact import Artifact, Endpoint, HubModel
from leaderboard.records.checkpoint import MODEL_TYPE_SYMBOLS, ModelType, Precision, WeightType, plain_type
from leaderboard.records.ended import AnyRequest, EndedRequest, ended_at, is_submitter
from leaderboard.records.engine import Engine
from leaderboard.records.kinds import (
    KINDS,
    MARK,
    Submission,
    block_of,
    folder_of,
    identity_of,
    kind_of,
    request_of,
    request_path,
    submission_of,
)
from leaderboard.records.kinds.kind import Kind
from leaderboard.records.kinds.named import ArtifactRequest, CodeRequest, EndpointRequest, NamedBlock, NamedRequest
from leaderboard.records.model_summary import ModelSummary
from leaderboard.records.people import Person, hub_name, is_same
from leaderboard.records.problem import Failure, Fault, Problem, Severity
from leaderboard.records.repository import (
    ModelFacts,
    is_commit,
    is_dataset_id,
    is_repo_id,
    is_revision,
    model_file_name,
    model_folder,
    model_in,
    namespace_of,
)
from leaderboard.records.request import (
    ENDED,
    OPEN,
    SCHEMA_VERSION,
    Edit,
    HistoryEntry,
    Lease,
    Progress,
    Request,
    Status,
    TaskProgress,
)
from leaderboard.records.result import PodiumBlock, Provenance, Score, resumed
from leaderboard.records.submission import (
    BaseSubmission,
    CheckpointSubmission,
    CodeSubmission,
    EndpointSubmission,
    PredictionsSubmission,
)
from leaderboard.records.times import TIME_FORMAT, moment, new_id, now, utc
from leaderboard.records.versioned import Versioned
from leaderboard.records.worker import Abilities

__all__ = [
    "ENDED",
    "KINDS",
    "MARK",
    "MODEL_TYPE_SYMBOLS",
    "OPEN",
    "SCHEMA_VERSION",
    "TIME_FORMAT",
    "Abilities",
    "AnyRequest",
    "Artifact",
    "ArtifactRequest",
    "BaseSubmission",
    "CheckpointSubmission",
    "CodeRequest",
    "CodeSubmission",
    "Edit",
    "EndedRequest",
    "Endpoint",
    "EndpointRequest",
    "EndpointSubmission",
    "Engine",
    "Failure",
    "Fault",
    "HistoryEntry",
    "HubModel",
    "Kind",
    "Lease",
    "ModelFacts",
    "ModelSummary",
    "ModelType",
    "NamedBlock",
    "NamedRequest",
    "Person",
    "PodiumBlock",
    "Precision",
    "PredictionsSubmission",
    "Problem",
    "Progress",
    "Provenance",
    "Request",
    "Score",
    "Severity",
    "Status",
    "Submission",
    "TaskProgress",
    "Versioned",
    "WeightType",
    "block_of",
    "ended_at",
    "folder_of",
    "hub_name",
    "identity_of",
    "is_commit",
    "is_dataset_id",
    "is_repo_id",
    "is_revision",
    "is_same",
    "is_submitter",
    "kind_of",
    "model_file_name",
    "model_folder",
    "model_in",
    "moment",
    "namespace_of",
    "new_id",
    "now",
    "plain_type",
    "request_of",
    "request_path",
    "resumed",
    "submission_of",
    "utc",
]
