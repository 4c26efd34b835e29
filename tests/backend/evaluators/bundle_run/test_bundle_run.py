"""Submissions to competition bundles, run end to end in real sandboxes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.evaluators import load_evaluator
from backend.failures import JobFailed
from backend.sandbox import programs
from backend.sandbox.container_options import ENGINES
from backend.workdir import Workdir
from leaderboard.records import Fault
from leaderboard.results.private_results import DETAILED_RESULTS, HIDDEN_SCORES, MOST_BYTES
from tests.backend.evaluators.bundle_run.bundles import GOOD, MadeBundle, job, parity, scores_of
from tests.backend.sandbox.images import forget, imported


@pytest.fixture
def bundle(tmp_path: Path) -> MadeBundle:
    return parity(tmp_path)


def run(workdir: Workdir) -> dict[str, float]:
    load_evaluator(workdir.options().evaluator).run(workdir.path)
    return scores_of(workdir)


def failing(workdir: Workdir) -> JobFailed:
    with pytest.raises(JobFailed) as failed:
        run(workdir)
    assert not (workdir.out / "results.json").exists()
    assert not [child for child in psutil.Process().children() if "launcher" in str(child.cmdline())], "one runs on"
    return failed.value


def test_code_is_ingested_and_scored(bundle: MadeBundle, capsys: pytest.CaptureFixture[str]) -> None:
    workdir = job(bundle, {"model.py": GOOD})
    assert run(workdir) == {"accuracy": 1.0}
    private = workdir.private(MOST_BYTES)
    assert private[DETAILED_RESULTS] == b"<h1>Right: 1.0</h1>"
    assert json.loads(private[HIDDEN_SCORES])["secret"]["score"]["raw"] == 0.5
    published = (workdir.out / "results.json").read_text()
    assert "secret" not in published and "Privatewert" not in published and "unused" not in published
    log = capsys.readouterr().out.splitlines()
    assert "podium: The scoring program of task Parity starts." in log, "a hidden column hides its command too"
    assert log[0].startswith(
        "podium: The ingestion of task Parity starts: python /app/program/ingest.py /app/input_data"
    )
    assert any(line.startswith("podium: The scoring program of task Parity ended after") for line in log)


def test_results_are_scored_as_they_are(bundle: MadeBundle) -> None:
    """As predictions, and as an archive without any program where the benchmark takes both."""
    answers = {"wrapped/answers.txt": "1\n1\n1\n1\n", "wrapped/metadata": "command: false\n"}
    assert run(job(bundle, answers, "predictions", "a")) == {"accuracy": 0.75}
    del answers["wrapped/metadata"]
    assert run(job(bundle, answers, "code", "b")) == {"accuracy": 0.75}


def test_an_ingestion_that_fails_is_reported_and_nothing_is_scored(
    bundle: MadeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    workdir = job(bundle, {"other.py": GOOD, "answers.txt": "1\n0\n1\n1\n"})
    error = failing(workdir)
    assert (error.code, error.fault) == ("ingestion_failed", Fault.SUBMISSION)
    assert str(error) == (
        "The ingestion of task Parity stopped with exit code 1. The last line of its output is: "
        "ModuleNotFoundError: No module named 'model'"
    )
    log = capsys.readouterr().out
    assert "Traceback (most recent call last)" in log and "scoring" not in log


def test_reference_data_is_nowhere_for_submitted_code(bundle: MadeBundle) -> None:
    """Not under its path, not below any other, not in /proc; beside the scoring program neither."""
    look = """
import os
def predict(item):
    seen = []
    for top in ("/app", "/proc/1/root/app", "/proc/1/cwd", "/dev/shm"):
        for above, folders, files in os.walk(top):
            seen += [os.path.join(above, name) for name in files + folders]
    seen += [open(f"/proc/{name}/cmdline").read() for name in os.listdir("/proc") if name.isdigit()]
    seen += [open("/proc/self/mountinfo").read()]
    print("LOOKED", len(seen), "labels.txt" in str(seen) or "input/ref" in str(seen))
    return 1
"""
    workdir = job(bundle, {"model.py": look})
    run(workdir)
    log = (workdir.scratch / "task-0" / "ingestion.log").read_text()
    assert "LOOKED" in log and "True" not in log


BESIDE_INGEST = """
import os, sys, time
sys.path.insert(0, "/app/ingested_program")
import model
items = open("/app/input_data/items.txt").read().split()
open("/app/shared/half", "w").write(" ".join(str(model.predict(item)) for item in items))
os.rename("/app/shared/half", "/app/shared/answers")
while not os.path.exists("/app/shared/done"):
    time.sleep(0.02)
