"""Who asks, and whether they may. The API and the pages learn it here and nowhere else.

Somebody is known by a session (a sealed cookie, made by signing in at the Hub), by a token of the Hub sent as
`Authorization: Bearer`, or on a Space by Gradio's own sign-in. What a browser changes by cookie also needs our page
as its origin and the session's stamp in a header; a token needs neither, no other site can send it.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import urlsplit

from starlette.requests import Request as HttpRequest

from leaderboard.errors import HubUnavailable, NotAllowed, NotSignedIn
from leaderboard.identity.oidc import NAME, Pending, Provider, organisations
from leaderboard.identity.rights import Role, Roles
from leaderboard.identity.sealed import Sealed, Sealer, session_key
from leaderboard.records import Person, hub_name
from leaderboard.settings import Settings

__all__ = ["STAMP_HEADER", "AnyRequest", "Asker", "Identity", "Role", "Session"]

STAMP_HEADER = "x-podium-stamp"
TOKEN = re.compile(r"[\x21-\x7e]{1,4000}")
MAX_COOKIE_CHARACTERS = 3800
"""Browsers drop cookies over 4096 bytes."""
MAX_REMEMBERED = 10_000
ASKER = "podium.asker"
"""Where an HTTP request's scope remembers who asks."""
STAY = "The page that this came from is not signed in here any more. Load it again and repeat what you did."


class AnyRequest(Protocol):
    """A request, FastAPI's or Gradio's."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers."""
        ...


class People(Protocol):
    """Who knows whose token it is: the Hub."""

    def whoami(self, token: str) -> Person:
        """Raises NotAllowed for a token that it does not know, HubUnavailable."""
        ...


class Session(Sealed):
    """Somebody signed in."""

    id: str
    name: str
    orgs: tuple[str, ...] = ()
    token: str = ""
    """Theirs, for the Hub; empty when it had no room in the cookie."""


@dataclass(frozen=True)
class Asker:
    """Who asks, as the server knows them: resolved once for each HTTP request (`Identity.asker`) and passed on."""

    person: Person
    how: Literal["nobody", "session", "token", "space"] = "nobody"
    """How we know."""
    session: Session | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    """Theirs for the Hub, to act there in their own name; None when there is none. Never log it."""
    address: str = ""
    """Network address from which they ask."""

    @property
    def name(self) -> str:
        """As it is written into files."""
        return self.person.name

    @property
    def is_stranger(self) -> bool:
        """Whether nobody in particular asks."""
        return self.how == "nobody"

    @property
    def key(self) -> str:
        """A text that tells apart who asks, for counting: people by name, strangers by address."""
        return self.address if self.is_stranger else f"@{hub_name(self.name)}"


