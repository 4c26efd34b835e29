"""The YAML of strangers: plain values with their lines, and nothing that a tag or an alias could do.

Dates stay text, so that their zone and time of day are not lost and a wrong one is named by its field. A key that is
written twice counts as it is written last, as on the sites that such files come from.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml

from leaderboard.benchmarks.yaml_lines import Line, Place

MAX_BYTES = 512 * 1024
"""Size of one YAML file."""
MAX_VALUES = 50_000
"""Values in one file, aliases counted as often as they are used, so that a small file cannot fill the memory."""
MAX_COMPARED = 100
"""In a mapping with more keys, no key is taken for a misspelt one."""
MERGE = "tag:yaml.org,2002:merge"
TIMESTAMP = "tag:yaml.org,2002:timestamp"
PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}


class Unsafe(ValueError):
    """YAML that is not read."""

    def __init__(self, line: int, sentence: str) -> None:
        self.line = line
        super().__init__(sentence)


def read_document(path: Path) -> BundleDocument:
    """The document in a file, of which no more than the allowed size is read. Raises OSError."""
    with path.open("rb") as file:
        return BundleDocument(file.read(MAX_BYTES + 1))


class BundleDocument:
    """A YAML file's content, the line of each value, and what is wrong with its YAML."""

    def __init__(self, content: bytes) -> None:
        self.errors: list[Line] = []
        self.warnings: list[Line] = []
        self.lines: dict[Place, int] = {(): 1}
        self.texts: dict[Place, str] = {}
        """Single values as they are written: `010` and `yes` may be meant as text."""
        self.asked: dict[Place, set[str]] = {}
        """Mapping -> the keys that a reader of the document has asked for."""
        self.value: Any = None
        self._left = MAX_VALUES
        try:
            self.value = self._read(content)
        except Unsafe as error:
            self.errors.append((error.line, str(error)))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = " ".join(part for part in (error.problem, error.context) if part)
            self.errors.append((mark.line + 1 if mark else 1, f"This is not YAML: {reason}."))
        except (yaml.YAMLError, ValueError) as error:
            self.errors.append((1, f"This is not YAML that can be used: {error}."))
        except RecursionError:
            self.errors.append((1, "The YAML is nested too deeply. Write it flat."))

    def misspelt(self) -> list[tuple[Place, str]]:
        """Keys that nobody asked for, and the missing key that each of them resembles."""
        pairs = []
        for place, asked in self.asked.items():
            value = self.at(place)
            for key in value.keys() - asked if isinstance(value, dict) and len(value) <= MAX_COMPARED else ():
                close = difflib.get_close_matches(key, sorted(asked - value.keys()), n=1, cutoff=0.85)
                pairs += [((*place, key), name) for name in close]
        return pairs

    def at(self, place: Place) -> Any:
        """The value at a place; empty fields where there is none."""
        value = self.value
        for step in place:
            if isinstance(value, dict):
                value = value.get(str(step), {})
            else:
                value = value[step] if isinstance(value, list) and isinstance(step, int) else {}
        return value

    def line(self, place: Place) -> int:
        """Line of the value at `place`, or of the nearest thing around it that is in the file."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]

    def _read(self, content: bytes) -> Any:
        if len(content) > MAX_BYTES:
            raise Unsafe(1, f"The file has more than {MAX_BYTES:,} bytes. Shorten it.")
        loader = yaml.SafeLoader(content)
        try:
            node = loader.get_single_node()
            return None if node is None else self._plain(loader, node, ())
        finally:
            loader.dispose()

    def _plain(self, loader: yaml.SafeLoader, node: yaml.Node, place: Place) -> Any:
        line = node.start_mark.line + 1
        self._left -= 1
        if self._left < 0:
            raise Unsafe(line, f"The YAML has more than {MAX_VALUES:,} values, counting aliases. Write fewer.")
        if node.tag != TIMESTAMP and node.tag not in PLAIN:
            raise Unsafe(line, f"The YAML tag {node.tag!r} is not allowed. Leave it out.")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(loader, child, (*place, index)) for index, child in enumerate(node.value)]
        self.texts[place] = node.value
        try:
            return node.value if node.tag == TIMESTAMP else loader.construct_object(node)
        except ValueError as error:
            raise Unsafe(line, f"This is not YAML that can be used: {error}.") from None

    def _item(self, loader: yaml.SafeLoader, node: yaml.Node, place: Place) -> Any:
        self.lines[place] = node.start_mark.line + 1
        return self._plain(loader, node, place)

    def _mapping(self, loader: yaml.SafeLoader, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == MERGE:
                raise Unsafe(line, "The YAML merge `<<` is not read. Write the fields out.")
            if not isinstance(key_node, yaml.ScalarNode):
                raise Unsafe(line, "A list or mapping cannot be a field's name.")
            key = str(key_node.value)
            if key in first:
                sentence = f"`{key}` is written twice, first in line {first[key]}. The last one counts."
                self.warnings.append((line, sentence))
            first.setdefault(key, line)
            self.lines[(*place, key)] = line
            mapping[key] = self._plain(loader, value_node, (*place, key))
        return mapping
