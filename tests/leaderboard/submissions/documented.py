"""What a page of the documentation says of problems."""

from __future__ import annotations

import re
from collections.abc import Mapping

from leaderboard.records import Problem, Severity
from leaderboard.settings import PROJECT


def documented(page: str, catalogue: Mapping[str, Problem]) -> set[str]:
    """The codes that a page of `docs` has a section for, once each problem of the catalogue is there as it is said."""
    text = (PROJECT / "docs" / page).read_text()
    sections = dict(re.findall(r"^### `(\w+)`\n\n(.*?)(?=\n#|\Z)", text, re.MULTILINE | re.DOTALL))
    for code, template in catalogue.items():
        words = " ".join(sections[code].split())
        assert template.message in words and template.fix in words, code
        assert ("warning" in words.split("·")[1]) == (template.severity is Severity.WARNING), code
        assert f"`{template.field}`" in words, code
    return set(sections)
