"""What `deploy/` holds, as far as this can be told without Docker, nginx and a machine that boots with systemd."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from leaderboard.monitoring import metrics, probe
from leaderboard.settings import Settings
from scripts.make_reference import variable
from tests.shared import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
KNOWN = {variable(name, field).strip("`") for name, field in Settings.model_fields.items()}
OUTSIDE = {"PATH", "PYTHONUNBUFFERED", "HF_HUB_DISABLE_XET"}
"""Variables that are not ours."""
SANDBOX_NEEDS = {
    *("RestrictNamespaces", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc", "ProcSubset"),
    *("ProtectHostname", "ProtectClock", "PrivateDevices", "MemoryDenyWriteExecute", "PrivateUsers"),
}
"""Hardening under which jobs get no sandbox or no accelerator."""


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, without comments, lines joined."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE))
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    return [(line[0], line[1]) for line in lines]


def final_stage() -> list[tuple[str, str]]:
    """The instructions of what is shipped."""
    steps = instructions()
    last = max(number for number, (name, _) in enumerate(steps) if name == "FROM")
    return steps[last:]


# --- the image


def test_every_instruction_is_one() -> None:
    allowed = {*("FROM", "ARG", "WORKDIR", "RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL"), "CMD"}
    assert {name for name, _ in instructions()} <= allowed | {"HEALTHCHECK"}


def test_what_the_image_copies_is_there_and_in_its_context() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name, arguments in instructions():
        words = [word for word in shlex.split(arguments) if not word.startswith("--")]
        if name == "COPY" and "--from" not in arguments:
            for source in words[:-1]:
                assert (ROOT / source).exists(), source
                assert source in kept, f".dockerignore leaves {source} out"
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines(), "only what is named belongs to the context"


def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    steps = final_stage()
    names = [name for name, _ in steps]
    assert dict(steps)["USER"] not in ("root", "0") and names.index("USER") < names.index("CMD")
    assert f"-m {probe.__name__}" in " ".join(json.loads(dict(steps)["HEALTHCHECK"].partition("CMD ")[2]))
    assert dict(steps)["STOPSIGNAL"] == "SIGTERM"
    assert "apt-get" not in " ".join(arguments for name, arguments in steps if name == "CMD")


def test_the_image_sets_variables_that_exist() -> None:
    given = " ".join(arguments for name, arguments in final_stage() if name == "ENV")
    assert {word.split("=")[0] for word in shlex.split(given)} <= KNOWN | OUTSIDE


# --- compose


def test_compose_names_settings_and_commands_that_exist() -> None:
    file = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = file["services"]
    assert services.keys() == {"hub", "board", "worker"}
    for service in services.values():
        assert service.get("environment", {}).keys() <= KNOWN
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert {volume.split(":")[0] for volume in service["volumes"]} <= file["volumes"].keys()
        assert set(service.get("depends_on", [])) <= services.keys()
    help_text = subprocess.run(
        [sys.executable, "-m", "localhub", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    command = services["hub"]["command"]
    assert command[:3] == ["python", "-m", "localhub"]
    assert all(word in help_text for word in command if word.startswith("--"))
    Settings(metrics_from=services["board"]["environment"]["PODIUM_METRICS_FROM"])


# --- systemd


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_set_variables_that_exist_and_leave_jobs_their_sandbox(unit: Path) -> None:
    lines = [line.partition("=") for line in unit.read_text().splitlines() if "=" in line and line[0] != "#"]
    variables = {value.partition("=")[0] for name, _, value in lines if name == "Environment"}
    assert variables <= KNOWN
    options = {name: value for name, _, value in lines}
    assert not SANDBOX_NEEDS & options.keys()
    assert options["User"] != "root" and options["NoNewPrivileges"] == "yes" and options["Delegate"] == "yes"
    program = options["ExecStart"].split()
    assert program[0] == "/opt/podium/.venv/bin/python"
    assert (ROOT / program[-1].removeprefix("/opt/podium/")).exists()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not here")
    text = unit.read_text().replace("/opt/podium/.venv/bin/python", sys.executable)
    (tmp_path / unit.name).write_text(text.replace("file:/opt/podium", f"file:{ROOT}"))
    done = subprocess.run([program, "verify", "--man=no", tmp_path / unit.name], capture_output=True, text=True)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
    assert not [line for line in lines if "Unknown key 'DelegateSubgroup'" not in line]  # systemd before 254


# --- the proxy and the alerts


def test_the_proxy_passes_on_who_asks_and_keeps_metrics_to_itself() -> None:
    text = (DEPLOY / "nginx" / "podium.conf").read_text()
    code = re.sub(r"#.*", "", text)
    assert code.count("{") == code.count("}")
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in code
    assert "location = /board/metrics { return 404; }" in code
    assert Settings(public_url="https://example.org/board").root == "/board"


def test_alerts_are_about_metrics_that_exist() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"][0]["rules"]
    named = {name for rule in rules for name in re.findall(r"\bpodium_\w+", rule["expr"])}
    sources = Path(metrics.__file__).read_text() + "".join(
        (ROOT / path).read_text() for path in ("backend/scheduler/metrics.py", "leaderboard/api/monitor.py")
    )
    made = set(re.findall(r'"(podium_\w+)"', sources))
    assert {re.sub(r"_(total|bucket)$", "", name) for name in named} <= made
    described = (ROOT / "docs" / "reference.md").read_text()
    assert not [name for name in made if f"`{name}" not in described]
