"""The board: its settings, benchmarks, folders, and the stores."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from backend.doctor.line import Line, State, failed, ok, warning
from backend.doctor.machine import GB, existing
from leaderboard.benchmarks import load_benchmarks
from leaderboard.errors import BadBenchmark, BadSettings, HubUnavailable
from leaderboard.hub.token import dataset_exists
from leaderboard.opening import dataset_names
from leaderboard.settings import Settings, unknown_variables
from leaderboard.stores.folders import is_open, overlaps

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_settings(settings: Settings) -> Iterator[Line]:
    """Settings that are spelled wrongly, or open what should be closed."""
    if unknown := unknown_variables():
        fix = "Correct their names; docs/reference.md lists every setting."
        yield warning("settings", f"These are no settings and have no effect: {', '.join(unknown)}.", fix)
    else:
        yield ok("settings", "Every setting is known and has an allowed value.")
    if settings.host not in LOOPBACK and settings.sign_in == "off":
        sentence = f"The board listens on {settings.host}, and everybody who reaches it may submit without signing in."
        yield warning("sign-in", sentence, "Set PODIUM_SIGN_IN=required, or PODIUM_HOST=127.0.0.1.")
    elif settings.sign_in != "off" and not settings.public_url and not settings.on_space:
        sentence = "Signing in works on this machine only: nothing says under which address people reach the board."
        yield warning("sign-in", sentence, "Set PODIUM_PUBLIC_URL, such as https://board.example.org.")
    else:
        yield ok("sign-in", f"Signing in is {settings.sign_in}.")


def check_benchmarks(settings: Settings) -> Line:
    """Whether the benchmarks load."""
    try:
        loaded = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
    except BadBenchmark as error:
        return failed("benchmarks", " ".join(error.lines), "Correct these lines.")
    return ok("benchmarks", f"{', '.join(loaded)}.")


def check_folders(settings: Settings) -> Iterator[Line]:
    """Whether each folder can be written, and belongs to the user that this is."""
    folders = {"PODIUM_WORK_DIR": settings.work_dir, "PODIUM_SECRETS_DIR": settings.secrets_dir}
    if settings.store == "local":
        folders = {"PODIUM_REQUESTS_DIR": settings.requests_dir, "PODIUM_RESULTS_DIR": settings.results_dir, **folders}
    for setting, folder in folders.items():
        yield _folder(setting, folder)
    yield _private_folder(settings)


def _private_folder(settings: Settings) -> Line:
    """Whether private files can be written, and are private."""
    line, folder = _folder("PODIUM_PRIVATE_DIR", settings.private_dir), settings.private_dir
    if line.state is not State.OK:
        return line
    if problems := overlaps(settings):
        return failed(line.name, problems[0].partition(": ")[2], "Set PODIUM_PRIVATE_DIR to a folder of its own.")
    if folder.is_dir() and is_open(folder):
        return warning(line.name, f"Others on this machine may look into {folder}.", f"Run: chmod 700 {folder}")
    free = shutil.disk_usage(existing(folder)).free / GB
    if free < settings.upload_free_gb:
        sentence = f"{free:.1f} GB are free in {folder}; uploads are refused below {settings.upload_free_gb:g} GB."
        return warning(line.name, sentence, "Free disk space, or name another folder (PODIUM_PRIVATE_DIR).")
    return line


def _folder(setting: str, folder: Path) -> Line:
    name = f"folder {setting}"
    there, user = existing(folder), os.geteuid()
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        fix = f"Run: chown -R {user} {there}, or name another folder ({setting})."
        return failed(name, f"{there} cannot be written by user {user} ({error.strerror}).", fix)
    if there != folder.absolute():
        return ok(name, f"{folder} will be made by the first start.")
    foreign = next((place for place in (folder, *folder.iterdir()) if place.lstat().st_uid != user), None)
    if foreign is not None:
        sentence = f"{foreign} belongs to user {foreign.lstat().st_uid}; this is user {user}."
        fix = f"Run the doctor as the service's user; if it is that one: chown -R {user} {folder}"
        return warning(name, sentence, fix)
    return ok(name, f"{folder} can be written.")


def check_datasets(settings: Settings) -> Iterator[Line]:
    """Whether the datasets of a board on the Hub are there; that the token may write is another line."""
    if settings.store != "hub":
        return
    try:
        names = dataset_names(settings)
    except BadSettings as error:
        yield failed("store", str(error), "Correct these settings.")
        return
    for part, repo_id in names.items():
        if repo_id:
            yield _dataset(settings, part, repo_id)


def _dataset(settings: Settings, part: str, repo_id: str) -> Line:
    name = f"dataset of {part}"
    try:
        there = dataset_exists(settings.hub_endpoint, settings.token, repo_id, settings.hub_timeout_s)
    except HubUnavailable as error:
        return failed(name, str(error), "Try again later.")
    if there:
        return ok(name, f"{repo_id} can be read.")
    if settings.hub_create:
        return ok(name, f"{repo_id} will be made by the first start.")
    fix = f"Make the dataset {repo_id}, or set PODIUM_HUB_CREATE=true."
    return failed(name, f"There is no dataset {repo_id}, or HF_TOKEN may not read it.", fix)
