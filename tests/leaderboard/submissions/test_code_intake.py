"""What intake says of packages of code before a slot is used; the packages are read and never run."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import localhub
from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.errors import NotAccepted
from leaderboard.hub.hub import Hub
from leaderboard.packaging import outline
from leaderboard.packaging.package import build
from leaderboard.packaging.problems import PACKAGE
from leaderboard.packaging.sources import outlines_of
from leaderboard.queue.queue import Queue
from leaderboard.records import Artifact, CodeRequest, CodeSubmission, Person, Problem, Severity
from leaderboard.settings import PROJECT
from leaderboard.stores.local import LocalStore
from leaderboard.submissions.intake import Intake
from tests.backend.evaluators.code.packages import (
    GOOD_ESTIMATOR,
    GOOD_MODEL,
    item_benchmark,
    pair_benchmark,
    zipped,
)
from tests.leaderboard.packaging.kits import pair_kit
from tests.leaderboard.submissions.documented import documented
from tests.leaderboard.submissions.test_intake import CHECKPOINT

ADA = Person(name="ada")
LABELLING = "def score_pairs(test_pairs, train_dir='', test_dir=''):\n    return [0.0 for pair in test_pairs]\n"
GOOD = {"model.py": GOOD_MODEL}
LARGE = {f"{number}.py": "#" * 900_000 for number in range(6)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens={"ada": "hf_ada"}) as it:
        it.hub.commit("org/Good", CHECKPOINT)
        own = '{"model_type": "llama", "architectures": ["Own"], "auto_map": {"AutoModel": "own.Model"}}'
        it.hub.commit("org/Own", {**CHECKPOINT, "config.json": own, "own.py": "raise SystemExit"})
        it.hub.commit("org/Pickled", {"config.json": "{}", "pytorch_model.bin": b"pickle"})
        yield it


@dataclass
class Desk:
    """An intake over real uploads, and the benchmark that it serves."""

    intake: Intake
    artifacts: FolderArtifacts
    folder: Path

    def submission(self, content: bytes, filename: str = "mine.zip") -> CodeSubmission:
        file = self.folder / "upload"
        file.write_bytes(content)
        artifact = Artifact(sha256=self.artifacts.add(file, ADA.name), bytes=len(content), filename=filename)
        return CodeSubmission(kind="code", benchmark="code", name="mine", artifact=artifact)

    def problems(self, files: dict[str, str | bytes]) -> list[Problem]:
        return self.intake.look(self.submission(zipped(files)), ADA).problems


def desk(served: localhub.Running, folder: Path, benchmark: Benchmark) -> Desk:
    artifacts = FolderArtifacts(folder / "artifacts")
    queue = Queue(LocalStore(folder / "requests"))
    hub = Hub(served.endpoint)
    return Desk(Intake(hub, queue, {"code": benchmark}, lambda: [], artifacts=artifacts), artifacts, folder)


@pytest.fixture
def pairs(served: localhub.Running, tmp_path: Path) -> Desk:
    return desk(served, tmp_path, pair_benchmark(max_models=2, label_budget=3))


@pytest.fixture
def items(served: localhub.Running, tmp_path: Path) -> Desk:
    return desk(served, tmp_path, item_benchmark())


def said(problems: list[Problem]) -> list[str]:
    return [problem.message for problem in problems]


def test_a_good_package_becomes_a_request(pairs: Desk) -> None:
    submission = pairs.submission(zipped({**GOOD, "labeling.py": LABELLING, "weights.npy": b"\x93NUMPY"}))
    request = pairs.intake.submit(submission, ADA)
    assert isinstance(request, CodeRequest)
    assert (request.model, request.revision) == ("ada/mine", submission.artifact.sha256)
    assert request.models == [] and request.params == 0.0


def test_one_wrapping_folder_is_left_out(pairs: Desk) -> None:
    assert pairs.problems({"mine/model.py": GOOD_MODEL, "__MACOSX/mine/._model.py": b"x"}) == []


def test_a_class_is_taken(items: Desk) -> None:
    assert items.problems({"estimator.py": GOOD_ESTIMATOR}) == []


def test_every_problem_is_told_at_once_with_file_and_line(pairs: Desk) -> None:
    problems = pairs.problems(
        {
            "model.py": "import nowhere_module\n\n\ndef predict(train_dir, test_dir):\n    return []\n",
            "labeling.py": "def score_pairs(test_pairs, *, train_dir):\n    return 1\n",
            "broken.py": "x = 1\nif x\n",
            "lib/native.so": b"\x7fELF",
            "state.PKL": b"x",
            "models.txt": "org/Good\nnot a model\n",
        }
    )
    assert said(problems) == [
        "lib/native.so is a file that this benchmark does not take: compiled code and pickles are refused.",
        "state.PKL is a file that this benchmark does not take: compiled code and pickles are refused.",
        "broken.py:2 is not valid Python: expected ?:?.",
        "model.py has no function train.",
        "model.py:4: predict does not take the number of arguments that it is called with, 3.",
        "labeling.py:1: score_pairs does not take the number of arguments that it is called with, 3.",
        "model.py:1 imports nowhere_module, which the runtime of this board does not have.",
        "models.txt:2: not a model is not the name of a model on the Hub.",
    ]
    assert [problem.code for problem in problems if problem.severity is Severity.WARNING] == ["code_import_unknown"]


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        ({"a.txt": "x", "b.txt": "y"}, "code_entry_missing", "mine.zip has no model.py at its root."),
        ({"a/b/model.py": "", "c.txt": ""}, "code_entry_nested", "there is one at a/b/model.py"),
        ({"model.py": "x" * 1_000_001}, "code_source_too_large", "model.py: 1000001 bytes of Python"),
        ({**GOOD, **LARGE}, "code_source_too_large", "all .py files"),
        ({"model.py": "x" * 1_000_001, **LARGE}, "code_source_too_large", "all .py files: 5400000"),
        ({"model.py": "x = \0"}, "code_syntax", "null bytes"),
        ({"model.py": "(" * 50_000}, "code_syntax", "model.py:1"),
        ({"model.py": "def train(train_dir): pass\npredict = 3"}, "", ""),
        ({"model.py": "from mine import *", "mine.py": GOOD_MODEL}, "", ""),
        ({"model.py": "try:\n    import nowhere\nexcept ImportError:\n    nowhere = None\n" + GOOD_MODEL}, "", ""),
        ({**GOOD, "models.txt": "org/Good\norg/Own\norg/Pickled\n"}, "code_models_too_many", "3 models; Code allows 2"),
        ({**GOOD, "models.txt": "org/Missing # a comment"}, "code_model_unreadable", "models.txt:1: org/Missing"),
        ({**GOOD, "models.txt": "org/Good@nothing"}, "code_model_unreadable", "revision not found"),
        ({**GOOD, "models.txt": "org/Pickled"}, "code_model_no_safetensors", "org/Pickled has no weights"),
        ({**GOOD, "models.txt": "\n\norg/Own"}, "code_model_own_code", "models.txt:3: org/Own"),
    ],
)  # fmt: skip
def test_each_problem(pairs: Desk, files: dict[str, str | bytes], code: str, words: str) -> None:
    problems = pairs.problems(files)
    assert {problem.code for problem in problems} == ({code} if code else set())
    assert words in " ".join(said(problems))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("class Other: pass", "estimator.py has no class Estimator."),
        ("class Estimator: pass", "estimator.py has no method predict in class Estimator."),
        ("class Estimator:\n    def predict(self): pass", "py:2: Estimator.predict does not take"),
        ("class Estimator:\n    def __init__(self, x): pass\n    def predict(self, i): pass", "py:2: Estimator.__"),
        ("class Estimator:\n    def setup(self): pass\n    def predict(self, i): pass", "py:2: Estimator.setup"),
        ("import mine\nclass Estimator(mine.Base): pass", ""),
        ("class Estimator:\n    @staticmethod\n    def predict(item, *more): pass", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_class(items: Desk, source: str, words: str) -> None:
    problems = items.problems({"estimator.py": source, "mine.py": ""})
    assert bool(problems) == bool(words) and words in " ".join(said(problems))


def test_models_are_pinned_to_commits_and_contents(pairs: Desk, served: localhub.Running) -> None:
    files: dict[str, str | bytes] = {**GOOD, "models.txt": "# mine\norg/Good\norg/Good@main  # twice\n"}
    request = pairs.intake.submit(pairs.submission(zipped(files)), ADA)
    assert isinstance(request, CodeRequest)
    [model] = request.models
    assert model.model == "org/Good" and re.fullmatch("[0-9a-f]{40}", model.revision)
    assert set(model.files) == {"config.json", "tokenizer.json", "model.safetensors"}
    assert request.params == model.params == 0.001


def test_models_above_the_size_or_where_none_are_taken(served: localhub.Running, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {**GOOD, "models.txt": "org/Good"}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    small = desk(served, tmp_path / "a", pair_benchmark(max_models=1, max_model_gb=1e-6))
    assert said(small.problems(files)) == ["The models of models.txt have 0.0 GB; Code allows 1e-06."]
    none = desk(served, tmp_path / "b", pair_benchmark())
    assert said(none.problems(files)) == ["The package has a models.txt, and Code takes no Hub models."]


def test_what_is_no_archive_is_refused_and_not_queued(pairs: Desk) -> None:
    with pytest.raises(NotAccepted) as refused:
        pairs.intake.submit(pairs.submission(b"no zip at all"), ADA)
    assert [problem.code for problem in refused.value.problems] == ["code_archive"]
    damaged = zipped(dict(GOOD))[:-20]
    assert [problem.code for problem in pairs.intake.look(pairs.submission(damaged), ADA).problems] == ["code_archive"]


def test_imports_are_compared_with_what_the_organiser_names(served: localhub.Running, tmp_path: Path) -> None:
    named = desk(served, tmp_path, pair_benchmark(modules=["numpy"]))
    source = "import numpy.linalg\nimport json\nimport pydantic\nfrom helper import x\nfrom . import y\n" + GOOD_MODEL
    problems = named.problems({"model.py": source, "helper.py": "x = 1"})
    assert said(problems) == ["model.py:3 imports pydantic, which the runtime of this board does not have."]


def test_nothing_of_a_package_is_run(pairs: Desk, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'w')\n"
    pairs.problems({"model.py": evil + GOOD_MODEL, "sitecustomize.py": evil, "conftest.py": evil, "ast.py": evil})
    assert not mark.exists()


def test_a_source_that_ends_the_parser_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dying = tmp_path / "dying.py"
    code = (
        Path(outline.__file__)
        .read_text()
        .replace(
            "    try:\n        tree", "    if b'die' in source:\n        import os; os.abort()\n    try:\n        tree"
        )
    )
    dying.write_text(code)
    monkeypatch.setattr(outline, "__file__", str(dying))
    outlines = outlines_of({"a.py": b"x = 1", "b.py": b"die", "c.py": b""})
    assert outlines["a.py"] is not None and outlines["b.py"] is None and "c.py" not in outlines


def test_the_documentation_lists_every_problem_as_it_is_said() -> None:
    assert documented("code-submissions.md", PACKAGE) == set(PACKAGE)


def test_the_documentation_names_every_field_of_the_rules() -> None:
    page = (PROJECT / "docs" / "benchmarks.md").read_text()
    assert not [name for name in CodeRules.model_fields if f"`{name}`" not in page]


# --- packages with a manifest


def a_package(folder: Path, **rules: Any) -> bytes:
    """What `podium package` makes of a good model."""
    challenge = pair_kit(folder / "kit", **rules)
    (challenge.submission / "data.csv").write_text("a,b\n1,2\n")
    return build(challenge.folder, folder / "package.zip", challenge).path.read_bytes()


def changed(package: bytes, changes: dict[str, bytes | None], into: str = "") -> bytes:
    """A package with other contents; None takes a file out."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        files: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    return zipped({into + name: content for name, content in (files | changes).items() if content is not None})


