"""Routes of the OpenID provider: discovery, the sign-in page, tokens, userinfo."""

import base64
import binascii
from html import escape
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from localhub.accounts import TOKEN_SCOPES
from localhub.errors import Invalid, LocalHubError, Unauthenticated
from localhub.oauth import SCOPES, SignIn
from localhub.rights import check_signed_in
from localhub.server.accounts import AVATAR
from localhub.server.context import Body, Served, Site, Who, answer, base_url
from localhub.server.html import page

router = APIRouter()


async def _form(body: Body) -> dict[str, str]:
    return {
        key: values[-1] for key, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items()
    }


Form = Annotated[dict[str, str], Depends(_form)]


@router.get("/.well-known/openid-configuration")
def discovery(request: Request) -> Response:
    """Where everything is."""
    base = base_url(request)
    return answer(
        {
            "issuer": base,
            "authorization_endpoint": f"{base}/oauth/authorize",
            "token_endpoint": f"{base}/oauth/token",
            "userinfo_endpoint": f"{base}/oauth/userinfo",
            "jwks_uri": f"{base}/oauth/jwks",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "nonce",
                "name",
                "preferred_username",
                "picture",
                "orgs",
            ],
        }
    )


@router.get("/oauth/jwks")
def keys(site: Served) -> Response:
    """The public key that identities are signed with."""
    return answer(site.openid.public_keys())


def _wanted(fields: dict[str, str]) -> SignIn:
    if fields.get("response_type") != "code":
        raise Invalid('The response_type must be "code"')
    challenge = fields.get("code_challenge", "")
    if challenge and fields.get("code_challenge_method") != "S256":
        raise Invalid("The code_challenge_method must be S256")
    names = ("client_id", "redirect_uri", "scope", "nonce")
    client_id, redirect_uri, scope, nonce = (fields.get(name, "") for name in names)
    return SignIn(client_id, redirect_uri, scope, nonce, challenge)


@router.get("/oauth/authorize")
def ask(request: Request, site: Served) -> Response:
    """The page where a person says who they are."""
    fields = dict(request.query_params)
    try:
        wanted = _wanted(fields)
        site.openid.check_sign_in(wanted)
    except LocalHubError as error:
        return page("Sign in", f"<h1>This sign-in cannot go on</h1><p>{escape(error.message)}</p>", error.status)
    return _sign_in_page(request, site, wanted, fields)


def _sign_in_page(request: Request, site: Site, wanted: SignIn, fields: dict[str, str], problem: str = "") -> Response:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
        if name not in ("token", "user")
    )
    people = "".join(
        f'<button name="user" value="{escape(name)}">{escape(name)}</button> ' for name in site.hub.accounts.users()
    )
    choice = f"<p>Or, as this Hub is open for trying out, simply be:</p><p>{people}</p>" if site.choose_user else ""
    said = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    scopes = ", ".join(scope for scope in wanted.scope.split() if scope in SCOPES)
    body = (
        f"<h1>Sign in</h1><p><strong>{escape(wanted.client_id)}</strong> at {escape(wanted.redirect_uri)} asks who you "
        f"are, and for: {escape(scopes)}.</p>{said}"
        f'<form method="post" action="{escape(base_url(request))}/oauth/authorize">{hidden}'
        '<p><label>Your token of this Hub<br><input type="password" name="token" autocomplete="off" size="40"></label> '
        f"<button>Sign in</button></p>{choice}</form>"
    )
    return page("Sign in", body, 401 if problem else 200)


@router.post("/oauth/authorize")
def decide(request: Request, site: Served, fields: Form) -> Response:
    """Send the person back with a code, once they have shown a token (or chosen a name, where that is allowed)."""
    try:
        wanted = _wanted(fields)
        site.openid.check_sign_in(wanted)
    except LocalHubError as error:
        return page("Sign in", f"<h1>This sign-in cannot go on</h1><p>{escape(error.message)}</p>", error.status)
    try:
        user, may = _identified(site, fields)
    except LocalHubError:
        return _sign_in_page(request, site, wanted, fields, "This token is not one of this Hub: paste another")
    back = urlencode({"code": site.openid.code_for(user, may, wanted), "state": fields.get("state", "")})
    separator = "&" if "?" in wanted.redirect_uri else "?"
    return RedirectResponse(f"{wanted.redirect_uri}{separator}{back}", 303, {"Cache-Control": "no-store"})


def _identified(site: Site, fields: dict[str, str]) -> tuple[str, frozenset[str]]:
    if site.choose_user and fields.get("user"):
        return str(site.hub.accounts.user(fields["user"])["name"]), TOKEN_SCOPES["write"]
    visitor = site.hub.accounts.visitor(fields.get("token", "").strip())
    return check_signed_in(visitor), visitor.scopes


@router.post("/oauth/token")
def token(request: Request, site: Served, fields: Form) -> Response:
    """Exchange a code for an access token and a signed identity."""
    client_id, secret = _basic(request) or (fields.get("client_id", ""), fields.get("client_secret", ""))
    headers = {"Cache-Control": "no-store"}
    if fields.get("grant_type") != "authorization_code":
        return answer({"error": "unsupported_grant_type"}, 400, headers)
    given = (fields.get("code", ""), fields.get("redirect_uri", ""), client_id, secret, fields.get("code_verifier", ""))
    try:
        return answer(site.openid.redeem(base_url(request), *given), headers=headers)
    except (Invalid, Unauthenticated) as error:
        name, _, description = error.message.partition(": ")
        return answer({"error": name, "error_description": description}, error.status, headers)


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote(user), unquote(password)


@router.get("/oauth/userinfo")
def userinfo(request: Request, site: Served, who: Who) -> Response:
    """Who the bearer of the access token is."""
    name = check_signed_in(who)
    base = base_url(request)
    return answer(site.openid.claims(name) | {"profile": f"{base}/{name}", "picture": f"{base}{AVATAR}"})
