"""`podium submit WHAT`: a file of predictions, a package or folder of code, a checkpoint or an endpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.client.options import AsJson, Server
from leaderboard.cli.client.session import Session, open_session
from leaderboard.errors import PodiumError, WrongUse

if TYPE_CHECKING:
    from leaderboard.cli.client.packing import Kit
    from leaderboard.cli.client.sources import Source, Wanted

FILES_SHOWN = 30


def run(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A file, a folder, a checkpoint (org/name[@revision]), or an https:// address."
        ),
    ],
    benchmark: Annotated[
        str, typer.Option("--benchmark", "-b", metavar="ID", help="By default that of the kit here, or the only one.")
    ] = "",
    kind: Annotated[
        str, typer.Option("--kind", help="predictions, code, checkpoint or endpoint; else as it looks.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Name on the board; else that of the file.")] = "",
    description: Annotated[str, typer.Option("--description", help="What it is, for everybody.")] = "",
    track: Annotated[str, typer.Option("--track", help="Rule set; else the benchmark's first.")] = "",
    answer: Annotated[
        list[str] | None, typer.Option("--answer", metavar="KEY=VALUE", help="Answer to a question of the track.")
    ] = None,
    accept_terms: Annotated[bool, typer.Option("--accept-terms", help="Accept the competition's terms.")] = False,
    score: Annotated[
        list[str] | None, typer.Option("--score", metavar="KEY=VALUE", help="Local score, shown beside the graded one.")
    ] = None,
    validate: Annotated[bool, typer.Option(help="In a starting kit: check and score it here first.")] = True,
    precision: Annotated[str, typer.Option("--precision", help="Checkpoint: bfloat16, float16, ...")] = "",
    weight_type: Annotated[str, typer.Option("--weight-type", help="Checkpoint: Original, Adapter or Delta.")] = "",
    base_model: Annotated[str, typer.Option("--base-model", help="Checkpoint: what an adapter applies to.")] = "",
    model_type: Annotated[str, typer.Option("--model-type", help="Checkpoint: how it came to be.")] = "",
    chat_template: Annotated[bool, typer.Option("--chat-template", help="Checkpoint: use its chat template.")] = False,
    model: Annotated[str, typer.Option("--model", help="Endpoint: the model's name there.")] = "",
    interface: Annotated[str, typer.Option("--interface", help="Endpoint: chat or completions.")] = "",
    secret: Annotated[str, typer.Option("--secret", help="Endpoint: name of its key at the board's operator.")] = "",
    tokenizer: Annotated[str, typer.Option("--tokenizer", help="Endpoint: repository of its tokenizer.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before submitting.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Submit to a benchmark: check it, show what ships, ask, upload, queue. The same again is recognised."""
    from leaderboard.cli.client.packing import kit_of
    from leaderboard.cli.client.sources import Wanted
    from leaderboard.cli.client.submissions import benchmark_of

    checkpoint = {
        "precision": precision, "weight_type": weight_type, "base_model": base_model, "model_type": model_type,
        "use_chat_template": chat_template,
    }  # fmt: skip
    endpoint = {"model": model, "api": interface, "secret": secret, "tokenizer": tokenizer}
    wanted = Wanted(kind, name, description, checkpoint, endpoint)
    with open_session(server, as_json) as session, tempfile.TemporaryDirectory(prefix="podium-") as scratch:
        kit = kit_of(Path(what))
        rules = benchmark_of(session, benchmark or (kit.benchmark if kit else ""))
        source = _source(session, what, wanted, rules, kit, Path(scratch), validate)
        body = _body(session, source, rules, track, answer or [], accept_terms, score or [])
        _submit(session, source, rules, body, yes, watch)


def _source(
    session: Session,
    what: str,
    wanted: Wanted,
    rules: Mapping[str, Any],
    kit: Kit | None,
    scratch: Path,
    validate: bool,
) -> Source:
    """What is submitted, packed where it is a folder, and checked here. Raises PodiumError."""
    from leaderboard.cli.client.packing import no_kit
    from leaderboard.cli.client.sources import kind_of, source_of
    from leaderboard.cli.client.tell import number

    place = kit.submission(Path(what)) if kit else Path(what)
    kind = kind_of(str(place) if kit else what, wanted, rules)
    if place.is_dir() and kit is None:
        raise no_kit(place)
    if place.is_dir() and kit is not None:
        source = kit.packed(place, scratch, wanted)
    else:
        source = source_of(str(place) if kit else what, kind, wanted)
    if kit is not None and validate and source.file is not None:
        source = kit.validated(source, session.out)
        scores = ", ".join(f"{key} {number(score)}" for key, score in source.local_scores.items())
        session.out.done(f"Checked here; local scores: {scores}" if scores else "Checked here")
    return source


