"""Every setting, and the only place that reads the environment.

Podium's own variables begin with PODIUM_; the Hub's keep their names (HF_ENDPOINT, HF_TOKEN).
docs/reference.md lists them all, and a test keeps it complete.
"""

from __future__ import annotations

import os
import re
import socket
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from leaderboard.errors import BadSettings
from leaderboard.records import Engine

PROJECT = Path(__file__).resolve().parent.parent
"""Where the packages lie: a checkout, or the site-packages that Podium is installed in."""
DATA = PROJECT if (PROJECT / "pyproject.toml").is_file() else Path.cwd()
"""Where data lie unless it is set: in the checkout, or in the folder that an installed `podium` is started in."""
ROOT_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
MAIL = re.compile(r"[^@\s:/]+@[^@\s:/]+")
PUBLIC_HUB = "https://huggingface.co"


def _home() -> Path:
    """The home folder; one that is not there for a user without any, as in some containers."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


SECRETS = Path(os.environ.get("XDG_CONFIG_HOME") or _home() / ".config") / "podium"
SETTINGS_FILE = "podium.env"
COMMAND_VARIABLES = ("PODIUM_SERVER",)
"""What the participants' verbs of the command read, beside these settings."""
FIRST_SOURCE_DATE, LAST_SOURCE_DATE = 315532800, 4354819199
"""Seconds since 1970 that the entries of a zip can have as their time."""
HUB_PACE = {"tick_s": 5.0, "lease_s": 600.0, "progress_s": 60.0}
"""Defaults where the store is the Hub, which limits questions and commits."""


