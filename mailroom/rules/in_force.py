"""How the rules stand on a server that keeps them as a Sieve script, and in words why they are not in force.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from enum import Enum
from typing import Final

from attrs import frozen

from mailroom.model.scripts import Script, ScriptLimits, Scripts
from mailroom.rules.block import (
    BlockState,
    Parted,
    include_block,
    includes_ours,
    is_holding,
    part,
    reach_of_ours,
)
from mailroom.rules.own_script import NAME, Ownership, is_same, own_script, whose
from mailroom.rules.reach import Reach

VACATION_REPLY: Final = "urn:ietf:params:jmap:vacationresponse"
"""What Cyrus calls the script that it makes of a vacation reply (RFC 8621 section 8)."""


class Standing(Enum):
    """How the rules stand on the server."""

    CURRENT = "current"
    STALE = "stale"
    """They are in force, and not those that would be written now."""

    EDITED = "edited"
    """Somebody has changed what Mailroom wrote; whether they are in force, nobody can say."""

    UNREACHED = "unreached"
    """They are in the person's active script, where no mail comes to them."""

    ABSENT = "absent"
    """No rules of Mailroom's are in force."""


@frozen
class Wanted:
    """The rules that are to be in force.

    Attributes:
        rules: As a Sieve script.
        today: For the name of what is kept.
    """

    rules: str
    limits: ScriptLimits
    today: date

    @property
    def script(self) -> bytes:
        """Our own script."""
        return own_script(self.rules)

    @property
    def block(self) -> bytes:
        """What goes into a person's own script: an include of ours, or the rules where there is none."""
        return include_block() if self.can_include else self.rules.encode()

    @property
    def can_include(self) -> bool:
        """Whether a script can include another one here (RFC 6609)."""
        return "include" in self.limits.extensions


def standing_of(scripts: Scripts, wanted: Wanted) -> Standing:
    """Say how the rules stand."""
    active = scripts.active
    if active is None:
        return Standing.ABSENT
    if active.name == NAME:
        return _standing_of_ours(active, wanted)
    if _is_all_of(active, wanted):
        return Standing.CURRENT
    return _standing_in(active, scripts.named(NAME), wanted)


def _is_all_of(theirs: Script, wanted: Wanted) -> bool:
    """Whether a script is the rules and nothing else: the person has put them there, or renamed ours."""
    return any(is_same(theirs.content, each) for each in (wanted.rules.encode(), wanted.script))


def _standing_in(theirs: Script, ours: Script | None, wanted: Wanted) -> Standing:
    """Say how they stand by an active script of the person's own."""
    parted, is_included = part(theirs.content), includes_ours(theirs.content)
    if parted.state is BlockState.EDITED:
        return Standing.EDITED
    if parted.state is BlockState.NONE and not is_included:
        return Standing.ABSENT
    if reach_of_ours(theirs.content) is Reach.NEVER:
        return Standing.UNREACHED
    return _standing_of_ours(ours, wanted) if is_included else _standing_in_block(parted, wanted)


def _standing_in_block(parted: Parted, wanted: Wanted) -> Standing:
    return Standing.CURRENT if is_holding(parted, wanted.rules.encode()) else Standing.STALE


def _standing_of_ours(ours: Script | None, wanted: Wanted) -> Standing:
    if ours and whose(ours.content) is not Ownership.OURS:
        return Standing.EDITED
    return Standing.CURRENT if ours and is_same(ours.content, wanted.script) else Standing.STALE


def is_seen_in_force(scripts: Scripts, wanted: Wanted) -> bool:
    """Whether mail comes to the rules, of which `standing_of` says that they are current."""
    active = scripts.active
    if active is None or active.name == NAME or _is_all_of(active, wanted):
        return active is not None
    return reach_of_ours(active.content) is Reach.ALL


def why_not_in_force(scripts: Scripts) -> str:
    """Say what is there in place of rules that are in force, by `standing_of` or else."""
    there = " and ".join(_of_ours(scripts))
    active = scripts.active
    if active is None:
        return f"no script is active, {there} neither" if there else "no script is active"
    if active.name == VACATION_REPLY:
        instead = (
            f"the active script is that of your vacation reply ({active.name!r}), which the server puts in "
            "place of any other when you set one"
        )
    elif whose(active.content) is Ownership.THEIRS:
        instead = f"the active script is {active.name!r}, which does not have them"
    else:
        instead = f"the active script is {active.name!r}, which has older ones under a name of yours"
    return f"{there} is there, but {instead}" if there else instead


def _of_ours(scripts: Scripts) -> Iterator[str]:
    """Name what Mailroom wrote that is there and not active."""
    ours = scripts.named(NAME)
    if ours and not ours.is_active and whose(ours.content) is not Ownership.THEIRS:
        yield f"the script {NAME!r}"
    for each in scripts.all:
        if not each.is_active and part(each.content).state is not BlockState.NONE:
            yield f"a block of Mailroom's in your script {each.name!r}"


def is_of_ours_there(scripts: Scripts) -> bool:
    """Whether something that Mailroom wrote is there and not active."""
    return any(_of_ours(scripts))


def why_unreached(active: Script) -> str:
    """Say what the person can do about rules that no mail comes to."""
    return (
        f"no mail comes to Mailroom's rules in your script {active.name!r}: they stand behind a command that "
        "ends it, or in a branch that is never taken. Move them ahead of that, to where no condition is"
    )