class Identity:
    """Tells who asks from what the server knows, never from what the client says, and what they may do."""

    def __init__(self, settings: Settings, people: People) -> None:
        """Raises BadSettings for a session key that cannot be used."""
        self.settings = settings
        self.anonymous = Person(name=settings.anonymous_sender)
        self.roles = Roles(settings.maintainer_names)
        self.provider = Provider(settings)
        self._people = people
        self._over = _Remembered()
        """Sessions that were signed out and sign-ins that were finished, in this process."""
        if self.signs_in:
            key = session_key(settings)
            self._sessions, self._pending = Sealer(key, "podium session"), Sealer(key, "podium sign-in")

    @property
    def signs_in(self) -> bool:
        """Whether people can sign in here at all."""
        return self.settings.sign_in != "off"

    @property
    def secure(self) -> bool:
        """Whether people reach us by https."""
        return self.settings.public_url.startswith("https://")

    @property
    def session_cookie(self) -> str:
        """Name of the session's cookie; under https one that no other host can set, nor http.

        Browsers take `__Host-` for whole hosts only, so that a board below a path does without it.
        """
        if not self.secure:
            return "podium_session"
        return "__Secure-podium_session" if self.settings.root else "__Host-podium_session"

    # --- what may be done

    def asker(self, source: AnyRequest) -> Asker:
        """Who asks; the anonymous sender for a stranger. Worked out once for each HTTP request, which remembers it.

        Raises NotSignedIn for a wrong token, NotAllowed, HubUnavailable.
        """
        request = _http(source)
        if ASKER not in request.scope:
            request.scope[ASKER] = self._asker(request)
        asker: Asker = request.scope[ASKER]
        return asker

    def visitor(self, source: AnyRequest) -> Person:
        """The person who reads a page; the anonymous sender for a token of which the Hub does not tell whose it is.

        Raises NotSignedIn, NotAllowed.
        """
        try:
            return self.asker(source).person
        except HubUnavailable:
            return self.anonymous

    def sender(self, source: AnyRequest) -> Asker:
        """Who may submit, vote and flag. Raises NotSignedIn, NotAllowed, HubUnavailable."""
        return self.allow(source, Role.SUBMITTER)

    def maintainer(self, source: AnyRequest) -> Asker:
        """Who looks after the board. Raises NotSignedIn, NotAllowed, HubUnavailable."""
        return self.allow(source, Role.MAINTAINER)

    def owner(self, source: AnyRequest, model: str) -> Asker:
        """Whose model it is, or a maintainer. Raises NotSignedIn, NotAllowed, HubUnavailable."""
        asker = self.allow(source, Role.OWNER)
        if not (self.roles.owns(asker.person, model) or self.roles.is_maintainer(asker.person)):
            raise NotAllowed(f"Only the owner of {model} and this board's maintainers may do this.")
        return asker

    def allow(self, source: AnyRequest, role: Role) -> Asker:
        """The one gate: who asks, if they may do what `role` may. Raises NotSignedIn, NotAllowed, HubUnavailable."""
        request, asker = _http(source), self.asker(source)
        if role is Role.READER:
            return asker
        self._check_origin(request, asker)
        if asker.is_stranger and not self._open_to_nobody(role):
            raise NotSignedIn(
                "Sign in to do this. Programs send a token of the Hub in the header Authorization: Bearer."
            )
        if role is Role.MAINTAINER and not self.roles.is_maintainer(asker.person):
            raise NotAllowed(f"Only this board's maintainers may do this; you are {asker.name}.")
        return asker

    def roles_of(self, asker: Asker) -> list[Role]:
        """The roles of who asks that do not depend on a model."""
        roles = [Role.READER]
        if not asker.is_stranger or self._open_to_nobody(Role.SUBMITTER):
            roles.append(Role.SUBMITTER)
        if self.roles.is_maintainer(asker.person) and (not asker.is_stranger or self._open_to_nobody(Role.MAINTAINER)):
            roles.append(Role.MAINTAINER)
        return roles

    def _open_to_nobody(self, role: Role) -> bool:
        """Whether a stranger may act as the anonymous sender; with sign-in, only to submit where it is optional."""
        if self.settings.sign_in == "optional":
            return role is Role.SUBMITTER
        return self.settings.sign_in == "off"

    # --- who asks

    def _asker(self, request: HttpRequest) -> Asker:
        address = request.client.host if request.client else ""
        stranger = Asker(self.anonymous, address=address)
        if not self.signs_in:
            return stranger
        if token := _bearer(request):
            return Asker(self._named(self._whose(token)), "token", token=token, address=address)
        if session := self.session(request):
            person = self._named(Person(name=session.name, orgs=session.orgs))
            return Asker(person, "session", session, session.token or None, address)
        if self.settings.on_space and (person_of_space := _of_space(request)):
            return Asker(self._named(person_of_space), "space", address=address)
        return stranger

    def _whose(self, token: str) -> Person:
        if not TOKEN.fullmatch(token):
            raise NotSignedIn(
                "The Authorization header holds no valid token. Send one of your access tokens of the Hub."
            )
        try:
            return self._people.whoami(token)
        except NotAllowed as error:
            raise NotSignedIn(str(error)) from None

    def _named(self, person: Person) -> Person:
        """`person`, unless the Hub's account has the name that stands here for whoever is not signed in."""
        if hub_name(person.name) == hub_name(self.anonymous.name):
            raise NotAllowed(
                f"{person.name} is the name that this board writes for whoever is not signed in. "
                "Its operator has to choose another name (PODIUM_ANONYMOUS_SENDER)."
            )
        return person

    def _check_origin(self, request: HttpRequest, asker: Asker) -> None:
        """That a change which a browser asks for comes from our own page. Raises NotAllowed."""
        if asker.how == "token":
            return
        origin = request.headers.get("origin")
        if origin is not None and not self._is_ours(origin, request):
            raise NotAllowed("This was sent from a page of another site. Do it on this board's own page.")
        if asker.how == "space" and origin is None:
            raise NotAllowed(STAY)
        if asker.session and not hmac.compare_digest(
            request.headers.get(STAMP_HEADER, "").encode(), self.stamp(asker.session).encode()
        ):
            raise NotAllowed(STAY)

    def _is_ours(self, origin: str, request: HttpRequest) -> bool:
        place = urlsplit(origin)
        public = urlsplit(self.settings.public_url)
        if public.netloc and (place.scheme, place.netloc) == (public.scheme, public.netloc):
            return True
        return bool(place.netloc) and place.netloc == request.headers.get("host")

    # --- sessions

    def session(self, request: HttpRequest) -> Session | None:
        """The session that the request's cookie holds, if it is ours and not over."""
        text = request.cookies.get(self.session_cookie) if self.signs_in else None
        session = self._sessions.open(text, Session) if text else None
        return None if session is None or session.id in self._over else session

    def stamp(self, session: Session) -> str:
        """What a page of ours sends along to show that it is one (STAMP_HEADER)."""
        return self._sessions.stamp(session.id)

    def seal(self, session: Session) -> str:
        """The session's cookie; without the token, then without most organisations, where it would be too long."""
        for kept in (session, session.model_copy(update={"token": ""})):
            if len(text := self._sessions.seal(kept)) <= MAX_COOKIE_CHARACTERS:
                return text
        return self._sessions.seal(session.model_copy(update={"token": "", "orgs": session.orgs[:20]}))

    def begin(self, redirect_uri: str, back: str) -> tuple[str, str]:
        """The provider's address to go to, and the cookie to come back with. Raises NotAllowed, HubUnavailable."""
        if not self.signs_in:
            raise NotAllowed("This board has no sign-in. Its operator can switch it on (PODIUM_SIGN_IN).")
        address, pending = self.provider.begin(redirect_uri, back)
        return address, self._pending.seal(pending)

    def finish(self, cookie: str, state: str, code: str) -> tuple[Session, str]:
        """The session of who came back from the provider, and where they were.

        Raises NotSignedIn when this browser did not begin it, took too long or did it before; NotAllowed,
        HubUnavailable.
        """
        pending = self._pending.open(cookie, Pending) if self.signs_in and cookie else None
        if pending is None or not hmac.compare_digest(pending.state.encode(), state.encode()):
            raise NotSignedIn("This sign-in was not begun in this browser, or it took too long. Sign in again.")
        if not code:
            raise NotSignedIn("You were not signed in: the Hub sent no code. Sign in again.")
        if not self._over.add(pending.state, pending.expires):
            raise NotSignedIn("This sign-in was finished before. Sign in again.")
        signed = self.provider.finish(pending, code)
        self._named(signed.person)
        lasts = min(int(self.settings.session_hours * 3600), signed.lasts_s)
        session = Session(
            expires=int(time.time()) + lasts,
            id=secrets.token_hex(16),
            name=signed.person.name,
            orgs=signed.person.orgs,
            token=signed.token,
        )
        return session, pending.back

    def end(self, session: Session) -> None:
        """Sign out: the session counts no more, also for who has a copy of the cookie."""
        self._over.add(session.id, session.expires)


