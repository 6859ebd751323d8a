"""What an account needs before triage can begin, and what of it is there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

from attrs import frozen

from mailroom.triage.layout import mailbox_paths
from mailroom.triage.model import Mailbox, Scheme
from mailroom.triage.names import fold_name


class Kind(Enum):
    """What something in the account is for."""

    SCREENER = "Screener"
    DESTINATION = "destination"
    TRIAGE_LABEL = "triage label"
    ERROR_LABEL = "error label"
    WARNING_LABEL = "warning label"
    GROUP = "contact group"


class State(Enum):
    """Whether something is there; taken means that something like it stands in its place."""

    PRESENT = "present"
    MISSING = "missing"
    TAKEN = "taken"


class Obstacle(Enum):
    """Why a name is taken."""

    CASE = "another case"
    LEVEL = "another level"
    ROLE = "a role"
    DOUBLED = "used twice"


@frozen
class Item:
    """One thing that triage needs.

    Attributes:
        name: Its full name.
        obstacle: Why it cannot simply be made; None unless its name is taken.
        found: The full name of what stands in its place.
        role: What that is for, where it has a role.
    """

    kind: Kind
    name: str
    state: State
    obstacle: Obstacle | None = None
    found: str = ""
    role: str = ""


def survey_mailboxes(mailboxes: Iterable[Mailbox], scheme: Scheme) -> list[Item]:
    """Say of each mailbox and label that the scheme names whether it is there."""
    by_id = {mailbox.id: mailbox for mailbox in mailboxes}
    roles = {path: by_id[mailbox_id].role or "" for mailbox_id, path in mailbox_paths(by_id.values()).items()}
    return [_survey_mailbox(kind, name, roles) for kind, name in _wanted_mailboxes(scheme)]


def survey_groups(names: Sequence[str], scheme: Scheme) -> list[Item]:
    """Say of each contact group that the scheme names whether it is there."""
    return [_survey_group(group, Counter(names)) for group in scheme.groups]


def _wanted_mailboxes(scheme: Scheme) -> list[tuple[Kind, str]]:
    destinations = dict.fromkeys(category.mailbox for category in scheme.categories if category.mailbox)
    return [
        (Kind.SCREENER, scheme.screener),
        *((Kind.DESTINATION, name) for name in destinations),
        *((Kind.TRIAGE_LABEL, category.label) for category in scheme.categories),
        (Kind.ERROR_LABEL, scheme.error_label),
        *([(Kind.WARNING_LABEL, scheme.warning_label)] if scheme.warning_label else []),
    ]


def _survey_mailbox(kind: Kind, name: str, roles: dict[str, str]) -> Item:
    if name in roles:
        if not roles[name]:
            return Item(kind, name, State.PRESENT)
        return Item(kind, name, State.TAKEN, Obstacle.ROLE, name, roles[name])
    like = {fold_name(path): path for path in roles}
    ancestors = name.split("/")
    for depth in range(len(ancestors), 0, -1):
        # The parent in another case would be doubled just as the mailbox itself.
        ancestor, rest = "/".join(ancestors[:depth]), ancestors[depth:]
        if ancestor in roles:
            break
        if found := like.get(fold_name(ancestor)):
            return _taken(kind, name, Obstacle.CASE, "/".join([found, *rest]), roles)
    for path in roles:
        if fold_name(path.rpartition("/")[2]) == fold_name(ancestors[-1]):
            return _taken(kind, name, Obstacle.LEVEL, path, roles)
    return Item(kind, name, State.MISSING)


def _taken(kind: Kind, name: str, obstacle: Obstacle, found: str, roles: dict[str, str]) -> Item:
    if role := roles.get(found):
        obstacle = Obstacle.ROLE
    return Item(kind, name, State.TAKEN, obstacle, found, role or "")


def _survey_group(name: str, found: Counter[str]) -> Item:
    if found[name] > 1:
        return Item(Kind.GROUP, name, State.TAKEN, Obstacle.DOUBLED, name)
    if found[name]:
        return Item(Kind.GROUP, name, State.PRESENT)
    for other in found:
        if fold_name(other) == fold_name(name):
            return Item(Kind.GROUP, name, State.TAKEN, Obstacle.CASE, other)
    return Item(Kind.GROUP, name, State.MISSING)
