"""Problems that a submission of any kind can have. docs/checks.md lists all problems."""

from __future__ import annotations

from leaderboard.records.sentences import WARNING, Catalogue, Template, shown

__all__ = ["COMMON", "WARNING", "Catalogue", "Template", "shown"]

COMMON = Catalogue(
    {
        "unknown_benchmark": Template(
            "benchmark", "There is no benchmark {value} here.", "Choose one of the benchmarks of this board: {known}."
        ),
        "unknown_track": Template(
            "track", "The benchmark {benchmark} has no track {value}.", "Choose one of its tracks: {known}."
        ),
        "kind_not_taken": Template(
            "kind", "The benchmark {benchmark} takes no submissions of the kind {value}.", "It takes: {known}."
        ),
        "do_not_submit": Template(
            "model",
            "{model} is not taken by {benchmark}: {reason}",
            "Ask this board's maintainers if you think that this is wrong.",
        ),
        "removed": Template(
            "model",
            "What was removed cannot be submitted again. {reason}",
            "Ask this board's maintainers if it is to be evaluated again.",
        ),
        "quota_used_up": Template(
            "model",
            "{name} has made {used} submissions to {benchmark} {period}; one person may make {limit}.",
            "{again}; failed and cancelled submissions are not counted.",
        ),
        "organisation_quota_used_up": Template(
            "model",
            "Members of {name} have submitted {used} of its checkpoints to {benchmark} {period}; "
            "one organisation may submit {limit}.",
            "{again}; failed and cancelled submissions are not counted.",
        ),
        "team_quota_used_up": Template(
            "model",
            "The team of {name} has made {used} submissions to {benchmark} {period}; one team may make {limit}.",
            "{again}; failed and cancelled submissions are not counted.",
        ),
        "failures_used_up": Template(
            "model",
            "{used} submissions of {name} to {benchmark} failed {period} after scoring had begun, or wait or run and "
            "may still fail; one {whom} may have {limit}.",
            "{again}, or when those that wait or run have finished.",
        ),
        "already_requested": Template(
            "model",
            "{subject} has already been submitted: request {request} is {status}.",
            "Follow that request; {alternatives} can be submitted.",
            WARNING,
        ),
    }
)
