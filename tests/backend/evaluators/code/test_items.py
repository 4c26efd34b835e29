"""The interface `item` in real bubblewrap: good packages are scored, bad calls are captured and do not end the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.failures import JobFailed
from leaderboard.records import Fault
from tests.backend.evaluators.code.packages import GOOD_ESTIMATOR, item_benchmark, ran, write_arrays, write_items

START = "class Estimator:\n    def setup(self, context):\n        pass\n    def predict(self, item):\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_items(tmp_path / "private")
    return tmp_path


def test_a_good_package_is_scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = ran(folder, {"estimator.py": GOOD_ESTIMATOR}, item_benchmark())
    assert block["scores"]["score"]["raw"] == 0.0 and block["scores"]["score"]["n"] == 12
    code = block["provenance"]["code"]
    assert (code["calls"], code["failed_calls"], code["processes"]) == (12, 0, 1)
    assert code["near_constant"] is None and len(code["runner"]) == 12
    assert code["limits"]["memory_gb"] == 0.5 and block["provenance"]["sandbox"] == ["bubblewrap"]
    assert "numpy" in block["provenance"]["packages"] and code["seconds"]["slowest_call"] < 10
    assert "podium: 12 calls, 0 failed." in capsys.readouterr().out


def test_each_sort_of_failing_call_is_captured_and_scored_as_zero(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = f"""
import os, sys, time
{START}
        print("asked about", item["id"], "\\x1b[31m")
        match int(item["x"]):
            case 1: raise ValueError("quoted " + item["id"])
            case 2: sys.exit(3)
            case 3: os._exit(4)
            case 4: time.sleep(60)
            case 5: return float("nan")
            case 6: return "a text"
            case 7: return [1.0, 2.0]
            case 8:
                for number in range(3, 4096):
                    try: os.write(number, b"garbage" * 20)
                    except OSError: pass
            case 9: return object()
        return 2.0 * item["x"]
"""
    block = ran(folder, {"estimator.py": bad}, item_benchmark(call_seconds=2.0))
    code = block["provenance"]["code"]
    assert code["calls"] == 12 and code["failed_calls"] == 9
    expected = {"exception": 3, "ended": 1, "time_limit": 1, "answer": 3, "protocol": 1}
    assert code["failures"] == expected
    wrong = sum((2.0 * number) ** 2 for number in range(1, 10)) / 12
    assert block["scores"]["score"]["raw"] == pytest.approx(wrong)
    log = capsys.readouterr().out
    assert "| asked about i0\n" in log and "\x1b" not in log
    line = 1 + bad.split("\n").index('            case 1: raise ValueError("quoted " + item["id"])')
    assert f"podium: Call 2 failed: ValueError at estimator.py:{line}: quoted i1." in log
    assert (
        "SystemExit" in log and "its process ended: exit code 4" in log and "2 seconds" in log and "not finite" in log
    )
    assert all("i1" not in words for words in code["failures_in_words"])  # messages are not published
    assert code["processes"] == 4  # after os._exit, the time limit and the garbage


def test_a_call_that_takes_too_much_memory_is_captured(folder: Path) -> None:
    package = START + "        return [bytearray(10**8) for _ in range(20)] if item['x'] == 1 else 2 * item['x']\n"
    code = ran(folder, {"estimator.py": package}, item_benchmark(memory_gb=0.25))["provenance"]["code"]
    assert code["failures"] == {"memory_limit": 1} and "0.25 GB" in code["failures_in_words"][0]


def test_set_up_is_called_once_in_each_process(folder: Path) -> None:
    package = """
import os
class Estimator:
    calls = 0
    def setup(self, context):
        self.calls += 1
        assert set(context) == {"submission_dir", "train_dir", "models", "tmp_dir", "limits"}
    def predict(self, item):
        if item["x"] == 5:
            os._exit(0)
        return float(self.calls)