def _body(
    session: Session,
    source: Source,
    rules: Mapping[str, Any],
    wanted_track: str,
    answers: list[str],
    accept_terms: bool,
    scores: list[str],
) -> dict[str, Any]:
    """The submission as the server takes it. Raises WrongUse, PodiumError."""
    from leaderboard.cli.client.questions import accepted_terms, disclosure, local_scores, questions_of, track_of
    from leaderboard.cli.client.uploads import artifact_of

    track = track_of(rules, wanted_track)
    body: dict[str, Any] = {"kind": source.kind, "benchmark": rules["id"], **source.fields}
    if wanted_track or not rules.get("bundle"):  # a bundle's phase is chosen by the server where none is named
        body["track"] = track
    if disclosed := disclosure(questions_of(rules, track), answers, session.out):
        body["disclosure"] = disclosed
    if terms := accepted_terms(rules, accept_terms, session.out):
        body["terms"] = terms
    local = {**source.local_scores, **local_scores(rules, scores)}
    if local and source.kind != "checkpoint":
        body["local_scores"] = local
    if source.file is not None:
        body["artifact"] = artifact_of(source.file)
    return body


def _submit(
    session: Session, source: Source, rules: Mapping[str, Any], body: Mapping[str, Any], yes: bool, watch: bool
) -> None:
    """Look, ask, upload, queue, follow. Raises PodiumError."""
    from leaderboard.cli.client.submissions import look, queue, quota_line, quota_of
    from leaderboard.cli.client.tell import status_line
    from leaderboard.cli.client.uploads import upload
    from leaderboard.cli.requests import watch_to_end

    answer = look(session, body)
    quota = quota_of(session, rules["id"], answer)
    if not answer.get("existing"):
        _show(session, source, rules, body, [quota_line(each) for each in quota])
        _agree(session, yes)
        if source.file is not None:
            upload(session.api, session.out, source.file, body["artifact"])
    queued = queue(session, body)
    request = queued.request
    if queued.existing:
        session.out.done(f"The same was submitted before, as {request['id']}: {status_line(request)}")
    else:
        session.out.done(f"{request['model']} is submitted to {rules['title']} as {request['id']}")
    session.out.note(f"Its page: {session.page('/request/' + request['id'])}")
    if watch:
        watch_to_end(session, request["id"])
        return
    session.out.next(f"podium watch {request['id']}")
    session.out.end(request=request, existing=queued.existing, quota=quota)


def _show(
    session: Session, source: Source, rules: Mapping[str, Any], body: Mapping[str, Any], quota: list[str]
) -> None:
    """What would be sent where, and what is left of the quota."""
    out = session.out
    out.note(f"To {rules['title']} at {session.server}, track {body.get('track', 'of the open phase')}:")
    if source.file is not None:
        artifact = body["artifact"]
        out.note(f"{source.file.name}, {artifact['bytes']:,} bytes, SHA-256 {artifact['sha256']}")
    else:
        out.note(str(body.get("model") or body["endpoint"]["url"]))
    for path, size in source.ships[:FILES_SHOWN]:
        out.note(f"  {path}, {size:,} bytes")
    if len(source.ships) > FILES_SHOWN:
        out.note(f"  and {len(source.ships) - FILES_SHOWN:,} more files")
    for line in source.left_out:
        out.warn(f"Left out: {line}")
    for line in quota:
        out.note(line)


def _agree(session: Session, yes: bool) -> None:
    """That the person wants it. Raises WrongUse where nobody can be asked, PodiumError when not."""
    if yes:
        return
    if not session.out.answers_questions:
        raise WrongUse("Nothing was submitted: nobody is here to ask. Add --yes to submit without a question.")
    if not session.out.agree("Submit it?"):
        raise PodiumError("Nothing was submitted.")
