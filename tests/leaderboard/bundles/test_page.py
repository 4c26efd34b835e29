"""The pages for organisers say what is read and what is written."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest
from pydantic import BaseModel

from leaderboard.benchmarks.bundle_rules import BundleRules, BundleSettings
from leaderboard.bundles.document import BundleDocument
from leaderboard.bundles.fields import Fields
from leaderboard.bundles.files import BundleFiles
from leaderboard.bundles.finding import Findings
from leaderboard.bundles.v1 import read_v1
from leaderboard.bundles.v2 import read_v2
from tests.leaderboard.bundles.bundles import CODABENCH, CODALAB, Files, write
from tests.shared import ROOT


@pytest.mark.parametrize("files", [CODABENCH, CODALAB], ids=["codabench", "codalab"])
def test_every_field_that_is_read_is_described(tmp_path: Path, files: Files) -> None:
    page = (ROOT / "docs/challenges.md").read_text()
    content = files["competition.yaml"]
    document = BundleDocument(content.encode() if isinstance(content, str) else content)
    (tmp_path / "scratch").mkdir()
    bundle_files = BundleFiles(write(tmp_path / "source", files), tmp_path / "scratch")
    top = Fields("competition.yaml", document, Findings(), bundle_files)
    if files is CODALAB:
        read_v1(top)
    else:
        read_v2(top, "codabench")
    asked = {key for place, keys in document.asked.items() if place != ("html",) for key in keys}
    assert len(asked) > 30
    assert sorted(key for key in asked if f"`{key}`" not in page) == []


def test_every_field_that_is_written_is_described() -> None:
    page = (ROOT / "docs/reference.md").read_text()
    section = page[page.index("**Bundle.**") : page.index("**Worker.**")]
    assert sorted(name for name in _names(BundleRules) if f"`{name}`" not in section) == []


def _names(model: type[BaseModel]) -> set[str]:
    """Names of the fields of a model and of those in it; settings are described with the bundle."""
    names = set(model.model_fields)
    for field in model.model_fields.values():
        for inner in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel) and inner is not BundleSettings:
                names |= _names(inner)
    return names
