"""Rebuild the demo's checkpoints: `python -m scripts.make_checkpoints` (a few minutes on one core).

Writes weights, configurations and tokenizers into `checkpoints/`; the model cards and the manifest there are written by
hand and stay as they are. Seeds are fixed: on one machine the same script makes the same bytes.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

from scripts.make_tiny_benchmark import TASKS
from scripts.tiny_training import CHAT_TEMPLATE, TURN_END, chat, lessons, make_model, make_tokenizer, train

CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"
ORGANISATION = CHECKPOINTS / "podium-demo"
ALL = dict.fromkeys(TASKS, 1.0)
BASE_EARLY, BASE_STEPS, TUNE_STEPS, CHAT_STEPS, LORA_STEPS = 250, 600, 900, 1000, 300
MERGE_SHARE = 0.7

Weights = dict[str, torch.Tensor]


def write(folder: Path, weights: Weights, tokenizer: PreTrainedTokenizerFast, model: LlamaForCausalLM) -> None:
    """Write one commit of a checkpoint: float16 weights, the configuration of `model` and the tokenizer."""
    model.load_state_dict(weights)
    half = model.half()
    half.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    half.save_pretrained(folder)
    model.float()
    tokenizer.save_pretrained(folder)


def copy(model: torch.nn.Module) -> Weights:
    """A copy of the weights of `model`."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def tuned(base: Weights, tokenizer: PreTrainedTokenizerFast, name: str) -> Weights:
    """`base` after more training on all kinds of questions: as a chat for tiny-chat, plain otherwise."""
    model = make_model(0)
    model.load_state_dict(base)
    if name == "tiny-chat":
        train(model, tokenizer, lessons(name, ALL, chat), CHAT_STEPS, rate=5e-3)
    else:
        train(model, tokenizer, lessons(name, ALL), TUNE_STEPS, rate=5e-3)
    return copy(model)


def write_lora(folder: Path, base: Weights, tokenizer: PreTrainedTokenizerFast) -> None:
    """Train a LoRA adapter on `base` and write it as PEFT reads it."""
    model = make_model(0)
    model.load_state_dict(base)
    torch.manual_seed(1)
    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    train(adapted, tokenizer, lessons("tiny-lora", ALL), LORA_STEPS, rate=5e-3)
    state = {name: value.half().contiguous() for name, value in get_peft_model_state_dict(adapted).items()}
    folder.mkdir(parents=True, exist_ok=True)
    config.inference_mode, config.base_model_name_or_path = True, "podium-demo/tiny-base"
    config.target_modules = sorted(config.target_modules)
    config.save_pretrained(folder)
    save_file(state, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def make_good(tokenizer: PreTrainedTokenizerFast) -> None:
    """Train and write the checkpoints that finish."""
    model = make_model(0)
    print("tiny-base")
    weights_at = train(model, tokenizer, lessons("tiny-base", ALL), BASE_STEPS, rate=6e-3, keep=[BASE_EARLY])
    base = copy(model)
    write(ORGANISATION / "tiny-base" / "1", weights_at[BASE_EARLY], tokenizer, model)
    write(ORGANISATION / "tiny-base" / "2", base, tokenizer, model)
    print("tiny-lora")
    write_lora(ORGANISATION / "tiny-lora" / "1", base, tokenizer)
    print("tiny-finetuned")
    finetuned = tuned(base, tokenizer, "tiny-finetuned")
    write(ORGANISATION / "tiny-finetuned" / "1", finetuned, tokenizer, model)
    merged = {name: torch.lerp(base[name], finetuned[name], MERGE_SHARE) for name in base}
    write(ORGANISATION / "tiny-merge" / "1", merged, tokenizer, model)
    delta = {name: finetuned[name] - base[name] for name in base}
    write(ORGANISATION / "tiny-delta" / "1", delta, tokenizer, model)
    print("tiny-chat")
    chatty = tuned(base, tokenizer, "tiny-chat")
    tokenizer.eos_token, tokenizer.chat_template = TURN_END, CHAT_TEMPLATE
    write(ORGANISATION / "tiny-chat" / "1", chatty, tokenizer, model)


def make_bad(tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the checkpoints that are refused or fail: untrained, very small, each with one defect."""
    names = ["auto-map", "custom-code", "pickle-only", "no-card", "no-licence", "truncated", "no-tokenizer"]
    for name in [*names, "broken-template", "wrong-shapes"]:
        model = make_model(2, width=16, layers=1)
        write(ORGANISATION / name / "1", copy(model), tokenizer, model)
    spoil_weights()
    spoil_code()
    for path in (ORGANISATION / "no-tokenizer" / "1").glob("tokenizer*"):
        path.unlink()
    (ORGANISATION / "broken-template" / "1" / "chat_template.jinja").write_text(
        "{% for message in messages %}{{ message['content'] }\n{% endfor\n"
    )


def spoil_weights() -> None:
    """Truncate the weights of `truncated`, pickle those of `pickle-only`, and misstate the shapes of `wrong-shapes`."""
    cut = ORGANISATION / "truncated" / "1" / "model.safetensors"
    content = cut.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    cut.write_bytes(content[: (header + len(content)) // 2])
    config_path = ORGANISATION / "wrong-shapes" / "1" / "config.json"
    config = json.loads(config_path.read_text())
    config_path.write_text(json.dumps(config | {"intermediate_size": 2 * config["intermediate_size"]}, indent=2) + "\n")
    pickled = ORGANISATION / "pickle-only" / "1"
    (pickled / "model.safetensors").unlink()
    torch.save(make_model(2, width=16, layers=1).half().state_dict(), pickled / "pytorch_model.bin")


def spoil_code() -> None:
    """Give `auto-map` a configuration that names code, and `custom-code` a file of it that nothing names."""
    path = ORGANISATION / "auto-map" / "1" / "config.json"
    config = json.loads(path.read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_tiny.TinyForCausalLM"}
    path.write_text(json.dumps(config, indent=2) + "\n")
    (ORGANISATION / "custom-code" / "1" / "modeling_tiny.py").write_text(
        '"""A model that needs its own code."""\n\nfrom transformers import LlamaForCausalLM\n\n\n'
        'class TinyForCausalLM(LlamaForCausalLM):\n    """Llama under another name."""\n'
    )


def main() -> None:
    """Make every checkpoint of the demo."""
    disable_progress_bar()
    tokenizer = make_tokenizer("tokenizer")
    make_bad(tokenizer)
    make_good(tokenizer)


if __name__ == "__main__":
    main()
