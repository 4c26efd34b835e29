"""Submit: the form at the left, what was found and checked at the right; afterwards the request's page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
from pydantic import ValidationError

from leaderboard.api.problems import form_problems
from leaderboard.api.submissions import LookAnswer, look
from leaderboard.documents.entry import asked, asks, first_answers
from leaderboard.documents.frame import rooted
from leaderboard.documents.outage import outage_note
from leaderboard.documents.render import address, errors_of, render
from leaderboard.documents.visit import parse_visit
from leaderboard.errors import AlreadyRequested, Infrastructure, NotAccepted, PodiumError
from leaderboard.pages import submit_named
from leaderboard.pages.shell import EVENT, LOCATION, bind_service, markup, on_load
from leaderboard.records import MODEL_TYPE_SYMBOLS, CheckpointSubmission, ModelType, Precision, Problem, WeightType
from leaderboard.records.submission import CHECKPOINT
from leaderboard.service import Service

TITLE = "Submit"
LOOK_AGAIN_S = 20
"""Seconds after which the form looks a checkpoint up again that the Hub gave no answer about."""
ANSWERS = "(document.querySelector('form[data-asked]')?.dataset.answers || '{}')"
"""In the browser: what assets/submit.js made of the answers beside the form of a checkpoint."""
LEAVE_MODEL = (
    """() => document.querySelector(".live-lookup :is(input, textarea)").dispatchEvent(new FocusEvent("blur"))"""
)
"""Looks a prefilled checkpoint up by the event that typing uses: of two events the later answer might be the older."""
ENTRY_FIELDS = ("track", "disclosure", "terms")
NEEDS_BASE = (WeightType.ADAPTER.value, WeightType.DELTA.value)


class Check(NamedTuple):
    """One line of the right column: its label and the codes of its problems."""

    label: str
    codes: frozenset[str]


def _check(label: str, codes: str) -> Check:
    return Check(label, frozenset(codes.split()))


CHECKS = [
    _check(
        "Access to the repository and revision",
        "invalid_model_id invalid_revision model_not_found revision_not_found gated private disabled too_many_files",
    ),
    _check("Model card with a licence", "no_model_card short_model_card unreadable_model_card no_licence"),
    _check("No custom code", "auto_map custom_code"),
    _check("Architecture supported by transformers", "no_config unreadable_config too_big_config unknown_architecture"),
    _check("Weights in safetensors", "no_safetensors broken_safetensors pickle_weights"),
    _check("Size within the limit", "unknown_size too_large no_worker_fits"),
    _check("Tokenizer", "no_tokenizer"),
    _check(
        "Precision and weight type",
        "precision_not_allowed precision_not_possible precision_mismatch not_gptq other_quantisation no_worker "
        "delta_quantised weight_type_not_allowed weight_type_not_possible is_an_adapter not_an_adapter "
        "base_model_missing base_model_problem other_base_model invalid_base_model_id",
    ),
    _check("Chat template", "no_chat_template chat_template_broken"),
    _check(
        "Within the policy",
        "removed do_not_submit quota_used_up organisation_quota_used_up team_quota_used_up failures_used_up copy_of",
    ),
    _check("Not submitted before", "already_requested"),
]


class CheckResult(NamedTuple):
    """A check and its problems; a check without problems has passed."""

    label: str
    problems: list[Problem]


def check_results(problems: Sequence[Problem], readable: bool, with_chat_template: bool) -> list[CheckResult]:
    """Every check with its problems; only those with problems when the checkpoint itself could not be read."""
    results = [
        CheckResult(check.label, [problem for problem in problems if problem.code in check.codes]) for check in CHECKS
    ]
    grouped = {code for check in CHECKS for code in check.codes}
    results += [CheckResult("Form", [problem]) for problem in problems if problem.code not in grouped]
    skipped = "" if with_chat_template else "Chat template"
    return [result for result in results if result.problems or (readable and result.label != skipped)]


class Form(NamedTuple):
    """The form's values as they come from the browser, in the order of its inputs."""

    where: str
    answers: str
    """What the competition and the track ask, as JSON from the page's script."""
    model: str
    revision: str
    precision: str
    model_type: str
    weight_type: str
    base_model: str
    use_chat_template: bool

    def submission(self, service: Service) -> CheckpointSubmission:
        """The submission. Raises NotAccepted with all invalid fields."""
        values = self._asdict() | {"benchmark": service.benchmark(parse_visit(self.where).benchmark).id}
        values.pop("where")
        values |= entry_values(values.pop("answers"))
        values["revision"] = self.revision.strip() or "main"
        values["base_model"] = self.base_model if self.weight_type in NEEDS_BASE else ""
        try:
            return CheckpointSubmission.model_validate(values)
        except ValidationError as error:
            raise NotAccepted(form_problems(error.errors())) from None