"""
BESIDE_SCORE = """
import json, os, time
while not os.path.exists("/app/shared/answers"):
    time.sleep(0.02)
answers = open("/app/shared/answers").read().split()
labels = open("/app/input/ref/labels.txt").read().split()
json.dump({"accuracy": sum(a == b for a, b in zip(answers, labels)) / 4}, open("/app/output/scores.json", "w"))
open("/app/shared/done", "w").close()
"""


@pytest.fixture
def beside(bundle: MadeBundle) -> MadeBundle:
    """The ingestion runs while the scoring program does, and answers it through /app/shared."""
    bundle.rules["tasks"] = [bundle.task(ingestion_only_during_scoring=True)]
    bundle.put("ingestion/metadata.yaml", "command: python3 $program/ingest.py\n")
    bundle.put("ingestion/ingest.py", BESIDE_INGEST)
    bundle.put("scoring/score.py", BESIDE_SCORE)
    return bundle


def test_ingestion_during_scoring(beside: MadeBundle) -> None:
    assert run(job(beside, {"model.py": GOOD})) == {"accuracy": 1.0}


def test_labels_stay_out_of_reach_during_scoring(beside: MadeBundle) -> None:
    """Neither read directly nor by a link that the scoring program would follow."""
    steal = """
import os
def predict(item):
    try:
        return open("/app/input/ref/labels.txt").read()
    except OSError as error:
        print("DIRECT", type(error).__name__)
    for make in (os.symlink, os.link):
        try:
            make("/app/input/ref/labels.txt", "/app/shared/answers")
        except OSError as error:
            print("LINK", type(error).__name__)
    return 0
"""
    workdir = job(beside, {"model.py": steal})
    assert run(workdir) == {"accuracy": 0.25}
    log = (workdir.scratch / "task-0" / "ingestion.log").read_text()
    assert log.count("DIRECT FileNotFoundError") == 4 and log.count("LINK PermissionError") == 8


@pytest.mark.parametrize(
    "fill",
    [
        "for n in range(20_000):\n    open(f'/app/shared/{n}', 'w').close()",
        "os.chdir('/app/shared')\nfor n in range(30):\n    os.mkdir('d' * 250)\n    os.chdir('d' * 250)",
        "with open('/app/shared/big', 'wb') as f:\n    for _ in range(3000):\n        f.write(b'x' * (1 << 20))",
    ],
    ids=["files", "depth", "bytes"],
)
def test_the_shared_folder_has_an_end(beside: MadeBundle, fill: str) -> None:
    error = failing(job(beside, {"model.py": f"import os, time\n{fill}\ntime.sleep(60)"}))
    assert error.code in {"output_too_large", "ingestion_failed"}
    assert error.code == "output_too_large" or "File too large" in str(error)


def test_a_failing_ingestion_is_told_before_the_scoring_that_waits_for_it(beside: MadeBundle) -> None:
    error = failing(job(beside, {"model.py": "raise ValueError('broken on purpose')"}))
    assert error.code == "ingestion_failed" and "ValueError: broken on purpose" in str(error)


def test_a_dataset_is_given_to_the_organisers_code(bundle: MadeBundle) -> None:
    """Roles swapped: the submission holds data, the organiser's input data are the programs that are run on it."""
    bundle.rules["settings"] = {"competition_type": "dataset"}
    bundle.put("ingestion/metadata.yaml", "command: python $input/learner.py $submission_program $output")
    bundle.put("input/learner.py", "import sys\nrows = open(sys.argv[1] + '/train.csv').read().split()\n"
               "open(sys.argv[2] + '/answers.txt', 'w').write('\\n'.join(rows))\n")  # fmt: skip
    workdir = job(bundle, {"train.csv": "1\n0\n0\n0\n", "metadata.yaml": "command: touch /app/output/mine\n"})
    assert run(workdir) == {"accuracy": 0.5}
    assert not (workdir.scratch / "task-0" / "predictions" / "mine").exists()


