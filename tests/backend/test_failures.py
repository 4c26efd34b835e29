"""Whose fault it is: real exceptions of transformers, safetensors, peft and jinja where they can be had cheaply."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.executors.slurm.cluster import SlurmSilent
from backend.failures import JobFailed, Stage, classify
from backend.workdir import JobOptions, Workdir
from leaderboard.errors import DownloadFailed, HubUnavailable, ModelNotFound
from leaderboard.records import Fault, Request
from leaderboard.settings import PROJECT

DEMO = PROJECT / "checkpoints" / "podium-demo"
BASE = str(DEMO / "tiny-base" / "2")
SUBMISSION, OURS = Fault.SUBMISSION, Fault.INFRASTRUCTURE


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    made = Workdir(tmp_path / "0000-1")
    made.prepare(
        JobOptions(evaluator=""), Request(model="org/name", revision="26a66f0" + "0" * 33, precision="float16")
    )
    return made


def named(name: str, text: str = "", base: type[Exception] = Exception) -> Exception:
    """An exception of a class that is not imported here."""
    return type(name, (base,), {})(text)


def wrapped(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def staged(name: str, error: Exception) -> Exception:
    try:
        with Stage(name):
            raise error
    except type(error) as marked:
        return marked


HUB_ERROR = type("HfHubHTTPError", (OSError,), {})
TABLE = [
    (MemoryError(), "out_of_memory", SUBMISSION),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out_of_memory", SUBMISSION),
    (named("OutOfMemoryError", "CUDA out of memory", RuntimeError), "out_of_memory", SUBMISSION),
    (staged("weights", named("SafetensorError", "incomplete metadata")), "checkpoint_unreadable", SUBMISSION),
    (staged("weights", RuntimeError("size mismatch for lm_head")), "checkpoint_unreadable", SUBMISSION),
    (staged("config", ValueError("Unrecognized model type")), "config_unreadable", SUBMISSION),
    (staged("tokenizer", ValueError("Couldn't instantiate")), "tokenizer_unloadable", SUBMISSION),
    (staged("adapter", KeyError("base_model.model.x")), "adapter_unloadable", SUBMISSION),
    (named("TemplateError", "Conversation roles must alternate"), "chat_template_error", SUBMISSION),
    (ValueError("tokenizer.chat_template is not set"), "chat_template_error", SUBMISSION),
    (staged("chat_template", RecursionError("maximum recursion depth exceeded")), "chat_template_error", SUBMISSION),
    (staged("chat_template", MemoryError()), "out_of_memory", SUBMISSION),
    (staged("weights", ImportError("This needs `triton`")), "package_missing", SUBMISSION),
    (wrapped(DownloadFailed("x"), named("GatedRepoError", base=HUB_ERROR)), "model_gone", SUBMISSION),
    (wrapped(DownloadFailed("x"), HUB_ERROR("503")), "hub_unavailable", OURS),
    (wrapped(DownloadFailed("x"), TimeoutError("timed out")), "hub_unavailable", OURS),
    (wrapped(DownloadFailed("x"), OSError(errno.ENOSPC, "No space left on device")), "disk_full", OURS),
    (DownloadFailed("config.json is not the file that was checked"), "hub_unavailable", OURS),
    (HubUnavailable("The Hub did not answer."), "hub_unavailable", OURS),
    (ModelNotFound("org/name", "main"), "model_gone", SUBMISSION),
    (staged("tokenizer", named("OfflineModeIsEnabled", base=ConnectionError)), "tokenizer_unloadable", SUBMISSION),
    (staged("config", OSError("We couldn't connect to 'http://hub'")), "config_unreadable", SUBMISSION),
    (staged("tasks", KeyError("no_such_task")), "benchmark_data", OURS),
    (staged("tasks", HUB_ERROR("404")), "benchmark_data", OURS),
    (staged("tasks", wrapped(DownloadFailed("x"), named("RepositoryNotFoundError"))), "benchmark_data", OURS),
    (staged("tasks", wrapped(DownloadFailed("x"), HUB_ERROR("503"))), "hub_unavailable", OURS),
    (staged("weights", OSError(errno.ENOSPC, "No space left on device")), "disk_full", OURS),
    (SlurmSilent("sbatch failed: Unable to contact slurm controller"), "not_started", OURS),
    (staged("tasks", SlurmSilent("sbatch failed: Unable to contact slurm controller")), "not_started", OURS),
    (JobFailed("not_a_number", "It answers with NaN."), "not_a_number", SUBMISSION),
    (AttributeError("module has no attribute"), "job_error", OURS),
    (KeyboardInterrupt(), "job_error", OURS),
]  # fmt: skip


@pytest.mark.parametrize(("error", "code", "fault"), TABLE, ids=[f"{row[1]}-{i}" for i, row in enumerate(TABLE)])
def test_whose_fault_an_exception_is(error: BaseException, code: str, fault: Fault, workdir: Workdir) -> None:
    result = classify(error, workdir)
    assert (result.code, result.fault) == (code, fault)
    assert result.log == "jobs/0000-1/log.txt"
    assert str(error) not in result.message or isinstance(error, JobFailed) or not str(error)
    if not isinstance(error, JobFailed):
        assert "org/name" in result.message or fault is OURS
        assert "Traceback" not in result.message and "{" not in result.message
        assert "again" not in result.message or fault is SUBMISSION, "whether it is tried again is not known here"


def test_an_exception_without_a_readable_request_is_ours(tmp_path: Path) -> None:
    assert classify(ValueError("x"), Workdir(tmp_path)).fault is OURS


# --- real checkpoints


def edited(tmp_path: Path, source: str, change: Callable[[Path], None]) -> str:
    folder = tmp_path / "checkpoint"
    shutil.copytree(source, folder)
    change(folder)
    return str(folder)


def set_config(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return change


def without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        weights = load_file(folder / "model.safetensors")
        save_file({key: value for key, value in weights.items() if name not in key}, folder / "model.safetensors",
                  metadata={"format": "pt"})  # fmt: skip

    return change


@pytest.mark.parametrize(
    ("name", "said", "code"),
    [
        ("truncated/1", {}, "checkpoint_unreadable"),
        ("pickle-only/1", {}, "checkpoint_unreadable"),
        ("no-tokenizer/1", {}, "tokenizer_unloadable"),
        ("auto-map/1", {}, "auto_map"),
        ("tiny-base/2", {"precision": "GPTQ"}, "precision_mismatch"),
        ("tiny-base/2", {"weight_type": "Adapter", "base_model": BASE}, "adapter_unloadable"),
        ("tiny-lora/1", {"weight_type": "Original"}, "config_unreadable"),
        ("tiny-lora/1", {"weight_type": "Adapter", "base_model": str(DEMO / "truncated/1")}, "checkpoint_unreadable"),
    ],
)
def test_checkpoints_that_cannot_be_loaded(name: str, said: dict[str, str], code: str, workdir: Workdir) -> None:
    assert code_of(str(DEMO / name), said, workdir) == code


@pytest.mark.parametrize(
    ("change", "said", "code"),
    [
        (without("layers.1.mlp"), {}, "weights_missing"),
        (set_config(model_type="no-such-type"), {}, "config_unreadable"),
        (set_config(intermediate_size=999), {}, "checkpoint_unreadable"),
        (set_config(auto_map={"AutoConfig": "own.Config"}), {}, "auto_map"),
        (set_config(quantization_config={"quant_method": "gptq", "bits": 4}), {}, "precision_mismatch"),
        (set_config(quantization_config="gptq"), {}, "config_unreadable"),
        (set_config(quantization_config={"quant_method": "mystery"}), {}, "quantisation_unloadable"),
        (lambda folder: (folder / "config.json").write_text("{"), {}, "config_unreadable"),
        (lambda folder: (folder / "tokenizer.json").write_text("[]"), {}, "tokenizer_unloadable"),
        (set_config(attn_implementation="kernels-community/flash-attn"), {}, "implementation_unavailable"),
        (set_config(_attn_implementation="flash_attention_2"), {}, "implementation_unavailable"),
        (set_config(attn_implementation="fast"), {}, "implementation_unavailable"),
        (set_config(experts_implementation="org/name"), {}, "implementation_unavailable"),
        (set_config(quantization_config={"bits": 4}), {}, "quantisation_unloadable"),
        (set_config(quantization_config={"quant_method": "compressed-tensors"}), {}, "quantisation_unloadable"),
        (set_config(quantization_config={"quant_method": "spqr"}), {}, "quantisation_unloadable"),
        (set_config(quantization_config={"quant_method": "higgs"}), {}, "quantisation_unloadable"),
        (set_config(num_hidden_layers=1), {"weight_type": "Delta", "base_model": BASE}, "delta_mismatch"),
    ],
)
def test_broken_copies(
    change: Callable[[Path], None], said: dict[str, str], code: str, workdir: Workdir, tmp_path: Path
) -> None:
    assert code_of(edited(tmp_path, BASE, change), said, workdir) == code


@pytest.mark.parametrize("vocab", ["/nowhere/vocab.txt", 7])
def test_a_vocabulary_that_is_no_vocabulary(vocab: object, workdir: Workdir, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "vocab": vocab}))

    assert code_of(edited(tmp_path, BASE, change), {}, workdir) == "tokenizer_unloadable"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% for i in range(10 ** 9) %}{% endfor %}", "limit of 100,000"),
        ("{% include '../../.env' %}", "another template"),
        ("{% extends 'x' %}", "another template"),
        ("{{ 1 // 0 }}", "fails while it renders"),
        ("{{ messages[7].content.x }}", "does not render"),
        ("{% for m in messages %}{{ m }}{% endfor", "does not render"),
    ],
)
def test_templates_that_do_not_render(template: str, words: str, workdir: Workdir) -> None:
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoTokenizer

    from backend.evaluators.harness import staged

    lm = HFLM.__new__(HFLM)
    lm.tokenizer, lm.chat_template_args = AutoTokenizer.from_pretrained(BASE), {}
    lm.tokenizer.chat_template = template
    apply = staged("chat_template", lm.apply_chat_template)
    with pytest.raises(Exception) as caught:
        apply([{"role": "user", "content": "Hello"}])
    failure = classify(caught.value, workdir)
    assert (failure.code, failure.fault) == ("chat_template_error", SUBMISSION)
    assert words in failure.message


def code_of(folder: str, said: dict[str, str], workdir: Workdir) -> str:
    from backend.evaluators.loading import load

    request = Request(model=folder, revision="26a66f0" + "0" * 33, precision="float32").model_copy(update=said)
    with pytest.raises(BaseException) as caught:
        load(request, Path(request.model), Path(request.base_model), "cpu")
    failure = classify(caught.value, workdir)
    assert failure.fault is SUBMISSION and len(failure.message) < 500
    return failure.code


def test_a_delta_is_added_once_where_weights_are_tied() -> None:
    import torch

    from backend.evaluators.loading import load

    revision = "0" * 40
    request = Request(model=str(DEMO / "tiny-delta" / "1"), revision=revision, precision="float32")
    delta = request.model_copy(update={"weight_type": "Delta", "base_model": BASE})
    summed = load(delta, Path(request.model), Path(BASE), "cpu").model.state_dict()
    whole = load(request, DEMO / "tiny-finetuned" / "1", Path(), "cpu").model.state_dict()
    assert summed.keys() == whole.keys()
    assert all(torch.allclose(summed[name], whole[name], atol=0.02) for name in whole)
