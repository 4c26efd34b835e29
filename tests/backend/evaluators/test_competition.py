"""A competition from its submissions to the final board: what is kept back, where it stays, and how it opens."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from app import build_app
from backend.workdir import Workdir
from leaderboard.cli.__main__ import main
from leaderboard.documents import model as model_page
from leaderboard.documents.visit import Visit
from leaderboard.errors import BadBenchmark
from leaderboard.predictions.sample import digest_of
from leaderboard.records import Person, Request
from tests.backend.evaluators.rain import LABELS, OVER, PRIVATE, SAMPLE, Rain
from tests.walking import addresses, draws, pages


class Played:
    """A competition with three submissions that were scored."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.rain = Rain(folder)
        self.log = log
        queued = [
            self.rain.submit("ada", "sharp", 1000), self.rain.submit("ada", "dull", 2000),
            self.rain.submit("bob", "between", 1500),
        ]  # fmt: skip
        self.sharp, self.dull, self.between = self.requests = self.rain.work(*queued)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    log = tmp_path_factory.mktemp("log") / "log.txt"
    handler = logging.FileHandler(log)
    handler.setLevel(logging.DEBUG)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield Played(tmp_path_factory.mktemp("rain"), log)
    root.setLevel(level)
    root.removeHandler(handler)
    handler.close()


def test_published_scores_are_rounded_and_exact_ones_kept_back(played: Played) -> None:
    for request in played.requests:
        path, block = next(iter(played.rain.service.results.of_model("rain", request.model).items()))
        kept = played.rain.kept(request)
        assert kept.private is not None and kept.sample is not None
        for key, score in block.scores.items():
            exact = kept.exact.columns[key]
            assert exact.raw is not None and score.raw == score.normalised == round(exact.raw, 1) != exact.raw
            assert score.stderr is None and exact.stderr is not None and score.n == exact.n == SAMPLE
        assert block.average == -(block.scores["mae"].raw or 0)
        assert played.rain.service.results.read(path)["results"]["rain"]["mae"] == block.scores["mae"].raw
        assert kept.private.columns["mae"].n == len(PRIVATE)
        name = request.model.partition("/")[2]
        assert kept.private.columns["mae"].raw == pytest.approx(played.rain.private_error(name), rel=1e-12)
        scoring = block.provenance.scoring
        assert scoring.keys() == {"metrics", "labels", "podium"} and not kept.labels_sha256.startswith(
            scoring["labels"]
        )


def test_nobody_reads_what_is_kept_back(played: Played) -> None:
    rain, secrets, reached = played.rain, played.rain.secrets(*played.requests), 0
    with TestClient(build_app(rain.service)) as browser:
        for address in addresses(rain.service, played.sharp):
            answer = browser.get(address)
            reached += answer.status_code == 200
            assert not [secret for secret in secrets if secret in answer.text], address
        assert reached > 30
        places = [*pages(played.sharp), "/compare?models=ada/sharp,bob/between"]
        for place, drawn in draws(browser, "ada/sharp", places, "Error of rain"):
            assert not [secret for secret in secrets if secret in drawn], place
    drawn = model_page.draw(rain.service, Visit(("ada", "sharp"), {}, Person(name="mia")))
    assert not [secret for secret in secrets if secret in drawn], "maintainers read them no sooner"
    files = [file for name in ("requests", "results") for file in (rain.folder / name).rglob("*") if file.is_file()]
    logs = [played.log, *(rain.folder / "work").rglob("log.txt")]
    assert len(files) > 8 and len(logs) > 3 and played.log.stat().st_size
    for file in (*files, *logs):
        content = file.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], file


