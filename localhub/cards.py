"""The YAML head of a README, and other small untrusted documents."""

import json
import math
import re
from typing import Any

import yaml

from localhub.errors import Invalid
from localhub.licenses import LICENSES

_HEAD = re.compile(r"[\s\ufeff]*---(?:\r\n|\r|\n)(.*?)(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|\Z)", re.S)
"""Same rule as the Hub and its clients: blank lines may precede the head, text may not."""
_MAX_YAML = 1_000_000


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases (they can expand a small file to gigabytes) and without dates (they stay text)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text: str) -> Any:
    """Parse YAML that may be hostile, into what JSON can hold; raises Invalid."""
    if len(text) > _MAX_YAML:
        raise Invalid(f"The YAML is longer than {_MAX_YAML:,} characters")
    try:
        return plain(yaml.load(text, Loader=_Loader))
    except (yaml.YAMLError, ValueError) as error:
        raise Invalid(str(error)) from None
    except RecursionError:
        raise Invalid("The YAML is nested too deeply") from None


def load_json(text: str | bytes | None) -> Any:
    """Parse JSON that may be hostile; None when it is not JSON."""
    try:
        return plain(json.loads(text)) if text else None
    except (ValueError, RecursionError):
        return None


def plain(value: Any) -> Any:
    """`value` with only what JSON can hold: no NaN or infinity, text as keys."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def head(readme: str) -> str | None:
    """The YAML between the first `---` lines of a README, None when anything but blanks comes before them."""
    match = _HEAD.match(readme)
    return match[1] if match else None


def card_data(readme: str | None) -> dict[str, Any] | None:
    """The parsed YAML head, None when there is none or it is not a mapping."""
    text = head(readme) if readme else None
    if text is None:
        return None
    try:
        data = load_yaml(text)
    except Invalid:
        return None
    return data if isinstance(data, dict) else None


def validate(readme: str) -> tuple[list[str], list[str]]:
    """(errors, warnings) of a README's head, as the Hub checks it before a commit."""
    text = head(readme)
    if text is None:
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        data = load_yaml(text)
    except Invalid as error:
        return [error.message], []
    if data is None:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(data, dict):
        return ["the yaml metadata must be a mapping"], []
    errors = []
    if not isinstance(data.get("model-index", []), list):
        errors.append('"model-index" must be an array')
    named = data.get("license")
    names = named if isinstance(named, list) else [named]
    if named is not None and not all(name in LICENSES for name in names):
        errors.append(f'"license" must be one of [{", ".join(LICENSES)}]')
    if not isinstance(data.get("tags", []), list | None):
        errors.append('"tags" must be an array')
    return errors, []
