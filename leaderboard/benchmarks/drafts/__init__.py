"""New benchmarks, drafted from a file of questions or from tasks that lm-eval has."""

from leaderboard.benchmarks.drafts.draft import Draft, Named, benchmark_id
from leaderboard.benchmarks.drafts.from_questions import draft_from_questions
from leaderboard.benchmarks.drafts.from_tasks import MetricChoice, draft_from_task
from leaderboard.benchmarks.drafts.questions import ANSWER_IS, Columns, Questions, read_questions

__all__ = [
    "ANSWER_IS",
    "Columns",
    "Draft",
    "MetricChoice",
    "Named",
    "Questions",
    "benchmark_id",
    "draft_from_questions",
    "draft_from_task",
    "read_questions",
]
