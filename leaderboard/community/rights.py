"""What people are to a request, a flag or a model."""

from __future__ import annotations

from leaderboard.community.flags import BOARD, Flag, State
from leaderboard.identity import Identity
from leaderboard.records import Person, Request, is_same


class Rights:
    """Who is who to a request, a flag or a model."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def is_maintainer(self, person: Person) -> bool:
        """Whether they look after the board."""
        return self._identity.roles.is_maintainer(person)

    def is_owner(self, person: Person, model: str) -> bool:
        """Whether `model` is theirs; not a maintainer's for that alone."""
        return self.is_known(person) and self._identity.roles.owns(person, model)

    def is_known(self, person: Person) -> bool:
        """Whether they can be told from others; where nobody can sign in there are no others."""
        return not self._identity.signs_in or person.name != self._identity.anonymous.name

    def is_self(self, person: Person, name: str) -> bool:
        """Whether `name` in a file means `person`: a stranger is not everybody who was one."""
        return is_same(person.name, name) and not is_same(name, BOARD) and self.is_known(person)

    def may_cancel(self, person: Person, request: Request) -> bool:
        """Its submitters, the model's owner and maintainers."""
        has_submitted = any(self.is_self(person, name) for name in (request.sender, request.resubmitted_by))
        return has_submitted or self.is_owner(person, request.model) or self.is_maintainer(person)

    def may_withdraw(self, person: Person, flag: Flag) -> bool:
        """The flagger while nothing is decided, and maintainers."""
        return (self.is_self(person, flag.by) and flag.state is State.PROPOSED) or self.is_maintainer(person)
