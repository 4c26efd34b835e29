"""The tiny benchmark is what its script makes, and the demo's checkpoints are what the manifest says of them."""

import json
import random
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import jinja2
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.tasks import TaskManager
from peft import PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from localhub.names import Kind
from localhub.refs import MAIN
from localhub.store import Hub
from scripts import make_tiny_benchmark as tiny
from scripts.seed_hub import CHECKPOINTS, manifest, seed
from scripts.tiny_training import chat, lessons, plain

TASKS = tiny.DATA.parent
DEMO = CHECKPOINTS / "podium-demo"
FOLDERS = sorted(path for path in DEMO.glob("*/*") if path.is_dir())


def questions(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tiny.DATA / f"{name}.test.jsonl").read_text().splitlines()]


# --- the questions


def test_committed_questions_are_what_the_script_makes() -> None:
    assert {path.name: path.read_bytes() for path in tiny.DATA.iterdir()} == tiny.files()


def test_there_are_enough_questions_and_none_twice() -> None:
    counts = {name: len({q["question"] for q in questions(name)}) for name in tiny.TASKS}
    assert counts == {name: task.questions for name, task in tiny.TASKS.items()}
    assert sum(counts.values()) >= 1000


@pytest.mark.parametrize(
    ("name", "number"),
    [("arithmetic", 4), ("compare", 2), ("dates", 5), ("logic_and", 2), ("sums", 0), ("sequence", 0)],
)
def test_number_of_choices(name: str, number: int) -> None:
    for q in questions(name):
        assert len(set(q["choices"])) == len(q["choices"]) == number
        assert number == 0 or q["answer"] in q["choices"]


@given(st.integers())
def test_answers_are_right(seed: int) -> None:
    rng = random.Random(seed)
    made = tiny.arithmetic(rng)
    assert eval(made.question[len("What is ") : -1]) == int(made.answer)
    for name in ("logic_and", "logic_or", "logic_mixed"):
        made = tiny.TASKS[name].generate(rng)
        assert str(eval(made.question)) == made.answer
    numbers = [int(n) for n in tiny.sequence(rng).question.rstrip(",").split(", ")]
    assert len({b - a for a, b in pairwise(numbers)}) == 1


def test_true_and_false_are_about_equally_frequent() -> None:
    answers = Counter(q["answer"] for name in ("logic_and", "logic_or", "logic_mixed") for q in questions(name))
    assert min(answers.values()) > 100


@pytest.mark.parametrize("style", [plain, chat])
def test_training_never_sees_a_question_of_the_benchmark(style: Any) -> None:
    benchmark = {json.loads(line)["question"] for path in tiny.DATA.iterdir() for line in path.read_text().splitlines()}
    for prompt, _ in islice(lessons("tiny-base", dict.fromkeys(tiny.TASKS, 1.0), style), 20_000):
        bare = prompt.removeprefix("<|user|>").removesuffix("<|end|>\n<|assistant|>").removesuffix("\nAnswer:")
        assert bare not in benchmark


def test_harness_loads_the_tasks_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = TaskManager(include_path=str(TASKS), include_defaults=False).load(["tiny"])["tasks"]
    assert {name: len(task.eval_docs) for name, task in loaded.items()} == {
        f"tiny_{name}": task.questions for name, task in tiny.TASKS.items()
    }
    assert {name: task.config.num_fewshot for name, task in loaded.items() if task.config.num_fewshot} == {
        "tiny_dates": 3,
        "tiny_sums": 2,
    }
    shown = [q.question for q in tiny.benchmark("dates")[0]]
    prompt = loaded["tiny_dates"].fewshot_context(loaded["tiny_dates"].eval_docs[0], 3)
    assert [prompt.find(question) for question in shown] == sorted(prompt.find(question) for question in shown)
    assert prompt.startswith(shown[0])


# --- the checkpoints


def test_manifest_lists_every_folder_once_and_says_what_becomes_of_every_repository() -> None:
    content = manifest()
    listed = [commit["folder"] for repo in content["repos"] for commit in repo["commits"]]
    assert sorted(listed) == [path.relative_to(CHECKPOINTS).as_posix() for path in FOLDERS]
    commits = {repo["id"]: len(repo["commits"]) for repo in content["repos"]}
    assert {entry["repo"] for entry in content["submissions"]} == set(commits)
    for entry in content["submissions"]:
        assert 1 <= entry.get("commit", 1) <= commits[entry["repo"]]
        assert entry.get("base_model", entry["repo"]) in commits
        assert ("base_model" in entry) == (entry["weight_type"] != "Original")
        assert ("code" in entry) == (entry["expect"] != "finished")
        assert entry["expect"] in {"finished", "refused", "failed"}


