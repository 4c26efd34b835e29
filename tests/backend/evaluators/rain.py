"""A competition with private labels, hidden samples and rounded scores, and a worker in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from backend.executors.opening import open_executor
from backend.scheduler.tick import Ticker
from leaderboard.artifacts.places import private_data
from leaderboard.records import ENDED, Artifact, Person, PredictionsSubmission, Request, Status
from leaderboard.results.private_results import PRIVATE_SCORES
from leaderboard.results.private_scores import PrivateScores, read_private_scores
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings
from tests.contracts.test_executor import until

ROWS, SAMPLE = 300, 40
RULES = {
    "id": "rain", "version": "1", "title": "Rain", "description": "How much.", "kinds": ["predictions"],
    "columns": [
        {"key": "mae", "title": "Error of rain", "score": "mae", "higher_is_better": False},
        {"key": "corr", "title": "Correlation", "score": "corr", "in_average": False},
    ],
    "predictions": {
        "columns": [{"name": "rain", "type": "number"}],
        "labels": {"file": "labels.csv"},
        "metrics": {
            "mae": {"metric": "mae", "prediction": "rain", "label": "fell"},
            "corr": {"metric": "pearson", "prediction": "rain", "label": "fell"},
        },
    },
    "competition": {
        "ends": "2099-01-01T00:00:00Z",
        "split": {"column": "part"},
        "hidden_sample": {"size": SAMPLE, "strata": "region"},
        "published_decimals": 1,
        "final_submissions": 2,
    },
}  # fmt: skip
OVER = {"ends": "2026-01-01T00:00:00Z", "split": {"column": "part", "opens": "2026-01-01T00:00:00Z"}}
GENERATOR = np.random.default_rng(7)
LABELS = pd.DataFrame(
    {
        "id": [f"day-{number}" for number in range(ROWS)],
        "fell": GENERATOR.gamma(2.0, 3000.0, ROWS),
        "part": np.where(GENERATOR.random(ROWS) < 0.6, "public", "private"),
        "region": GENERATOR.choice(["north-kappa", "south-kappa", "west-kappa"], ROWS, p=[0.5, 0.3, 0.2]),
    }
)
PRIVATE = LABELS[LABELS["part"] == "private"]


class Rain:
    """The board, and what is done with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(
            hub_endpoint="http://127.0.0.1:9", benchmarks="rain", benchmarks_dir=folder / "benchmarks",
            requests_dir=folder / "requests", results_dir=folder / "results", work_dir=folder / "work",
            private_dir=folder / "private", maintainers="mia", executor="debug", sandbox="off", embedded=False,
        )  # fmt: skip
        (folder / "benchmarks").mkdir()
        self.say()
        self.labels = private_data(self.settings, "rain") / "labels.csv"
        self.labels.parent.mkdir(parents=True)
        LABELS.to_csv(self.labels, index=False)
        self.service = self.opened()

    def say(self, **competition: object) -> None:
        """Write the benchmark's file."""
        rules = RULES["competition"]
        assert isinstance(rules, dict)
        text = yaml.safe_dump(RULES | {"competition": rules | competition})
        (self.folder / "benchmarks" / "rain.yaml").write_text(text)

    def opened(self) -> Service:
        """The service, started anew."""
        return open_service(self.settings)

    def submit(self, sender: str, name: str, off: float) -> Request:
        """Queue a file whose predictions are wrong by about `off`."""
        file = self.folder / f"{name}.csv"
        noise = np.random.default_rng(len(name)).normal(0, off, ROWS)
        LABELS[["id"]].assign(rain=(LABELS["fell"] + noise).round(2)).to_csv(file, index=False)
        assert self.service.intake.artifacts is not None
        sha256 = self.service.intake.artifacts.add(file, sender)
        artifact = Artifact(sha256=sha256, bytes=file.stat().st_size, filename=file.name)
        wanted = PredictionsSubmission(kind="predictions", benchmark="rain", name=name, artifact=artifact)
        return self.service.intake.submit(wanted, Person(name=sender))

    def work(self, *requests: Request) -> list[Request]:
        """Run what is queued; the requests as they ended."""
        service = self.service
        executor = open_executor(self.settings, preload=())
        ticker = Ticker(
            self.settings, service.queue, service.results, service.whole_benchmarks, executor, service.contents
        )

        def worked() -> bool:
            ticker.tick()
            current = [service.queue.get(request.id) for request in requests]
            return all(request.status in ENDED or request.failure for request in current)

        until(worked)
        ticker.stop()
        executor.close()
        ended = [service.queue.get(request.id) for request in requests]
        assert [request.status for request in ended] == [Status.FINISHED] * len(ended), ended[0].failure
        return ended

    def kept(self, request: Request) -> PrivateScores:
        """What the last result of a request keeps back."""
        return read_private_scores(self.service.private_results, request.id, request.attempts)

    def private_error(self, name: str) -> float:
        """The mean absolute error of a file on the private labels."""
        given = pd.read_csv(self.folder / f"{name}.csv").set_index("id")["rain"]
        return float((given.loc[PRIVATE["id"]].to_numpy() - PRIVATE["fell"].to_numpy()).__abs__().mean())

    def secrets(self, *requests: Request) -> list[str]:
        """Texts that nobody may read before the private board opens.

        Left out is what a rounded score looks like: a page writes 956.0, published, as 956.00.
        """
        kept = [self.kept(request) for request in requests]
        scores = [each.exact for each in kept] + [each.private for each in kept if each.private]
        numbers = [score.raw for part in scores for score in part.columns.values() if score.raw is not None]
        numbers += [score.stderr for part in scores for score in part.columns.values() if score.stderr]
        key = (self.settings.private_dir / "keys" / "rain").read_bytes()
        texts = [f"{number:.7f}"[:-1] for number in numbers]
        long = [f"{number:.{digits}f}" for number in numbers if number > 10 for digits in (2, 4)]
        texts += [text for text in long if float(text) != round(float(text), 1)]
        texts += [f"{fell:.9f}"[:-2] for fell in LABELS["fell"]]
        texts += [each.sample.seed for each in kept if each.sample] + [each.labels_sha256 for each in kept]
        return [*texts, key.hex(), "-kappa", PRIVATE_SCORES]
