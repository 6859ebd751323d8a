"""`mailroom approve --correspondents`: people whom the person has written to are never screened."""

from __future__ import annotations

from collections.abc import Sequence

from mailroom.account import open_account
from mailroom.commands.configured import configured
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.model.address import Address, parse_address, parse_addresses
from mailroom.model.scheme import Category
from mailroom.output.question import agrees
from mailroom.output.terminal import RED, Progress, Terminal
from mailroom.triage.approval import (
    ApprovalReport,
    LeftOut,
    approve_people,
    approving_category,
    sort_out,
    undecided,
)
from mailroom.triage.correspondence import Tallies, Tally, not_read
from mailroom.triage.old_mail import read_recipients


def approve(*, limit: int | None, include: Sequence[str], yes: bool, as_json: bool) -> Exit:
    """List the people the person has written to, and after a yes put them into the contact group for them.

    It moves no mail. Who is in a triage group already is passed over, so it can be run again.

    Args:
        limit: How many people at the most.
        include: Addresses of those who are taken besides, although they do not seem to be people.

    Raises:
        UserError: Somebody is to be taken whom the person has not written to.

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
    found = sort_out(undecided(tallies.ranked(), account.book.refresh(), settings.scheme))
    people = found.chosen(_written_to(include, tallies), limit)
    if as_json and not yes:
        terminal.json(_as_json(people, found.without(people), tallies.unreadable, None))
        return Exit.DONE
    if not as_json:
        show_candidates(terminal, people, found.without(people), tallies.unreadable)
    question = f"Add {_these(people)} to the contact group {category.group.name!r}?"
    if not people or not (yes or agrees(question)):
        report = ApprovalReport()
    else:
        with Progress(f"adding to {category.group.name}") as progress:
            report = approve_people(people, account.book, settings.scheme, progress.advance)
    if as_json:
        terminal.json(_as_json(people, found.without(people), tallies.unreadable, report))
    else:
        _show_done(terminal, report, category)
    return Exit.FAILED if report.failed else Exit.DONE


def _these(people: Sequence[Tally]) -> str:
    return "this person" if len(people) == 1 else f"these {len(people)} people"


def _written_to(addresses: Sequence[str], tallies: Tallies) -> frozenset[Address]:
    written_to = {each.who.address for each in tallies.ranked()}
    if unknown := [each for each in addresses if parse_address(each) not in written_to]:
        raise UserError([f"you have not written to {each}" for each in unknown])
    return parse_addresses(addresses)


def show_candidates(
    terminal: Terminal, people: Sequence[Tally], left_out: Sequence[LeftOut], unreadable: int
) -> None:
    """Show who would be approved, and apart from them who would not be."""
    if unreadable:
        terminal.paragraph(f"{not_read(unreadable)}, so people you wrote to only in those are not listed.")
        terminal.line()
    if people:
        rows = [(each.who.email, each.who.name, str(each.messages), each.last_at[:10]) for each in people]
        terminal.table(("ADDRESS", "NAME", "WRITTEN", "LAST"), rows, yielding=("NAME",))
    elif left_out:
        terminal.line("Every person you have written to is in a triage group already.")
    else:
        terminal.line("Everybody you have written to is in a triage group already.")
        return
    if left_out:
        terminal.heading("Left out, for they do not look like people you write to")
        others = [(x.tally.who.email, x.tally.who.name, str(x.tally.messages), x.reason) for x in left_out]
        terminal.table(("ADDRESS", "NAME", "WRITTEN", "LOOKS LIKE"), others, yielding=("NAME",))
        terminal.paragraph("`--include ADDRESS …` takes them, too.")
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


def _as_json(
    people: Sequence[Tally],
    left_out: Sequence[LeftOut],
    unreadable: int,
    report: ApprovalReport | None,
) -> dict[str, object]:
    def fields(each: Tally) -> dict[str, object]:
        who = each.who
        return {"email": who.email, "name": who.name, "written": each.messages, "last": each.last_at}

    return {
        "correspondents": [fields(each) for each in people],
        "left_out": [{**fields(each.tally), "looks_like": each.reason} for each in left_out],
        "unreadable": unreadable,
        "approved": report.approved if report else [],
        "decided_meanwhile": {x: list(groups) for x, groups in report.decided.items()} if report else {},
        "failed": report.failed if report else {},
    }