def test_checkpoints_are_small() -> None:
    sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for path in FOLDERS}
    assert max(sizes.values()) <= 1_500_000
    assert sum(sizes.values()) <= 8_000_000


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_cards_say_what_they_are_of(folder: Path) -> None:
    if folder.parent.name == "no-card":
        assert not (folder / "README.md").exists()
        return
    _, front, body = (folder / "README.md").read_text().split("---\n", 2)
    assert len(body.strip()) >= 200
    assert ("license" in yaml.safe_load(front)) == (folder.parent.name != "no-licence")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(DEMO / "tiny-base" / "2")


def load(name: str, commit: str = "1") -> Any:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(
        DEMO / name / commit, dtype=torch.float32, use_safetensors=True, local_files_only=True
    )


@torch.no_grad()
def mean_loss(model: Any, tokenizer: Any, style: Any = plain) -> float:
    """Mean negative log-likelihood a token of the right answers to 20 benchmark questions of each task."""
    ids, labels = [], []
    for name in tiny.TASKS:
        for question in tiny.benchmark(name)[1][:20]:
            prompt, answer = (tokenizer.encode(part, add_special_tokens=False) for part in style(name, question))
            ids.append(torch.tensor(prompt + answer))
            labels.append(torch.tensor([-100] * len(prompt) + answer))
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    padded_labels = torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=-100)
    return float(model(input_ids=padded, labels=padded_labels).loss)


def test_good_checkpoints_are_better_the_longer_they_were_trained(tokenizer: Any) -> None:
    adapted = PeftModel.from_pretrained(load("tiny-base", "2"), DEMO / "tiny-lora" / "1")
    models = [load("tiny-base", "1"), load("tiny-base", "2"), adapted, load("tiny-merge"), load("tiny-finetuned")]
    scores = [mean_loss(model, tokenizer) for model in models]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 2 * scores[-1]


def test_chat_checkpoint_wants_its_template(tokenizer: Any) -> None:
    own = AutoTokenizer.from_pretrained(DEMO / "tiny-chat" / "1")
    turns = [{"role": "user", "content": "What is 2 + 3?\nAnswer:"}]
    written = own.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert written == chat("arithmetic", tiny.Question("What is 2 + 3?", "5"))[0]
    model = load("tiny-chat")
    assert mean_loss(model, own, chat) < mean_loss(model, own, plain)
    assert mean_loss(model, own, chat) < mean_loss(load("tiny-base", "2"), tokenizer)


def test_delta_and_base_give_the_finetuned_weights() -> None:
    base, delta, finetuned = (
        load_file(DEMO / name / "model.safetensors") for name in ("tiny-base/2", "tiny-delta/1", "tiny-finetuned/1")
    )
    for name, weight in finetuned.items():
        torch.testing.assert_close((base[name].float() + delta[name].float()), weight.float(), atol=2e-3, rtol=2e-3)


def test_truncated_has_a_whole_header_and_does_not_load() -> None:
    content = (DEMO / "truncated" / "1" / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert json.loads(content[8 : 8 + length])["model.embed_tokens.weight"]["dtype"] == "F16"
    with pytest.raises(SafetensorError):
        load("truncated")


def test_wrong_shapes_has_whole_weights_that_its_configuration_does_not_fit() -> None:
    assert load_file(DEMO / "wrong-shapes" / "1" / "model.safetensors")
    with pytest.raises(RuntimeError, match="mismatched"):
        load("wrong-shapes")


def test_pickle_only_has_no_safetensors() -> None:
    state = torch.load(DEMO / "pickle-only" / "1" / "pytorch_model.bin", weights_only=True)
    assert "model.embed_tokens.weight" in state
    with pytest.raises(OSError, match=r"model\.safetensors"):
        load("pickle-only")


def test_no_tokenizer_has_a_model_only() -> None:
    assert load("no-tokenizer").config.model_type == "llama"
    with pytest.raises(ValueError, match="tokenizer"):
        AutoTokenizer.from_pretrained(DEMO / "no-tokenizer" / "1", local_files_only=True)


def test_broken_template_is_a_syntax_error() -> None:
    broken = AutoTokenizer.from_pretrained(DEMO / "broken-template" / "1")
    with pytest.raises(jinja2.TemplateSyntaxError):
        broken.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False)


def test_code_is_named_by_one_and_brought_by_another() -> None:
    config = json.loads((DEMO / "auto-map" / "1" / "config.json").read_text())
    assert config["model_type"] == "llama" and "auto_map" in config
    assert not list((DEMO / "auto-map" / "1").glob("*.py"))
    assert "auto_map" not in (DEMO / "custom-code" / "1" / "config.json").read_text()
    assert list((DEMO / "custom-code" / "1").glob("*.py"))


# --- the Hub they are put into


def test_seeding_gives_the_same_commits_every_time(tmp_path: Path) -> None:
    made = seed(tmp_path / "first")
    assert made == seed(tmp_path / "second")
    assert [len(commits) for commits in made.values()] == [len(repo["commits"]) for repo in manifest()["repos"]]
    hub = Hub(tmp_path / "first")
    assert {repo.id: repo.refs.get(MAIN) for repo in hub.repos.all(Kind.MODEL)} == {
        name: commits[-1] for name, commits in made.items()
    }