class Settings(BaseSettings):
    """What an operator may set, by environment variable or in `podium.env` of the secrets' folder."""

    model_config = SettingsConfigDict(
        env_prefix="PODIUM_",
        extra="ignore",
        populate_by_name=True,
        env_ignore_empty=True,
        use_attribute_docstrings=True,
    )

    title: str = "Podium"
    """Name of the board, in the top bar."""
    operator: str = ""
    """Who runs the board, as every page's footer names them; empty: it names nobody."""
    contact: str = ""
    """Where readers reach them, in the footer: an http address or a mail address."""
    source_url: str = ""
    """Address of this board's source code, in the footer."""
    benchmarks_dir: Path = PROJECT / "benchmarks"
    """Folder of the benchmarks' YAML files."""
    benchmarks: str = ""
    """Ids of the benchmarks to serve, separated by commas, the first one shown first; empty for all of them."""
    store: Literal["local", "hub"] = "local"
    """Where requests and results are kept: `local` in two folders, `hub` in datasets on the Hub at HF_ENDPOINT."""
    requests_dir: Path = DATA / "requests"
    """Embedded store: folder of the request files."""
    results_dir: Path = DATA / "results"
    """Embedded store: folder of results, details, contents, flags and votes."""
    secrets_dir: Path = SECRETS
    """Folder of `podium.env` (lines of settings, the tokens among them) and of the session key; files in it that others
    on this machine can read are refused. It lies outside of everything that is served or that jobs work in."""
    private_dir: Path = DATA / ".private"
    """Folder of what only the service and its workers read: uploaded files, and the benchmarks' private data, each in
    `benchmarks/ID`. It is shared with the workers, and lies outside of everything that is served."""
    upload_open: int = Field(default=3, ge=1)
    """Uploads that one person may have under way at a time."""
    upload_day_gb: float = Field(default=5.0, gt=0)
    """What one person may upload (GB) in 24 hours."""
    upload_maintainer_gb: float = Field(default=4.0, ge=0)
    """Largest file (GB) that a maintainer may upload, such as a competition bundle; for others it is the largest that
    any benchmark of this board takes."""
    upload_free_gb: float = Field(default=2.0, ge=0)
    """Disk space (GB) that stays free in PODIUM_PRIVATE_DIR: uploads that would take it are refused."""
    work_dir: Path = DATA / ".podium"
    """Folder for job work folders, logs and downloaded checkpoints."""

    endpoint_hosts: str = ""
    """Hosts, as `name` or `name:port` separated by commas, at which submitted endpoints may be although they are
    private or are spoken to over http; an entry without a port allows every port of the host."""
    endpoint_http: bool = False
    """Whether submitted endpoints at public hosts may be spoken to over http."""

    hub_namespace: str = ""
    """Hub store: the user or organisation that owns the datasets; HF_TOKEN must be able to write there."""
    hub_requests: str = ""
    """Hub store: dataset of the request files; empty: `{namespace}/requests`."""
    hub_results: str = ""
    """Hub store: dataset of results, flags and votes; empty: `{namespace}/results`."""
    hub_contents: str = ""
    """Hub store: a dataset of its own for the contents tables, at the price of one more commit for what a round
    publishes; empty: `contents/` of the results dataset."""
    hub_details: str = ""
    """Hub store: owner of the details datasets `{org}__{model}-details`; empty: the namespace."""
    hub_private_data: str = ""
    """Hub store: dataset of uploads and of the benchmarks' private data; empty: `{namespace}/private`. It is used only
    while it is private, and PODIUM_PRIVATE_DIR is the cache of each machine."""
    hub_create: bool = True
    """Hub store: whether datasets that are missing are made; details datasets are made in any case."""
    hub_private: bool = False
    """Hub store: whether datasets that are made are private."""
    hub_look_s: float = 2.0
    """Hub store: seconds for which what was seen there is believed; each look is one question to the Hub."""

    hub_endpoint: str = Field(default=PUBLIC_HUB, validation_alias=AliasChoices("HF_ENDPOINT", "hub_endpoint"))
    """The Hub that models are read from; HF_ENDPOINT, as for every Hub client."""
    hub_token: SecretStr | None = Field(default=None, validation_alias=AliasChoices("HF_TOKEN", "hub_token"))
    """The service's own token; HF_TOKEN. Only needed for gated models, the Hub store and discussions."""
    hub_timeout_s: float = 30.0
    """Seconds after which a question to the Hub counts as unanswered."""

    host: str = "127.0.0.1"
    """Address the pages and the API listen on."""
    port: int = 7860
    """Port the pages and the API listen on; 0 picks a free one."""
    public_url: str = ""
    """Address under which people reach the service, for links in commands and discussions and for what other sites show
    of a page; empty: host and port."""
    root_path: str = ""
    """Path before all of the board's addresses where a proxy serves it below one, such as `/board`; empty: the path of
    PODIUM_PUBLIC_URL. The proxy may take it away or leave it."""
    metrics_from: str = "127.0.0.0/8, ::1/128"
    """Networks that may read `/metrics`, separated by commas, by connections of their own: what a proxy passes on is
    refused."""
    monitor_host: str = "127.0.0.1"
    """Address at which a worker of its own (`podium worker`) answers `/healthz`, `/readyz` and `/metrics`."""
    monitor_port: int | None = Field(default=None, ge=0, le=65535)
    """Its port for that; 0 picks a free one, none: it does not listen."""
    log: Literal["plain", "json"] = "plain"
    """How the log is written to standard error: `plain` for people, `json` an object a line for programs."""
    anonymous_sender: str = "anonymous"
    """Name written as sender where nobody is signed in and submissions need no sign-in."""

    hub_discussions: str = ""
    """Dataset on the Hub in whose discussions flags and failures are discussed; empty: that of the results where the
    store is the Hub, else the board keeps its discussions itself."""

    sign_in: Literal["off", "optional", "required"] = "off"
    """`required`: only who is signed in may submit. `optional`: others submit as the anonymous sender. `off`: there is
    no sign-in and everybody is the anonymous sender, for a board on one's own machine."""
    maintainers: str = ""
    """Names of people or organisations on the Hub who look after this board, separated by commas."""
    oauth_client_id: str = Field(
        default="", validation_alias=AliasChoices("PODIUM_OAUTH_CLIENT_ID", "OAUTH_CLIENT_ID", "oauth_client_id")
    )
    """This board's application at the Hub's OpenID provider; empty: the address at which the board describes itself
    where PODIUM_PUBLIC_URL is https, else `podium`."""
    oauth_client_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("PODIUM_OAUTH_CLIENT_SECRET", "OAUTH_CLIENT_SECRET", "oauth_client_secret"),
    )
    """Its secret; none for a public application, which PKCE protects."""
    oauth_scopes: str = "openid profile read-memberships write-discussions"
    """What people are asked to allow; the last one lets their flags and appeals be their own discussions on the Hub."""
    session_key: SecretStr | None = None
    """Key of the sign-in cookies, 32 random characters or more, the same for every front end; none: one is made and
    kept in the work folder."""
    session_hours: float = Field(default=12.0, gt=0, le=24 * 30)
    """Hours after which people sign in again."""
    space_id: str = Field(default="", validation_alias=AliasChoices("SPACE_ID", "space_id"))
    """Set by the Hub on Spaces, where Gradio's own sign-in button is used."""
    system: str = Field(default="", validation_alias=AliasChoices("SYSTEM", "system"))
    """`spaces` on Spaces; anywhere else Gradio's own sign-in lets everybody in and is not used."""

    webhook_url: SecretStr | None = None
    """Address of yours that is told of every request that ends: a POST with [this body](#webhook). The front end
    (`podium serve`) does it, for ends by any worker or person; set it for one front end of a store only."""
    webhook_secret: SecretStr | None = None
    """Key with which the body is signed; any text."""
    smtp_host: str = ""
    """Mail server through which the same front end tells the maintainers of every request that ends; empty: no mail."""
    smtp_port: int = 587
    """Its port."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """`tls` encrypts from the first byte (port 465), `none` not at all, for a server on this machine."""
    smtp_user: str = ""
    """Account at the mail server; empty: no login."""
    smtp_password: SecretStr | None = None
    """Its password."""
    mail_from: str = ""
    """Sender of these mails."""
    mail_to: str = ""
    """Mailboxes of the maintainers, separated by commas. Submitters are known by their Hub names, which are no
    addresses, so no mail goes to them."""

    embedded: bool = True
    """Whether `python app.py` (`podium serve`) also runs the scheduler."""
    worker: str = socket.gethostname()
    """Name under which this scheduler claims requests."""
    tick_s: float = 2.0
    """Seconds between two rounds of the scheduler; 5 by default where the store is the Hub."""
    lease_s: float = 120.0
    """Seconds for which a claim holds without being renewed; 600 by default where the store is the Hub."""
    max_attempts: int = 3
    """Failed attempts in a row after which a request is given up; faults of the worker or the Hub are not counted."""
    backoff_s: float = 30.0
    """Wait (seconds) after the first failure of our side, and between two probes of a worker in trouble; doubles each
    time."""
    refresh_s: float = 3600.0
    """Seconds between two rounds of asking the Hub again about the board's models; 0 for never."""
    refresh_batch: int = Field(default=100, ge=1)
    """Models asked about in one of these rounds; what changed is one commit."""
    executor: str = "local"
    """Where this worker's jobs run; [the executors](#executors) are listed below."""
    slots: int = 1
    """Jobs at a time; on a cluster, jobs that wait or run."""
    sizes_file: Path | None = None
    """YAML file of what jobs get by the size of their checkpoint; [the table](#sizes) is below. None: on a cluster
    Podium's own table, elsewhere the limits that follow."""
    slurm_partition: str = ""
    """Slurm executor: `--partition` of the jobs; empty for the cluster's own, as in the next three."""
    slurm_account: str = ""
    """Slurm executor: `--account` of the jobs."""
    slurm_qos: str = ""
    """Slurm executor: `--qos` of the jobs."""
    slurm_constraint: str = ""
    """Slurm executor: `--constraint` of the jobs."""
    slurm_gres: str = "gpu:{gpus}"
    """Slurm executor: `--gres` of jobs that need accelerators, `{gpus}` being how many, such as `gpu:a100:{gpus}`."""
    slurm_arguments: str = ""
    """Slurm executor: further arguments of sbatch, quoted as in a shell."""
    slurm_prologue: Path | None = None
    """Slurm executor: file of shell lines that each batch script begins with, for modules and variables."""
    slurm_python: str = ""
    """Slurm executor: command that runs Python on a node, such as `apptainer exec /shared/podium.sif python3`; empty:
    the worker's own interpreter, at the same path."""
    slurm_requeue: bool = True
    """Slurm executor: whether Slurm itself starts a job again that was pre-empted or whose node failed."""
    job_wall_s: int = 6 * 3600
    """Seconds after which a job is ended."""
    job_memory_gb: float = 16.0
    """Private memory (GB) at which a job is ended."""
    max_params_b: float = 0.0
    """Largest checkpoint (billions of parameters, at float16) that this machine takes; 0 leaves it to the benchmark."""
    keep_jobs_days: float = Field(default=30.0, ge=0)
    """Days for which the folder of a settled job is kept, and the log of an ended request in the store; 0 keeps them
    all."""
    resume_examples: int = Field(default=250, ge=0)
    """Examples of a task after which a job keeps the answers so far: an interrupted run repeats at most as many. 0
    keeps none, so that such a run begins again."""
    resume_store_s: float = Field(default=600.0, ge=0)
    """Seconds between two times that what a running job has kept is copied into the requests store, from which a worker
    on another machine goes on; 0 copies it only when the run ends unfinished."""
    resume_store_mb: float = Field(default=64.0, ge=0)
    """The most (MB) of one request's kept answers that goes into the requests store; 0 for nothing, as where all
    workers share one work folder."""
    free_disk_gb: float = Field(default=10.0, ge=0)
    """Disk space (GB) that stays free beside what a job is about to download: the checkpoints least recently used are
    deleted for it; 0 deletes none."""
    job_disk_gb: float = 20.0
    """What a job may write (GB) before it is ended."""
    sandbox: Literal["auto", "namespaces", "landlock", "off"] = "auto"
    """What confines jobs: `auto` takes every layer that this machine can give and does not start without one;
    `namespaces` or `landlock` takes that one alone; `off` lets jobs read whatever the service can, and says so on the
    queue page."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    threads: int = 1
    """Processor threads per job; 0 leaves it to torch."""
    engine: Engine = "shared"
    """`shared` forwards common prefixes once, checked against the stock backend; `stock` is the harness's own; `vllm`
    runs in an environment of its own. A benchmark's `harness.engine` and a row of the table of sizes come before it."""
    vllm_python: str = ""
    """Interpreter of the environment that has vLLM, or a command that starts it, quoted as in a shell; on a cluster at
    the same path on each node. Empty: the engine `vllm` is not used."""
    data_root: Path | None = None
    """Folder of local data files that stands in for the tasks' Hub datasets, for air-gapped runs."""
    batch_size: str = "auto"
    """Batch size of evaluations: a number, or `auto` for one that fits the memory."""
    limit: int | None = None
    """Examples per task, for trying out a worker: results of such a run stay in its work folder, never on the board."""
    progress_s: float = 5.0
    """Seconds between two updates of a running request's progress in its file; 60 by default where the store is the
    Hub."""

    @model_validator(mode="after")
    def _keep_the_hubs_pace(self) -> Settings:
        if self.store == "hub":
            for name, value in HUB_PACE.items():
                if name not in self.model_fields_set:
                    setattr(self, name, value)
        return self

    @field_validator("root_path")
    @classmethod
    def _is_a_path(cls, text: str) -> str:
        path = text.rstrip("/")
        if path and not ROOT_PATH.fullmatch(path):
            raise ValueError("write a path that begins with a slash, such as /board")
        return path

    @field_validator("contact", "source_url")
    @classmethod
    def _is_followed(cls, text: str, info: ValidationInfo) -> str:
        is_mail = info.field_name == "contact" and MAIL.fullmatch(text)
        if text and not is_mail and not text.startswith(("https://", "http://")):
            raise ValueError("write an address that begins with https:// or http://, or for the contact a mail address")
        return text

    @field_validator("metrics_from")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        networks_of(text)
        return text

    @model_validator(mode="after")
    def _have_one_root(self) -> Settings:
        path = urlsplit(self.public_url).path.rstrip("/")
        if self.public_url and self.root_path and path != self.root_path:
            raise ValueError(f"PODIUM_ROOT_PATH is {self.root_path}, but PODIUM_PUBLIC_URL ends with {path or '/'}")
        return self

    @property
    def metrics_networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks in `metrics_from`."""
        return networks_of(self.metrics_from)

    @property
    def root(self) -> str:
        """What stands before every path of ours, without a slash at its end; mostly empty."""
        return self.root_path or urlsplit(self.public_url).path.rstrip("/")

    @property
    def token(self) -> str | None:
        """The service's own Hub token in clear, for clients; never log it."""
        return self.hub_token.get_secret_value() if self.hub_token else None

    @property
    def address(self) -> str:
        """Where people reach the board, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}{self.root}").rstrip("/")

    @property
    def contact_address(self) -> str:
        """What the contact's link leads to."""
        return f"mailto:{self.contact}" if MAIL.fullmatch(self.contact) else self.contact

    @property
    def maintainer_names(self) -> list[str]:
        """The names in `maintainers`."""
        return [name.strip() for name in self.maintainers.split(",") if name.strip()]

    @property
    def on_space(self) -> bool:
        """Whether this is a Space with Gradio's sign-in set up (`hf_oauth: true`)."""
        return bool(self.space_id and self.system == "spaces" and self.oauth_client_secret)

    @property
    def benchmark_ids(self) -> list[str]:
        """The ids in `benchmarks`, in order."""
        return [name.strip() for name in self.benchmarks.split(",") if name.strip()]


