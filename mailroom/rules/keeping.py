"""What keeps installed rules current, and what takes them away. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mailroom.model.scripts import Script, ScriptChange, Scripts
from mailroom.rules.block import BlockState, Parted, includes_ours, part
from mailroom.rules.copies import copies
from mailroom.rules.in_force import Standing, Wanted, standing_of
from mailroom.rules.installing import Plan, plan_installation, why_edited_block_stays
from mailroom.rules.own_script import NAME, Ownership, whose


def plan_upkeep(scripts: Scripts, wanted: Wanted) -> Plan:
    """Say what makes stale rules current again, where they are in force by Mailroom's own doing alone."""
    standing = standing_of(scripts, wanted)
    plan = plan_installation(scripts, wanted) if standing is Standing.STALE else Plan(standing)
    # Who has deleted our script may have meant it.
    return Plan(standing) if any(NAME in change.new for change in plan.changes) else plan


def plan_removal(scripts: Scripts) -> Plan:
    """Say what takes away all that Mailroom wrote and nobody has edited; what a person made stays.

    Whether a script is active or not: one that is not may be again.
    """
    theirs = {each: part(each.content) for each in scripts.all if each.name != NAME}
    ours, including = scripts.named(NAME), _including(theirs)
    problems = list(_edited(scripts, theirs))
    remarks: list[str] = []
    changes: list[ScriptChange] = []
    does: list[str] = []
    for each, parted in theirs.items():
        if parted.state is BlockState.OURS:
            changes.append(ScriptChange(contents={each.id: parted.outside}))
            does.append(f"take our marked block out of your script {each.name!r}")
    kept = copies(scripts)
    whole = [parted.outside for each, parted in theirs.items() if each not in kept]
    removed = [each for each in kept if each.content in whole]
    if ours and whose(ours.content) is Ownership.OURS:
        if including and including.is_active:
            problems.append(
                f"your script {including.name!r} includes {NAME!r}, which therefore stays: take that line out"
            )
        else:
            removed.append(ours)
        if ours.is_active:
            changes.append(ScriptChange(deactivates=True))
            does.append(f"deactivate the script {NAME!r}: new mail goes to the Inbox then")
    if removed:
        changes.append(ScriptChange(removed=tuple(each.id for each in removed)))
        does += [f"delete the script {each.name!r}" for each in removed]
    if including and not (including.is_active and ours):
        remarks.append(f"your script {including.name!r} includes {NAME!r} by a line of your own: take it out")
    renamed = [each.name for each in theirs if whose(each.content) is Ownership.OURS]
    remarks += [f"your script {name!r} is Mailroom's by a name of your own, and stays" for name in renamed]
    stay = [each.name for each in kept if each not in removed]
    remarks += [f"the copy {name!r} stays: what is in it is nowhere else" for name in stay]
    return Plan(Standing.ABSENT, tuple(changes), tuple(does), tuple(problems), remarks=tuple(remarks))


def _including(theirs: Mapping[Script, Parted]) -> Script | None:
    """Return a script that includes ours by a line of the person's own, the active one before others."""
    found = [each for each, parted in theirs.items() if includes_ours(parted.outside)]
    return max(found, key=lambda each: each.is_active, default=None)


def _edited(scripts: Scripts, theirs: Mapping[Script, Parted]) -> Iterator[str]:
    """Say what stays because somebody has edited it."""
    for each, parted in theirs.items():
        if parted.state is BlockState.EDITED:
            yield why_edited_block_stays(each)
    ours = scripts.named(NAME)
    if ours and whose(ours.content) is Ownership.EDITED:
        yield f"the script {NAME!r} was edited by hand, and stays"
