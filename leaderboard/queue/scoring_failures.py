"""Failures that may tell something of hidden data: a competition limits how many a participant may have in a day.

A run counts when it failed after scoring may have begun, or was cancelled while it ran. It does not count when the
code of its failure is in BEFORE_SCORING. A code that is not known there counts: a submission can make its run fail
whenever it has seen something, so only what surely came before is free.
"""

from __future__ import annotations

from leaderboard.records import AnyRequest, EndedRequest, HistoryEntry, Status

BEFORE_SCORING = frozenset(
    {
        # the submission could not be loaded
        "adapter_unloadable", "auto_map", "bad_archive", "checkpoint_unreadable", "config_unreadable", "delta_mismatch",
        "generation_too_long", "implementation_unavailable", "model_gone", "package_missing",
        "precision_impossible", "precision_mismatch", "predictions_refused", "quantisation_unloadable",
        "tokenizer_unloadable", "weights_missing",
        # the service's own trouble
        "benchmark_data", "bundle_broken", "cancelled", "disk_full", "endpoint_network", "endpoint_relay",
        "endpoint_secret", "hub_unavailable", "image_unavailable", "no_sandbox", "not_started", "worker_lost",
        "worker_stopped",
    }
)  # fmt: skip
"""Codes of failures that come before anything of a submission is run on hidden data or compared with it."""


def scoring_failures(request: AnyRequest) -> tuple[str, ...]:
    """When runs of the request failed after scoring may have begun (UTC), the first one first."""
    if isinstance(request, EndedRequest):
        return request.scoring_failures
    return tuple(entry.time for entry in request.history if _counts(entry))


def _counts(entry: HistoryEntry) -> bool:
    if entry.from_ is not Status.RUNNING:
        return False
    if entry.to is Status.CANCELLED:
        return True
    return entry.to is Status.FAILED and entry.note.partition(":")[0] not in BEFORE_SCORING
