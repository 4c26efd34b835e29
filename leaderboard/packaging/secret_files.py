"""Files that look like secrets, by their names and by what is in them. They never ship."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

NAMES = {
    "it holds settings that are often secret": (".env", ".env.*", "*.env", "secrets.*", ".secrets"),
    "it is a key": (
        *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.gpg"),
        *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*"),
    ),
    "it holds passwords or tokens": (
        *(".netrc", "_netrc", ".pypirc", ".npmrc", ".git-credentials", ".htpasswd", ".pgpass", ".dockercfg"),
        *("credentials", "credentials.*", "*credentials.json", "service-account*.json", "kaggle.json"),
        *("token", "token.txt", ".token", "access_token*"),
    ),
}
FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kaggle", ".huggingface", ".docker", ".azure", ".kube"})
CONTENTS = {
    "it holds a private key": rb"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
    "it holds what looks like a Hugging Face token": rb"\bhf_[A-Za-z0-9]{20,}",
    "it holds what looks like a GitHub token": rb"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,})",
    "it holds what looks like an AWS key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "it holds what looks like a Google key": rb"\bAIza[0-9A-Za-z_-]{35}",
    "it holds what looks like a Slack token": rb"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "it holds what looks like an API key": rb"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}",
}
PATTERNS = {reason: re.compile(pattern) for reason, pattern in CONTENTS.items()}
CHUNK_BYTES = 1 << 20
OVERLAP_BYTES = 200
"""A token that lies across the border of two chunks is no longer than this."""


def secret_name(name: str, is_folder: bool) -> str:
    """Why a file or folder of that name is taken for a secret; empty when it is not."""
    lower = name.lower()
    if is_folder:
        return "it holds keys or tokens" if lower in FOLDERS else ""
    for reason, patterns in NAMES.items():
        if any(fnmatchcase(lower, pattern) for pattern in patterns):
            return reason
    return ""


def secret_content(file: Path) -> str:
    """Why the content of a file is taken for a secret; empty when it is not. Raises OSError."""
    before = b""
    with file.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            text = before + chunk
            for reason, pattern in PATTERNS.items():
                if pattern.search(text):
                    return reason
            before = text[-OVERLAP_BYTES:]
    return ""
