"""A model that needs its own code."""

from transformers import LlamaForCausalLM


class TinyForCausalLM(LlamaForCausalLM):
    """Llama under another name."""
