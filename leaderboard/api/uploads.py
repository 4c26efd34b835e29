"""Uploading files for submissions: announced, then sent in as many pieces as it takes, then kept by SHA-256."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from leaderboard.api.guard import guarded_router
from leaderboard.api.problems import Trouble
from leaderboard.artifacts.part import Part
from leaderboard.artifacts.uploads import Sender, Upload
from leaderboard.errors import NotFound, NotPossible, TooLarge
from leaderboard.identity import Role
from leaderboard.records import Artifact
from leaderboard.records.artifact import Sha256
from leaderboard.service import Service

GB = 1_000_000_000
WRITE_BYTES = 1 << 20
"""Bytes that are gathered before they are written."""
IDLE_S = 60.0
"""Seconds without a byte after which a connection is given up; the upload goes on with another one."""
ATTACHMENT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}
BEGIN: dict[int | str, dict[str, Any]] = {
    200: {"description": "You have sent this content before (`done`), or the same upload is under way"},
    413: {"model": Trouble, "description": "Larger than any file that this board takes"},
    422: {"model": Trouble, "description": "A field does not fit"},
    429: {"model": Trouble, "description": "Too many uploads under way, or too much today"},
    503: {"model": Trouble, "description": "The board has no disk space left"},
}
SEND: dict[int | str, dict[str, Any]] = {
    404: {"model": Trouble, "description": "You have no such upload"},
    409: {"model": Trouble, "description": "The upload is at another offset, or another connection sends it"},
    413: {"model": Trouble, "description": "More than was announced"},
    422: {
        "model": Trouble,
        "description": "All bytes are here, and are not those announced (`upload_digest`)",
    },
}


class UploadAnswer(BaseModel):
    """How far an upload is."""

    id: str | None
    """Names it in the addresses of the next steps; null for a content that you have sent before."""
    offset: int
    """Bytes that have come; go on there."""
    bytes: int
    """Its size."""
    filename: str
    """As it was announced."""
    sha256: str
    done: bool
    """Whether the file is kept, its SHA-256 compared: it can be submitted."""


def upload_routes(service: Service) -> APIRouter:
    """GET and POST /uploads; GET, HEAD, PATCH and DELETE /uploads/{upload_id}."""
    routes = guarded_router(service, tags=["uploads"])

    @routes.get("/uploads")
    def list_uploads(request: Request) -> list[UploadAnswer]:
        """Your uploads under way, to go on with them or to give them up."""
        return [_told(upload) for upload in service.uploads.under_way(sender(service, request))]

    @routes.post("/uploads", status_code=201, responses=BEGIN)
    def begin_upload(artifact: Artifact, request: Request, response: Response) -> UploadAnswer:
        """Announce a file: its SHA-256, its size, its name. The answer says where to send it."""
        most = largest(service, request)
        if artifact.bytes > most:
            raise TooLarge(
                f"{artifact.filename} has {artifact.bytes:,} bytes; this board takes files of at most {most:,} bytes."
            )
        upload = service.uploads.begin(sender(service, request), artifact)
        response.status_code = 200 if upload.done or upload.offset else 201
        if upload.id:
            response.headers["Location"] = f"/api/v1/uploads/{upload.id}"
        return _answer(upload, response)

    @routes.head("/uploads/{upload_id}", include_in_schema=False)
    @routes.get("/uploads/{upload_id}", responses={404: SEND[404]})
    def get_upload(upload_id: str, request: Request, response: Response) -> UploadAnswer:
        """How far an upload is, also in the header `Upload-Offset`."""
        return _answer(service.uploads.get(sender(service, request), upload_id), response)

    @routes.patch("/uploads/{upload_id}", responses=SEND)
    async def send_bytes(
        upload_id: str, request: Request, response: Response, upload_offset: Annotated[int, Header(ge=0)]
    ) -> UploadAnswer:
        """Send the bytes from `Upload-Offset` on as the body, all that are missing or some of them.

        With the last one the SHA-256 is compared. What came before a connection broke is kept.
        """
        who = sender(service, request)
        with service.uploads.receive(who, upload_id, upload_offset) as part:
            await receive(request, part)
            complete = not part.left
        end = service.uploads.finish if complete else service.uploads.get
        return _answer(await run_in_threadpool(end, who, upload_id), response)

    @routes.delete("/uploads/{upload_id}", status_code=204, responses={404: SEND[404], 409: SEND[409]})
    def give_up_upload(upload_id: str, request: Request) -> None:
        """Give an upload up and forget what has come of it."""
        service.uploads.drop(sender(service, request), upload_id)

    return routes


def artifact_routes(service: Service) -> APIRouter:
    """GET /artifacts/{sha256}."""
    routes = guarded_router(service, tags=["uploads"])

    @routes.get("/artifacts/{sha256}", response_class=FileResponse, responses={404: SEND[404]})
    def get_artifact(sha256: Annotated[Sha256, Path()], request: Request) -> FileResponse:
        """A file that you have uploaded; for maintainers, any."""
        who = sender(service, request)
        is_maintainer = Role.MAINTAINER in service.identity.roles_of(service.identity.asker(request))
        if not is_maintainer and not (who.is_one_person and service.artifacts.owns(who.name, sha256)):
            raise NotFound("You have uploaded no such file.")
        path = service.artifacts.path(sha256)
        return FileResponse(path, media_type="application/octet-stream", filename=sha256, headers=ATTACHMENT)

    return routes


def sender(service: Service, request: Request) -> Sender:
    """Who uploads. Those who are not signed in have one name, and are one person only where nobody can sign in."""
    asker = service.identity.asker(request)
    return Sender(asker.key, asker.name, not asker.is_stranger or service.settings.sign_in == "off")


def largest(service: Service, request: Request) -> int:
    """Bytes of the largest file that who asks may upload."""
    rules = [rule for benchmark in service.benchmarks.values() for rule in (benchmark.predictions, benchmark.code)]
    most = max((rule.max_bytes for rule in rules if rule is not None), default=0)
    if Role.MAINTAINER in service.identity.roles_of(service.identity.asker(request)):
        most = max(most, round(service.settings.upload_maintainer_gb * GB))
    return most


async def receive(request: Request, part: Part) -> None:
    """Write the body to disk as it comes. Raises TooLarge, NotPossible, OSError."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit():
        part.check(int(announced))
    waiting = bytearray()
    try:
        async for chunk in _chunks(request):
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                data, waiting = bytes(waiting), bytearray()
                await run_in_threadpool(part.write, data)
    except ClientDisconnect:  # nobody reads an answer
        pass
    finally:
        part.write(bytes(waiting))


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body, piece by piece. Raises ClientDisconnect, NotPossible when nothing comes for long."""
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise NotPossible(f"Nothing came for {IDLE_S:g} seconds. Go on with another connection.") from None
        yield chunk


def _answer(upload: Upload, response: Response) -> UploadAnswer:
    response.headers["Upload-Offset"] = str(upload.offset)
    response.headers["Cache-Control"] = "no-store"
    return _told(upload)


def _told(upload: Upload) -> UploadAnswer:
    return UploadAnswer(
        id=upload.id or None,
        offset=upload.offset,
        bytes=upload.artifact.bytes,
        filename=upload.artifact.filename,
        sha256=upload.artifact.sha256,
        done=upload.done,
    )
