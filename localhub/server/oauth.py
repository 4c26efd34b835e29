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
    """The provider's configuration."""
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
    """The public key that verifies identity tokens."""
    return answer(site.openid.public_keys())


def _sign_in_of(fields: dict[str, str]) -> SignIn:
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
    """The sign-in page."""
    fields = dict(request.query_params)
    try:
        sign_in = _sign_in_of(fields)
        site.openid.check_sign_in(sign_in)
    except LocalHubError as error:
        return page("Sign in", f"<h1>Sign-in failed</h1><p>{escape(error.message)}</p>", error.status)
    return _sign_in_page(request, site, sign_in, fields)


def _sign_in_page(request: Request, site: Site, sign_in: SignIn, fields: dict[str, str], problem: str = "") -> Response:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
        if name not in ("token", "user")
    )
    people = "".join(
        f'<button name="user" value="{escape(name)}">{escape(name)}</button> ' for name in site.hub.accounts.users()
    )
    choice = (
        f"<p>Or choose a user; this Hub is open for demos and tests:</p><p>{people}</p>" if site.choose_user else ""
    )
    alert = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    scopes = ", ".join(scope for scope in sign_in.scope.split() if scope in SCOPES)
    body = (
        f"<h1>Sign in</h1><p><strong>{escape(sign_in.client_id)}</strong> at {escape(sign_in.redirect_uri)} wants to "
        f"sign you in, with the scopes: {escape(scopes)}.</p>{alert}"
        f'<form method="post" action="{escape(base_url(request))}/oauth/authorize">{hidden}'
        "<p><label>Your token for this Hub<br>"
        '<input type="password" name="token" autocomplete="off" size="40"></label> '
        f"<button>Sign in</button></p>{choice}</form>"
    )
    return page("Sign in", body, 401 if problem else 200)


@router.post("/oauth/authorize")
def decide(request: Request, site: Served, fields: Form) -> Response:
    """Check the token (or the chosen user, where that is allowed) and redirect back with a code."""
    try:
        sign_in = _sign_in_of(fields)
        site.openid.check_sign_in(sign_in)
    except LocalHubError as error:
        return page("Sign in", f"<h1>Sign-in failed</h1><p>{escape(error.message)}</p>", error.status)
    try:
        user, may = _identified(site, fields)
    except LocalHubError:
        return _sign_in_page(request, site, sign_in, fields, "This Hub does not know this token. Paste another one.")
    back = urlencode({"code": site.openid.code_for(user, may, sign_in), "state": fields.get("state", "")})
    separator = "&" if "?" in sign_in.redirect_uri else "?"
    return RedirectResponse(f"{sign_in.redirect_uri}{separator}{back}", 303, {"Cache-Control": "no-store"})


def _identified(site: Site, fields: dict[str, str]) -> tuple[str, frozenset[str]]:
    if site.choose_user and fields.get("user"):
        return str(site.hub.accounts.user(fields["user"])["name"]), TOKEN_SCOPES["write"]
    visitor = site.hub.accounts.visitor(fields.get("token", "").strip())
    return check_signed_in(visitor), visitor.scopes


@router.post("/oauth/token")
def token(request: Request, site: Served, fields: Form) -> Response:
    """Exchange a code for an access token and an identity token."""
    client_id, secret = _basic(request) or (fields.get("client_id", ""), fields.get("client_secret", ""))
    headers = {"Cache-Control": "no-store"}
    if fields.get("grant_type") != "authorization_code":
        return answer({"error": "unsupported_grant_type"}, 400, headers)
    parameters = (
        fields.get("code", ""),
        fields.get("redirect_uri", ""),
        client_id,
        secret,
        fields.get("code_verifier", ""),
    )
    try:
        return answer(site.openid.redeem(base_url(request), *parameters), headers=headers)
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
    """The owner of the access token."""
    name = check_signed_in(who)
    base = base_url(request)
    return answer(site.openid.claims(name) | {"profile": f"{base}/{name}", "picture": f"{base}{AVATAR}"})
