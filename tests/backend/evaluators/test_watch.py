"""Progress by task, as both engines answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.evaluators import watch as watching
from backend.evaluators.watch import Watch
from backend.workdir import Workdir
from leaderboard.records import Progress
from tests.backend.evaluators.shared_prefix import tiny


class Recorded(Workdir):
    """A work folder that keeps every progress that is written to it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.seen: list[Progress] = []

    def write_progress(self, progress: Progress) -> None:
        super().write_progress(progress)
        self.seen.append(progress)


@pytest.fixture
def workdir(tmp_path: Path) -> Recorded:
    made = Recorded(tmp_path)
    made.out.mkdir(parents=True)
    return made


@pytest.mark.parametrize("shares", [False, True])
def test_each_task_is_counted_on_its_own(
    workdir: Recorded, shares: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watching, "WRITE_S", 0.0)
    lm = tiny.pair(tiny.build("llama"))[shares]
    requests = tiny.asked(tiny.questions())
    half = len(requests) // 2
    for index, request in enumerate(requests):
        request.task_name = "first" if index < half else "second"
    watch = Watch(workdir, "org/model", "float32")
    watch.say("loading the tasks")
    watch.attach(lm, {"first": half, "second": 1, "third": 7})
    lm.loglikelihood(requests, disable_tqdm=True)
    watch.say("writing the results")

    last = workdir.seen[-1]
    counts = [(task.task, task.done, task.total) for task in last.tasks]
    assert counts == [("first", half, half), ("second", len(requests) - half, len(requests) - half), ("third", 0, 7)]
    assert (last.done, last.total) == (len(requests), len(requests) + 7)
    assert workdir.progress() == last and workdir.seen[0].tasks == []
    between = [sum(task.done for task in each.tasks) for each in workdir.seen]
    assert between == sorted(between) and len(set(between)) > 2, "it was told while they were answered"
    own = [line for line in capsys.readouterr().out.splitlines() if line.startswith("podium: ")]
    assert own == [
        "podium: loading the tasks",
        "podium: answering requests of 2 tasks",
        "podium: writing the results",
    ]


def test_the_name_of_a_task_is_bounded(workdir: Recorded) -> None:
    watch = Watch(workdir, "org/model", "float32")
    watch.attach(tiny.pair(tiny.build("llama"))[0], {"x" * 10_000: 1, **{f"t{number}": 1 for number in range(2000)}})
    watch.say("answering")
    progress = workdir.progress()
    assert progress and len(progress.tasks) == 1000 and len(progress.tasks[0].task) == 256 and progress.total == 2001
