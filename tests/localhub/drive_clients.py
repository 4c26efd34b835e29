"""Run by test_clients.py in a process of its own: the libraries read HF_ENDPOINT once, when they are imported.

Prints one JSON object of what was seen.
"""

import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset, get_dataset_config_names, load_dataset
from huggingface_hub import CommitOperationAdd, HfApi, ModelCard, hf_hub_download
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

README = """---
license: mit
configs:
- config_name: results
  data_files:
  - split: latest
    path: results/2026.parquet
- config_name: details
  data_files:
  - split: latest
    path: details/*.parquet
---
"""


def transformers_and_peft(results: dict[str, Any]) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=16, **sizes))
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "one": 1, "two": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")
    first = model.push_to_hub("ada/tiny").oid
    tokenizer.push_to_hub("ada/tiny")
    with torch.no_grad():
        model.lm_head.weight.zero_()
    model.push_to_hub("ada/tiny")
    old = AutoModelForCausalLM.from_pretrained("ada/tiny", revision=first)
    new = AutoModelForCausalLM.from_pretrained("ada/tiny")
    results["old_weights_differ"] = bool(old.lm_head.weight.abs().sum() > 0 and new.lm_head.weight.abs().sum() == 0)
    results["tokens"] = AutoTokenizer.from_pretrained("ada/tiny")("one two three")["input_ids"]
    get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")).push_to_hub("ada/lora")
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("ada/tiny"), "ada/lora")
    results["adapter"] = adapted.peft_config["default"].r
    results["parameters"] = HfApi().model_info("ada/tiny").safetensors.total
    results["metadata"] = HfApi().get_safetensors_metadata("ada/tiny").parameter_count


def tables(results: dict[str, Any]) -> None:
    def parquet(rows: int) -> bytes:
        buffer = io.BytesIO()
        pd.DataFrame({"i": range(rows), "text": ["x"] * rows}).to_parquet(buffer)
        return buffer.getvalue()

    api = HfApi()
    api.create_repo("ada/details", repo_type="dataset")
    files = {"README.md": README.encode(), "results/2026.parquet": parquet(3), "details/a.parquet": parquet(5)}
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    api.create_commit("ada/details", operations, commit_message="Publish", repo_type="dataset")
    results["configs"] = sorted(get_dataset_config_names("ada/details"))
    results["latest"] = len(load_dataset("ada/details", "details", split="latest"))
    results["streamed"] = len(list(load_dataset("ada/details", "results", split="latest", streaming=True)))
    Dataset.from_dict({"a": [1, 2, 3]}).push_to_hub("ada/pushed", "config", private=True)
    results["pushed"] = load_dataset("ada/pushed", "config", split="train")["a"][:]
    frame = pd.DataFrame({"score": [1.5, 2.5]})
    frame.to_parquet("hf://datasets/ada/details/contents.parquet")
    results["read"] = pd.read_parquet("hf://datasets/ada/details/contents.parquet")["score"].tolist()


def cards(results: dict[str, Any]) -> None:
    ModelCard("---\nlicense: mit\n---\n# A card\n").push_to_hub("ada/tiny")
    results["card"] = ModelCard.load("ada/tiny").data.license
    try:
        ModelCard("---\nlicense: asdf\n---\n# A card\n").validate()
    except ValueError as error:
        results["refused"] = str(error)
    HfApi().move_repo("ada/tiny", "ada/renamed")
    results["moved"] = AutoModelForCausalLM.from_pretrained("ada/tiny").config.model_type
    results["moved_file"] = Path(hf_hub_download("ada/tiny", "README.md")).read_text().count("A card")


def main() -> None:
    """Everything, in order."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        transformers_and_peft(results)
        tables(results)
        cards(results)
        os.chdir("/")
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