def test_a_package_with_its_manifest_is_taken(pairs: Desk, tmp_path: Path) -> None:
    package = a_package(tmp_path)
    assert pairs.intake.look(pairs.submission(package), ADA).problems == []
    wrapped = changed(package, {}, into="mine/")
    assert pairs.intake.look(pairs.submission(wrapped), ADA).problems == []


def test_a_package_that_differs_from_its_manifest_is_refused(pairs: Desk, tmp_path: Path) -> None:
    package = changed(
        a_package(tmp_path), {"model.py": GOOD_MODEL.encode() + b"#", "data.csv": None, "more.py": b"x = 1\n"}
    )
    with pytest.raises(NotAccepted) as caught:
        pairs.intake.submit(pairs.submission(package), ADA)
    assert said(caught.value.problems) == [
        "mine.zip: data.csv is in the manifest and not in the package.",
        "mine.zip: model.py has another content than when the package was made.",
        "mine.zip: more.py is in the package and not in its manifest.",
    ]


def test_a_damaged_manifest_is_refused_and_a_manifest_of_others_is_a_file(pairs: Desk) -> None:
    damaged = json.dumps({"format": "podium-package", "files": [{"path": "model.py"}]})
    [problem] = pairs.problems({**GOOD, "manifest.json": damaged})
    assert problem.code == "code_manifest_unreadable" and problem.severity is Severity.ERROR
    for others in ('{"name": "an extension"}', "[1]", "not JSON", "[" * 100_000):
        assert pairs.problems({**GOOD, "manifest.json": others}) == []


def test_a_package_for_another_benchmark_is_told(pairs: Desk, tmp_path: Path) -> None:
    package = a_package(tmp_path)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        manifest = json.loads(archive.read("manifest.json")) | {"benchmark": "another"}
    other = changed(package, {"manifest.json": json.dumps(manifest).encode()})
    [problem] = pairs.intake.look(pairs.submission(other), ADA).problems
    assert (problem.code, problem.severity) == ("code_manifest_benchmark", Severity.WARNING)


def test_requirements_are_refused_where_the_benchmark_takes_none(served: localhub.Running, tmp_path: Path) -> None:
    closed = desk(served, tmp_path, pair_benchmark(requirements=False))
    [problem] = closed.problems({**GOOD, "requirements.txt": "numpy==2.4.1\n"})
    assert problem.code == "code_requirements_not_taken"
