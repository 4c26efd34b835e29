"""Nothing that users, programs or files depend on is lost: compared with the lists of the last agreed version."""

from __future__ import annotations

import json

from tests.surface import GOLDEN, surface


def test_no_address_format_or_setting_is_lost() -> None:
    current = surface()
    lost = {part: sorted(set(names) - set(current[part])) for part, names in json.loads(GOLDEN.read_text()).items()}
    assert not {part: names for part, names in lost.items() if names}
