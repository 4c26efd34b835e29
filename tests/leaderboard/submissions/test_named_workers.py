"""Code that no worker can run is refused when it is submitted, with what every worker says."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.records import Abilities, Artifact, CodeSubmission
from leaderboard.settings import PROJECT
from leaderboard.submissions.kinds.code.intake import CodeIntake
from leaderboard.submissions.kinds.named import UPLOADS, ArtifactCase

WHY = "Submitted code cannot be run here. bubblewrap is not installed."
UNABLE = Abilities(worker="w1", kinds=["code"], refused_kinds={"code": WHY})
ABLE = Abilities(worker="w2", kinds=["code"])


@pytest.mark.parametrize(("workers", "refused"), [([UNABLE], True), ([UNABLE, ABLE], False), ([], False)])
def test_code_is_refused_where_no_worker_can_confine_it(
    tmp_path: Path, workers: list[Abilities], refused: bool
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    artifact = Artifact(sha256="0" * 64, bytes=1, filename="code.zip")
    submission = CodeSubmission(kind="code", benchmark="tiny", name="first", artifact=artifact)
    case = ArtifactCase(
        submission=submission, benchmark=None, abilities=workers, owner="somebody", file=file, max_bytes=None,
        private=None,
    )  # fmt: skip
    page = (PROJECT / "docs" / "checks.md").read_text()
    template = UPLOADS["no_worker_runs_it"]
    assert f"\n> {template.message}\n\n{template.fix}\n" in page
    problems = [problem for problem in CodeIntake().check(case) if problem.code == "no_worker_runs_it"]
    assert bool(problems) == refused
    for problem in problems:
        assert problem.message == f"No worker of this board can run a submission of the kind code now: w1: {WHY}"
        assert problem.fix == "Submit it again once the maintainers of this board have seen to that."
