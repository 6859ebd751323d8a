"""What it takes to have the rules in force as a Sieve script on the server. Pure.

A person's script that is active stays so: ours is put beside it, and only what they ask for goes into theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import TypeAlias

from attrs import frozen

from mailroom.model.scripts import Script, ScriptChange, Scripts
from mailroom.rules.block import (
    BlockState,
    includes_ours,
    leaves_disposed_to_end,
    part,
    put,
    reach_of_block,
    reach_of_end,
    reads_back,
    with_block,
)
from mailroom.rules.copies import FORMER, is_copied, new_copies, superseded
from mailroom.rules.in_force import VACATION_REPLY, Standing, Wanted, standing_of, why_unreached
from mailroom.rules.own_script import NAME, Ownership, extensions_of, is_same, whose
from mailroom.rules.reach import Reach

_Step: TypeAlias = tuple[ScriptChange, str]
"""One request, and what it does in words."""


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


def plan_installation(
    scripts: Scripts, wanted: Wanted, *, into_active: bool = False, replaces_edited: bool = False
) -> Plan:
    """Say what brings the rules into force.

    Args:
        into_active: Whether our block may go into a person's own script that is active.
        replaces_edited: Whether what somebody has edited of ours may be written over; it is kept beside.
    """
    standing = standing_of(scripts, wanted)
    active = scripts.active
    problems = [*_problems(scripts, wanted, replaces_edited=replaces_edited)]
    if active and standing is Standing.UNREACHED:
        problems.append(why_unreached(active))
    if problems:
        return Plan(standing, problems=tuple(problems))
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
    to_put_in = (wanted.block if wanted.can_include else put(b"", wanted.block)).decode()
    remarks = tuple(_remarks_on_end(active.name, active.content))
    return _plan(scripts, wanted, standing, steps, beside=active.name, to_put_in=to_put_in, remarks=remarks)


def _into(scripts: Scripts, wanted: Wanted, standing: Standing, active: Script) -> Plan:
    """Plan our block in the person's own active script, which is kept beside as it was."""
    outside = part(active.content).outside
    reach = reach_of_block(active.content)
    if reach is Reach.NEVER:
        return Plan(standing, problems=(_why_nothing_goes_behind(active),))
    edited = with_block(active.content, wanted.block)
    if not reads_back(outside, edited):
        return Plan(standing, problems=(_why_unreadable(active),))
    # Of a vacation reply the server makes the script anew; and room for copies is scarce.
    theirs = {} if active.name == VACATION_REPLY else {active.name: outside}
    steps = _ours(scripts, wanted, theirs) if wanted.can_include else _copies(scripts, wanted, theirs)
    edit = ScriptChange(contents={active.id: edited})
    steps.append((edit, f"put our marked block into your script {active.name!r}; its other bytes stay"))
    remarks = list(_remarks_on_end(active.name, outside))
    if reach is Reach.UNKNOWN:
        remarks.append(f"Whether mail comes to the rules in your script {active.name!r} cannot be seen.")
    if active.name == VACATION_REPLY:
        remarks.append(
            "The server makes that script of your vacation reply, and writes it anew without the block when "
            "you change the reply: run this again then."
        )
    return _plan(scripts, wanted, standing, steps, beside=active.name, remarks=tuple(remarks))


def _why_nothing_goes_behind(active: Script) -> str:
    return (
        f"your script {active.name!r} has a command that ends it for all mail, so that rules behind it would "
        "not count: take that out, or put it under a condition"
    )


def _why_unreadable(active: Script) -> str:
    return (
        f"your script {active.name!r} holds something that Mailroom cannot read, so that nothing is put into "
        "it: `mailroom rules --install` without --into-active shows what you can put in yourself"
    )


def _remarks_on_end(name: str, content: bytes) -> Iterator[str]:
    """Say what the person should know of a script behind which our rules are to stand."""
    if reach_of_end(content) is Reach.NEVER:
        yield f"Your script {name!r} has a command that ends it for all mail: rules count ahead of it alone."
    if leaves_disposed_to_end(content):
        yield (
            f"Mail that your script {name!r} files, discards or refuses without `stop` comes to Mailroom's "
            "rules as well, which may put it into Screener, too: put `stop;` behind each such command."
        )


def _ours(
    scripts: Scripts, wanted: Wanted, theirs: Mapping[str, bytes] = MappingProxyType({})
) -> list[_Step]:
    """Plan our own script, and leave it as active as it is; what somebody has edited of it is kept.

    Args:
        theirs: What else is to be kept, by the names of the scripts that it is in.
    """
    ours = scripts.named(NAME)
    if ours is None:
        made = ScriptChange(new={NAME: wanted.script})
        return [*_copies(scripts, wanted, theirs), (made, f"put the script {NAME!r} there, not active")]
    if is_same(ours.content, wanted.script):
        return _copies(scripts, wanted, theirs)
    edited = {NAME: ours.content} if whose(ours.content) is Ownership.EDITED else {}
    update = ScriptChange(contents={ours.id: wanted.script})
    return [*_copies(scripts, wanted, {**theirs, **edited}), (update, f"update the script {NAME!r}")]


def _copies(scripts: Scripts, wanted: Wanted, contents: Mapping[str, bytes]) -> list[_Step]:
    """Plan copies beside scripts, where there are none yet; those that go make room for them first.

    Args:
        contents: What is to be kept, by the names of the scripts that it is in.
    """
    missing = {name: content for name, content in contents.items() if not is_copied(scripts, content)}
    if not missing:
        return []
    going = superseded(scripts, contents.values())
    steps = [(ScriptChange(removed=(each.id,)), f"delete the copy {each.name!r} of before") for each in going]
    made = new_copies(scripts, going, missing.values(), wanted.today)
    for of_script, (name, content) in zip(missing, made.items(), strict=True):
        steps.append((ScriptChange(new={name: content}), f"keep {of_script!r} as it is now as {name!r}"))
    return steps


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
    largest, limits = max(map(len, contents), default=0), wanted.limits
    most = max(accumulate((len(each.new) - len(each.removed) for each in changes), initial=0))
    problems = []
    if limits.most_scripts is not None and most and len(scripts.all) + most > limits.most_scripts:
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
