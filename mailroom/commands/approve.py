"""`mailroom approve --correspondents`: people whom the person has written to are never screened."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import frozen

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.model.address import Address, parse_address, parse_addresses
from mailroom.model.scheme import Scheme
from mailroom.output.question import agrees
from mailroom.output.terminal import RED, Progress, Terminal
from mailroom.triage.approval import (
    ApprovalReport,
    Candidates,
    LeftOut,
    approve_people,
    approving_category,
    sort_out,
    undecided,
)
from mailroom.triage.correspondence import Tally, not_read
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
    approving_category(settings.scheme)
    with Progress("reading the account"):
        account.check()
    found = read_written_to(account, settings.scheme)
    people = found.candidates.chosen(_among(found.addresses, include), limit)
    left_out = found.candidates.without(people)
    if as_json and not yes:
        terminal.json(_as_json(people, left_out, found.unreadable, None))
        return Exit.DONE
    if not as_json:
        show_candidates(terminal, people, left_out, found.unreadable)
        if left_out:
            terminal.paragraph("`--include ADDRESS …` takes them, too.")
            terminal.line()
    report = ApprovalReport()
    if people and (yes or agrees(question_about(people, settings.scheme))):
        report = add_people(people, account, settings.scheme)
    if as_json:
        terminal.json(_as_json(people, left_out, found.unreadable, report))
    else:
        show_added(terminal, report, settings.scheme)
    return Exit.FAILED if report.failed else Exit.DONE


@frozen
class WrittenTo:
    """Whom the person has written to.

    Attributes:
        candidates: Those whom nobody has decided on.
        addresses: Everybody.
        unreadable: How many messages could not be read, so that nobody in them counts.
    """

    candidates: Candidates
    addresses: frozenset[Address]
    unreadable: int


def read_written_to(account: Account, scheme: Scheme) -> WrittenTo:
    """Read sent mail, with progress shown.

    Raises:
        UserError: The account has no mailbox for sent mail.
        ServerError: A server could not be asked.
    """
    with Progress("reading who you wrote to") as progress:
        mailboxes = account.mail.read([]).mailboxes
        tallies = read_recipients(account.history, mailboxes, account.own_addresses(), progress.advance)
        ranked = tallies.ranked()
        candidates = sort_out(undecided(ranked, account.book.refresh(), scheme))
    return WrittenTo(candidates, frozenset(each.who.address for each in ranked), tallies.unreadable)


def question_about(people: Sequence[Tally], scheme: Scheme) -> str:
    """Ask whether they are to be added."""
    these = "this person" if len(people) == 1 else f"these {len(people)} people"
    return f"Add {these} to the contact group {approving_category(scheme).group.name!r}?"


def add_people(people: Sequence[Tally], account: Account, scheme: Scheme) -> ApprovalReport:
    """Put people into the contact group for them, with progress shown."""
    category = approving_category(scheme)
    with Progress(f"adding to {category.group.name}") as progress:
        report = approve_people(people, account.book, scheme, progress.advance)
        account.journal.tell_of_approval(report, category)
    return report


def _among(written_to: Collection[Address], addresses: Sequence[str]) -> frozenset[Address]:
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
    terminal.line()


def show_added(terminal: Terminal, report: ApprovalReport, scheme: Scheme) -> None:
    """Show what became of those who were to be added."""
    if report.approved:
        group = approving_category(scheme).group.name
        terminal.line(f"Added to {group!r}: {len(report.approved)}. No mail was moved.")
    elif not report.failed:
        terminal.line("Nothing was changed.")
    for address, groups in report.decided.items():
        terminal.paragraph(
            f"{address} was put into {', '.join(groups)} in the meantime, and stays there.", "  "
        )
    for party, reason in report.failed.items():
        terminal.paragraph(f"{party}: {reason}", "  ✗ ", RED)


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
