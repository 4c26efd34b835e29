"""What model info tells from a repo's files, also when the files are hostile."""

import json
import struct
from pathlib import Path

import httpx
import pytest
from huggingface_hub import EvalResult, EvalResultEntry, HfApi, ModelCard, ModelCardData, eval_result_entries_to_yaml

import localhub
from localhub.cards import load_yaml
from localhub.errors import Invalid

from .test_repos import status_of


def safetensors(**tensors: tuple[str, list[int]]) -> bytes:
    """A file whose header is right; the data is all zeros."""
    sizes = {"F32": 4, "BF16": 2, "I64": 8}
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, elements = end, 1
        for size in shape:
            elements *= size
        end += elements * sizes[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * end


def test_parameters_config_and_tags(served: localhub.Running, api: HfApi, model: str) -> None:
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8}
    card = "---\nlicense: mit\nbase_model: ada/base\ntags: [merge]\ndatasets: [a/b]\ndate: 2026-01-02\n---\n# hi"
    weights = safetensors(a=("F32", [2, 3]), b=("BF16", [5]), scalar=("F32", []))
    sha = served.hub.commit(
        model,
        {
            "config.json": json.dumps(config),
            "tokenizer_config.json": '{"chat_template": "{{ messages }}", "other": 1}',
            "README.md": card,
            "model.safetensors": weights,
        },
    )
    info = api.model_info(model, revision=sha, files_metadata=True)
    assert info.safetensors is not None and info.card_data is not None
    assert dict(info.safetensors.parameters) == {"F32": 7, "BF16": 5}
    assert info.safetensors.total == 12
    assert info.config == {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "tokenizer_config": {"chat_template": "{{ messages }}"},
    }
    assert (info.library_name, info.pipeline_tag) == ("transformers", "text-generation")
    assert {"license:mit", "base_model:ada/base", "base_model:finetune:ada/base", "dataset:a/b", "merge"} <= set(
        info.tags
    )
    assert info.card_data.to_dict()["date"] == "2026-01-02"
    by_name = {sibling.rfilename: sibling for sibling in info.siblings}
    assert by_name["model.safetensors"].size == len(weights)
    assert len(by_name["model.safetensors"].lfs["sha256"]) == 64
    assert api.get_safetensors_metadata(model).parameter_count == {"F32": 7, "BF16": 5}
    info = api.model_info(model, expand=["sha", "baseModels", "safetensors"])
    assert (info.sha, info.siblings) == (sha, None)
    assert info.base_models["relation"] == "finetune"


def test_shards_are_summed_and_adapters_are_named(served: localhub.Running, api: HfApi, model: str) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    files = {
        "model.safetensors.index.json": json.dumps(index),
        "model-1.safetensors": safetensors(a=("F32", [4])),
        "model-2.safetensors": safetensors(b=("F32", [6])),
    }
    served.hub.commit(model, files)
    assert api.model_info(model).safetensors.total == 10
    adapter = {"adapter_config.json": '{"base_model_name_or_path": "ada/base", "task_type": "CAUSAL_LM", "r": 8}'}
    served.hub.commit(model, adapter)
    info = api.model_info(model)
    assert info.config["peft"] == {"base_model_name_or_path": "ada/base", "task_type": "CAUSAL_LM"}
    assert info.library_name == "peft"


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"\1\2\3",
        b"\xff" * 8,
        struct.pack("<Q", 100) + b"{",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 11) + b'{"a": "xyz"}'[:11],
        struct.pack("<Q", 20) + b'{"a":{"shape":"abc"}}',
    ],
)
def test_broken_weights_have_no_parameters(served: localhub.Running, api: HfApi, model: str, weights: bytes) -> None:
    served.hub.commit(model, {"model.safetensors": weights, "x": weights})
    assert api.model_info(model).safetensors is None


@pytest.mark.parametrize(
    "head",
    ["a: &x [1]\nb: *x", "[" * 5000, "a: !!python/object/apply:os.system [ls]", "a: b: c", "x: " + "y" * 1_000_001],
)
def test_a_hostile_card_is_no_card(served: localhub.Running, api: HfApi, model: str, head: str) -> None:
    served.hub.commit(model, {"README.md": f"---\n{head}\n---\n", "config.json": "[" * 100_000})
    info = api.model_info(model)
    assert (info.card_data, info.config) == (None, None)
    with pytest.raises(Invalid):
        load_yaml(head)


def test_what_json_cannot_hold_is_made_plain(served: localhub.Running, model: str) -> None:
    served.hub.commit(model, {"README.md": "---\nvalue: .nan\n1: x\nwhen: 2026-11-20T10:00:00Z\n---\n"})
    card = httpx.get(f"{served.endpoint}/api/models/{model}").json()["cardData"]
    assert card == {"value": None, "1": "x", "when": "2026-11-20T10:00:00Z"}