"""
    block = ran(folder, {"estimator.py": package}, item_benchmark(metrics={"score": "mae"}))
    labels = [2.0 * number for number in range(12)]
    answers = [0.0 if number == 5 else 1.0 for number in range(12)]
    off = sum(abs(right - given) for right, given in zip(labels, answers, strict=True)) / 12
    assert block["scores"]["score"]["raw"] == pytest.approx(off)
    assert block["provenance"]["code"]["processes"] == 2


def test_too_many_failures_end_the_run_early(folder: Path) -> None:
    with pytest.raises(JobFailed) as failed:
        ran(folder, {"estimator.py": START + "        return 1 / 0\n"}, item_benchmark(max_failures=3))
    assert failed.value.code == "code_calls"
    assert "after 4 calls, of which 4 failed; the benchmark allows 3" in str(failed.value)
    assert "ZeroDivisionError at estimator.py:5" in str(failed.value)


def test_an_import_error_names_the_line(folder: Path) -> None:
    files: dict[str, str | bytes] = {"estimator.py": "import helper\n", "helper.py": "\n\nimport no_such_module\n"}
    with pytest.raises(JobFailed) as failed:
        ran(folder, files, item_benchmark())
    assert failed.value.code == "code_import"
    assert "ModuleNotFoundError at helper.py:3: No module named 'no_such_module'" in str(failed.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyError('k')", "KeyError at estimator.py:3"),
        ("import time; time.sleep(30)", "no answer within its time limit"),
        ("import os; os._exit(9)", "its process ended: exit code 9"),
    ],
)
def test_a_setup_that_fails_is_the_package_s_failure(folder: Path, body: str, words: str) -> None:
    package = (
        f"class Estimator:\n    def setup(self, context):\n        {body}\n    def predict(self, item): return 0.0\n"
    )
    with pytest.raises(JobFailed) as failed:
        ran(folder, {"estimator.py": package}, item_benchmark(setup_seconds=2.0))
    assert failed.value.code == "code_setup" and words in str(failed.value)


def test_the_time_for_everything_ends_the_run(folder: Path) -> None:
    with pytest.raises(JobFailed) as failed:
        ran(
            folder,
            {"estimator.py": START + "        import time; time.sleep(30)\n"},
            item_benchmark(wall_seconds=3, call_seconds=20),
        )
    assert failed.value.code == "wall_limit" and "3 seconds" in str(failed.value)


def test_what_is_hidden_is_withheld(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = "        raise type('Secret_' + item['id'], (Exception,), {})('secret')\n"
    forged = "        exec(compile('1 / 0', '/submission/secret.py', 'exec'))\n"
    loud = START + "        print('secret')\n        if item['x'] == 1: import os; os._exit(42)\n"
    loud += "        if item['x'] == 2:\n    " + own + "        if item['x'] == 3:\n    " + forged
    loud += "        raise ValueError('secret ' + item['id'])\n"
    block = ran(folder, {"estimator.py": loud}, item_benchmark(show_output=False))
    log = capsys.readouterr().out
    told = log + " ".join(block["provenance"]["code"]["failures_in_words"])
    assert "secret" not in told.lower() and "42" not in told
    assert "ValueError at estimator.py:11" in told and "an exception of its own at estimator.py:8" in told
    assert block["provenance"]["code"]["printed_bytes"] > 0


def test_a_constant_answer_is_flagged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = ran(folder, {"estimator.py": START + "        return 0.5\n"}, item_benchmark())
    assert block["provenance"]["code"]["near_constant"] == {"share": 1.0, "answers": 12}
    assert "100% of the 12 answers are the same" in capsys.readouterr().out


def test_arrays_are_asked_and_answered(tmp_path: Path) -> None:
    write_arrays(tmp_path / "private", (50, 40), 3)
    package = START + "        return [row.tolist() for row in 2 * item] if item[0, 0] else 2 * item[:10]\n"
    block = ran(tmp_path, {"estimator.py": package}, item_benchmark(items="items", labels="labels"))
    code = block["provenance"]["code"]
    assert code["failures"] == {"answer": 1} and "another shape" in code["failures_in_words"][0]
    assert block["scores"]["score"]["raw"] == 0.0 and block["scores"]["score"]["n"] == 6000


def test_modules_of_a_package_stand_in_for_none_of_the_runner(folder: Path) -> None:
    broken = "raise SystemExit('shadowed')\n"
    names = ("numpy.py", "json.py", "messages.py", "sitecustomize.py", "usercustomize.py", "inside/__init__.py")
    files: dict[str, str | bytes] = {"estimator.py": GOOD_ESTIMATOR, **dict.fromkeys(names, broken)}
    files["evil.pth"] = "import os; os._exit(1)\n"
    code = ran(folder, files, item_benchmark(refused_files=[]))["provenance"]["code"]
    assert (code["failed_calls"], code["processes"]) == (0, 1)


def test_an_answer_that_is_too_large_is_not_read(folder: Path) -> None:
    package = START + "        return 'x' * 3_000_000 if item['x'] == 1 else 2 * item['x']\n"
    code = ran(folder, {"estimator.py": package}, item_benchmark())["provenance"]["code"]
    assert code["failures"] == {"protocol": 1} and "cannot be read" in code["failures_in_words"][0]


def test_a_damaged_item_is_our_trouble(tmp_path: Path) -> None:
    write_arrays(tmp_path / "private", (2,), 3)
    (tmp_path / "private" / "items" / "0001.npy").write_bytes(b"no array")
    with pytest.raises(JobFailed) as failed:
        ran(tmp_path, {"estimator.py": START + "        return item\n"}, item_benchmark(items="items", labels="labels"))
    assert failed.value.code == "benchmark_data" and failed.value.fault is Fault.INFRASTRUCTURE


def test_nothing_of_the_labels_or_the_service_is_in_sight(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spy = f"""
import os, sys
{START}
        if item["x"] == 0:
            found = [os.path.join(a, f) for top in ("/data", "/submission", "/podium", "/home", "/root", "/tmp")
                     for a, _, files in os.walk(top) for f in files if f in ("labels.csv", "items.jsonl")]
            print("found", found)
            print("main", sorted(vars(sys.modules["__main__"])) , "inside" in sys.modules, os.getcwd(), sys.argv)
            print("writable", os.access("/submission", os.W_OK), os.access("/podium/inside", os.W_OK))
            print("environment", sorted(os.environ))
        return 0.0
"""
    ran(folder, {"estimator.py": spy, "__main__.py": "", "inside.py": "x = 1\n"}, item_benchmark())
    log = capsys.readouterr().out
    assert "| found []" in log and "| writable False False" in log
    assert "False /submission ['']" in log and "Runner" not in log
    [line] = [line for line in log.split("\n") if "environment" in line]
    assert "HF_HUB_OFFLINE" in line and "PODIUM" not in line and "TOKEN'" not in line.replace("PARALLELISM'", "")
