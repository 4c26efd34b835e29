"""What every page shares: the frame, the top bar, its address, and how a handler gets the service."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import MethodType
from typing import Any
from urllib.parse import parse_qsl, unquote

import gradio as gr

from leaderboard.errors import Infrastructure, PodiumError
from leaderboard.pages.render import render
from leaderboard.records import Person
from leaderboard.service import Service

ROOT = 'new URL(window.gradio_config?.root || location.origin).pathname.replace(/\\/$/, "")'
"""In the browser: what stands before every path of ours."""
LOCATION = f"() => location.pathname.slice({ROOT}.length) + location.search"
"""In the browser: where the reader is. Given as `js` it becomes the handler's only input."""
OWN_PATH = re.compile(r'((?:href|src|action|data-live)="|data-send="[A-Z]+ )(?=/(?!/))')
"""What comes before a path of ours in markup; quotes in texts are escaped."""
SUBJECT = "subject"
"""The query value that stands for what follows a page's name: `/model?subject=org/name` is `/model/org/name`."""


@dataclass(frozen=True)
class Visit:
    """A reader's address (the path after the page's name, and the query) and who the reader is."""

    rest: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    person: Person | None = None

    @property
    def benchmark(self) -> str:
        """The benchmark in the address; empty for the first one."""
        return self.query.get("benchmark", "")

    def number(self, name: str, default: int = 0) -> int:
        """A query value as a number that is not negative."""
        text = self.query.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else default


def parse_visit(text: str, person: Person | None = None) -> Visit:
    """The visit to `text`, a path with a query."""
    path, _, query_text = text.partition("?")
    _, *rest = [unquote(part) for part in path.split("/") if part] or [""]
    query = dict(parse_qsl(query_text))
    subject = [part for part in query.pop(SUBJECT, "").split("/") if part]
    return Visit(tuple(rest or subject), query, person)


def bind_service(handler: Callable[..., Any], service: Service) -> Callable[..., Any]:
    """`handler` as a method of `service`: Gradio reads the names and types of its other arguments."""
    return MethodType(handler, service)


def markup(value: str, **options: Any) -> gr.HTML:
    """A piece of our own markup, without Gradio's styles for prose."""
    return gr.HTML(value, apply_default_css=False, **options)


def rooted(service: Service, drawn: str) -> str:
    """Markup whose links, forms and images lie below the board's root path."""
    root = service.settings.root
    return OWN_PATH.sub(lambda before: before[0] + root, drawn) if root else drawn


def top_bar(service: Service, active: str, tabs: Sequence[tuple[str, str]]) -> None:
    """The board's name, the benchmark switch, the tabs, and who is signed in."""
    gr.Navbar(visible=False)  # type: ignore[attr-defined]  # documented, but left out of Gradio's __all__
    drawn = render(
        "top_bar",
        title=service.settings.title,
        benchmarks=list(service.benchmarks.values()),
        tabs=tabs,
        active=active,
        people=service.identity.signs_in and not service.settings.on_space,
    )
    markup(rooted(service, drawn), elem_id="top")
    if service.identity.signs_in and service.settings.on_space:
        gr.LoginButton(elem_id="sign-in", size="sm")  # anywhere else it signs everybody in as the server's own account


EVENT: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""How our events are sent: at once, without an overlay, and not as part of anybody's API."""


def whole_page(service: Service, draw: Callable[[Service, Visit], str]) -> None:
    """A page that is one piece of markup, drawn by `draw` for the reader's address.

    podium.js draws it again when the reader changes the view, and every `data-refresh` seconds while it can be seen.
    """
    location = gr.Textbox(visible=False)
    content = markup(render("loading"), elem_classes="page")
    again = gr.Button("Draw again", elem_id="again")

    def show(where: str, request: gr.Request) -> str:
        return safely(draw, service, parse_visit(where, service.identity.visitor(request)))

    on_load(show, location, content)
    # A change of view that comes while the last one is being drawn is drawn after it, not dropped.
    again.click(show, location, content, js=LOCATION, trigger_mode="always_last", **EVENT)


def on_load(handler: Callable[..., Any], location: gr.Textbox, outputs: Any) -> Any:
    """Call `handler` with the reader's address when the page that is being built is opened; returns Gradio's event.

    An event without triggers runs at the start and when an input changes, which `location` never does.
    """
    return gr.on(None, handler, location, outputs, js=LOCATION, **EVENT)


def safely(draw: Callable[[Service, Visit], str], service: Service, visit: Visit) -> str:
    """What `draw` returns; the sentence of a PodiumError as a page of its own."""
    try:
        return rooted(service, draw(service, visit))
    except PodiumError as error:
        return rooted(service, render("trouble", sentence=str(error), ours=isinstance(error, Infrastructure)))


def theme() -> gr.themes.Base:
    """Gradio's plainest theme with the system's fonts; every colour comes from theme.css.

    Those that Gradio writes into the document are here as well, so that nothing is drawn in other colours first.
    """
    plain = gr.themes.Base(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"], radius_size="sm", text_size="sm"
    )
    return plain.set(
        body_background_fill="#ffffff",
        body_background_fill_dark="#131417",
        body_text_color="#16181d",
        body_text_color_dark="#eceef1",
    )