def entry_values(text: str) -> dict[str, Any]:
    """The track, disclosures and terms that the page's script sent; they are checked as a program's are."""
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return {key: given[key] for key in ENTRY_FIELDS if key in given} if isinstance(given, dict) else {}


def look_up(service: Service, request: gr.Request, *values: Any) -> tuple[str, Any, Any, Any]:
    """The right column, the button, the base model's field and the timer for the form's current values."""
    form = Form(*values)
    base, later = gr.update(visible=form.weight_type in NEEDS_BASE), gr.Timer(active=False)
    if not form.model.strip():
        panel = outage_note(service) + render("submit_empty")
        return rooted(service, panel), _button("Enter a model to submit"), base, later
    try:
        submission = form.submission(service)
        asker = service.identity.asker(request)
        with service.turns.take(asker.key):
            result = look(service, submission, asker.person)
    except NotAccepted as error:
        return rooted(service, _refused(error.problems)), _button(_fix_label(error.problems)), base, later
    except PodiumError as error:
        ours = isinstance(error, Infrastructure)
        panel = render("submit_ours", sentence=str(error), ours=ours, again_s=LOOK_AGAIN_S if ours else None)
        return panel, _button("Try again later"), base, gr.Timer(active=ours)
    return rooted(service, render_look(result, submission)), _submit_button(result, submission), base, later


def submit(service: Service, request: gr.Request, *values: Any) -> tuple[str, Any, str]:
    """Queue it: the right column, the button, and the address of the request's page when it was queued."""
    form = Form(*values)
    try:
        asker = service.identity.sender(request)
        with service.turns.take(asker.key):
            queued = service.intake.submit(form.submission(service), asker.person)
    except NotAccepted as error:
        existing = address(f"/request/{error.existing.id}") if isinstance(error, AlreadyRequested) else ""
        return rooted(service, _refused(error.problems, existing)), _button(_fix_label(error.problems)), ""
    except PodiumError as error:
        panel = render("submit_ours", sentence=str(error), ours=isinstance(error, Infrastructure), again_s=None)
        return panel, gr.update(), ""
    target = address(f"/request/{queued.id}", benchmark=parse_visit(form.where).benchmark)
    drawn = rooted(service, render("submit_done", target=target, model=queued.model))
    return drawn, _button("Submitted"), service.settings.root + target


def render_look(result: LookAnswer, submission: CheckpointSubmission) -> str:
    """The facts from the Hub, each check, and the cost."""
    lines = check_results(result.problems, result.found is not None, submission.use_chat_template)
    return render("submit_found", look=result, lines=lines)


def _refused(problems: Sequence[Problem], existing: str = "") -> str:
    return render("submit_refused", lines=check_results(problems, False, True), existing=existing)


def _submit_button(result: LookAnswer, submission: CheckpointSubmission) -> Any:
    if not result.accepted or result.found is None:
        wrong = errors_of(result.problems)
        return _button(_fix_label(wrong) if wrong else "Already submitted")
    chat = " with its chat template" if submission.use_chat_template else ""
    text = f"Queue {result.found.model} at {result.found.revision[:7]} in {submission.precision}{chat}"
    return gr.update(value=text, interactive=True)


def _fix_label(problems: Sequence[Problem]) -> str:
    count = len(errors_of(list(problems)))
    return f"Fix {count} problem{'s' if count != 1 else ''} to submit"


def _button(text: str) -> Any:
    return gr.update(value=text, interactive=False)


