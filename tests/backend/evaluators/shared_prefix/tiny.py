"""Tiny random models of every verified architecture, a tokenizer trained on the spot, and requests to score."""

import functools
from typing import Any

import torch
import transformers
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from backend.evaluators.shared_prefix.model import SharedPrefixLM

TEXT = """Alice tells the truth. Bob says Alice lies. Does Bob tell the truth? Options: (A) Yes (B) No.
On the table there are three red books, two blue cups and one yellow ball. What colour is the ball?
A train leaves at nine o'clock and arrives at 12:30, having stopped 4 times. How long did it travel?
Question: which of the following follows from the story about the stolen painting and the locked door? Answer:"""
SIZES: dict[str, Any] = {
    "vocab_size": 400,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
ALTERNATING = ["sliding_attention", "full_attention", "sliding_attention"]
MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}
GPT2 = {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 512}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama-eager": ("Llama", {"attn_implementation": "eager"}),
    "mistral-window-20": ("Mistral", {"sliding_window": 20}),
    "mistral-window-300": ("Mistral", {"sliding_window": 300}),
    "mistral-no-window": ("Mistral", {"sliding_window": None}),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "sliding_window": None}),
    "qwen2": ("Qwen2", {}),
    "qwen2-window-20": ("Qwen2", {"use_sliding_window": True, "sliding_window": 20, "layer_types": ALTERNATING}),
    "qwen3": ("Qwen3", {"head_dim": 8}),
    "qwen2_moe": ("Qwen2Moe", MOE),
    "qwen3_moe": ("Qwen3Moe", {**MOE, "head_dim": 8}),
    "gemma": ("Gemma", {"head_dim": 8}),
    "gemma2-window-20": ("Gemma2", {"head_dim": 8, "sliding_window": 20, "layer_types": ALTERNATING}),
    "gemma2-window-300": ("Gemma2", {"head_dim": 8, "sliding_window": 300, "layer_types": ALTERNATING}),
    "gemma3-window-20": ("Gemma3Text", {"head_dim": 8, "sliding_window": 20, "layer_types": ALTERNATING}),
    "gemma3-window-300": ("Gemma3Text", {"head_dim": 8, "sliding_window": 300, "layer_types": ALTERNATING}),
    "phi": ("Phi", {}),
    "phi3": ("Phi3", {}),
    "phi3-window-20": ("Phi3", {"sliding_window": 20}),
    "gpt2": ("GPT2", GPT2),
    "gpt_neox": ("GPTNeoX", {}),
    "gptj": ("GPTJ", {**GPT2, "rotary_dim": 4}),
    "opt": ("OPT", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    "olmo": ("Olmo", {}),
    "olmo2": ("Olmo2", {}),
    "olmo3-window-20": ("Olmo3", {"sliding_window": 20, "layer_types": ALTERNATING}),
    "stablelm": ("StableLm", {}),
    "starcoder2-window-20": ("Starcoder2", {"sliding_window": 20}),
    "cohere2-window-20": ("Cohere2", {"sliding_window": 20, "layer_types": ALTERNATING}),
    "granite": ("Granite", {}),
    "nemotron": ("Nemotron", {}),
    "smollm3": ("SmolLM3", {}),
}
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "bloom": ("Bloom", {"n_layer": 2, "n_head": 4}),
    "mamba": ("Mamba", {"state_size": 4}),
    "recurrent_gemma": ("RecurrentGemma", {"head_dim": 8, "lru_width": 32, "attention_window_size": 20}),
    "gpt_neo": (
        "GPTNeo",
        {"num_layers": 2, "num_hidden_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]},
    ),
}


@functools.cache
def tokenizer() -> Any:
    """A byte-level BPE of 400 tokens, with a chat template."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator([TEXT], trainer)
    template = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>", chat_template=template
    )


def build(name: str, dtype: torch.dtype = torch.float32, **changes: Any) -> Any:
    """A random model, the same for the same name."""
    prefix, settings = (CONFIGS | REFUSED)[name]
    settings = {**SIZES, **settings, **changes}
    kernel = {key: settings.pop(key) for key in ("attn_implementation",) if key in settings}
    config = getattr(transformers, f"{prefix}Config")(**settings)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config, **kernel).to(dtype).eval()
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=1.0 if "norm" in prefix else 0.5, std=0.3)
    return model


def pair(model: Any, **settings: Any) -> tuple[HFLM, SharedPrefixLM]:
    """The stock backend and the engine over one model."""
    settings = {"tokenizer": tokenizer(), "batch_size": 4, **settings}
    return HFLM(pretrained=model, **settings), SharedPrefixLM(pretrained=model, **settings)


def asked(pairs: list[tuple[str, Any]], kind: str = "loglikelihood") -> list[Instance]:
    """Requests as a task makes them."""
    return [Instance(request_type=kind, doc={}, arguments=each, idx=index) for index, each in enumerate(pairs)]


def questions(shots: int = 1) -> list[tuple[str, str]]:
    """Three tasks in one list, not in order: a preamble shared by some, a story by others, and odd ones."""
    preamble = TEXT.splitlines()[0] + "\n" + TEXT.splitlines()[2] + "\n"
    story = TEXT.splitlines()[1] + " "
    letters = [" (A)", " (B)", " (C) perhaps", " (C)"]
    asks = ["Is it Bob?", "Does Alice tell the truth, or not at all?", "What time is it now?"]
    result = [(preamble * shots + "Q: " + ask + " A:", letter) for ask in asks for letter in letters]
    result += [(story + ask + "\nAnswer: ", choice) for ask in asks[:2] for choice in ("Yes", "No", "Nobody knows")]
    result += [("", " the truth"), ("", "<s> the"), ("Bob", " Alice"), ("Bob", "x"), ("Alone with a space ", "ball")]
    return result[::2] + result[1::2]
