"""Rules about what is asked for: whether it makes sense, whether benchmark and workers take it, whether it is new."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.benchmarks.generation import refused_for
from leaderboard.hub.loaded_files import DEFAULT_TEMPLATE, is_adapter
from leaderboard.hub.safetensors import quantised_bits
from leaderboard.queue.workers import RunNeeds, impossible, limit_b, refusals
from leaderboard.records import ModelFacts, Precision, Problem, WeightType, is_repo_id, is_revision
from leaderboard.submissions.catalogue import shown
from leaderboard.submissions.kinds.checkpoint.checks.case import (
    CheckpointCase,
    base_of,
    config,
    named_base,
    quantisation,
)
from leaderboard.submissions.kinds.checkpoint.checks.catalogue import problem, problem_with
from leaderboard.submissions.kinds.checkpoint.checks.quantised import method_of
from leaderboard.submissions.kinds.checkpoint.checks.templates import template_fault

VOCABULARIES = {
    "tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "vocab.json",
    "tekken.json",
}  # fmt: skip
"""Files from which transformers can make a tokenizer."""
TEMPLATE_FILES = (DEFAULT_TEMPLATE, "chat_template.jinja", "tokenizer_config.json")


def names(case: CheckpointCase) -> Iterator[Problem]:
    """Repositories and revision are named as the Hub names them."""
    wanted = case.submission
    if not is_repo_id(wanted.model):
        yield problem("invalid_model_id", value=wanted.model)
    if not is_revision(wanted.revision):
        yield problem("invalid_revision", value=wanted.revision)
    if wanted.base_model and not is_repo_id(wanted.base_model):
        yield problem("invalid_base_model_id", value=wanted.base_model)


def weight_type(case: CheckpointCase) -> Iterator[Problem]:
    """What the repository is agrees with what its submitter says it is."""
    wanted, facts = case.submission, case.facts
    allowed = case.benchmark.limits.weight_types if case.benchmark else list(WeightType)
    if wanted.weight_type not in allowed and case.benchmark:
        known = {"known": ", ".join(allowed)}
        yield problem_with("weight_type_not_allowed", known, benchmark=case.benchmark.title, value=wanted.weight_type)
    if wanted.weight_type is not WeightType.ORIGINAL and not base_of(wanted, facts):
        yield problem("base_model_missing", value=wanted.weight_type)
    if facts is None:
        return
    named = {"model": facts.model, "sha": facts.revision[:7]}
    if wanted.weight_type is WeightType.ADAPTER and not is_adapter(facts):
        yield problem("not_an_adapter", **named)
    if wanted.weight_type is not WeightType.ADAPTER and is_adapter(facts):
        yield problem("is_an_adapter", **named)
    if wanted.weight_type is WeightType.ADAPTER and case.base_facts:
        trained_on = named_base(facts)
        if trained_on and trained_on.casefold() != case.base_facts.model.casefold():
            yield problem("other_base_model", model=facts.model, named=trained_on, value=case.base_facts.model)


def tokenizer(case: CheckpointCase) -> Iterator[Problem]:
    """There is a vocabulary in the repository whose tokenizer is used."""
    facts = case.tokenizer_facts
    if facts is not None and not (is_adapter(facts) and case.base_facts is None) and not has_vocabulary(facts):
        yield problem("no_tokenizer", model=facts.model, sha=facts.revision[:7])


def has_vocabulary(facts: ModelFacts) -> bool:
    """Whether there are files from which a tokenizer can be made."""
    return any(name in VOCABULARIES or (name.endswith(".tiktoken") and "/" not in name) for name in facts.files)


def chat_template(case: CheckpointCase) -> Iterator[Problem]:
    """When asked for, there is a chat template and it can be parsed."""
    facts = case.tokenizer_facts
    if not case.submission.use_chat_template or facts is None:
        return
    named = {"model": facts.model, "sha": facts.revision[:7]}
    if unread := [facts.unreadable[name] for name in TEMPLATE_FILES if name in facts.unreadable]:
        yield problem("chat_template_broken", why=unread[0], **named)
    elif not facts.chat_template:
        yield problem("no_chat_template", **named)
    elif why := template_fault(facts.chat_template):
        yield problem("chat_template_broken", why=why, **named)


def precision(case: CheckpointCase) -> Iterator[Problem]:
    """The benchmark takes the precision, and the weights can be loaded in it."""
    wanted = case.submission.precision
    allowed = case.benchmark.limits.precisions if case.benchmark else list(Precision)
    if wanted not in allowed and case.benchmark:
        known = {"known": ", ".join(allowed)}
        yield problem_with("precision_not_allowed", known, benchmark=case.benchmark.title, value=wanted)
    if case.whole is None:
        return
    named = {"model": case.whole.model, "sha": case.whole.revision[:7]}
    stored = quantisation(case.whole)
    if stored and method_of(stored) not in case.native.quantisations:
        return
    method = str(stored.get("quant_method") or "bitsandbytes").lower() if stored else ""
    if stored and (right := _stored_precision(stored, method)):
        if right is not wanted:
            yield problem("precision_mismatch", method=method, value=wanted, right=right, **named)
    elif wanted is Precision.GPTQ:
        yield problem("not_gptq", **named)
    elif stored and wanted in (Precision.INT8, Precision.INT4):
        yield problem("precision_mismatch", method=method, value=wanted, right=Precision.BFLOAT16, **named)
    elif stored:
        yield problem("other_quantisation", method=method, **named)


def _stored_precision(stored: object, method: str) -> Precision | None:
    """The only precision in which weights quantised by `method` load; None where another method is at work."""
    if method == "gptq":
        return Precision.GPTQ
    if method == "bitsandbytes" and isinstance(stored, dict):
        return {4: Precision.INT4, 8: Precision.INT8}.get(quantised_bits(stored) or 0)
    return None


def size(case: CheckpointCase) -> Iterator[Problem]:
    """The checkpoint is not larger than the benchmark takes in this precision."""
    if case.benchmark is None:
        return
    limit = case.benchmark.limits.max_params_b.get(case.submission.precision)
    if limit is not None and case.params_b is not None and case.params_b > limit:
        yield _too_large(case, f"the benchmark {shown(case.benchmark.title)}", limit)


def _too_large(case: CheckpointCase, limiter: str, limit: float) -> Problem:
    together = case.facts is not None and is_adapter(case.facts)
    words = {"counted": " together with its base model" if together else "", "limiter": limiter}
    numbers = {"params": f"{case.params_b:.3g}", "limit": f"{limit:.3g}"}
    return problem_with("too_large", words, model=case.submission.model, precision=case.submission.precision, **numbers)


def workers(case: CheckpointCase) -> Iterator[Problem]:
    """At least one worker can run it as asked."""
    wanted = _wanted(case)
    if why := impossible(wanted):
        yield problem_with("delta_quantised", {"why": why}, value=wanted.precision)
        return
    if not case.abilities:
        yield problem("no_worker")
        return
    refused = [refusals(worker, wanted) for worker in case.abilities]
    if not all(refused):
        return
    common = set.intersection(*(set(reasons) for reasons in refused))
    first = refused[0]
    if "precision" in common:
        yield problem_with("precision_not_possible", {"why": first["precision"]}, value=case.submission.precision)
    if "weight_type" in common:
        yield problem_with("weight_type_not_possible", {"why": first["weight_type"]}, value=case.submission.weight_type)
    if "size" in common:
        most = max(limit_b(worker, wanted) or 0.0 for worker in case.abilities)
        yield _too_large(case, "the largest worker of this board", most)
    if not common & {"precision", "weight_type", "size"}:
        reasons = [f"{shown(w.worker)}: {' '.join(r.values())}" for w, r in zip(case.abilities, refused, strict=True)]
        yield problem_with("no_worker_fits", {"why": " ".join(reasons)})


def _wanted(case: CheckpointCase) -> RunNeeds:
    """What the submission asks of a worker."""
    return RunNeeds(
        benchmark=case.benchmark.id if case.benchmark else "",
        precision=case.submission.precision.value,
        weight_type=case.submission.weight_type.value,
        params_b=case.params_b,
        stored_bits=case.stored_bits,
    )


def generation(case: CheckpointCase) -> Iterator[Problem]:
    """The context has room for a prompt beside the new tokens that the benchmark asks for."""
    if case.benchmark is None or case.whole is None:
        return
    tasks, length = refused_for(case.benchmark, config(case.whole))
    if tasks:
        names = ", ".join([*list(tasks)[:3], *(["and others"] if len(tasks) > 3 else [])])
        known = {"tasks": names, "benchmark": shown(case.benchmark.title), "length": f"{length:,}"}
        yield problem_with("generation_too_long", known, model=case.whole.model)


ASKED = (names,)
FITS = (weight_type, tokenizer, chat_template, precision, size, generation, workers)