def prefill(service: Service, where: str) -> tuple[Any, ...]:
    """The form filled from the address (`?model=…&revision=…`), with the choices that the benchmark allows."""
    current = parse_visit(where)
    limits = service.benchmark(current.benchmark).limits
    query = current.query
    precisions = [precision.value for precision in limits.precisions]
    weights = [weight_type.value for weight_type in limits.weight_types]
    types = [model_type.value for model_type in ModelType]

    def chosen(name: str, allowed: list[str], default: str) -> str:
        return query[name] if query.get(name) in allowed else default

    weight_type = chosen("weight_type", weights, weights[0])
    return (
        query.get("model") or gr.skip(),  # what the reader may have begun to type stays
        query.get("revision") or gr.skip(),
        gr.update(choices=precisions, value=chosen("precision", precisions, precisions[0])),
        chosen("model_type", types, ModelType.FINE_TUNED.value),
        gr.update(choices=weights, value=weight_type),
        gr.update(value=query.get("base_model", ""), visible=weight_type in NEEDS_BASE),
        query.get("use_chat_template", "") == "true",
    )


def show_kind(service: Service, where: str, request: gr.Request) -> tuple[str, Any, str, Any]:
    """The form of another kind than checkpoints, whether that of checkpoints is shown, and what is asked beside it."""
    here = parse_visit(where, service.identity.visitor(request))
    is_checkpoint = submit_named.chosen_kind(service, here) == CHECKPOINT
    beside = render("submit_asked", first=first_answers(service, here), **asked(service, here))
    again = is_checkpoint and asks(service.benchmark(here.benchmark))
    return (
        rooted(service, submit_named.draw(service, here)),
        gr.update(visible=is_checkpoint),
        rooted(service, beside) if is_checkpoint else "",
        gr.update(visible=again),
    )


def build(service: Service) -> None:
    """The form and the column beside it."""
    location = gr.Textbox(visible=False)
    target = gr.Textbox(visible=False)
    other_kinds = markup("")
    with gr.Row(elem_classes="columns") as checkpoint:
        with gr.Column(elem_classes="form"):
            markup("<h1>Submit a checkpoint</h1>", elem_classes="shown")
            model = gr.Textbox(
                label="Model on the Hub", placeholder="org/name", elem_classes="live-lookup", max_lines=1
            )
            revision = gr.Textbox(
                label="Revision", placeholder="main: a branch, tag or commit", elem_classes="live-lookup", max_lines=1
            )
            precision = gr.Dropdown([precision.value for precision in Precision], label="Precision", filterable=False)
            model_type = gr.Dropdown(
                [(f"{MODEL_TYPE_SYMBOLS[kind]} {kind.value}", kind.value) for kind in ModelType],
                label="Type",
                filterable=False,
                value=ModelType.FINE_TUNED.value,
            )
            weight_type = gr.Radio([kind.value for kind in WeightType], label="Weight type", value="Original")
            base_model = gr.Textbox(
                label="Base model", placeholder="org/name", elem_classes="live-lookup", max_lines=1, visible=False
            )
            chat = gr.Checkbox(label="Apply the checkpoint's chat template to the prompts")
            beside = markup("")
            again = gr.Button("Check again", elem_id="look-again", size="sm", visible=False)
            button = gr.Button("Enter a model to submit", variant="primary", interactive=False)
        with gr.Column():
            panel = markup(rooted(service, render("submit_empty")), elem_classes="shown", elem_id="found")
    fields = [model, revision, precision, model_type, weight_type, base_model, chat]
    answers = gr.Textbox(visible=False)
    inputs = [location, answers, *fields]
    later = gr.Timer(LOOK_AGAIN_S, active=False)
    outputs = [panel, button, base_model, later]
    with_location = f"(_, __, ...rest) => [({LOCATION})(), {ANSWERS}, ...rest]"
    event = EVENT | {"trigger_mode": "always_last"}
    looked = bind_service(look_up, service)
    typed = [trigger for box in (model, revision, base_model) for trigger in (box.blur, box.submit)]
    chosen = [box.input for box in (precision, model_type, weight_type, chat)]
    gr.on([*typed, *chosen, again.click, later.tick], looked, inputs, outputs, js=with_location, **event)
    on_load(bind_service(prefill, service), location, fields).then(None, js=LEAVE_MODEL, **EVENT)
    on_load(bind_service(show_kind, service), location, [other_kinds, checkpoint, beside, again])
    sent = button.click(bind_service(submit, service), inputs, [panel, button, target], js=with_location, **EVENT)
    sent.then(None, target, None, js="(target) => { if (target) location.assign(target); }")
