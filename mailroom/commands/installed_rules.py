"""What `check` says of the rules on the server, and how `uninstall` takes them away."""

from __future__ import annotations

from attrs import frozen

from mailroom.account import Account, open_scripts
from mailroom.commands.installation import Installation
from mailroom.errors import MailroomError, ServerError
from mailroom.model.scripts import SieveScripts
from mailroom.output.terminal import GREEN, RED, YELLOW, Terminal
from mailroom.rules.carrying_out import carry_out
from mailroom.rules.in_force import Standing, is_seen_in_force, standing_of, why_not_in_force, why_unreached
from mailroom.rules.installing import Plan, plan_installation
from mailroom.rules.keeping import plan_removal
from mailroom.rules.own_script import NAME
from mailroom.triage.findings import Finding, Verdict

SUBJECT = "script"
RULES = "the rules on the server"
OR_ELSE = "or mail goes on being filed by groups, and new senders to Screener"
"""What becomes of mail as long as the rules are in force."""


def judge_installation(installation: Installation) -> Finding:
    """Compare what is installed with the rules that would be written now."""
    scripts = installation.scripts
    where = f"in your script {scripts.active.name!r}" if scripts.active else ""
    where = f"in the script {NAME!r}" if scripts.active and scripts.active.name == NAME else where
    match standing_of(scripts, installation.wanted):
        case Standing.CURRENT if not is_seen_in_force(scripts, installation.wanted):
            says = f"the rules of your settings are {where}; whether mail comes to them cannot be seen"
            return Finding(SUBJECT, Verdict.NOT_SEEN, says)
        case Standing.CURRENT:
            return Finding(SUBJECT, Verdict.RIGHT, f"the rules of your settings are in force, {where}")
        case Standing.STALE:
            says = f"the rules in force ({where}) are not those of your settings as of now: "
            return Finding(SUBJECT, Verdict.WRONG, f"{says}`mailroom rules --install` brings them up to date")
        case Standing.UNREACHED if scripts.active:
            return Finding(SUBJECT, Verdict.WRONG, why_unreached(scripts.active))
        case Standing.EDITED:
            problems = plan_installation(scripts, installation.wanted).problems
            says = "; ".join(problems) or f"the script {NAME!r} is not Mailroom's"
            return Finding(SUBJECT, Verdict.NOT_SEEN, f"what is installed is not compared: {says}")
        case _:
            says = f"no rules of Mailroom's are in force on this server: {why_not_in_force(scripts)}; "
            to_do = "`mailroom rules --install` shows what it would do"
            return Finding(SUBJECT, Verdict.NOT_SEEN, f"{says}{to_do}")


@frozen
class InstalledRules:
    """What `uninstall` finds on the server.

    Attributes:
        trouble: Why nothing could be read; else empty.
    """

    port: SieveScripts
    plan: Plan
    trouble: str = ""

    @property
    def staying(self) -> list[str]:
        """Why something stays, or cannot be seen."""
        return [*self.plan.problems, *self.plan.remarks, *([self.trouble] if self.trouble else [])]

    def show(self, terminal: Terminal) -> None:
        """Say what would go, and what stays; nothing where there is nothing of Mailroom's."""
        if not (self.plan.does or self.staying):
            return
        terminal.heading("Rules that Mailroom installed on the server")
        for each in self.plan.does:
            terminal.paragraph(each, "  • ", GREEN)
        for each in self.staying:
            terminal.paragraph(each, "  ! ", YELLOW)
        terminal.line()

    def as_json(self, staying: str | None) -> dict[str, object]:
        """Say for programs what would go, what has gone, and what stays.

        Args:
            staying: What `take_away` said; None where nothing was tried.
        """
        because = [*self.staying, *([staying] if staying else [])]
        return {"would": list(self.plan.does), "removed": staying == "", "stays_because": because}

    def left_to_do(self, staying: str | None) -> str:
        """Say what the person has yet to do about rules; empty where that is nothing.

        Args:
            staying: What `take_away` said; None where nothing was tried.
        """
        if staying or self.staying:
            return f"Take the rules out that stay on the server (above says why), {OR_ELSE}."
        if staying is not None:
            return ""
        if self.plan.does:
            return f"`mailroom uninstall --apply --rules` takes away {RULES}: do that, {OR_ELSE}."
        return f"If you have put rules of Mailroom's into a Sieve script yourself, take them out, {OR_ELSE}."

    def take_away(self) -> str:
        """Take them away; return why something that was to go is still there, empty where nothing is."""
        try:
            left = carry_out(self.port, plan_removal, self.plan)
        except MailroomError as error:
            return str(error)
        return "; ".join(left.problems)


def read_installed_rules(account: Account) -> InstalledRules | None:
    """Read what is installed; None where the server offers no scripts."""
    port = open_scripts(account)
    try:
        return InstalledRules(port, plan_removal(port.read())) if port.limits() else None
    except ServerError as error:
        return InstalledRules(port, Plan(Standing.ABSENT), str(error))


def show_taken_away(terminal: Terminal, staying: str) -> None:
    """Say what became of them."""
    if staying:
        terminal.paragraph(f"{RULES} are not all gone: {staying}", "  ✗ ", RED)
    else:
        terminal.line(f"Taken away: {RULES}.")