def networks_of(text: str) -> list[IPv4Network | IPv6Network]:
    """The networks that `text` names, separated by commas. Raises ValueError."""
    return [ip_network(name.strip()) for name in text.split(",") if name.strip()]


INHERITED = (
    *("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "CUDA_HOME"),
)
"""What a job may know of this process's environment: how to find programs and accelerators."""


def inherited_environment() -> dict[str, str]:
    """The variables in INHERITED that are set here."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def unknown_variables() -> list[str]:
    """Variables of the environment that look like settings of ours and are none: misspelled, or of another version."""
    known = set[object](COMMAND_VARIABLES)
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        known |= set(alias.choices) if isinstance(alias, AliasChoices) else {f"PODIUM_{name.upper()}"}
    return sorted(name for name in os.environ if name.startswith("PODIUM_") and name not in known)


def load_settings() -> Settings:
    """Read the environment and `podium.env`. Raises BadSettings, naming every setting that is wrong."""
    file = Path(os.environ.get("PODIUM_SECRETS_DIR") or SECRETS) / SETTINGS_FILE
    if Path(".env").exists():
        raise BadSettings(
            f"Settings are not read from .env any more: a folder that jobs and pages work in is no place for tokens. "
            f"Move it: mkdir -p -m 700 {file.parent} && mv .env {file} && chmod 600 {file}"
        )
    refuse_if_open(file)
    try:
        return Settings(_env_file=file)
    except ValidationError as error:
        lines = [
            f"PODIUM_{str(problem['loc'][0]).upper()}: {problem['msg']} (got {problem['input']!r})."
            if problem["loc"]
            else f"{problem['msg'].removeprefix('Value error, ')}. Make them agree."
            for problem in error.errors()
        ]
        raise BadSettings("\n".join(lines)) from None


def source_date() -> datetime:
    """The time of what is made to be the same each time: SOURCE_DATE_EPOCH, or the first moment of 1980.

    Raises BadSettings where it is no time that a zip can hold.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH") or str(FIRST_SOURCE_DATE)
    seconds = int(given) if re.fullmatch(r"[0-9]{1,12}", given) else -1
    if not FIRST_SOURCE_DATE <= seconds <= LAST_SOURCE_DATE:
        raise BadSettings(
            f"SOURCE_DATE_EPOCH: {given[:40]!r} is no number of seconds from {FIRST_SOURCE_DATE} (the year 1980) to "
            f"{LAST_SOURCE_DATE} (2107). Correct it, or unset it."
        )
    return datetime.fromtimestamp(seconds, UTC)


def refuse_if_open(secret: Path) -> None:
    """Raises BadSettings where others on this machine can read the file `secret`; one that is not there is fine."""
    try:
        mode = secret.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadSettings(
            f"{secret} cannot be looked at ({error.strerror}). Give this service access, or another folder for its "
            "secrets (PODIUM_SECRETS_DIR)."
        ) from error
    if mode & 0o077:
        raise BadSettings(
            f"{secret} can be read by others on this machine. Run `chmod 600 {secret}` and renew the secrets in it."
        )
