"""What it takes to have the rules in force as a Sieve script on the server, or to take them away. Pure.

A person's script that is active stays so: ours is put beside it, and only what they ask for goes into theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from enum import Enum
from typing import Final, TypeAlias

from attrs import frozen

from mailroom.model.scripts import Script, ScriptChange, ScriptLimits, Scripts
from mailroom.rules.block import (
    BlockState,
    Parted,
    ends_early,
    include_block,
    includes_ours,
    is_holding,
    part,
    put,
)
from mailroom.rules.own_script import NAME, Ownership, extensions_of, is_same, own_script, whose

_Step: TypeAlias = tuple[ScriptChange, str]
"""One request, and what it does in words."""

VACATION_REPLY: Final = "urn:ietf:params:jmap:vacationresponse"
"""What Cyrus calls the script that it makes of a vacation reply (RFC 8621 section 8)."""

FORMER: Final = "mailroom-former-"
"""Begins the name of a script that keeps what another one was before."""


class Standing(Enum):
    """How the rules stand on the server."""

    CURRENT = "current"
    STALE = "stale"
    """They are in force, and not those that would be written now."""

    EDITED = "edited"
    """Somebody has changed what Mailroom wrote; whether they are in force, nobody can say."""

    ABSENT = "absent"
    """No rules of Mailroom's are in force."""


@frozen
class Plan:
    """What is to be done, and said.

    Attributes:
        standing: How it is before.
        changes: One request each, in order; after each the account is in a state that may last.
        does: The same in words, one line each.
        problems: Why nothing is to be done, with what the person can do.
        to_put_in: What the person may put into their own script; empty where nothing.
        beside: The name of the person's own active script; empty where there is none.
        remarks: What they should know besides.
    """

    standing: Standing
    changes: tuple[ScriptChange, ...] = ()
    does: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    to_put_in: str = ""
    beside: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def to_validate(self) -> tuple[bytes, ...]:
        """The contents that the server is to be asked about first; not copies of what it has already."""
        made = [x for each in self.changes for name, x in each.new.items() if not name.startswith(FORMER)]
        return (*made, *(x for each in self.changes for x in each.contents.values()))


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
    if active.name != NAME:
        if is_same(active.content, wanted.rules.encode()):  # the person has put them there themselves
            return Standing.CURRENT
        parted = part(active.content)
        if parted.state is BlockState.EDITED:
            return Standing.EDITED
        if not includes_ours(active.content):
            return _standing_in_block(parted, wanted)
    return _standing_of_ours(scripts.named(NAME), wanted)


def _standing_in_block(parted: Parted, wanted: Wanted) -> Standing:
    if parted.state is BlockState.NONE:
        return Standing.ABSENT
    return Standing.CURRENT if is_holding(parted, wanted.rules.encode()) else Standing.STALE


def _standing_of_ours(ours: Script | None, wanted: Wanted) -> Standing:
    if ours and whose(ours.content) is not Ownership.OURS:
        return Standing.EDITED
    return Standing.CURRENT if ours and is_same(ours.content, wanted.script) else Standing.STALE


def plan_installation(
    scripts: Scripts, wanted: Wanted, *, into_active: bool = False, replaces_edited: bool = False
) -> Plan:
    """Say what brings the rules into force.

    Args:
        into_active: Whether our block may go into a person's own script that is active.
        replaces_edited: Whether what somebody has edited of ours may be written over; it is kept beside.
    """
    standing = standing_of(scripts, wanted)
    problems = tuple(_problems(scripts, wanted, replaces_edited=replaces_edited))
    if problems:
        return Plan(standing, problems=problems)
    active = scripts.active
    if standing is Standing.CURRENT:
        return Plan(standing, beside=active.name if active and active.name != NAME else "")
    if active is None or active.name == NAME:
        return _alone(scripts, wanted, standing)
    if includes_ours(active.content) and part(active.content).state is not BlockState.EDITED:
        return _beside(scripts, wanted, standing, active)
    if into_active or part(active.content).state is BlockState.OURS:
        return _into(scripts, wanted, standing, active)
    return _shown(scripts, wanted, standing, active)


def _problems(scripts: Scripts, wanted: Wanted, *, replaces_edited: bool) -> Iterator[str]:
    limits = wanted.limits
    if limits.is_read_only:
        yield "the token may only read, so that no script can be installed: make one that may write"
    if missing := [each for each in extensions_of(wanted.script) if each not in limits.extensions]:
        yield (
            f"the server's Sieve does not offer {', '.join(missing)}, which the rules need: "
            "`mailroom rules --format text` says what to set up by hand"
        )
    ours, active = scripts.named(NAME), scripts.active
    if ours and whose(ours.content) is Ownership.THEIRS:
        yield f"there is a script {NAME!r} that is not Mailroom's: give it another name"
    elif ours and whose(ours.content) is Ownership.EDITED and not replaces_edited:
        yield (
            f"the script {NAME!r} was edited by hand: give it another name to keep it, or use --force to "
            "write over it (what it is now is kept beside it)"
        )
    if active and active.name != NAME and part(active.content).state is BlockState.EDITED:
        yield why_edited_block_stays(active)


