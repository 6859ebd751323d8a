"""Carries a plan for the scripts out: looks again before each request, and does only what was agreed on.

A request whose answer was lost is known by what is there then; what somebody else changes meanwhile ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailroom.errors import MethodError, PreconditionFailedError, UserError
from mailroom.model.scripts import Scripts, SieveScripts
from mailroom.rules.installing import Plan

MOST_LOOKS: Final = 12


def carry_out(port: SieveScripts, plan_for: Callable[[Scripts], Plan], agreed: Plan) -> Plan:
    """Do what was agreed on; return what is left to say.

    Args:
        plan_for: Plans from the scripts as they are.

    Raises:
        UserError: A script is refused by the server, or somebody has changed the scripts since; says so.
        ServerError: The server fails or refuses.
    """
    for content in agreed.to_validate:
        _validate(port, content)
    for _ in range(MOST_LOOKS):
        scripts = port.read()
        plan = plan_for(scripts)
        if not plan.changes:
            return plan
        if not (set(plan.does) <= set(agreed.does) and plan.beside == agreed.beside):
            break
        try:
            port.change(scripts, plan.changes[0])
        except PreconditionFailedError:
            continue
    raise UserError(["somebody has changed the scripts meanwhile, and the rest is not done: run this again"])


def _validate(port: SieveScripts, content: bytes) -> None:
    try:
        reason = port.why_invalid(content)
    except MethodError as error:
        raise UserError([f"nothing was changed: the script could not be checked: {error}"]) from error
    if reason:
        raise UserError([f"nothing was changed: the server does not take the script: {reason}"])
