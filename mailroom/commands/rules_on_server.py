"""What the service does about the rules on the server: keeps them current, or says what is wrong."""

from __future__ import annotations

import logging
from typing import Final

from attrs import frozen

from mailroom.commands.installation import Installation
from mailroom.journal.needs import RULES_INSTALLED, RULES_OUT_OF_FORCE
from mailroom.model.scripts import Scripts
from mailroom.output.logs import log
from mailroom.rules.carrying_out import carry_out
from mailroom.rules.in_force import (
    Standing,
    is_of_ours_there,
    standing_of,
    why_not_in_force,
    why_unreached,
)
from mailroom.rules.keeping import plan_upkeep

STALE: Final = (
    "the rules on the server are no longer those of your decisions: `mailroom rules --install` brings them "
    "up to date"
)
OUT_OF_FORCE: Final = (
    "Mailroom's rules are not in force on the server: {why}. `mailroom rules --install` shows what brings "
    "them into force"
)
NOT_INSTALLED: Final = (
    "MAILROOM_RULES=install keeps rules current that are in force, and here none are: {why}. `mailroom rules "
    "--install` shows what brings them into force"
)
EDITED: Final = (
    "MAILROOM_RULES=install keeps no rules current that somebody has edited, and whether these are in force "
    "nobody can say: `mailroom rules --install` shows where they are"
)


@frozen
class RulesFound:
    """How the rules on the server are now.

    Attributes:
        event: What the log calls what is wrong; empty where nothing is.
        key: What the journal calls it; empty where it is not told there.
        says: What it is, and what the person can do.
    """

    standing: Standing
    event: str = ""
    key: str = ""
    says: str = ""

    @property
    def are_in_force(self) -> bool:
        """Whether they are, current or not."""
        return self.standing in {Standing.CURRENT, Standing.STALE}

    @property
    def is_known(self) -> bool:
        """Whether it can be said at all how they are."""
        return self.standing is not Standing.EDITED


def look_after(installation: Installation, *, keeps: bool, were_in_force: bool) -> RulesFound:
    """Bring rules that are in force up to date, and say how they are then.

    Args:
        keeps: Whether anything is written.
        were_in_force: Whether they were seen to be so before.

    Raises:
        MailroomError: A server fails, or somebody else changes the scripts all the time.
    """
    scripts, wanted = installation.scripts, installation.wanted
    plan = plan_upkeep(scripts, wanted)
    if keeps and plan.changes:
        left = carry_out(installation.port, lambda each: plan_upkeep(each, wanted), plan)
        if left.standing is Standing.CURRENT:
            log(logging.INFO, "rules_installed", done=list(plan.does))
        plan, scripts = left, installation.port.read()
    standing = standing_of(scripts, wanted)
    if standing is Standing.STALE:
        says = "; ".join([STALE, *(plan.problems if keeps else ())])
        return RulesFound(standing, "rules_stale", RULES_INSTALLED, says)
    return _unless_in_force(scripts, standing, keeps=keeps, were_in_force=were_in_force)


def _unless_in_force(scripts: Scripts, standing: Standing, *, keeps: bool, were_in_force: bool) -> RulesFound:
    active = scripts.active
    if standing is Standing.UNREACHED and active:
        says = OUT_OF_FORCE.format(why=why_unreached(active))
        return RulesFound(standing, "rules_not_in_force", RULES_OUT_OF_FORCE, says)
    if standing is Standing.EDITED and keeps:
        return RulesFound(standing, "rules_not_kept", says=EDITED)
    if standing is not Standing.ABSENT:
        return RulesFound(standing)
    why = why_not_in_force(scripts)
    # Where none of ours ever were, the person may have rules of their own.
    if were_in_force or is_of_ours_there(scripts):
        says = OUT_OF_FORCE.format(why=why)
        return RulesFound(standing, "rules_not_in_force", RULES_OUT_OF_FORCE, says)
    return RulesFound(standing, "rules_not_installed" if keeps else "", says=NOT_INSTALLED.format(why=why))
