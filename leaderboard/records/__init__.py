"""The nouns of Podium: what is written to files and passed between its parts.

Times are UTC strings `YYYY-MM-DDTHH:MM:SSZ` (request files keep the Open LLM Leaderboard's format).
"""

from leaderboard.records.checkpoint import MODEL_TYPE_SYMBOLS, ModelType, Precision, WeightType, plain_type
from leaderboard.records.people import Person
from leaderboard.records.problem import Failure, Fault, Problem, Severity
from leaderboard.records.repository import REPO_ID, ModelFacts, is_repo_id, is_revision
from leaderboard.records.request import (
    SCHEMA_VERSION,
    Edit,
    HistoryEntry,
    Lease,
    Progress,
    Request,
    Status,
    request_path,
)
from leaderboard.records.result import PodiumBlock, Provenance, Score
from leaderboard.records.submission import Submission
from leaderboard.records.times import TIME_FORMAT, moment, new_id, now, utc
from leaderboard.records.worker import Abilities

__all__ = [
    "MODEL_TYPE_SYMBOLS",
    "REPO_ID",
    "SCHEMA_VERSION",
    "TIME_FORMAT",
    "Abilities",
    "Edit",
    "Failure",
    "Fault",
    "HistoryEntry",
    "Lease",
    "ModelFacts",
    "ModelType",
    "Person",
    "PodiumBlock",
    "Precision",
    "Problem",
    "Progress",
    "Provenance",
    "Request",
    "Score",
    "Severity",
    "Status",
    "Submission",
    "WeightType",
    "is_repo_id",
    "is_revision",
    "moment",
    "new_id",
    "now",
    "plain_type",
    "request_path",
    "utc",
]
