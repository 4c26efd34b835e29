"""The cards of a board's own datasets, so that `load_dataset(repo, benchmark)` gives a contents table.

What people write on them stays; a card is written anew only when a benchmark is missing on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from leaderboard.errors import Conflict
from leaderboard.hub.cards import CARD, card_of, mappings, read_card, write_card
from leaderboard.stores.hub import HubStore


def introduce(store: HubStore, title: str, words: str, tables: Mapping[str, str]) -> None:
    """See to it that the card of a dataset names its `tables`: config -> path of the Parquet file.

    A dataset without tables says that it is not for the Hub's viewer. Raises HubUnavailable.
    """
    card, version = card_of(store.peek)
    changed = with_tables(card, title, words, tables)
    if changed is not None:
        with contextlib.suppress(Conflict):
            store.commit({CARD: changed.encode()}, "Say what is in this dataset", {CARD: version})


def with_tables(card: str, title: str, words: str, tables: Mapping[str, str]) -> str | None:
    """`card` (empty for none) with a config for each table; None when it has them already."""
    head, body = read_card(card)
    configs = mappings(head.get("configs"))
    named = {str(config.get("config_name")) for config in configs}
    missing = [{"config_name": name, "data_files": path} for name, path in tables.items() if name not in named]
    if card and not missing:
        return None
    head.setdefault("pretty_name", title)
    head.setdefault("tags", ["podium"])
    if tables:
        head["configs"] = [*configs, *missing]
    else:
        head.setdefault("viewer", False)
    return write_card(head, body or f"\n# {title}\n\n{words}\n")
