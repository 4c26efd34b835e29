"""Routes of a user's webhooks."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from localhub.accounts import WRITE, Visitor
from localhub.errors import Forbidden
from localhub.rights import check_signed_in
from localhub.server.context import Json, Served, Who, answer

router = APIRouter()
_HOOKS = "/api/settings/webhooks"


def _owner(who: Visitor) -> str:
    name = check_signed_in(who)
    if WRITE not in who.scopes:
        raise Forbidden("You don't have the rights to manage webhooks: the token is read-only")
    return name


def _shown(hook: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in hook.items() if key != "owner"}


@router.get(_HOOKS)
def listing(site: Served, who: Who) -> Response:
    """All webhooks of the user."""
    return answer([_shown(hook) for hook in site.webhooks.of(_owner(who))])


@router.post(_HOOKS)
def create(site: Served, who: Who, data: Json) -> Response:
    """Register a webhook."""
    return answer({"webhook": _shown(site.webhooks.add(_owner(who), data))})


@router.get(_HOOKS + "/{hook_id}")
def get(site: Served, who: Who, hook_id: str) -> Response:
    """One webhook."""
    return answer({"webhook": _shown(site.webhooks.get(_owner(who), hook_id))})


@router.post(_HOOKS + "/{hook_id}")
def update(site: Served, who: Who, hook_id: str, data: Json) -> Response:
    """Change a webhook."""
    return answer({"webhook": _shown(site.webhooks.update(_owner(who), hook_id, data))})


@router.delete(_HOOKS + "/{hook_id}")
def delete(site: Served, who: Who, hook_id: str) -> Response:
    """Delete a webhook."""
    site.webhooks.delete(_owner(who), hook_id)
    return answer({})


@router.post(_HOOKS + "/{hook_id}/enable")
def enable(site: Served, who: Who, hook_id: str) -> Response:
    """Enable a webhook."""
    return answer({"webhook": _shown(site.webhooks.set_disabled(_owner(who), hook_id, False))})


@router.post(_HOOKS + "/{hook_id}/disable")
def disable(site: Served, who: Who, hook_id: str) -> Response:
    """Disable a webhook."""
    return answer({"webhook": _shown(site.webhooks.set_disabled(_owner(who), hook_id, True))})
