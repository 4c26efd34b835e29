"""What the pages that Gradio draws share: the frame, the address, and how a handler gets the service."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import gradio as gr

from leaderboard.documents.frame import footer, rooted, top_bar, trouble
from leaderboard.documents.outage import outage_note
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit, parse_visit
from leaderboard.errors import PodiumError
from leaderboard.service import Service

ROOT = 'new URL(window.gradio_config?.root || location.origin).pathname.replace(/\\/$/, "")'
"""In the browser: what stands before every path of ours. Gradio calls its handlers before our scripts have run."""
LOCATION = f"() => location.pathname.slice({ROOT}.length) + location.search"
"""In the browser: where the reader is. Given as `js` it becomes the handler's only input."""


def bind_service(handler: Callable[..., Any], service: Service) -> Callable[..., Any]:
    """`handler` as a method of `service`: Gradio reads the names and types of its other arguments."""
    return MethodType(handler, service)


def markup(value: str, **options: Any) -> gr.HTML:
    """A piece of our own markup, without Gradio's styles for prose."""
    return gr.HTML(value, apply_default_css=False, **options)


def framed(service: Service, active: str) -> None:
    """The top bar of a page."""
    gr.Navbar(visible=False)  # type: ignore[attr-defined]  # documented, but left out of Gradio's __all__
    markup(rooted(service, top_bar(service, active)), elem_id="top")
    if service.identity.signs_in and service.settings.on_space:
        gr.LoginButton(elem_id="sign-in", size="sm")  # anywhere else it signs everybody in as the server's own account


def ended(service: Service) -> None:
    """The footer of a page."""
    markup(rooted(service, footer(service)))


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
        drawn = draw(service, visit)
    except PodiumError as error:
        drawn = trouble(error)
    return rooted(service, outage_note(service) + drawn)


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
