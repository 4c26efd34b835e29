"""A board over folders with one bundle, and worker processes that run submissions to it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from leaderboard.artifacts.places import open_artifacts, private_data
from leaderboard.records import ENDED, Artifact, ArtifactRequest, Request
from leaderboard.service import Service, open_service
from leaderboard.settings import PROJECT, Settings
from tests.backend.evaluators.bundle_run.bundles import GOOD, MadeBundle, parity
from tests.contracts.test_executor import gone, until

HIDDEN_SCORE = 7654.321765
HIDDEN_TITLE = "Withheld split"
GATED_INGEST = """
import os, shutil, sys, time
sys.path.insert(0, "/app/ingested_program")
import model
while not os.path.exists(f"/app/input_data/ingest-{model.NAME}"):
    time.sleep(0.02)
shutil.copy("/app/ingested_program/model.py", "/app/output/model.py")
"""
GATED_SCORE = f"""
import json, os, sys, time
sys.path.insert(0, "/app/input/res")
import model
while not os.path.exists(f"/app/input/ref/score-{{model.NAME}}"):
    time.sleep(0.02)
json.dump({{"accuracy": 0.75, "withheld": {HIDDEN_SCORE}}}, open("/app/output/scores.json", "w"))
page = "<h1>Looked at</h1><script>document.body.append('scripts run')</script>"
open("/app/output/detailed_results.html", "w").write(page)
"""


@dataclass
class BundleBoard:
    """Its folders, and the worker that runs now."""

    folder: Path
    worker: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        names = ("requests", "results", "work", "private", "benchmarks")
        places = {f"{name}_dir": self.folder / name for name in names}
        self.settings = Settings(hub_endpoint="http://127.0.0.1:9", benchmarks="parity", maintainers="mia", **places)
        for place in places.values():
            place.mkdir()
        self.environment = {
            "PATH": os.defpath, "HF_ENDPOINT": "http://127.0.0.1:9", "PODIUM_BENCHMARKS": "parity",
            "PODIUM_WORKER": "w1", "PODIUM_BACKOFF_S": "0", "PODIUM_TICK_S": "0.2", "PODIUM_PROGRESS_S": "0.2",
            "PODIUM_DEVICE": "cpu", "PODIUM_MONITOR_PORT": "0", "PODIUM_SLOTS": "3",
            **{f"PODIUM_{name.upper()}": str(place) for name, place in places.items()},
        }  # fmt: skip
        bundle = parity(private_data(self.settings, "parity"))
        bundle.put("ingestion/ingest.py", GATED_INGEST)
        bundle.put("scoring/score.py", GATED_SCORE)
        self.bundle: MadeBundle = bundle
        bundle.benchmark["columns"] = [
            {"key": "accuracy", "title": "Accuracy", "score": "accuracy"},
            {"key": "withheld", "title": HIDDEN_TITLE, "score": "withheld", "hidden": True, "in_average": False},
        ]
        described = bundle.made().model_dump(mode="json", exclude_defaults=True)
        (self.settings.benchmarks_dir / "parity.yaml").write_text(yaml.safe_dump(described))

    def service(self) -> Service:
        return open_service(self.settings)

    def open_gate(self, step: str, name: str) -> None:
        """Let `ingest` or `score` of the submission of that name end."""
        self.bundle.put(f"{'input' if step == 'ingest' else 'reference'}/{step}-{name}", "")

    def submit(self, name: str) -> Request:
        upload = self.folder / f"{name}.zip"
        with zipfile.ZipFile(upload, "w") as archive:
            archive.writestr("model.py", f"NAME = {name!r}\n{GOOD}")
        digest = hashlib.sha256(upload.read_bytes()).hexdigest()
        place = open_artifacts(self.settings).root / digest[:2] / digest
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(upload, place)
        artifact = Artifact(sha256=digest, bytes=upload.stat().st_size, filename=upload.name)
        request = ArtifactRequest(
            kind="code", benchmark="parity", sender="ada", model=f"ada/{name}", revision=digest, artifact=artifact
        )
        return self.service().queue.submit(request)

    def start(self) -> None:
        with (self.folder / "worker.log").open("ab") as out:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "backend"], env=self.environment, cwd=PROJECT, stdout=out, stderr=out
            )

    def kill(self) -> None:
        """Kill the worker, and wait until nothing of it is left."""
        assert self.worker is not None
        below = [process.pid for process in psutil.Process(self.worker.pid).children(recursive=True)]
        self.worker.kill()
        self.worker.wait()
        until(lambda: all(gone(pid) for pid in below))

    def log(self, request: Request) -> str:
        """The log of the request's current attempt, as the job has written it so far."""
        logs = sorted((self.folder / "work" / "jobs").glob(f"{request.id}-*/log.txt"))
        return logs[-1].read_text() if logs else ""

    def launcher(self, request: Request, step: str) -> psutil.Process | None:
        """The process beside a program of the request's job that runs now."""
        assert self.worker is not None
        for process in psutil.Process(self.worker.pid).children(recursive=True):
            try:
                if "backend.sandbox.launcher" in str(process.cmdline()) and request.id in process.cwd():
                    return process
            except psutil.Error:
                continue
        return None

    def ended(self, request: Request) -> Request:
        queue = self.service().queue
        return until(lambda: (now := queue.get(request.id)).status in ENDED and now, 100)  # type: ignore[no-any-return]