def test_a_submission_with_a_command_of_its_own_runs_beside_the_ingestion(bundle: MadeBundle) -> None:
    wait = (
        "import time, pathlib\nwhile not (there := pathlib.Path('/app/output/mine')).exists():\n    time.sleep(0.02)\n"
    )
    bundle.put("ingestion/ingest.py", wait + "import shutil\nshutil.copy(there, '/app/output/answers.txt')\n")
    own = (
        "import os\nopen('/app/output/part', 'w').write('1\\n0\\n1\\n0\\n')\n"
        "os.rename('/app/output/part', '/app/output/mine')\n"
    )
    workdir = job(bundle, {"metadata.yaml": "command: python3 $program/own.py", "own.py": own + REACH})
    assert run(workdir) == {"accuracy": 0.75}
    assert "REACHED []" in (workdir.scratch / "task-0" / "own.log").read_text()


REACH = """
places = ("/app/input/ref", "/app/ingestion_program", "/app/ingested_program", "/app/shared", "/etc/shadow")
print("REACHED", [place for place in places if os.path.exists(place)])
"""


def test_what_fails_first_ends_what_runs_beside_it(bundle: MadeBundle) -> None:
    bundle.put("ingestion/ingest.py", "import time\ntime.sleep(50)\n")
    error = failing(job(bundle, {"metadata.yaml": "command: python3 $program/own.py", "own.py": "raise SystemExit(4)"}))
    assert str(error) == "The submission's own command of task Parity stopped with exit code 4."


def test_without_an_ingestion_the_submissions_own_command_makes_the_answers(bundle: MadeBundle) -> None:
    bundle.rules["tasks"] = [bundle.task(ingestion_program=None)]
    own = {"metadata": "command: cp $program/mine.txt $output/answers.txt", "mine.txt": "1\n0\n1\n1\n", "a.py": ""}
    assert run(job(bundle, own)) == {"accuracy": 1.0}
    own["metadata"] = "command: python3 -c 'raise SystemExit(3)'"
    error = failing(job(bundle, own, place="other"))
    assert str(error) == "The submission's own command of task Parity stopped with exit code 3."


def test_the_answers_cannot_be_passed_off_as_scores(bundle: MadeBundle) -> None:
    """scores.json and metadata of a submission are files like others, and links are not followed."""
    bundle.put("scoring/score.py", SCORE_OF_METADATA)
    files = {"answers.txt": "", "scores.json": '{"accuracy": 1}', "metadata": "elapsedTime: 12345\n"}
    assert run(job(bundle, files, "predictions"))["accuracy"] < 100
    link = (
        "import os\ndef predict(item):\n"
        "    os.path.lexists('/app/output/x') or os.symlink('/etc/hostname', '/app/output/x')\n"
    )
    error = failing(job(bundle, {"model.py": link}, place="links"))
    assert error.code == "output_refused" and "'x' is a symbolic link" in str(error)


SCORE_OF_METADATA = """
import json
lines = dict(line.split(": ") for line in open("/app/input/res/metadata"))
json.dump({"accuracy": float(lines["elapsedTime"])}, open("/app/output/scores.json", "w"))
"""


def test_scores_in_text_several_tasks_and_computed_columns(bundle: MadeBundle) -> None:
    bundle.put("second/metadata.yaml", "command: python $program/score.py")
    bundle.put("second/score.py", "open('/app/output/scores.txt', 'w').write('accuracy:0.5\\nsecret: nan\\n')")
    bundle.rules |= {
        "tasks": [bundle.task(), bundle.task(index=1, name="Second", scoring_program="second")],
        "phases": [{"track": "open", "tasks": [0, 1]}],
        "computed": [{"score": "both", "operation": "sum", "of": ["accuracy", "accuracy"]}],
        "task_scores": [{"score": "first", "of": "accuracy", "task": 0}],
    }
    keys = ("accuracy", "both", "first", "secret")
    bundle.benchmark["columns"] = [
        {"key": key, "title": key, "score": key, "in_average": key != "secret"} for key in keys
    ]
    scores = run(job(bundle, {"model.py": GOOD}))
    assert scores == {"accuracy": 0.75, "both": 1.5, "first": 1.0, "secret": None}


