"""Starting kits of challenges, for everybody."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from leaderboard.api.answers import has_already
from leaderboard.api.guard import guarded_router
from leaderboard.service import Service


def kit_routes(service: Service) -> APIRouter:
    """GET /benchmarks/{benchmark}/kit."""
    routes = guarded_router(service, tags=["submissions"])

    @routes.get("/benchmarks/{benchmark}/kit", response_class=Response)
    def get_kit(request: Request, benchmark: str) -> Response:
        """The starting kit of a benchmark: a zip, the same bytes as long as no file of it changes."""
        known = service.benchmark(benchmark)
        kit = service.kits.kit(known.id)
        etag = f'"{kit.sha256[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        if has_already(request, etag):
            return Response(status_code=304, headers=headers)
        name = f"{known.id}-kit{kit.file.suffix}"
        return FileResponse(kit.file, media_type="application/zip", filename=name, headers=headers)

    return routes
