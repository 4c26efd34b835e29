"""What we learn from a Hub over HTTP: a real one on loopback, and one that is in trouble."""

from __future__ import annotations

import itertools
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import localhub
from leaderboard.errors import (
    HubUnavailable,
    ModelDisabled,
    ModelGated,
    ModelNotFound,
    ModelPrivate,
    NotAllowed,
    RevisionNotFound,
)
from leaderboard.hub.file_contents import MAX_SHARDS, UnusableFile, front_matter, split_card
from leaderboard.hub.hub import Hub, hub_environment
from leaderboard.hub.loaded_files import loaded_weights
from leaderboard.records import Person
from leaderboard.settings import Settings

NUMBERS = itertools.count(1)
DATE = datetime(2026, 1, 1, tzinfo=UTC)
CARD = "---\nlicense: mit\nbase_model: org/base\ntags:\n- merge\nmerged: true\n---\n# A model\nWords.\n"
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
TOKENS = {"ada": "hf_ada_secret", "bob": "hf_bob_secret"}


def safetensors(**tensors: tuple[str, int, int]) -> bytes:
    """A file with these tensors: name = (format, elements, bytes per element)."""
    entries, place = {}, 0
    for name, (number_format, elements, width) in tensors.items():
        entries[name] = {"dtype": number_format, "shape": [elements], "data_offsets": [place, place + elements * width]}
        place += elements * width
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * place


def good(**more: bytes | str) -> dict[str, bytes | str]:
    """The files of a small checkpoint, some of them other ones."""
    return {
        "README.md": CARD,
        "config.json": json.dumps(CONFIG),
        "tokenizer_config.json": json.dumps({"chat_template": "{{ messages }}", "added_tokens_decoder": {"0": {}}}),
        "model.safetensors": safetensors(a=("BF16", 10, 2), b=("F32", 3, 4)),
        **more,
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    people = {"lab": {"ada": "admin"}}
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens=TOKENS, organizations=people) as it:
        yield it


@pytest.fixture
def hub(served: localhub.Running) -> Iterator[Hub]:
    it = Hub(served.endpoint, timeout_s=10)
    yield it
    it.close()


@pytest.fixture
def put(served: localhub.Running) -> Callable[..., str]:
    """Commits files to a repository of the test's own and returns its id."""
    repo = f"org/model-{next(NUMBERS)}"

    def commit(files: dict[str, Any], **how: Any) -> str:
        served.hub.commit(repo, files, date=DATE, **how)
        return repo

    return commit


def test_a_checkpoints_facts(hub: Hub, put: Callable[..., str]) -> None:
    repo = put(good())
    facts = hub.facts(repo)
    assert facts.model == repo and len(facts.revision) == 40
    assert facts.configs["config.json"] == CONFIG
    assert facts.configs["tokenizer_config.json"] == {"chat_template": "{{ messages }}"}
    assert facts.parameters == {"BF16": 10, "F32": 3}
    assert facts.params == pytest.approx(13e-9, abs=1e-6)
    assert facts.card == {"license": "mit", "base_model": "org/base", "tags": ["merge"], "merged": True}
    assert facts.card_text == "# A model\nWords.\n"
    assert facts.chat_template == "{{ messages }}"
    assert len(facts.sha256["model.safetensors"]) == 64
    assert len(facts.blobs["config.json"]) == 40
    assert facts.files["config.json"] == len(json.dumps(CONFIG))
    assert (facts.unreadable, facts.private, facts.gated) == ({}, False, False)
    assert facts.created_at and "license:mit" in facts.tags


def test_the_hubs_spelling_of_the_name_is_ours(hub: Hub, put: Callable[..., str]) -> None:
    repo = put(good())
    assert hub.facts(repo.upper()).model == repo


def test_facts_are_those_of_the_revision(hub: Hub, put: Callable[..., str]) -> None:
    repo = put(good())
    first = hub.facts(repo).revision
    put({"config.json": json.dumps(CONFIG | {"hidden_size": 7}), "model.safetensors": safetensors(a=("F16", 4, 2))})
    assert hub.facts(repo).parameters == {"F16": 4}
    old = hub.facts(repo, first)
    assert old.revision == first and old.parameters == {"BF16": 10, "F32": 3}
    assert old.configs["config.json"] == CONFIG


def test_a_chat_template_of_its_own_file_wins(hub: Hub, put: Callable[..., str]) -> None:
    assert hub.facts(put(good(**{"chat_template.jinja": "from a file"}))).chat_template == "from a file"