@pytest.mark.parametrize(
    ("program", "code", "fault", "words"),
    [
        ("raise SystemExit(2)", "scoring_failed", Fault.INFRASTRUCTURE, "stopped with exit code 2. The program is the"),
        (
            "open('/app/output/message.txt', 'w').write('Row 3 is\\x1b[31m missing.')\nraise SystemExit(1)",
            "scoring_failed", Fault.SUBMISSION, "refused the submission: Row 3 is missing.",
        ),
        ("pass", "no_scores", Fault.INFRASTRUCTURE, "wrote neither scores.json nor scores.txt"),
        (
            "open('/app/output/scores.json', 'w').write('{\"accuracy\": NaN, \"secret\": Infinity}')",
            "no_scores", Fault.INFRASTRUCTURE, "no finite number for any column of the board (accuracy)",
        ),
        (
            "import time\ntime.sleep(60)",
            "wall_limit", Fault.INFRASTRUCTURE, "The scoring program of task Parity exceeded its time limit of 2 s",
        ),
    ],
)  # fmt: skip
def test_what_a_scoring_program_does_wrong(
    bundle: MadeBundle, program: str, code: str, fault: Fault, words: str
) -> None:
    bundle.rules["phases"] = [{"track": "open", "wall_seconds": 2}]
    bundle.put("scoring/score.py", program)
    error = failing(job(bundle, {"answers.txt": "1"}, "predictions"))
    assert (error.code, error.fault) == (code, fault) and words in str(error)


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        ("import time\ntime.sleep(60)", "wall_limit", "The ingestion of task Parity exceeded its time limit of 2 s"),
        (
            "with open('/app/output/big', 'wb') as f:\n    for _ in range(2000):\n        f.write(bytes(1 << 20))",
            "output_too_large", "The ingestion of task Parity exceeded its limit of 500,000,000 bytes",
        ),
        ("held = [b'x' * (1 << 20) for _ in range(5000)]", "out_of_memory", "exceeded its memory limit of 1.0 GB"),
    ],
)  # fmt: skip
def test_what_submitted_code_does_wrong(bundle: MadeBundle, model: str, code: str, words: str) -> None:
    bundle.rules["phases"] = [{"track": "open", "wall_seconds": 2 if code == "wall_limit" else 60}]
    error = failing(job(bundle, {"model.py": model}))
    assert (error.code, error.fault) == (code, Fault.SUBMISSION) and words in str(error)


def test_steps_share_the_time_of_the_job(bundle: MadeBundle) -> None:
    """So that the sentence names the step; the job's own limit would only say that it was stopped."""
    workdir = job(bundle, {"model.py": "import time\ntime.sleep(60)"})
    options = workdir.options().model_copy(update={"wall_seconds": 4})
    workdir.prepare(options, workdir.request(), workdir.benchmark())
    error = failing(workdir)
    assert error.code == "wall_limit" and "The ingestion of task Parity exceeded its time limit of 1 s" in str(error)


def test_a_bundle_that_cannot_be_run_is_the_organisers_fault(bundle: MadeBundle) -> None:
    bundle.put("scoring/metadata.yaml", "description: no command\n")
    error = failing(job(bundle, {"answers.txt": "1"}, "predictions", "a"))
    assert (error.code, error.fault) == ("bundle_broken", Fault.INFRASTRUCTURE) and "no `command`" in str(error)
    bundle.rules["tasks"] = [bundle.task(reference_data="gone")]
    error = failing(job(bundle, {"answers.txt": "1"}, "predictions", "b"))
    assert error.code == "benchmark_data" and "The folder gone of task Parity" in str(error)


