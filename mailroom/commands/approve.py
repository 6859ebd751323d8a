"""`mailroom approve --correspondents`: people whom the person has written to are never screened."""

from __future__ import annotations

from collections.abc import Sequence

from mailroom.account import open_account
from mailroom.commands.configured import configured
from mailroom.exits import Exit
from mailroom.model.scheme import Category
from mailroom.output.question import agrees
from mailroom.output.terminal import RED, Progress, Terminal
from mailroom.triage.approval import ApprovalReport, approve_people, approving_category, undecided
from mailroom.triage.correspondence import Tally, not_read
from mailroom.triage.old_mail import read_recipients


def approve(*, limit: int | None, yes: bool, as_json: bool) -> Exit:
    """List the people the person has written to, and after a yes put them into the contact group for them.

    It moves no mail. Who is in a triage group already is passed over, so it can be run again.

    Returns:
        1 if somebody could not be put into the group.
    """
    settings = configured()
    account = open_account(settings)
    terminal = Terminal()
    category = approving_category(settings.scheme)
    with Progress("reading the account"):
        account.check()
    with Progress("reading who you wrote to") as progress:
        mailboxes = account.mail.read([]).mailboxes
        tallies = read_recipients(account.history, mailboxes, account.own_addresses(), progress.advance)
    people = undecided(tallies.ranked(), account.book.refresh(), settings.scheme)[:limit]
    if as_json and not yes:
        terminal.json(_as_json(people, tallies.unreadable, None))
        return Exit.DONE
    if not as_json:
        _show(terminal, people, tallies.unreadable)
    question = f"Add {_these(people)} to the contact group {category.group.name!r}?"
    if not people or not (yes or agrees(question)):
        report = ApprovalReport()
    else:
        with Progress(f"adding to {category.group.name}") as progress:
            report = approve_people(people, account.book, settings.scheme, progress.advance)
    if as_json:
        terminal.json(_as_json(people, tallies.unreadable, report))
    else:
        _show_done(terminal, report, category)
    return Exit.FAILED if report.failed else Exit.DONE


def _these(people: Sequence[Tally]) -> str:
    return "this person" if len(people) == 1 else f"these {len(people)} people"


def _show(terminal: Terminal, people: Sequence[Tally], unreadable: int) -> None:
    if unreadable:
        terminal.paragraph(f"{not_read(unreadable)}, so people you wrote to only in those are not listed.")
        terminal.line()
    if not people:
        terminal.line("Everybody you have written to is in a triage group already.")
        return
    rows = [(each.who.email, each.who.name, str(each.messages), each.last_at[:10]) for each in people]
    terminal.table(("ADDRESS", "NAME", "WRITTEN", "LAST"), rows, yielding=("NAME",))
    terminal.line()


def _show_done(terminal: Terminal, report: ApprovalReport, category: Category) -> None:
    if report.approved:
        terminal.line(f"Added to {category.group.name!r}: {len(report.approved)}. No mail was moved.")
    elif not report.failed:
        terminal.line("Nothing was changed.")
    for address, groups in report.decided.items():
        terminal.paragraph(
            f"{address} was put into {', '.join(groups)} in the meantime, and stays there.", "  "
        )
    for address, reason in report.failed.items():
        terminal.paragraph(f"{address}: {reason}", "  ✗ ", RED)


def _as_json(people: Sequence[Tally], unreadable: int, report: ApprovalReport | None) -> dict[str, object]:
    return {
        "correspondents": [
            {"email": each.who.email, "name": each.who.name, "written": each.messages, "last": each.last_at}
            for each in people
        ],
        "unreadable": unreadable,
        "approved": report.approved if report else [],
        "decided_meanwhile": {x: list(groups) for x, groups in report.decided.items()} if report else {},
        "failed": report.failed if report else {},
    }
