"""What keeps installed rules current, and what takes them away. Pure."""

from __future__ import annotations

from mailroom.model.scripts import Script, ScriptChange, Scripts
from mailroom.rules.block import BlockState, includes_ours, part
from mailroom.rules.installing import (
    Plan,
    Standing,
    Wanted,
    formers,
    plan_installation,
    standing_of,
    why_edited_block_stays,
)
from mailroom.rules.own_script import NAME, Ownership, whose


def plan_upkeep(scripts: Scripts, wanted: Wanted) -> Plan:
    """Say what makes stale rules current again, where they are in force by Mailroom's own doing alone."""
    standing = standing_of(scripts, wanted)
    plan = plan_installation(scripts, wanted) if standing is Standing.STALE else Plan(standing)
    # Who has deleted our script may have meant it.
    return Plan(standing) if any(NAME in change.new for change in plan.changes) else plan


def plan_removal(scripts: Scripts) -> Plan:
    """Say what takes away all that Mailroom wrote and nobody has edited; what a person made stays."""
    active, ours = scripts.active, scripts.named(NAME)
    changes: list[ScriptChange] = []
    does: list[str] = []
    problems: list[str] = []
    removed: list[Script] = []
    if active and active.name != NAME:
        parted = part(active.content)
        if parted.state is BlockState.EDITED:
            problems.append(why_edited_block_stays(active))
        elif parted.state is BlockState.OURS:
            changes.append(ScriptChange(contents={active.id: parted.outside}))
            does.append(f"take our marked block out of your script {active.name!r}")
        removed += [each for each in formers(scripts) if each.content == parted.outside]
        if ours and includes_ours(parted.outside):
            problems.append(
                f"your script {active.name!r} includes {NAME!r}, which therefore stays: take that line out"
            )
            ours = None
    if ours and whose(ours.content) is Ownership.EDITED:
        problems.append(f"the script {NAME!r} was edited by hand, and stays")
    elif ours and whose(ours.content) is Ownership.OURS:
        removed.append(ours)
        if ours.is_active:
            changes.append(ScriptChange(deactivates=True))
            does.append(f"deactivate the script {NAME!r}: new mail goes to the Inbox then")
    if removed:
        changes.append(ScriptChange(removed=tuple(each.id for each in removed)))
        does += [f"delete the script {each.name!r}" for each in removed]
    return Plan(Standing.ABSENT, tuple(changes), tuple(does), tuple(problems))