def test_templates_in_files_hide_those_in_the_configuration(hub: Hub, put: Callable[..., str]) -> None:
    named = {"additional_chat_templates/rag.jinja": "for retrieval"}
    assert hub.facts(put(good(**named))).chat_template is None
    assert hub.facts(put(good(**named, **{"chat_template.jinja": "plain"}))).chat_template == "plain"
    default = {"additional_chat_templates/default.jinja": "default", "chat_template.jinja": "plain"}
    assert hub.facts(put(good(**default))).chat_template == "default"


def test_chat_template_json_is_read_only_where_transformers_reads_it(hub: Hub, put: Callable[..., str]) -> None:
    beside = {"chat_template.json": json.dumps({"chat_template": "beside"})}
    assert hub.facts(put(good(**beside))).chat_template == "{{ messages }}"
    assert hub.facts(put(good(**beside, **{"tekken.json": "{}"}))).chat_template == "beside"


def test_the_default_of_several_chat_templates(hub: Hub, put: Callable[..., str]) -> None:
    several = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}, 7]
    repo = put(good(**{"tokenizer_config.json": json.dumps({"chat_template": several})}))
    assert hub.facts(repo).chat_template == "plain"


def test_the_parts_of_a_large_checkpoint_are_added_up(hub: Hub, put: Callable[..., str]) -> None:
    files = good()
    files.pop("model.safetensors")
    parts = {f"model-0000{n}-of-00003.safetensors": safetensors(**{f"t{n}": ("BF16", n, 2)}) for n in (1, 2, 3)}
    index = {"metadata": {}, "weight_map": {f"t{n}": f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)}}
    stray = {"consolidated.safetensors": safetensors(x=("BF16", 1000, 2))}
    facts = hub.facts(put({**files, **parts, **stray, "model.safetensors.index.json": json.dumps(index)}))
    assert facts.parameters == {"BF16": 6}
    assert facts.unreadable == {}


def test_a_header_longer_than_the_first_guess_is_read_whole(hub: Hub, put: Callable[..., str]) -> None:
    many = {f"layer.{n:05}.{'x' * 60}": ("F32", 1, 4) for n in range(1500)}
    assert hub.facts(put(good(**{"model.safetensors": safetensors(**many)}))).parameters == {"F32": 1500}


def test_an_adapter_is_read_by_its_own_files(hub: Hub, put: Callable[..., str]) -> None:
    files = {
        "README.md": CARD,
        "adapter_config.json": json.dumps({"base_model_name_or_path": "org/base"}),
        "adapter_model.safetensors": safetensors(lora=("F32", 5, 4)),
    }
    facts = hub.facts(put(files))
    assert facts.parameters == {"F32": 5}
    assert facts.configs["adapter_config.json"] == {"base_model_name_or_path": "org/base"}


