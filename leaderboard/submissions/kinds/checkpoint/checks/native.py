"""Which architectures the installed transformers has for language models, without importing torch."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from leaderboard.errors import Infrastructure

MAPPINGS = ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES")
"""The two that the harness's `hf` model chooses from."""
QUANTISATIONS = "AUTO_QUANTIZATION_CONFIG_MAPPING"


@dataclass(frozen=True)
class Native:
    """What can be loaded without custom code."""

    version: str
    """Of transformers."""
    classes: Mapping[str, frozenset[str]]
    """`model_type` of config.json -> names of its language model classes."""
    quantisations: frozenset[str] = frozenset()
    """Values of `quant_method`; bitsandbytes is there as `bitsandbytes_4bit` and `bitsandbytes_8bit`."""

    def has(self, model_type: object, architectures: list[str]) -> bool:
        """Whether a config.json with these two loads as a language model."""
        if not isinstance(model_type, str) or model_type not in self.classes:
            return False
        known = {name.casefold() for names in self.classes.values() for name in names}
        return not architectures or any(name.casefold() in known for name in architectures)


@cache
def native_architectures() -> Native:
    """Those of the installed transformers, read from its source: importing it costs seconds and torch.

    Raises Infrastructure when transformers is not installed or its lists are elsewhere.
    """
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        raise Infrastructure("transformers is not installed. Install Podium's dependencies: pip install podium.")
    source = Path(spec.origin).parent / "models" / "auto" / "modeling_auto.py"
    classes_of: dict[str, set[str]] = {}
    missing = set(MAPPINGS)
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in MAPPINGS:
                missing.discard(name)
                for model_type, classes in ast.literal_eval(node.value.args[0]):
                    classes_of.setdefault(model_type, set()).update([classes] if isinstance(classes, str) else classes)
    if missing:
        raise Infrastructure(f"The installed transformers has no {' and no '.join(sorted(missing))} in {source.name}.")
    classes = {name: frozenset(names) for name, names in classes_of.items()}
    return Native(importlib.metadata.version("transformers"), classes, _quantisations(Path(spec.origin).parent))


def _quantisations(package: Path) -> frozenset[str]:
    """The methods for which transformers has a class. Raises Infrastructure when its list is elsewhere."""
    source = package / "quantizers" / "auto.py"
    assigned = (node for node in ast.parse(source.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign))
    for node in assigned:
        named = isinstance(node.targets[0], ast.Name) and node.targets[0].id == QUANTISATIONS
        if named and isinstance(node.value, ast.Dict):
            return frozenset(ast.literal_eval(key) for key in node.value.keys if key is not None)
    raise Infrastructure(f"The installed transformers has no {QUANTISATIONS} in {source.name}.")
