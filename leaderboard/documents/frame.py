"""What is around every page: the head, the top bar, the footer; and the address of a page as its reader sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from leaderboard import __version__
from leaderboard.benchmarks.load import natural
from leaderboard.documents.files import asset_address
from leaderboard.documents.outage import outage_note
from leaderboard.documents.render import address, render
from leaderboard.documents.visit import Visit
from leaderboard.errors import Infrastructure, PodiumError
from leaderboard.service import Service

TABS = ("Leaderboard", "Submit", "Queue", "Compare", "Plots", "About")
"""Names in the top bar, in order; the first one's address is `/`."""
SUBJECTS = ("Model", "Request", "Organise", "Manage", "Participate")
"""Pages that are reached by links; the rest of their addresses names their subject."""
LINKED = ("Flags",)
"""Other pages that are reached by links."""

NAMES = ("", *(name.lower() for name in (*TABS[1:], *SUBJECTS, *LINKED)))
"""First part of each page's address, also of those that Gradio draws."""

OWN_PATH = re.compile(r'((?:href|src|action|data-live|data-figure|data-plotly)="|data-send="[A-Z]+ )(?=/(?!/))')
"""What comes before a path of ours in markup; quotes in texts are escaped."""
KEEPS = re.compile(r'href="(/[^"?#]*)((?:#[^"]*)?)" data-keep')
"""A link that keeps the benchmark of the page that it is on."""
MOST_IN_A_LIST = 12
"""Benchmarks in a plain list; more of them get a field that searches."""
HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
SENTENCE = re.compile(r"<p[^>]* data-sentence[^>]*>(.*?)</p>", re.DOTALL)

STYLE = "theme.css"
SCRIPT, PEOPLE = "podium.js", "people.js"
"""Of every page; of those of a board at which people sign in."""


@dataclass(frozen=True)
class Page:
    """A page that the server writes whole."""

    title: str
    """Its name; in lower case the first part of its address."""
    draw: Callable[[Service, Visit], str]
    """Writes what is between the top bar and the footer. Raises PodiumError."""
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    """Beside those of every page."""
    modules: tuple[str, ...] = ()
    main_class: str = "block page"

    @property
    def path(self) -> str:
        """Its address, of its subjects the part before them."""
        return "/" if self.title == TABS[0] else f"/{self.title.lower()}"


@dataclass(frozen=True)
class Place:
    """Where a document is read: for links to itself."""

    origin: str
    """The board's address as its reader has it, without a slash at the end."""
    path: str
    """Below the board's root."""
    query: str = ""

    @property
    def here(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


def document(service: Service, page: Page, visit: Visit, place: Place, drawn: str) -> str:
    """The whole page around `drawn`."""
    heading, sentence = (text_of(pattern, drawn) for pattern in (HEADING, SENTENCE))
    title = service.settings.title
    whole = render(
        "document",
        root=service.settings.root,
        title=f"{heading} · {title}" if heading and heading != title else title,
        heading=heading or title,
        board=title,
        sentence=sentence,
        address=f"{place.origin}{address_of(place)}",
        preview=f"{place.origin}{preview_of(page, visit)}",
        styles=[asset_address(name) for name in (STYLE, *page.styles)],
        scripts=[asset_address(name) for name in (*_scripts(service), *page.scripts)],
        modules=[asset_address(name) for name in page.modules],
        icon=asset_address("podium.svg"),
        main_class=page.main_class,
        top_bar=Markup(top_bar(service, page.title, visit, place.here)),
        drawn=Markup(outage_note(service) + drawn),
        footer=Markup(footer(service)),
    )
    return rooted(service, keeping(service, visit, whole))


def _scripts(service: Service) -> tuple[str, ...]:
    return (PEOPLE, SCRIPT) if service.identity.signs_in and not service.settings.on_space else (SCRIPT,)


def text_of(pattern: re.Pattern[str], drawn: str) -> str:
    """The text of the first piece of our markup that `pattern` finds; empty without one."""
    match = pattern.search(drawn)
    return Markup(match[1]).striptags() if match else ""


def address_of(place: Place) -> str:
    """The page's own address, for those who pass it on."""
    return address(place.path) + (f"?{place.query}" if place.query else "")


def preview_of(page: Page, visit: Visit) -> str:
    """The address of the picture that stands for a page where its link is shown."""
    query = {"benchmark": visit.benchmark} if visit.benchmark else {}
    subject = "/".join(visit.rest)
    if subject and page.title == "Model":
        query["model"] = subject
    return f"/preview.png?{urlencode(query)}" if query else "/preview.png"


def top_bar(service: Service, active: str, visit: Visit | None = None, here: str = "/") -> str:
    """The board's name, the benchmark switch, the tabs, and who is signed in."""
    identity, on_space = service.identity, service.settings.on_space
    name = visit.person.name if visit and visit.person else identity.anonymous.name
    known = name != identity.anonymous.name
    way_in = address("/login/huggingface", _target_url=here) if on_space else address("/api/v1/sign-in", back=here)
    return render(
        "top_bar",
        title=service.settings.title,
        benchmarks=sorted(service.benchmarks.values(), key=lambda benchmark: natural(benchmark.title.casefold())),
        first=next(iter(service.benchmarks.values())),
        most=MOST_IN_A_LIST,
        chosen=visit.benchmark if visit else "",
        switch_path="/" if active not in TABS[1:] else f"/{active.lower()}",
        tabs=[(name, "/" if name == TABS[0] else f"/{name.lower()}") for name in TABS],
        active=active,
        people=identity.signs_in and (visit is not None or not on_space),
        sign_in="" if known or visit is None else way_in,
        name=name if known and on_space else "",
        sign_out=address("/logout", _target_url=here),
    )


def footer(service: Service) -> str:
    """Version, licence, documentation, contact."""
    settings = service.settings
    return render("footer", version=__version__, title=settings.title, settings=settings)


def keeping(service: Service, visit: Visit, drawn: str) -> str:
    """Markup whose links to other pages keep the benchmark of the address."""
    if not visit.benchmark or visit.benchmark not in service.benchmarks:
        return drawn
    query = urlencode({"benchmark": visit.benchmark})
    return KEEPS.sub(lambda link: f'href="{link[1]}?{query}{link[2]}" data-keep', drawn)


def rooted(service: Service, drawn: str) -> str:
    """Markup whose links, forms and images lie below the board's root path."""
    root = service.settings.root
    return OWN_PATH.sub(lambda before: before[0] + root, drawn) if root else drawn


def trouble(error: PodiumError) -> str:
    """What a page shows instead of its content: the sentence of an error."""
    return render("trouble", sentence=str(error), ours=isinstance(error, Infrastructure))


def head(scripts: Sequence[str]) -> str:
    """What the head of a page that Gradio writes links to."""
    style = f'<link rel="stylesheet" href="{asset_address(STYLE)[1:]}">'
    own = ("address.js", PEOPLE, SCRIPT, *scripts)
    loaded = (f'<script defer src="{asset_address(name)[1:]}"></script>' for name in own)
    return "".join(('<meta name="color-scheme" content="light dark">', style, *loaded))
