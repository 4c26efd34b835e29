"""A run that goes on ends with the answers of one that was never interrupted, to the last bit, and asks for few.

A model that is killed is one whose forward pass raises here; real jobs are killed in tests/backend/test_resume.py.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from backend import kept
from backend.evaluators.resume.keeper import Keeper
from backend.evaluators.resume.keys import canonical, request_keys, task_configuration
from backend.evaluators.resume.records import Records
from backend.evaluators.shared_prefix.model import SharedPrefixLM
from backend.evaluators.watch import Watch
from backend.workdir import JobOptions, Workdir
from tests.backend.evaluators.shared_prefix import tiny

TASKS = {"first": "aaaa", "second": "bbbb", "third": "cccc"}
EXAMPLES = 3
CALLS = ("loglikelihood", "loglikelihood_rolling", "generate_until")


class Killed(BaseException):
    """The end of a job."""


def requests(kind: str) -> list[Instance]:
    """Three tasks of several examples; two of the requests are equal."""
    pairs: list[Any] = tiny.questions(shots=2)
    if kind == "loglikelihood_rolling":
        pairs = [(text * 3,) for text, _ in pairs if text]
    if kind == "generate_until":
        pairs = [(text, {"until": ["e"], "max_gen_toks": 6 + 5 * (len(text) % 2)}) for text, _ in pairs if text]
    pairs.append(pairs[0])
    asked = []
    for number, pair in enumerate(pairs):
        task = list(TASKS)[number * len(TASKS) // len(pairs)]
        asked.append(Instance(kind, {}, pair, number % 2, (task, number // 2, 1)))  # type: ignore[arg-type]
    return asked


class Run:
    """One run over a model: its answers, and how many requests the model itself answered."""

    def __init__(self, workdir: Workdir, engine: str, tasks: dict[str, str] = TASKS, name: str = "llama") -> None:
        self.lm = SharedPrefixLM(
            pretrained=tiny.build(name), tokenizer=tiny.tokenizer(), batch_size=4, engine=engine, max_length=200
        )
        self.records = Records(workdir)
        self.watch = Watch(workdir, "org/model", "float32")
        self.watch.attach(self.lm, {"task": 10})
        self.asked: Counter[str] = Counter()
        for kind in CALLS:
            setattr(self.lm, kind, self._counted(kind, getattr(self.lm, kind)))
        self.keeper = Keeper(self.records, tasks, EXAMPLES)
        self.keeper.attach(self.lm, self.watch)

    def _counted(self, kind: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def counted(requests: list[Any], **kwargs: Any) -> Any:
            self.asked[kind] += len(requests)
            return answer(requests, **kwargs)

        return counted

    def kill_after(self, passes: int) -> None:
        """Raise in the pass after so many forward passes."""
        left = passes

        def count(model: Any, inputs: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        self.lm.model.register_forward_pre_hook(count)

    def answers(self) -> list[Any]:
        return [getattr(self.lm, kind)(requests(kind), disable_tqdm=True) for kind in CALLS]


def prepared(folder: Path) -> Workdir:
    workdir = Workdir(folder)
    workdir.prepare(JobOptions(evaluator="a:B"))
    return workdir


def told(run: Run) -> dict[str, Any]:
    """What the engine says of itself, less the memory of this process."""
    return {name: value for name, value in run.lm.provenance().items() if name != "memory_peak_bytes"}


@pytest.mark.parametrize("engine", ["shared", "stock"])
def test_killed_again_and_again_it_ends_with_the_same_answers(engine: str, tmp_path: Path) -> None:
    undisturbed = Run(prepared(tmp_path / "undisturbed"), engine)
    expected = undisturbed.answers()
    assert undisturbed.records.runs_used == undisturbed.keeper.reused == 0
    workdir = prepared(tmp_path / "killed")
    passes, kills = 4, 0
    while True:
        run = Run(workdir, engine)
        run.kill_after(passes)
        try:
            answers = run.answers()
            break
        except Killed:
            workdir.start_again()  # as where the cluster starts the same job again
            passes, kills = passes + 3, kills + 1
    assert kills >= 4 and answers == expected
    assert told(run) == told(undisturbed)
    assert run.records.runs_used >= 2 and 0 < run.keeper.reused < run.keeper.answered
    done = workdir.progress()
    assert done is not None and run.records.spent_before.seconds > 0


@pytest.mark.parametrize("engine", ["shared", "stock"])
def test_what_is_finished_is_not_asked_for_again(engine: str, tmp_path: Path) -> None:
    workdir = prepared(tmp_path)
    expected = Run(workdir, engine).answers()
    workdir.start_again()
    again = Run(workdir, engine)
    again.kill_after(0)
    assert again.answers() == expected
    assert again.asked.keys() <= {"loglikelihood_rolling"}, "its windows are kept, below the method"
    assert again.records.runs_used == 1


@pytest.mark.parametrize("engine", ["shared", "stock"])
def test_a_kill_costs_no_more_than_a_piece(engine: str, tmp_path: Path) -> None:
    """The smallest task is larger than what is repeated: at most EXAMPLES examples of two requests each."""
    workdir = prepared(tmp_path)
    first = Run(workdir, engine)
    first.kill_after(6)
    with pytest.raises(Killed):
        first.answers()
    workdir.start_again()
    second = Run(workdir, engine)
    second.answers()
    total = len(requests("loglikelihood"))
    assert second.asked["loglikelihood"] < total
    if engine == "stock":
        assert first.asked["loglikelihood"] == total, "the call is that of the plain command, not cut"


def test_a_changed_dependency_is_not_used(tmp_path: Path) -> None:
    workdir = prepared(tmp_path)
    Run(workdir, "shared").answers()
    workdir.start_again()
    other = Run(workdir, "shared", {**TASKS, "second": "dddd"})
    other.answers()
    in_second = sum(request.task_name == "second" for request in requests("loglikelihood"))
    assert other.asked["loglikelihood"] == in_second > 0


def test_a_model_that_the_engine_does_not_take_goes_on_too(tmp_path: Path) -> None:
    expected = Run(prepared(tmp_path / "undisturbed"), "shared", name="bloom").answers()
    workdir = prepared(tmp_path / "killed")
    first = Run(workdir, "shared", name="bloom")
    first.kill_after(5)
    with pytest.raises(Killed):
        first.answers()
    workdir.start_again()
    second = Run(workdir, "shared", name="bloom")
    assert second.answers() == expected and second.keeper.reused


def test_a_failed_check_of_the_engine_is_remembered(tmp_path: Path) -> None:
    """Whoever goes on does not trust an engine that an earlier run found to be wrong."""
    workdir = prepared(tmp_path)
    first = Run(workdir, "shared")
    score = first.lm._score

    def wrong(*args: Any) -> Any:
        first.lm.probe = None
        result = score(*args)
        assert first.lm.probe is not None
        first.lm.probe.compare({next(iter(first.lm.probe.expected)): (1e6, True)})
        return result

    first.lm._score = wrong  # type: ignore[method-assign]
    expected = first.answers()
    assert not first.lm.active
    workdir.start_again()
    second = Run(workdir, "shared")
    assert second.answers() == expected
    assert not second.lm.active and told(second) == told(first)


def test_answers_drawn_at_random_are_not_kept() -> None:
    asked = [Instance("generate_until", {}, ("a", {"do_sample": drawn}), 0, ("first", 0, 1)) for drawn in (True, False)]
    assert [key is None for key in request_keys("generate_until", asked, TASKS)] == [True, False]


def test_equal_requests_have_keys_of_their_own() -> None:
    asked = requests("loglikelihood")[:1] * 3
    assert len(set(request_keys("loglikelihood", asked, TASKS))) == 3


def test_floats_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    values = [0.1 + 0.2, -1e-310, 1.7976931348623157e308, -float("inf")]
    records = Records(prepared(tmp_path))
    for number, value in enumerate(values):
        records.add(str(number), [value, True])
    records.write()
    Workdir(tmp_path).start_again()
    again = Records(Workdir(tmp_path))
    assert [again.get(str(number))[0].hex() for number in range(len(values))] == [value.hex() for value in values]


def test_a_configuration_has_the_same_text_everywhere() -> None:
    class Task:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def dump_config(self) -> dict[str, Any]:
            return {"dataset_kwargs": {"data_files": f"{self.folder}/tasks/data.jsonl"}, "process_docs": object()}

    texts = {task_configuration(Task(folder), [folder]) for folder in ("/here", "/somewhere/else")}
    assert len(texts) == 1 and "tasks/data.jsonl" in texts.pop()
    assert canonical({"b": 1, "a": (1.5, None)}) == '{"a":[1.5,null],"b":1}'
    assert canonical({1: {"z", "y"}, "a": 0}) == '{"1":["y","z"],"a":0}'


# --- what lies there is hostile


def spoil(folder: Path) -> dict[str, Path]:
    """Put beside the kept files what a job might."""
    [good, *_] = sorted(folder.iterdir())
    content = good.read_bytes()
    places = {}

    def put(why: str, text: bytes, name: str | None = None) -> None:
        places[why] = folder / (name or kept.file_name("ffffffff", len(places), text))
        places[why].write_bytes(text)

    put("cut short", content[: len(content) // 2], good.name.replace("-000001-", "-000009-"))
    put("not JSON", b"\x00\xff nothing\n")
    put("not an object", b"[1, 2]\n")
    put("no times", b'{"seconds": -1.0, "processor_seconds": "a"}\n')
    put("deep", b'{"seconds": 0.0, "processor_seconds": 0.0}\n' + b"[" * 100_000)
    put("long numbers", b'{"seconds": 0.0, "processor_seconds": 0.0}\n["a", ' + b"9" * 10_000 + b"]\n")
    put("too large", b" " * (kept.MOST_FILE_BYTES + 1))
    put("another name", content, "escaped.jsonl")
    (folder / kept.file_name("eeeeeeee", 1, content)).symlink_to(good)
    (folder / kept.file_name("eeeeeeee", 2, content)).mkdir()
    return places


def test_what_is_damaged_or_hostile_is_ignored_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    workdir = prepared(tmp_path)
    expected = Run(workdir, "shared").answers()
    spoil(workdir.out / "kept")
    workdir.start_again()
    assert not any(path.is_symlink() for path in workdir.kept.iterdir())
    again = Run(workdir, "shared")
    assert again.answers() == expected and again.records.runs_used == 1
    assert "Ignored the kept file ffffffff-000001" in caplog.text, "not JSON"
    assert "-000009-" in caplog.text and "damaged" in caplog.text


def test_values_that_are_no_answers_are_asked_for_again(tmp_path: Path) -> None:
    workdir = prepared(tmp_path)
    expected = Run(workdir, "stock").answers()
    workdir.start_again()
    for name, content in list(kept.contents(workdir.kept)):
        header, *lines = content.decode().splitlines()
        records = [json.loads(line) for line in lines]
        changed = [[key, {"a": "list"} if isinstance(value, list | str) else -1] for key, value in records]
        text = "\n".join([header, *map(json.dumps, changed)]).encode()
        (workdir.kept / name).unlink()
        kept.put(workdir.kept, kept.file_name("ffffffff", 1, text), text)
    again = Run(workdir, "stock")
    assert again.answers() == expected and again.keeper.reused == 0


def test_nothing_leads_out_of_the_folder(tmp_path: Path) -> None:
    """The folder itself may have become a link to that of another request."""
    other, ours = prepared(tmp_path / "other"), prepared(tmp_path / "ours")
    Run(other, "stock").answers()
    (ours.out / "kept").symlink_to(other.out / "kept")
    ours.start_again()
    assert not ours.kept.exists()


def test_no_more_than_the_limits_is_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workdir = prepared(tmp_path)
    Run(workdir, "stock").answers()
    sizes = [path.stat().st_size for path in sorted((workdir.out / "kept").iterdir())]
    monkeypatch.setattr(kept, "MOST_BYTES", sum(sizes[:2]))
    shutil.copytree(workdir.out / "kept", tmp_path / "copy")
    workdir.start_again()
    assert len(kept.names(workdir.kept)) == 2
    monkeypatch.setattr(kept, "MOST_FILES", 1)
    assert len(kept.names(tmp_path / "copy")) == 1


def test_a_full_disk_ends_the_keeping_and_not_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    workdir = prepared(tmp_path)
    expected = Run(prepared(tmp_path / "undisturbed"), "stock").answers()
    (workdir.out / "kept").write_text("a file where a folder should be")
    assert Run(workdir, "stock").answers() == expected
    assert caplog.text.count("No more answers are kept") == 1
