from pathlib import Path

import pytest

from tests.leaderboard.competitions.made import Competition


@pytest.fixture
def held(tmp_path: Path) -> Competition:
    """A competition that has just begun."""
    return Competition(tmp_path)
