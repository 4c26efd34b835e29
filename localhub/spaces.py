"""The README of a new Space, whose head says how to run it."""

import hashlib

from localhub.errors import Invalid

SDKS = ("gradio", "docker", "static", "streamlit")
_COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
_EMOJIS = "🚀🔥📊📈🐠🐢🌍💻"
_WITH_APP = ("gradio", "streamlit")


def check_sdk(sdk: str) -> str:
    """`sdk` unchanged; raises Invalid when the Hub does not have it."""
    if sdk not in SDKS:
        raise Invalid(f'Unknown "sdk" of a Space, "{sdk[:50]}": expected one of {", ".join(SDKS)}')
    return sdk


def readme(name: str, sdk: str) -> str:
    """The README of a new Space; emoji and colours depend on its name (the Hub picks them at random)."""
    digest = hashlib.sha256(name.encode()).digest()
    title = name.replace("-", " ").replace("_", " ").strip().title()
    lines = [
        f'title: "{title}"',
        f"emoji: {_EMOJIS[digest[0] % len(_EMOJIS)]}",
        f"colorFrom: {_COLORS[digest[1] % len(_COLORS)]}",
        f"colorTo: {_COLORS[digest[2] % len(_COLORS)]}",
        f"sdk: {sdk}",
        *(["app_file: app.py"] if sdk in _WITH_APP else []),
        "pinned: false",
    ]
    head = "\n".join(lines)
    reference = "https://huggingface.co/docs/hub/spaces-config-reference"
    return f"---\n{head}\n---\n\nCheck out the configuration reference at {reference}\n"
