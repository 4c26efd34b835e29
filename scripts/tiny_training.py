"""A tiny Llama that learns the tiny benchmark's kind of question: tokenizer, architecture, training on one thread."""

import math
import random
from collections.abc import Callable, Iterator, Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from scripts.make_tiny_benchmark import TASKS, Question, reserved

VOCABULARY = 640
ROW = 112
END, PAD = "<|endoftext|>", "<|pad|>"
TURN_END = "<|end|>"
ROLES = ["<|system|>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

Lesson = tuple[str, str]
Style = Callable[[str, Question], Lesson]


def plain(task: str, item: Question) -> Lesson:
    """A prompt and its completion as the harness writes them without a chat template."""
    return item.question + ("" if task == "sequence" else "\nAnswer:"), f" {item.answer}\n\n"


def chat(task: str, item: Question) -> Lesson:
    """A prompt and its completion as a turn of user and assistant, as CHAT_TEMPLATE writes it."""
    question = item.question + ("" if task == "sequence" else "\nAnswer:")
    return f"<|user|>{question}<|end|>\n<|assistant|>", f"{item.answer}<|end|>\n"


def lessons(seed: str, shares: dict[str, float], style: Style = plain) -> Iterator[Lesson]:
    """Endless solved questions, drawn from `shares` (task to weight), none of them in the benchmark."""
    rng, forbidden = random.Random(seed), reserved()
    while True:
        task = rng.choices(list(shares), list(shares.values()))[0]
        made = TASKS[task].generate(rng)
        if made.question not in forbidden:
            yield style(task, made)


def make_tokenizer(seed: str) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer in which every digit is a token of its own."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    source = lessons(seed, dict.fromkeys(TASKS, 1.0))
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END, PAD, TURN_END, *ROLES],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["".join(next(source)) for _ in range(20_000)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[TURN_END, *ROLES],
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )


def make_model(seed: int, width: int = 64, layers: int = 3) -> LlamaForCausalLM:
    """An untrained Llama, its weights drawn from `seed`."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=width,
            intermediate_size=width * 8 // 3,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=1,
        )
    )


def rows(
    tokenizer: PreTrainedTokenizerFast, source: Iterator[Lesson], batch: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and labels [batch, ROW]: each row is filled with whole lessons, and only completions are labelled."""
    while True:
        made = torch.full((batch, ROW), tokenizer.pad_token_id)
        labels = torch.full((batch, ROW), -100)
        for row in range(batch):
            at = 0
            while True:
                prompt, completion = (tokenizer.encode(part, add_special_tokens=False) for part in next(source))
                end = at + len(prompt) + len(completion)
                if end > ROW:
                    break
                made[row, at:end] = torch.tensor(prompt + completion)
                labels[row, at + len(prompt) : end] = torch.tensor(completion)
                at = end
        yield made, labels


def make_optimizers(model: torch.nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms; only for what is trained.

    With Muon the loss falls much faster here than with AdamW alone.
    """
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    inner = [weight for name, weight in named if weight.ndim == 2 and "embed" not in name]
    outer = [weight for name, weight in named if weight.ndim != 2 or "embed" in name]
    made: list[torch.optim.Optimizer] = [
        torch.optim.Muon(inner, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
    ]
    if outer:
        made.append(torch.optim.AdamW(outer, lr=rate, betas=(0.9, 0.98), weight_decay=0.05))
    return made


def train(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    source: Iterator[Lesson],
    steps: int,
    rate: float,
    batch: int = 16,
    keep: Sequence[int] = (),
) -> dict[int, dict[str, torch.Tensor]]:
    """Train `model` in place: a short warm-up to `rate`, then a cosine to a hundredth of it.

    Returns copies of its weights after the steps named in `keep`.
    """
    torch.set_num_threads(1)
    optimizers = make_optimizers(model, rate)
    warmup = max(1, steps // 20)

    def share(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.01 + 0.99 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2

    schedules = [torch.optim.lr_scheduler.LambdaLR(optimizer, share) for optimizer in optimizers]
    weights_at = {}
    model.train()
    for step, (ids, labels) in zip(range(1, steps + 1), rows(tokenizer, source, batch), strict=False):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
        if step in keep:
            weights_at[step] = {name: value.detach().clone() for name, value in model.state_dict().items()}
        if step % 100 == 0 or step == steps:
            print(f"  step {step} of {steps}: loss {loss.item():.3f}", flush=True)
    model.eval()
    return weights_at