def why_edited_block_stays(active: Script) -> str:
    """Say what the person can do about our block, which they have edited."""
    return (
        f"the marked block in your script {active.name!r} was edited by hand: take it out with both of its "
        "halves, each from “# >>> Mailroom” to “# <<< Mailroom”, or put it back as it was"
    )


def _alone(scripts: Scripts, wanted: Wanted, standing: Standing) -> Plan:
    """Plan for an account where no script of the person's own is active."""
    ours = scripts.named(NAME)
    if ours is None:
        change = ScriptChange(new={NAME: wanted.script}, activated=NAME)
        return _plan(
            scripts,
            wanted,
            standing,
            [(change, f"put the script {NAME!r} there and activate it; no other is active")],
        )
    steps = _ours(scripts, wanted)
    if not ours.is_active:
        steps.append((ScriptChange(activated=NAME), f"activate the script {NAME!r}; no other is active"))
    return _plan(scripts, wanted, standing, steps)


def _beside(scripts: Scripts, wanted: Wanted, standing: Standing, active: Script) -> Plan:
    """Plan for an account where the person's own active script includes ours."""
    return _plan(scripts, wanted, standing, _ours(scripts, wanted), beside=active.name)


def _shown(scripts: Scripts, wanted: Wanted, standing: Standing, active: Script) -> Plan:
    """Plan for an account where a script of the person's own is active, and is theirs to edit."""
    steps = _ours(scripts, wanted) if wanted.can_include else []
    to_put_in = wanted.block if wanted.can_include else put(b"", wanted.block)
    return _plan(scripts, wanted, standing, steps, beside=active.name, to_put_in=to_put_in.decode())


def _into(scripts: Scripts, wanted: Wanted, standing: Standing, active: Script) -> Plan:
    """Plan our block in the person's own active script, which is kept beside as it was."""
    steps = _ours(scripts, wanted) if wanted.can_include else []
    outside = part(active.content).outside
    steps += _kept(scripts, active, outside, wanted, taken=[x for step, _ in steps for x in step.new])
    edit = ScriptChange(contents={active.id: put(outside, wanted.block)})
    steps.append((edit, f"put our marked block into your script {active.name!r}; its other bytes stay"))
    remark = f"Your script {active.name!r} has a command that ends it: the rules behind that do not count."
    remarks: tuple[str, ...] = (remark,) if ends_early(outside) else ()
    if active.name == VACATION_REPLY:
        remarks += (
            "The server makes that script of your vacation reply, and writes it anew without the block when "
            "you change the reply: run this again then.",
        )
    return _plan(scripts, wanted, standing, steps, beside=active.name, remarks=remarks)


def _ours(scripts: Scripts, wanted: Wanted) -> list[_Step]:
    """Plan our own script, and leave it as active as it is."""
    ours = scripts.named(NAME)
    if ours is None:
        return [(ScriptChange(new={NAME: wanted.script}), f"put the script {NAME!r} there, not active")]
    if is_same(ours.content, wanted.script):
        return []
    is_edited = whose(ours.content) is Ownership.EDITED
    kept = _kept(scripts, ours, ours.content, wanted) if is_edited else []
    return [*kept, (ScriptChange(contents={ours.id: wanted.script}), f"update the script {NAME!r}")]


def _kept(
    scripts: Scripts, script: Script, content: bytes, wanted: Wanted, taken: Sequence[str] = ()
) -> list[_Step]:
    """Plan a copy of a script beside it, where there is none yet."""
    if any(each.content == content for each in formers(scripts)):
        return []
    name = base = f"{FORMER}{wanted.today.isoformat()}"
    number = 1
    while scripts.named(name) or name in taken:
        number += 1
        name = f"{base}-{number}"
    return [(ScriptChange(new={name: content}), f"keep {script.name!r} as it is now as {name!r}")]


def formers(scripts: Scripts) -> list[Script]:
    """Return the scripts that keep what others were before."""
    return [each for each in scripts.all if each.name.startswith(FORMER) and not each.is_active]


def _plan(
    scripts: Scripts,
    wanted: Wanted,
    standing: Standing,
    steps: Sequence[_Step],
    *,
    beside: str = "",
    to_put_in: str = "",
    remarks: tuple[str, ...] = (),
) -> Plan:
    """Put a plan together; one of problems where the server has no room for what is to be made."""
    changes = tuple(change for change, _ in steps)
    contents = [x for each in changes for x in (*each.new.values(), *each.contents.values())]
    largest, new = max(map(len, contents), default=0), sum(len(change.new) for change in changes)
    limits = wanted.limits
    problems = []
    if limits.most_scripts is not None and new and len(scripts.all) + new > limits.most_scripts:
        names = ", ".join(repr(each.name) for each in scripts.all)
        problems.append(
            f"the server keeps at most {limits.most_scripts} scripts, and there are {names}: delete one that "
            "you do not need"
        )
    if limits.most_bytes is not None and largest > limits.most_bytes:
        problems.append(
            f"a script would have {largest} bytes, and the server takes at most {limits.most_bytes}"
        )
    if problems:
        return Plan(standing, problems=tuple(problems), beside=beside, to_put_in=to_put_in)
    return Plan(standing, changes, tuple(words for _, words in steps), (), to_put_in, beside, remarks)
