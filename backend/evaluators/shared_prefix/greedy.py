"""Which generation requests the engine answers: plain greedy decoding, ended by tokens, stop texts or a limit."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lm_eval.models.utils import handle_stop_sequences, has_bos_prefix, normalize_gen_kwargs

from backend.evaluators.shared_prefix.attention import Unsupported

HARMLESS = frozenset(
    (
        "_from_model_config",
        "assistant_confidence_threshold",
        "assistant_lookbehind",
        "bos_token_id",
        "cache_config",
        "do_sample",
        "eos_token_id",
        "max_length",
        "min_p",
        "num_assistant_tokens",
        "num_assistant_tokens_schedule",
        "num_return_sequences",
        "output_attentions",
        "output_hidden_states",
        "output_logits",
        "output_scores",
        "pad_token_id",
        "renormalize_logits",
        "return_dict_in_generate",
        "target_lookbehind",
        "temperature",
        "top_h",
        "top_k",
        "top_p",
        "transformers_version",
        "typical_p",
        "use_cache",
    )
)
"""Settings of a model's generation configuration that do not change greedy decoding of one sequence."""


class Wish(NamedTuple):
    """What a generation request asks for."""

    context: str
    stops: tuple[str, ...]
    """Stop texts, the end-of-text token's text among them."""
    most: int


def greedy_wishes(lm: Any, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[dict[int, Wish], list[str]]:
    """The requests for greedy decoding by index, and the reasons why the others are left to the stock backend.

    Raises `Unsupported` where the harness model's own settings leave all of them to it.
    """
    if lm.think_end_token is not None or lm.truncation:
        raise Unsupported("thinking tokens and truncation by the tokenizer are left to the stock backend")
    eos = lm.tok_decode(lm.eot_token_id, skip_special_tokens=False)
    wishes: dict[int, Wish] = {}
    reasons: list[str] = []
    for index, (context, settings) in enumerate(requests):
        try:
            wishes[index] = _wish(lm, context, settings, eos)
        except Unsupported as reason:
            reasons.append(str(reason))
    return wishes, list(dict.fromkeys(reasons))


def _wish(lm: Any, context: str, settings: Mapping[str, Any], eos: str) -> Wish:
    """A request as a greedy wish. Raises `Unsupported` where it asks for anything else."""
    wanted: dict[str, Any] = dict(normalize_gen_kwargs(dict(settings), lm.max_gen_toks))
    stops = handle_stop_sequences(wanted.pop("until", None), eos=eos)
    most = int(wanted.pop("max_gen_toks"))
    if wanted.pop("do_sample", False) or wanted.pop("temperature", 0.0) or wanted:
        raise Unsupported(f"generation asks for more than greedy decoding: {dict(settings)}")
    if most < 1 or lm.max_length <= most:
        raise Unsupported(f"{most} new tokens do not fit a length of {lm.max_length}")
    return Wish(context, tuple(stops), most)


def end_tokens(lm: Any) -> frozenset[int]:
    """Tokens that end a row. Raises `Unsupported` where the model's generation configuration does more than that."""
    config = lm.model.generation_config
    changed = {key for key, value in config.to_diff_dict().items() if value not in (None, False)} - HARMLESS
    if changed:
        raise Unsupported(f"the model's generation configuration sets {', '.join(sorted(changed))}")
    ends = config.eos_token_id
    ends = frozenset() if ends is None else frozenset([ends] if isinstance(ends, int) else ends)
    if lm.eot_token_id not in ends:
        raise Unsupported("the model's generation configuration does not end at the tokenizer's end-of-text token")
    if lm.tokenizer.pad_token_id not in lm.tokenizer.all_special_ids:
        raise Unsupported("the padding token is not a special token, so that it shows in the stock backend's texts")
    return ends


def encode(lm: Any, wishes: Sequence[Wish]) -> list[list[int]]:
    """Token ids of the contexts as the harness encodes a batch, cut on the left to leave room for the new tokens."""
    texts = list(dict.fromkeys(wish.context for wish in wishes))
    marked = {has_bos_prefix(text, getattr(lm.tokenizer, "bos_token", None)) for text in texts}
    if len(marked) > 1:
        raise Unsupported("some contexts begin with the beginning-of-text token and some do not")
    special = {} if lm.add_bos_token is None else {"add_special_tokens": lm.add_bos_token}
    special = {"add_special_tokens": False} if True in marked else special
    encoded = dict(zip(texts, lm.tokenizer(texts, **special)["input_ids"], strict=True))
    tokens = [encoded[wish.context][-(lm.max_length - wish.most) :] for wish in wishes]
    if not all(tokens):
        raise Unsupported("a context has no tokens")
    return tokens
