"""`mailroom rules --install`: the rules put into force on a server that takes Sieve scripts over JMAP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from mailroom.account import Account, open_account, open_scripts
from mailroom.commands.configured import configured
from mailroom.commands.rules import DIALECTS, current_rules, render_rules
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.model.scripts import ScriptLimits, Scripts, SieveScripts
from mailroom.output.question import agrees
from mailroom.output.terminal import GREEN, RED, YELLOW, Progress, Terminal
from mailroom.rules.carrying_out import carry_out
from mailroom.rules.in_force import Standing, Wanted, is_seen_in_force
from mailroom.rules.installing import Plan, plan_installation
from mailroom.rules.own_script import NAME
from mailroom.settings.settings import Settings

NOT_OFFERED: Final = (
    "this server does not let rules be installed: its JMAP session offers no Sieve scripts to this token "
    "(Fastmail offers them to none). `mailroom rules -o mailrules.json` writes them to a file, and Fastmail "
    "imports it in Settings → Filters & Rules; `mailroom rules --format sieve` prints a script to install "
    "another way"
)


@frozen
class Installation:
    """The scripts of an account, and the rules that are to be in force there.

    Attributes:
        scripts: As they were read.
    """

    port: SieveScripts
    scripts: Scripts
    wanted: Wanted


def read_installation(
    account: Account, settings: Settings, dialect: str | None = None
) -> Installation | None:
    """Read what is installed, and write the rules that would be; None where the server offers no scripts.

    Args:
        dialect: A key of `DIALECTS`; None for what the server seems to speak.

    Raises:
        UserError: A contact group or mailbox is not there.
        ServerError: A server fails.
    """
    port = open_scripts(account)
    limits = port.limits()
    if limits is None:
        return None
    return Installation(port, port.read(), _wanted(account, settings, limits, dialect))


def _wanted(account: Account, settings: Settings, limits: ScriptLimits, dialect: str | None) -> Wanted:
    rules = render_rules(
        account,
        current_rules(account, settings.scheme),
        "sieve",
        DIALECTS[dialect] if dialect else None,
        can_approve=settings.scheme.approving is not None,
    )
    return Wanted(rules, limits, datetime.now(UTC).date())


def install_rules(*, dialect: str | None, into_active: bool, force: bool, yes: bool) -> Exit:
    """Show what brings the rules into force, and do it after a yes.

    Args:
        into_active: Whether our marked block may go into a script of the person's own that is active.
        force: Whether what they have edited of ours is written over; it is kept beside.

    Returns:
        1 if the rules are not in force then.
    """
    settings = configured()
    account = open_account(settings)
    with Progress("reading the account"):
        account.check()
        installation = read_installation(account, settings, dialect)
    if installation is None:
        raise UserError([NOT_OFFERED])
    return offer(Terminal(), installation, into_active=into_active, force=force, is_agreed=yes)


def offer(
    terminal: Terminal,
    installation: Installation,
    *,
    into_active: bool = False,
    force: bool = False,
    is_agreed: bool = False,
) -> Exit:
    """Show what brings the rules into force, ask, and do it.

    Args:
        is_agreed: Whether there is no need to ask.
    """
    wanted = installation.wanted

    def plan_for(scripts: Scripts) -> Plan:
        return plan_installation(scripts, wanted, into_active=into_active, replaces_edited=force)

    plan = plan_for(installation.scripts)
    if plan.problems:
        raise UserError(plan.problems)
    show_plan(terminal, installation, plan)
    if plan.changes:
        terminal.line()
        if not (is_agreed or agrees("Do this?")):
            terminal.line("Nothing was changed.")
            return Exit.FAILED
        with Progress("installing the rules"):
            left = carry_out(installation.port, plan_for, plan)
        if left.problems:  # somebody has changed the scripts since the question
            raise UserError(left.problems)
        terminal.paragraph("done", "✓ ", GREEN)
        show_what_to_put_in(terminal, left)
        return Exit.FAILED if left.to_put_in else Exit.DONE
    show_what_to_put_in(terminal, plan)
    return Exit.FAILED if plan.to_put_in else Exit.DONE


def show_plan(terminal: Terminal, installation: Installation, plan: Plan) -> None:
    """Say what is there, and what is to be done."""
    scripts = installation.scripts
    if plan.standing is Standing.CURRENT:
        where = f"your script {plan.beside!r}" if plan.beside else f"the script {NAME!r}"
        if is_seen_in_force(scripts, installation.wanted):
            terminal.paragraph(f"the rules in force are those of your settings, in {where}", "✓ ", GREEN)
        else:
            says = f"the rules of your settings are in {where}; whether mail comes to them cannot be seen"
            terminal.paragraph(says, "? ", YELLOW)
    if plan.beside and plan.standing is not Standing.CURRENT:
        terminal.paragraph(f"Your script {plan.beside!r} is the active one, and stays it.")
    elif scripts.active is None:
        terminal.paragraph("No script is active on the server.")
    for each in plan.does:
        terminal.paragraph(each, "• ")
    for each in plan.remarks:
        terminal.paragraph(each, "! ", YELLOW)


def show_what_to_put_in(terminal: Terminal, plan: Plan) -> None:
    """Show what the person may put into their own script, which is what brings the rules into force."""
    if not plan.to_put_in:
        return
    terminal.line()
    terminal.paragraph(
        f"The rules are not in force yet. Put this into {plan.beside!r}: what has “require” at its top, the "
        "rest at its end; or let `mailroom rules --install --into-active` do that.",
        "✗ ",
        RED,
    )
    terminal.line()
    for line in plan.to_put_in.splitlines():
        terminal.line(line)