def test_images(bundle: MadeBundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an engine this worker's Python stands in for the platforms' own; one of the organiser's is refused."""
    monkeypatch.setattr(shutil, "which", no_engine)
    forget()
    bundle.rules["docker_image"] = "codalab/codalab-legacy:py312"
    assert run(job(bundle, {"model.py": GOOD}, place="stock")) == {"accuracy": 1.0}
    assert "names the image codalab/codalab-legacy:py312; its programs run with" in capsys.readouterr().out
    bundle.rules["docker_image"] = "ada/own:1"
    error = failing(job(bundle, {"model.py": GOOD}, place="own"))
    assert (error.code, error.fault) == ("image_unavailable", Fault.INFRASTRUCTURE) and "ada/own:1" in str(error)
    assert "podman is not installed. docker is not installed." in str(error)
    monkeypatch.undo()
    forget()


def no_engine(name: str, path: str | None = None, *, which: Callable[..., str | None] = shutil.which) -> str | None:
    return None if name in ENGINES else which(name, path=path)


IN_SHELL = """
while read -r item; do
    . /app/ingested_program/model.sh
done < /app/input_data/items.txt > /app/output/answers.txt
cat /app/input/ref/labels.txt 2>/dev/null && echo SEEN
true
"""
SCORE_IN_SHELL = """
right=0
exec 3< /app/input/ref/labels.txt 4< /app/input/res/answers.txt
while read -r answer <&4; do
    read -r label <&3
    [ "$answer" = "$label" ] && right=$((right + 25))
done
echo '{"accuracy": 0.'$right'}' > /app/output/scores.json
"""


def test_programs_run_in_the_image_that_the_organiser_names(
    bundle: MadeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ingestion and scoring in an image without any Python, with the folders that they have without it."""
    tmp_path.chmod(0o755)
    for name, text in (("ingestion", IN_SHELL), ("scoring", SCORE_IN_SHELL)):
        bundle.put(f"{name}/metadata.yaml", "command: sh $program/run.sh\n")
        bundle.put(f"{name}/run.sh", text)
    with imported(tmp_path) as image:
        bundle.rules["docker_image"] = image
        workdir = job(bundle, {"model.sh": '[ "$item" = 5 ] || echo $((item % 2))\n[ "$item" = 5 ] && echo 0'})
        assert run(workdir) == {"accuracy": 0.75}
        log = capsys.readouterr().out
        assert f"The programs run in the image {image}." in log and "SEEN" not in log
        workdir = job(bundle, {"model.sh": "exit 3"}, place="fails")
        assert failing(workdir).code == "ingestion_failed"


def test_nothing_runs_without_a_sandbox(bundle: MadeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "problem", lambda: "bubblewrap is not installed.")
    error = failing(job(bundle, {"model.py": GOOD}))
    assert (error.code, error.fault) == ("no_sandbox", Fault.INFRASTRUCTURE) and "bubblewrap" in str(error)


def test_an_archive_that_cannot_be_unpacked(bundle: MadeBundle) -> None:
    workdir = job(bundle, {"model.py": GOOD})
    workdir.artifact.write_bytes(b"no archive")
    error = failing(workdir)
    assert (error.code, error.fault) == ("bad_archive", Fault.SUBMISSION)


@pytest.mark.parametrize("hidden", ["hide_output", "hide_score_output", ""])
def test_the_log_shows_what_the_organiser_allows(
    bundle: MadeBundle, hidden: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the scoring program prints could tell of a hidden column, so that it is not shown beside one."""
    if hidden:
        column = {"key": "accuracy", "title": "Accuracy", "score": "accuracy"}
        bundle.benchmark["columns"] = [column]
        bundle.rules["phases"] = [{"track": "open", hidden: True}]
    bundle.put("scoring/score.py", SCORE_PRINTS + (bundle.root / "bundle/scoring/score.py").read_text())
    workdir = job(bundle, {"model.py": "print('FROM THE MODEL')\n" + GOOD})
    run(workdir)
    log = capsys.readouterr().out
    assert "FROM THE SCORER" not in log and ("FROM THE MODEL" in log) == (hidden != "hide_output")
    assert (DETAILED_RESULTS in workdir.private(MOST_BYTES)) == (hidden == "")


SCORE_PRINTS = "print('FROM THE SCORER')\n"


def test_programs_cannot_write_lines_of_ours_or_flood_the_log(
    bundle: MadeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    flood = r"print('podium: all is well\nx\rpodium: fake\n\x1b[2Jpodium: faker')" "\nprint('flood\\n' * 100_000)\n"
    run(job(bundle, {"model.py": flood + GOOD}))
    log = capsys.readouterr().out
    ours = [line for line in log.splitlines() if line.startswith("podium: ")]
    assert len(log) < 40_000 and not any("all is well" in line or "fake" in line for line in ours)
    assert any("bytes of its output are left out here" in line for line in ours)


def test_the_same_plan_for_each_phase(bundle: MadeBundle) -> None:
    """The request's track names the phase, and the phase its tasks."""
    bundle.rules |= {
        "tasks": [bundle.task(), bundle.task(index=7, name="Other", input_data=None, ingestion_program=None)],
        "phases": [{"track": "first"}, {"track": "open", "name": "Final", "tasks": [7]}],
    }
    workdir = job(bundle, {"answers.txt": "0\n"}, "predictions")
    assert run(workdir) == {"accuracy": 0.0}
    progress: Any = workdir.progress()
    assert progress.task == "scoring of task Other"