def test_each_submission_has_a_sample_of_its_own_that_the_organiser_draws_again(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(monkeypatch, played.rain)
    strata = LABELS[LABELS["part"] == "public"].set_index("id")["region"]
    drawn: list[frozenset[str]] = []
    for request in played.requests:
        assert main(["sample", request.id]) == 0
        ids = capsys.readouterr().out.split()
        sample = played.rain.kept(request).sample
        assert sample is not None and digest_of(ids) == sample.digest
        shares = Counter(strata.loc[ids])
        assert len(ids) == SAMPLE and all(
            abs(shares[region] - SAMPLE * count / len(strata)) < 1 for region, count in Counter(strata).items()
        )
        given = pd.read_csv(played.rain.folder / f"{request.model.partition('/')[2]}.csv").set_index("id")["rain"]
        error = float((given.loc[ids] - LABELS.set_index("id")["fell"].loc[ids]).abs().mean())
        assert played.rain.kept(request).exact.columns["mae"].raw == pytest.approx(error, rel=1e-12)
        drawn.append(frozenset(ids))
    assert len(set(drawn)) == 3


def settings(monkeypatch: pytest.MonkeyPatch, rain: Rain) -> None:
    for name in ("benchmarks", "requests", "results", "work", "private"):
        monkeypatch.setenv(f"PODIUM_{name.upper()}_DIR", str(rain.folder / name))
    monkeypatch.setenv("PODIUM_SECRETS_DIR", str(rain.folder / "secrets"))
    monkeypatch.setenv("PODIUM_BENCHMARKS", "rain")


def test_the_private_board_opens_with_one_row_for_each_participant(played: Played) -> None:
    rain = played.rain
    rain.say(**OVER)
    try:
        service = rain.opened()
        with TestClient(build_app(service)) as browser:
            answer = browser.get("/api/v1/benchmarks/rain/rows").json()
            page = model_page.draw(service, Visit(("ada", "dull"), {}, None))
    finally:
        rain.say()
    assert answer["final"] and answer["of"] == 2
    found = [(row["rank"], row["model"], row["scores"]["mae"]["raw"], row["change"]) for row in answer["rows"]]
    public = {request.model: rain.kept(request).exact.average or 0.0 for request in played.requests}  # of samples
    gained = int(public["bob/between"] > max(public["ada/sharp"], public["ada/dull"]))
    assert found == [
        (1, "ada/sharp", pytest.approx(rain.private_error("sharp")), gained),
        (2, "bob/between", pytest.approx(rain.private_error("between")), -gained),
    ]
    assert f"{rain.private_error('dull'):.4f}" in page, "what is no row has its score on its own page"


def test_a_run_after_a_fix_keeps_the_old_score_and_says_what_each_was_scored_with(tmp_path: Path) -> None:
    rain = Rain(tmp_path)
    [first] = rain.work(rain.submit("ada", "sharp", 1000))
    before = rain.kept(first)
    LABELS.assign(fell=LABELS["fell"] + 1000).to_csv(rain.labels, index=False)
    rain.service.queue.rerun(first, "mia")
    [second] = rain.work(first)
    assert second.attempts == 2
    old, new = rain.service.results.of_model("rain", "ada/sharp").values()
    assert (old.attempt, new.attempt) == (1, 2) and old.scores["mae"].raw != new.scores["mae"].raw
    assert old.provenance.scoring["labels"] != new.provenance.scoring["labels"]
    assert old.provenance.scoring["metrics"] == new.provenance.scoring["metrics"]
    assert rain.kept(first) == before and rain.kept(second).sample == before.sample, "the same examples again"
    page = model_page.draw(rain.service, Visit(("ada", "sharp"), {}, None))
    for block in (old, new):
        assert f"labels <code>{block.provenance.scoring['labels']}</code>" in page


def test_a_sample_of_other_labels_is_not_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rain = Rain(tmp_path)
    [request] = rain.work(rain.submit("ada", "sharp", 1000))
    settings(monkeypatch, rain)
    LABELS.assign(region="one-kappa").to_csv(rain.labels, index=False)
    assert main(["sample", request.id]) == 1
    told = capsys.readouterr()
    assert not told.out and "cannot be drawn again: the benchmark's key, its rules or its labels have" in told.err


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (LABELS.assign(part="public"), "the column part says `private` of no row"),
        (LABELS.assign(part="test"), "says neither `public` nor `private` in 300 of 300 rows"),
        (LABELS.drop(columns="region"), "it has no column region"),
        (LABELS.head(30), "`competition.hidden_sample.size` is 40"),
    ],
)
def test_labels_without_usable_parts_are_named_when_the_board_starts(
    spoilt: pd.DataFrame, words: str, tmp_path: Path
) -> None:
    rain = Rain(tmp_path)
    spoilt.to_csv(rain.labels, index=False)
    with pytest.raises(BadBenchmark, match=words):
        rain.opened()


def test_labels_that_were_spoilt_since_are_our_fault(tmp_path: Path) -> None:
    rain = Rain(tmp_path)
    request = rain.submit("ada", "sharp", 1000)
    LABELS.assign(part="private").to_csv(rain.labels, index=False)
    with pytest.raises(AssertionError):
        rain.work(request)
    ended: Request = rain.service.queue.get(request.id)
    assert ended.failure is not None and ended.failure.fault == "infrastructure"
    assert not list(Workdir(tmp_path / "work" / "jobs" / f"{request.id}-1").out.rglob("private_scores.json"))