WHOLE = safetensors(a=("BF16", 1000, 2))
UNREADABLE = {
    "not JSON": ("config.json", "{'a': 1}"),
    "a list": ("config.json", "[]"),
    "too deep": ("config.json", '{"a":' + "[" * 100_000),
    "absurd number": ("config.json", '{"a": ' + "9" * 100_000 + "}"),
    "half a character": ("config.json", '{"a": "\\ud800"}'),
    "not UTF-8": ("config.json", b'{"a": "\xff"}'),
    "too large": ("tokenizer_config.json", json.dumps({"a": "b" * 2_000_000})),
    "large card": ("README.md", CARD + "x" * 1_000_000),
    "broken front matter": ("README.md", "---\na: [b\n---\nText"),
    "alias bomb": ("README.md", "---\na: &a [x, x]\nb: [*a, *a]\n---\nText"),
    "cut weights": ("model.safetensors", WHOLE[:-1]),
    "cut header": ("model.safetensors", WHOLE[:20]),
    "no weights": ("model.safetensors", b""),
    "giant header": ("model.safetensors", struct.pack("<Q", 1 << 62) + b"{}"),
    "large header": ("model.safetensors", struct.pack("<Q", 24_000_000) + b"{}"),
    "git lfs pointer": ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_hostile_file_is_said_to_be_unreadable(name: str, hub: Hub, put: Callable[..., str]) -> None:
    file, content = UNREADABLE[name]
    facts = hub.facts(put(good(**{file: content})))
    assert list(facts.unreadable) == [file]
    assert len(facts.unreadable[file]) < 120
    facts.model_dump_json()


@pytest.mark.parametrize(
    "index",
    ["{", '{"weight_map": []}', '{"metadata": {}, "weight_map": {}}', '{"weight_map": {"a": "1.safetensors"}}', "{}"],
)
def test_an_index_that_makes_no_sense(index: str, hub: Hub, put: Callable[..., str]) -> None:
    files = good(**{"model.safetensors.index.json": index})
    files.pop("model.safetensors")
    facts = hub.facts(put(files))
    assert list(facts.unreadable) == ["model.safetensors.index.json"] and facts.parameters == {}


@pytest.mark.parametrize(
    "name", ["../../x.safetensors", "/x.safetensors", "sub/x.safetensors", "x.bin", "", None, ["x"]]
)
def test_an_index_that_names_paths_is_read_no_further(name: Any, hub: Hub, put: Callable[..., str]) -> None:
    index = {"metadata": {}, "weight_map": {"a": name}}
    files = good(**{"model.safetensors.index.json": json.dumps(index), "sub/x.safetensors": "x", "x.bin": "x"})
    files.pop("model.safetensors")
    facts = hub.facts(put(files))
    assert (facts.shards, facts.parameters) == ([name if isinstance(name, str) else ""], {})
    assert loaded_weights(facts) == ["model.safetensors.index.json"]


def test_an_index_that_names_a_missing_part_or_too_many(hub: Hub, put: Callable[..., str]) -> None:
    files = good()
    files.pop("model.safetensors")
    index = {"metadata": {}, "weight_map": {"a": "model-00001-of-00001.safetensors"}}
    facts = hub.facts(put({**files, "model.safetensors.index.json": json.dumps(index)}))
    assert "model-00001-of-00001.safetensors" in facts.unreadable
    index = {"weight_map": {str(n): f"{n}.safetensors" for n in range(MAX_SHARDS + 1)}}
    facts = hub.facts(put({"model.safetensors.index.json": json.dumps(index)}))
    assert "model.safetensors.index.json" in facts.unreadable


def test_more_configs_than_are_read_are_said_to_be_unreadable(hub: Hub, put: Callable[..., str]) -> None:
    facts = hub.facts(put(good(**{f"z{n:02}_config.json": "{}" for n in range(40)})))
    assert len(facts.unreadable) == 10 and len(facts.configs) == 32


# --- what cannot be read at all


@pytest.mark.parametrize("model", ["org/none", "no-org", "../../etc", "a" * 300 + "/b", "org/<script>", "org/a b", ""])
def test_a_model_that_does_not_exist(model: str, hub: Hub) -> None:
    with pytest.raises(ModelNotFound):
        hub.facts(model)


@pytest.mark.parametrize("revision", ["v2", "0" * 40, "../main", "a/b", "x" * 300, "?x=1", ""])
def test_a_revision_that_does_not_exist(revision: str, hub: Hub, put: Callable[..., str]) -> None:
    repo = put(good())
    with pytest.raises(RevisionNotFound):
        hub.facts(repo, revision)


def test_a_private_model_is_hidden_from_strangers_and_marked_for_its_owner(served: localhub.Running, hub: Hub) -> None:
    served.hub.create_repo("ada/secret", private=True, date=DATE)
    served.hub.commit("ada/secret", good(), date=DATE)
    with pytest.raises(ModelNotFound):
        hub.facts("ada/secret")
    assert Hub(served.endpoint, TOKENS["ada"]).facts("ada/secret").private


def test_our_own_refused_token_is_our_fault(served: localhub.Running, put: Callable[..., str]) -> None:
    repo = put(good())
    stale = Hub(served.endpoint, "hf_stale_secret")
    for model in (repo, "org/none"):
        with pytest.raises(HubUnavailable, match="own token") as caught:
            stale.facts(model)
        assert "Nothing is wrong with your submission" in str(caught.value)
        assert caught.value.retry_after_s is None
        assert "hf_stale_secret" not in str(caught.value) + repr(vars(caught.value)) + repr(stale._client)


def test_with_a_good_token_a_missing_model_is_missing(served: localhub.Running) -> None:
    with pytest.raises(ModelNotFound):
        Hub(served.endpoint, TOKENS["bob"]).facts("org/none")


def test_the_files_of_a_commit_are_read_once() -> None:
    info = json.dumps({"id": "org/name", "sha": "a" * 40, "siblings": [{"rfilename": "config.json", "size": 2}]})
    trouble = Trouble((200, {}, info.encode()), (200, {}, b"{}"), (200, {}, info.encode()))
    with troubled(trouble) as endpoint:
        hub = Hub(endpoint)
        assert hub.facts("org/name") == hub.facts("org/name")
    assert [path.split("?")[0] for path in trouble.asked] == [
        "/api/models/org/name/revision/main",
        f"/org/name/resolve/{'a' * 40}/config.json",
        "/api/models/org/name/revision/main",
    ]


def test_a_file_known_to_be_too_large_is_not_asked_for() -> None:
    siblings = [{"rfilename": "config.json", "size": 500_000_000}]
    info = json.dumps({"id": "org/name", "sha": "a" * 40, "siblings": siblings})
    trouble = Trouble((200, {}, info.encode()))
    assert "500,000,000" in ask(trouble).unreadable["config.json"]
    assert len(trouble.asked) == 1


def test_a_file_larger_than_its_listed_size_is_not_read_to_the_end() -> None:
    info = json.dumps({"id": "org/name", "sha": "a" * 40, "siblings": [{"rfilename": "config.json", "size": 9}]})
    trouble = Trouble((200, {}, info.encode()), (200, {}, b" " * 3_000_000))
    assert "longer than" in ask(trouble).unreadable["config.json"]


# --- people


def test_whose_token_it_is(hub: Hub) -> None:
    assert hub.whoami(TOKENS["ada"]) == Person(name="ada", orgs=("lab",))
    with pytest.raises(NotAllowed, match="does not know this token"):
        hub.whoami("hf_nobody")


# --- a Hub in trouble


class Trouble:
    """A Hub that gives one answer after another, the last one for ever, and counts what it was asked."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes | float]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.sent: list[dict[str, str]] = []

    def next(self) -> tuple[int, dict[str, str], bytes | float]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def troubled(trouble: Trouble) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            trouble.asked.append(self.path)
            trouble.sent.append(dict(self.headers))
            status, headers, body = trouble.next()
            if isinstance(body, float):
                time.sleep(body)
                body = b""
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except BrokenPipeError:
                pass

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


INFO = json.dumps({"id": "org/name", "sha": "a" * 40, "siblings": []}).encode()
OK = (200, {}, INFO)


def ask(trouble: Trouble, token: str | None = None, timeout_s: float = 10.0) -> Any:
    with troubled(trouble) as endpoint:
        return Hub(endpoint, token, timeout_s).facts("org/name")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_trouble_that_passes_is_not_noticed(status: int) -> None:
    trouble = Trouble((status, {}, b""), OK)
    assert ask(trouble).revision == "a" * 40
    assert len(trouble.asked) == 2


def test_trouble_that_stays_is_the_hubs() -> None:
    trouble = Trouble((503, {}, b""))
    with pytest.raises(HubUnavailable, match="503") as caught:
        ask(trouble)
    assert "Nothing is wrong with your submission" in str(caught.value)
    assert len(trouble.asked) == 5 and caught.value.retry_after_s == 60


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit": '"api";r=0;t=200', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'},
        {"Retry-After": "200"},
    ],
)
def test_a_rate_limit_says_when_to_come_back_and_is_not_pressed(headers: dict[str, str]) -> None:
    trouble = Trouble((429, headers, b""))
    with pytest.raises(HubUnavailable, match="3 minutes") as caught:
        ask(trouble)
    assert caught.value.retry_after_s == 200
    assert len(trouble.asked) == 1


def test_a_short_rate_limit_is_waited_for() -> None:
    trouble = Trouble((429, {"Retry-After": "0"}, b""), OK)
    assert ask(trouble).model == "org/name"


def test_a_hub_that_does_not_answer() -> None:
    start = time.monotonic()
    with pytest.raises(HubUnavailable, match="did not answer"):
        ask(Trouble((200, {}, 1.5)), timeout_s=0.6)
    assert time.monotonic() - start < 30, "bounded by its timeout, generously for a busy machine"


def test_a_hub_that_is_not_there() -> None:
    with troubled(Trouble(OK)) as endpoint:
        pass
    with pytest.raises(HubUnavailable, match="The Hub is not responding"):
        Hub(endpoint, timeout_s=2).facts("org/name")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"id": 1, "sha": "a"}', b"[" * 100_000])
def test_a_hub_that_answers_nonsense(body: bytes) -> None:
    with pytest.raises(HubUnavailable, match="cannot be read"):
        ask(Trouble((200, {}, body)))


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (401, {}, ModelNotFound),
        (404, {}, ModelNotFound),
        (404, {"X-Error-Code": "RepoNotFound"}, ModelNotFound),
        (404, {"X-Error-Code": "RevisionNotFound"}, RevisionNotFound),
        (401, {"X-Error-Code": "GatedRepo"}, ModelGated),
        (403, {"X-Error-Code": "GatedRepo"}, ModelGated),
        (403, {}, ModelPrivate),
        (403, {"X-Error-Message": "Access to this resource is disabled."}, ModelDisabled),
    ],
)
def test_the_hubs_refusals_say_what_is_wrong(status: int, headers: dict[str, str], error: type[Exception]) -> None:
    trouble = Trouble((status, headers, b""))
    with pytest.raises(error):
        ask(trouble)
    assert len(trouble.asked) == 1, "asking again changes nothing"


def test_a_401_is_ours_only_when_whoami_refuses_our_token_too() -> None:
    me = (200, {}, b'{"name": "board"}')
    with pytest.raises(ModelNotFound):
        ask(Trouble((401, {}, b""), me), token="hf_ours")
    with pytest.raises(HubUnavailable, match="own token"):
        ask(Trouble((401, {}, b"")), token="hf_ours")
    with pytest.raises(HubUnavailable, match="503"):
        ask(Trouble((401, {}, b""), (503, {}, b"")), token="hf_ours")


def test_a_gated_file_of_a_listed_model() -> None:
    info = json.dumps({"id": "org/name", "sha": "a" * 40, "siblings": [{"rfilename": "config.json", "size": 9}]})
    with pytest.raises(ModelGated):
        ask(Trouble((200, {}, info.encode()), (403, {"X-Error-Code": "GatedRepo"}, b"")))


def test_no_token_of_the_machine_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")
    trouble = Trouble(OK)
    ask(trouble)
    assert not any("authorization" in {name.lower() for name in sent} for sent in trouble.sent)


def test_a_person_is_asked_for_once_a_minute() -> None:
    trouble = Trouble((200, {}, b'{"name": "ada", "orgs": [{"name": "lab"}, 7]}'))
    with troubled(trouble) as endpoint:
        hub = Hub(endpoint)
        assert hub.whoami("hf_x") == hub.whoami("hf_x") == Person(name="ada", orgs=("lab",))
        assert len(trouble.asked) == 1


# --- cards and environments


@pytest.mark.parametrize(
    ("text", "front", "body"),
    [
        ("---\na: b\n---\ntext", "a: b", "text"),
        ("\ufeff---\r\na: b\r\n---\r\ntext", "a: b\r", "text"),
        ("text\n---\na\n---\n", "", "text\n---\na\n---\n"),
        ("---\nnever closed", "", "---\nnever closed"),
        ("", "", ""),
    ],
)
def test_a_card_is_front_matter_and_text(text: str, front: str, body: str) -> None:
    assert split_card(text) == (front, body)


def test_front_matter_runs_no_tags_and_knows_nothing_true_and_false() -> None:
    text = "a: !!python/object/apply:os.system [x]\nb: null\nc: true\nd: 1\ne: !!timestamp x\n"
    assert front_matter(text) == {"a": ["x"], "b": None, "c": True, "d": "1", "e": "x"}
    for bomb in ("[" * 200_000, "a: " + "[x]," * 100_000, "a: &a b\nc: *a", "x" * 300_000, "- a\n- b"):
        with pytest.raises(UnusableFile):
            front_matter(bomb)


def test_workers_get_a_token_only_when_they_need_one(tmp_path: Path) -> None:
    ours = Settings(hub_endpoint="http://127.0.0.1:1", hub_token="hf_ours")
    plain = hub_environment(ours)
    assert plain["HF_ENDPOINT"] == "http://127.0.0.1:1" and plain["HF_HUB_DISABLE_XET"] == "1"
    assert "hf_ours" not in plain.values() and plain["HF_HUB_DISABLE_IMPLICIT_TOKEN"] == "1"
    assert hub_environment(ours, with_token=True)["HF_TOKEN"] == "hf_ours"
    assert "HF_HUB_DISABLE_XET" not in hub_environment(Settings(hub_endpoint="https://huggingface.co"))
