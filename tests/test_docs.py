"""The documentation says what the code does, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leaderboard.records import Request
from leaderboard.settings import PROJECT, Settings
from scripts import make_reference

README_CLAIMS = {
    "browser/test_path.py": {
        "Users submit a Hub model id": "test_from_the_form_to_the_board_and_its_examples",
        "publishes the results with every example": "test_from_the_form_to_the_board_and_its_examples",
    },
    "leaderboard/queue/test_queue.py": {
        "Podium writes a request file": "test_a_submitted_request_is_a_file_at_its_own_place",
    },
    "backend/test_service.py": {
        "a scheduler evaluates the checkpoint with lm-eval": "test_what_is_published_says_how_it_was_made",
    },
    "scripts/test_bench.py": {"ranks them on a fast board": "test_subcommand"},
    "backend/test_every_failure.py": {
        "Every failure says whether the submission or the service caused it": (
            "test_every_code_has_a_cause_that_provokes_it"
        ),
    },
    "leaderboard/documents/test_documents.py": {
        "every score stands beside its standard error": (
            "test_standard_errors_are_beside_averages_and_ranks_unless_a_reader_hides_them"
        ),
    },
}
"""File -> what the README's first paragraph says -> the test that shows it."""
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])


def test_the_generated_parts_of_the_reference_are_up_to_date() -> None:
    page = make_reference.PAGE.read_text()
    assert make_reference.written(page) == page, "run: python -m scripts.make_reference"


def test_every_setting_has_a_meaning() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_every_field_of_a_request_file_is_described() -> None:
    page = (PROJECT / "docs" / "request-files.md").read_text()
    assert not [name for name in Request.model_fields if f"`{name}`" not in page]


def test_what_the_readme_says_first_is_shown_by_tests() -> None:
    paragraph = " ".join((PROJECT / "README.md").read_text().split("\n\n")[1].split())
    for file, claims in README_CLAIMS.items():
        tests = (PROJECT / "tests" / file).read_text()
        for claim, name in claims.items():
            assert claim in paragraph and f"def {name}(" in tests, claim


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{page.name} links to {target}, which has no such heading"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+\s+(.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_make_targets_and_modules_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z]+)", text):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"{page.name}: make {target}"
    for module in re.findall(r"python -m ((?:scripts|backend|leaderboard|localhub)[\w.]*)", text):
        path = PROJECT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page.name}: {module}"
