"""The packages that code was made with, each at its exact version: from uv.lock, poetry.lock or requirements.txt."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from leaderboard.errors import NotPackaged

FILE = "requirements.txt"
LOCKS = ("uv.lock", "poetry.lock")
PLATFORM = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_version": "",
    "extra": "",
}
"""What markers are decided for, beside the version of Python: the machines that boards run packages on."""
HEADER = "# Frozen from {source}. They are recorded, not installed: code runs with the packages of the board.\n"


class Frozen(NamedTuple):
    """Exact versions."""

    source: str
    """The file that they are from."""
    content: bytes
    """A requirements.txt."""


def freeze(folder: Path, files: Iterable[str], python: str) -> Frozen | None:
    """The packages that the first of uv.lock, poetry.lock and requirements.txt among `files` names; None without one.

    `python`: the version for which markers are decided. Raises NotPackaged with every line that names no exact version,
    OSError.
    """
    here = set(files)
    source = next((name for name in (*LOCKS, FILE) if name in here), None)
    if source is None:
        return None
    environment = PLATFORM | {
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "implementation_version": python,
    }
    try:
        lines = _READERS[source]((folder / source).read_text(encoding="utf-8-sig"), environment)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, InvalidMarker) as error:
        raise NotPackaged(
            [f"{source} cannot be read ({type(error).__name__}: {error}). Write it anew, or name it in .podiumignore."]
        ) from error
    return Frozen(source, (HEADER.format(source=source) + "".join(f"{line}\n" for line in sorted(lines))).encode())


def _from_uv(text: str, environment: Mapping[str, str]) -> set[str]:
    """The packages that the project itself needs to run, not those for its development."""
    packages = tomllib.loads(text).get("package", [])
    roots = [package for package in packages if {"virtual", "editable"} & package.get("source", {}).keys()]
    wanted = list(roots)
    chosen: list[Mapping[str, Any]] = []
    while wanted:
        package = wanted.pop()
        if package not in chosen:
            chosen.append(package)
            wanted += [each for needed in _needs(package, packages, environment) for each in _named(needed, packages)]
    return {_pin(package) for package in chosen if package not in roots}


def _needs(
    package: Mapping[str, Any], packages: Sequence[Mapping[str, Any]], environment: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    """What a package of uv.lock depends on, and what the extras of these depend on."""
    for needed in package.get("dependencies", []):
        if not _holds(needed.get("marker", ""), environment):
            continue
        yield needed
        for each in _named(needed, packages):
            for extra in needed.get("extra", []):
                more = each.get("optional-dependencies", {}).get(extra, [])
                yield from (wanted for wanted in more if _holds(wanted.get("marker", ""), environment))


def _named(needed: Mapping[str, Any], packages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The packages of uv.lock that a dependency names."""
    return [
        package
        for package in packages
        if package["name"] == needed["name"] and needed.get("version") in (None, package.get("version"))
    ]


def _from_poetry(text: str, environment: Mapping[str, str]) -> set[str]:
    """The packages of the main group."""
    return {
        _pin(package)
        for package in tomllib.loads(text).get("package", [])
        if not package.get("optional", False)
        and "main" in package.get("groups", [package.get("category", "main")])
        and _holds(_marker_of(package.get("markers", "")), environment)
    }


def _marker_of(markers: str | Mapping[str, str]) -> str:
    """Poetry writes one marker, or one for each group."""
    return markers if isinstance(markers, str) else markers.get("main", "")


def _from_text(text: str, environment: Mapping[str, str]) -> set[str]:
    """The lines of a requirements.txt. Raises NotPackaged with every one that is not exact."""
    pins, problems = set(), []
    joined = text.replace("\\\n", " ")
    for line in filter(None, (line.partition(" #")[0].strip() for line in joined.splitlines())):
        if line.startswith("#"):
            continue
        wanted = line.partition(" --hash")[0].strip()
        try:
            requirement = Requirement(wanted)
        except InvalidRequirement:
            problems.append(_inexact(wanted))
            continue
        exact = [each for each in requirement.specifier if each.operator == "==" and "*" not in each.version]
        if requirement.url or len(exact) != 1:
            problems.append(_inexact(wanted))
        elif requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            pins.add(f"{canonicalize_name(requirement.name)}=={exact[0].version}")
    if problems:
        raise NotPackaged(problems)
    return pins


def _inexact(line: str) -> str:
    name = line.partition("://")[0][:60]  # what follows may hold a password
    return (
        f"{FILE}: {name!r} names no exact version of a package. Write NAME==VERSION, for example with `pip freeze`, or "
        "name the file in .podiumignore."
    )


def _holds(marker: str, environment: Mapping[str, str]) -> bool:
    return not marker or Marker(marker).evaluate(dict(environment))


def _pin(package: Mapping[str, Any]) -> str:
    return f"{canonicalize_name(package['name'])}=={package['version']}"


_READERS = {"uv.lock": _from_uv, "poetry.lock": _from_poetry, FILE: _from_text}
