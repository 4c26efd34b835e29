"""Routes about people: whoami, users, organisations."""

import hashlib
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from localhub.rights import check_signed_in
from localhub.server.context import Segment, Served, Site, Who, answer

router = APIRouter()
AVATAR = "/avatars/user.svg"
_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" fill="#dfe3ea"/>'
    '<circle cx="16" cy="12" r="6" fill="#8b94a5"/><path d="M4 32a12 12 0 0 1 24 0z" fill="#8b94a5"/></svg>'
)


@router.get("/api/whoami-v2")
def whoami(site: Served, who: Who) -> Response:
    """The user of the token, with organisations and roles."""
    user = site.hub.accounts.user(check_signed_in(who))
    token = {"displayName": who.token_name, "role": who.token_role, "createdAt": "1970-01-01T00:00:00.000Z"}
    about = {
        "type": "user",
        "id": _uid(user["name"]),
        "name": user["name"],
        "fullname": user["fullname"],
        "email": user["email"] or None,
        "emailVerified": bool(user["email"]),
        "isPro": False,
        "canPay": False,
        "avatarUrl": AVATAR,
        "orgs": [_membership(site, org, role) for org, role in sorted(who.orgs.items())],
        "auth": {"type": "access_token", "accessToken": token},
    }
    return answer(about)


@router.get("/api/users/{username}/overview")
def user_overview(site: Served, username: Segment) -> Response:
    """The public profile of a user."""
    user = site.hub.accounts.user(username)
    orgs = sorted(site.hub.accounts.organizations_of(user["name"]).items())
    about: dict[str, Any] = {"_id": _uid(user["name"]), "user": user["name"], "fullname": user["fullname"]}
    about |= {"type": "user", "avatarUrl": AVATAR, "isPro": False, "orgs": [_membership(site, *org) for org in orgs]}
    return answer(about)


@router.get("/api/organizations/{organization}/overview")
def organization_overview(site: Served, organization: Segment) -> Response:
    """The public profile of an organisation."""
    org = site.hub.accounts.organization(organization)
    about = {"_id": _uid(org["name"]), "name": org["name"], "fullname": org["fullname"], "type": "org"}
    return answer(about | {"avatarUrl": AVATAR, "numUsers": len(org["members"]), "isEnterprise": False})


@router.get("/api/organizations/{organization}/members")
def organization_members(site: Served, organization: Segment) -> Response:
    """The members of an organisation."""
    members = site.hub.accounts.organization(organization)["members"]
    return answer([person(site.hub.accounts.user(name)) for name in sorted(members)])


@router.get(AVATAR)
def avatar() -> Response:
    """The avatar that all users share."""
    return Response(_DRAWING, media_type="image/svg+xml")


def person(user: dict[str, Any]) -> dict[str, Any]:
    """A user as they appear in lists of people."""
    about = {"_id": _uid(user["name"]), "user": user["name"], "fullname": user["fullname"]}
    return about | {"type": "user", "avatarUrl": AVATAR, "isPro": False}


def _uid(name: str) -> str:
    return hashlib.sha256(name.lower().encode()).hexdigest()[:24]


def _membership(site: Site, org: str, role: str) -> dict[str, Any]:
    fullname = site.hub.accounts.organization(org)["fullname"]
    about = {"type": "org", "id": _uid(org), "name": org, "fullname": fullname, "roleInOrg": role}
    return about | {"avatarUrl": AVATAR, "email": None, "canPay": False, "isEnterprise": False}
