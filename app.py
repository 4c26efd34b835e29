"""The service in one process: settings, stores, pages, API and, embedded, the scheduler. `python app.py`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from types import FrameType

gc.disable()  # until all is imported: that makes many objects and no garbage, and the search takes a third of its time
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # read when huggingface_hub is imported; only the real Hub has Xet

import uvicorn
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from backend.commands import bundle_solutions
from backend.evaluators import preload
from backend.executors.opening import open_executor
from backend.scheduler.loop import Scheduler, refresh_regularly, start, start_on_stores
from leaderboard import __version__
from leaderboard.api import add_api, catch_errors
from leaderboard.api.bodies import BodyLimits
from leaderboard.api.monitor import ReaderTimes, monitor_routes
from leaderboard.api.root_path import RootPath
from leaderboard.competitions.due import DueThread
from leaderboard.documents.embed import embed_routes
from leaderboard.documents.frame import NAMES
from leaderboard.documents.warm import warm_up
from leaderboard.errors import BadBenchmark, BadSettings, HubUnavailable, PodiumError
from leaderboard.monitoring.logs import set_up_logging
from leaderboard.notices.notifier import NoticeThread
from leaderboard.pages import mount_pages
from leaderboard.service import Service, open_service
from leaderboard.settings import load_settings
from leaderboard.stores.folders import check_folders

gc.freeze()
gc.enable()

LOOK_S = 1.0
"""Seconds between two looks of the idle server: at the time of day for its answers, and whether it is to end."""
DRAIN_S = 5
"""Seconds that a stop leaves to answers under way."""
UNREAD_S = 60.0
"""Seconds after which a client that reads nothing is given up, and with it what waits to be sent to it."""


def build_app(service: Service) -> FastAPI:
    """Pages and API over an opened service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.boards.watch()
        preparation = warm_up(service)
        yield
        preparation.cancel()
        service.boards.close()

    app = FastAPI(title=service.settings.title, version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(monitor_routes(service))
    add_api(app, service)
    app.include_router(embed_routes(service))
    catch_errors(app)
    mount_pages(app, service)
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=4)
    app.add_middleware(BodyLimits)
    app.add_middleware(ReaderTimes, registry=service.monitor.registry, pages=NAMES)
    if service.settings.root:
        app.add_middleware(RootPath, root=service.settings.root)
    return app


def listen(host: str, port: int, unread_s: float = UNREAD_S) -> socket.socket:
    """A socket that listens there; port 0 picks a free one. Raises BadSettings where it cannot be had.

    A connection whose client takes nothing of what is sent to it for `unread_s` seconds is ended by the system.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP: otherwise asyncio leaves Nagle's algorithm on, and answers wait 40 ms for an acknowledgement.
    place = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; connections have it from the socket that listens
        place.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(unread_s * 1000))
    try:
        place.bind((host, port))
    except OSError as error:
        place.close()
        reason = f"PODIUM_HOST, PODIUM_PORT: {host}:{port} cannot be listened on ({error.strerror})"
        raise BadSettings(f"{reason}. Choose another port; 0 picks a free one.") from error
    place.listen(512)
    return place


def start_scheduler(service: Service) -> Scheduler:
    """The scheduler in this process, told of every submission. Raises BadSettings."""
    settings = service.settings
    executor = open_executor(settings, preload(service.whole_benchmarks.values()))
    registry = service.monitor.registry
    try:
        if service.stores.remote:
            scheduler = start_on_stores(settings, service.stores, service.whole_benchmarks, executor, registry)
        else:
            parts = (service.queue, service.results, service.whole_benchmarks, executor, service.contents)
            scheduler = start(settings, *parts, registry=registry)
    except PodiumError:
        executor.close()
        raise
    service.monitor.watch_scheduler(scheduler.round_age)
    service.solution_runners.append(bundle_solutions.run)
    service.on_submit.append(scheduler.wake)
    refresh_regularly(scheduler, settings, service.results_store)
    return scheduler


class Server(uvicorn.Server):
    """A server that tells who keeps connections open that it ends, before it waits for them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending: list[Callable[[], None]] = []
        """Called in the event loop when it is told to stop."""
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Until it is told to stop. uvicorn's own looks ten times a second, which an idle board need not pay for."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), LOOK_S)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came: end at once, not at the next look."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        for call in self.ending:
            call()
        await super().shutdown(sockets)


def serve(service: Service) -> None:
    """Pages, API and, when the settings say so, the scheduler, until a signal comes."""
    settings = service.settings
    with listen(settings.host, settings.port) as place, ExitStack() as ending:
        app = build_app(service)
        ending.callback(NoticeThread(settings, service.queue, time.monotonic).stop)
        ending.callback(DueThread(service.competitions, service.benchmarks, service.wake).stop)
        if settings.embedded:
            ending.callback(start_scheduler(service).stop)
        print(f"{settings.title} is at http://{settings.host}:{place.getsockname()[1]}{settings.root}", flush=True)
        config = uvicorn.Config(app, log_level="warning", log_config=None, timeout_graceful_shutdown=DRAIN_S)
        server = Server(config)
        server.ending.append(service.watch.close)
        server.run(sockets=[place])


def end(*_: object) -> None:
    """On a signal, outside of uvicorn (which waits for its connections first): leave, closing everything."""
    raise SystemExit(0)


def main() -> int:
    """Serve until SIGINT or SIGTERM; 2 when the settings do not allow a start."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    try:
        settings = load_settings()
        set_up_logging(settings)
        check_folders(settings, working=settings.embedded)
        serve(open_service(settings))
    except (BadSettings, BadBenchmark, HubUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        gc.freeze()  # the end of the process need not look at every object once more
    return 0


if __name__ == "__main__":
    sys.exit(main())
