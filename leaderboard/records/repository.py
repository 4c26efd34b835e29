"""A repository on the Hub: its name, and what the Hub says of it at one commit."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

REPO_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
"""What the Hub allows for each of the two parts of a repository id."""
REPO_ID = re.compile(rf"(?:{REPO_NAME}/)?{REPO_NAME}")
NO_NAMESPACE = "-"
"""The folder of models without a namespace, such as `gpt2`: no namespace can be called that."""
REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@=-]{0,254}")
COMMIT = re.compile(r"[0-9a-f]{40}")
NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
"""How a name of an account or a model may be written in a policy, whether or not the Hub has it."""


def is_commit(text: str) -> bool:
    """Whether `text` is the id of a commit: 40 hex digits."""
    return bool(COMMIT.fullmatch(text))


def is_revision(text: str) -> bool:
    """Whether `text` may be a branch, tag or commit."""
    return bool(REVISION.fullmatch(text)) and ".." not in text


def is_repo_id(text: str) -> bool:
    """Whether `text` is `org/name`, or `name` alone as of old models, as huggingface_hub accepts it, in ASCII.

    Such a text is safe as a relative path.
    """
    return bool(REPO_ID.fullmatch(text)) and ".." not in text and "--" not in text and not text.endswith(".git")


def is_dataset_id(text: str) -> bool:
    """Whether `text` is `owner/name`: datasets that a board reads or writes as a whole have an owner."""
    return "/" in text and is_repo_id(text)


def namespace_of(model: str) -> str:
    """The account or organisation that a model belongs to; empty for a model without a namespace."""
    return model.rpartition("/")[0]


def model_folder(model: str) -> str:
    """The two folders of a model's files in a store: its id, or `-/gpt2`. Every id has folders of its own."""
    return model if "/" in model else f"{NO_NAMESPACE}/{model}"


def model_in(folder: str) -> str:
    """The model whose `model_folder` is `folder`."""
    return folder.removeprefix(f"{NO_NAMESPACE}/")


def model_file_name(model: str) -> str:
    """A model's id as one name of a file or repository: `org__name`, or `gpt2`.

    Every id has a name of its own. Where `__` would not show which part ends where (`a_/b`, `a__b/c`, and `a__b`
    without a namespace), the length of the namespace comes first: `__2_a__b` for `a_/b`.
    """
    namespace = namespace_of(model)
    plain = model.replace("/", "__")
    first, mark, _ = plain.partition("__")
    if (first == namespace) if "/" in model else not mark:
        return plain
    return f"__{len(namespace)}_{plain}"


class ModelFacts(BaseModel):
    """What the Hub says of a repository at one commit. Only what the checks and the board need."""

    model_config = ConfigDict(protected_namespaces=())

    model: str
    """Repository id as the Hub spells it."""
    revision: str
    """Commit, 40 hex digits."""
    private: bool = False
    gated: bool = False
    files: dict[str, int | None] = Field(default_factory=dict)
    """File name -> size in bytes (None when unknown)."""
    sha256: dict[str, str] = Field(default_factory=dict)
    """File name -> SHA-256 of its content, for LFS files."""
    blobs: dict[str, str] = Field(default_factory=dict)
    """File name -> id of its git blob (of the pointer for LFS files)."""
    shards: list[str] = Field(default_factory=list)
    """Files that model.safetensors.index.json names, where that is what is loaded."""
    configs: dict[str, Any] = Field(default_factory=dict)
    """Every *config*.json read (`config.json`, `tokenizer_config.json`, `adapter_config.json`, ...), parsed."""
    unreadable: dict[str, str] = Field(default_factory=dict)
    """Files that could not be read (configs, safetensors headers, the card's front matter) -> why, a few words."""
    card_text: str | None = None
    """Model card without its front matter; None when there is none."""
    card: dict[str, Any] = Field(default_factory=dict)
    """The card's front matter."""
    parameters: dict[str, int] = Field(default_factory=dict)
    """Number format -> number of parameters, from the safetensors headers at this commit."""
    chat_template: str | None = None
    """From tokenizer_config.json, chat_template.json or chat_template.jinja."""
    likes: int | None = None
    downloads: int | None = None
    created_at: str | None = None
    last_modified: str | None = None
    tags: list[str] = Field(default_factory=list)
    available: bool = True
    """Whether everybody could read it on the Hub when it was last looked at."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Earlier names -> when it was seen that the repository was renamed (UTC); what was measured before is its own."""
    imported: bool = False
    """Whether it is what another board knew of the model: the Hub was not asked about it yet."""
    since: str = ""
    """From when on it has its name, where another repository had it before (UTC); what came before is not its own."""
    weights: dict[str, str] = Field(default_factory=dict)
    """Commits that were submitted -> what their weights are (`leaderboard.models.lineage.weights_of`)."""

    @property
    def license(self) -> str | None:
        """`license` of the card (or `license_name` where that is "other"); None when it says none."""
        value = self.card.get("license")
        if value == "other":
            value = self.card.get("license_name") or None
        if isinstance(value, list):
            value = "; ".join(str(each) for each in value) or None
        return str(value) if value else None

    @property
    def architectures(self) -> list[str]:
        """Class names that config.json names."""
        names = (self.configs.get("config.json") or {}).get("architectures") or []
        return [str(name) for name in names] if isinstance(names, list) else []

    @property
    def params(self) -> float | None:
        """Parameters in billions, None when no safetensors header says."""
        return round(sum(self.parameters.values()) / 1e9, 6) if self.parameters else None