def test_a_card_is_checked_before_it_is_committed(api: HfApi, model: str) -> None:
    with pytest.raises(ValueError, match="model-index"):
        api.upload_file(path_or_fileobj=b"---\nmodel-index: 3\n---\n", path_in_repo="README.md", repo_id=model)
    result = EvalResult("text-generation", "ifeval", "IFEval", "strict", 0.5)
    data = ModelCardData(license="apache-2.0", model_name="tiny", eval_results=[result])
    api.upload_file(
        path_or_fileobj=str(ModelCard(f"---\n{data.to_yaml()}\n---\n# tiny\n")).encode(),
        path_in_repo="README.md",
        repo_id=model,
    )
    assert api.model_info(model).card_data.eval_results[0].metric_value == 0.5


@pytest.mark.parametrize("license_value", ["asdf", "MIT", ["mit", "asdf"], 3, [["mit"]], {"name": "mit"}])
def test_an_unknown_license_is_refused(api: HfApi, model: str, license_value: object) -> None:
    with pytest.raises(ValueError, match=r'"license" must be one of \[apache-2.0, mit, .*, other\]'):
        api.upload_file(path_or_fileobj=card(license_value), path_in_repo="README.md", repo_id=model)
    with pytest.raises(ValueError, match="license"):
        api.upload_file(path_or_fileobj=b"\n \n" + card(license_value), path_in_repo="README.md", repo_id=model)


@pytest.mark.parametrize("license_value", ["gemma", "openrail++", ["mit", "apache-2.0"], None])
def test_a_license_of_the_hub_is_taken(api: HfApi, model: str, license_value: object) -> None:
    api.upload_file(path_or_fileobj=card(license_value), path_in_repo="README.md", repo_id=model)
    assert api.model_info(model).card_data.license == license_value


def card(license_value: object) -> bytes:
    return f"---\nlicense: {json.dumps(license_value)}\n---\n# A card\n".encode()


@pytest.mark.parametrize(
    "readme",
    [
        "---\nlicense: mit\n---\n",
        "\n \n---\nlicense: mit\n---\n",
        "\ufeff---\r\nlicense: mit\r\n---\r\n",
        "---\nlicense: mit\n---",
        "text\n---\nlicense: mit\n---\n",
        "---\nlicense: mit\n",
        "---\n---\n",
        "--- \nlicense: mit\n---\n",
    ],
)
def test_metadata_is_found_where_the_client_finds_it(
    served: localhub.Running, api: HfApi, model: str, readme: str
) -> None:
    served.hub.commit(model, {"README.md": readme})
    card_data, client = api.model_info(model).card_data, ModelCard(readme.removeprefix("\ufeff")).data.to_dict()
    assert (card_data.to_dict() if card_data else {}) == client


def test_the_leaderboard_of_a_dataset(served: localhub.Running, api: HfApi, dataset: str) -> None:
    import yaml

    def result(value: float, notes: str | None = None) -> bytes:
        entry = EvalResultEntry(dataset_id=dataset, task_id="main", value=value, date="2026-11-20", notes=notes)
        return yaml.safe_dump(eval_result_entries_to_yaml([entry])).encode()

    assert status_of(lambda: api.get_dataset_leaderboard(dataset)) == 404
    served.hub.commit(dataset, {"eval.yaml": "name: b\ntasks:\n- id: main\n"}, kind="dataset")
    assert api.get_dataset_leaderboard(dataset) == []
    served.hub.commit("lab/first", {".eval_results/b.yaml": result(10)})
    served.hub.commit("lab/second", {".eval_results/b.yaml": result(20, "ours"), ".eval_results/bad.yaml": "- {x"})
    served.hub.commit(
        "lab/child", {".eval_results/b.yaml": result(30), "README.md": "---\nbase_model: lab/first\n---\n"}
    )
    api.create_repo("ada/claimed", exist_ok=True)
    num = api.upload_file(
        path_or_fileobj=result(15), path_in_repo=".eval_results/b.yaml", repo_id="ada/claimed", create_pr=True
    ).pr_num
    board = api.get_dataset_leaderboard(dataset)
    assert [(row.rank, row.model_id, row.value) for row in board] == [
        (1, "lab/second", 20),
        (2, "ada/claimed", 15),
        (3, "lab/first", 10),
    ]
    assert (board[0].notes, board[1].pull_request) == ("ours", num)
    assert api.get_dataset_leaderboard(dataset, base_model_only=False)[0].model_id == "lab/child"
    info = api.model_info("lab/second", expand=["evalResults"])
    assert [(entry.dataset_id, entry.value) for entry in info.eval_results] == [(dataset, 20)]


def test_seeded_counts_are_shown(served: localhub.Running, api: HfApi, model: str, tmp_path: Path) -> None:
    served.hub.create_repo(model).update(likes=7, downloads=1234)
    info = api.model_info(model)
    assert (info.likes, info.downloads) == (7, 1234)