class _Remembered:
    """Names until a time each, a bounded number of them. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: OrderedDict[str, int] = OrderedDict()

    def add(self, name: str, until: int) -> bool:
        """Remember `name`; whether it was new."""
        with self._lock:
            new = name not in self._until
            self._until[name] = until
            expired = [name for name, end in self._until.items() if end < time.time()]
            for name in expired:
                del self._until[name]
            while len(self._until) > MAX_REMEMBERED:
                self._until.popitem(last=False)
            return new

    def __contains__(self, name: str) -> bool:
        return name in self._until


def _http(source: AnyRequest) -> HttpRequest:
    """The HTTP request behind what FastAPI or Gradio hands to a handler."""
    inner = source if isinstance(source, HttpRequest) else vars(source).get("request")
    if not isinstance(inner, HttpRequest):
        raise NotSignedIn("Who asks cannot be told from this kind of request.")
    return inner


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _of_space(request: HttpRequest) -> Person | None:
    """Who Gradio's sign-in on a Space says it is: its own signed session, which it only has there."""
    session = request.scope.get("session")
    info = session.get("oauth_info") if isinstance(session, Mapping) else None
    if not isinstance(info, Mapping) or not float(info.get("expires_at") or 0) > time.time():
        return None
    about = info.get("userinfo")
    name = about.get("preferred_username") if isinstance(about, Mapping) else None
    if not isinstance(about, Mapping) or not isinstance(name, str) or not NAME.fullmatch(name):
        return None
    return Person(name=name, orgs=organisations(about.get("orgs")))
