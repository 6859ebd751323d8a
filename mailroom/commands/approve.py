"""`mailroom approve --correspondents`: people whom the person has written to are never screened."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from mailroom.account import Account, open_account
from mailroom.errors import ServerError, UserError
from mailroom.exits import Exit
from mailroom.settings import load_settings
from mailroom.terminal import RED, Progress, Terminal
from mailroom.triage.address import Address
from mailroom.triage.history import Tallies, Tally, undecided
from mailroom.triage.layout import with_role
from mailroom.triage.model import SENT_ROLE, Card, CardKind, CardUid, Category, Membership, NewCard, Scheme

BATCH_CARDS = 50
"""How many cards are made before the group is written: what an interruption loses is done again."""


@define
class Outcome:
    """What has been done so far.

    Attributes:
        approved: Who is in the group now.
        failed: Why somebody is not.
    """

    approved: list[Address] = field(factory=list)
    failed: dict[Address, str] = field(factory=dict)


def approve(*, limit: int | None, yes: bool, as_json: bool) -> int:
    """List the people the person has written to, and after a yes put them into the Imbox group.

    It moves no mail. Who is in a triage group already is passed over, so it can be run again.

    Returns:
        1 if somebody could not be put into the group.
    """
    settings = load_settings()
    account = open_account(settings)
    terminal = Terminal()
    category = _approving_category(settings.scheme)
    with Progress("reading the account"):
        account.check()
    people = _correspondents(account, settings.scheme)[:limit]
    if as_json and not yes:
        terminal.json(_as_json(people, None))
        return Exit.DONE
    if not as_json:
        _show(terminal, people)
    question = f"Put these {len(people)} into the contact group {category.group!r}?"
    if not people or not (yes or terminal.agrees(question)):
        outcome = Outcome()
    else:
        outcome = _approve(account, people, category)
    if as_json:
        terminal.json(_as_json(people, outcome))
    else:
        _conclude(terminal, outcome, category)
    return Exit.FAILED if outcome.failed else Exit.DONE


def _approving_category(scheme: Scheme) -> Category:
    """Return what one decides by writing to somebody: he is a person."""
    return next(category for category in scheme.categories if category.kind is CardKind.PERSON)


def _correspondents(account: Account, scheme: Scheme) -> list[Tally]:
    sent = with_role(account.mail.read([]).mailboxes, SENT_ROLE)
    if not sent:
        raise UserError(
            ["the account has no mailbox with the role sent, so nobody can tell whom you wrote to"]
        )
    tallies = Tallies(account.own_addresses())
    with Progress("reading whom you wrote to") as progress:
        for mailbox_id in sent:
            for page in account.history.letters(mailbox_id):
                tallies.add_recipients(page.letters)
                progress.advance(len(page.letters), page.total)
    return undecided(tallies.ranked(), account.book.latest(), scheme.groups)


def _approve(account: Account, people: Sequence[Tally], category: Category) -> Outcome:
    outcome = Outcome()
    with Progress(f"adding to {category.group}") as progress:
        progress.advance(0, len(people))
        for start in range(0, len(people), BATCH_CARDS):
            batch = people[start : start + BATCH_CARDS]
            _approve_batch(account, batch, category, outcome)
            progress.advance(len(batch), len(people))
    return outcome


def _approve_batch(account: Account, batch: Sequence[Tally], category: Category, outcome: Outcome) -> None:
    contacts = account.book.latest()
    uids: dict[Address, CardUid] = {}
    unknown: list[NewCard] = []
    for tally in batch:
        if cards := contacts.cards(tally.address):
            uids[tally.address] = min(cards, key=lambda card: card.seniority).uid
        else:
            name = tally.name or tally.email
            unknown.append(NewCard(tally.address, tally.email, name, category.kind))
    try:
        for address, made in account.book.create(unknown).items():
            if isinstance(made, Card):
                uids[address] = made.uid
            else:
                outcome.failed[address] = made
        failures = account.book.regroup({category.group: Membership(add=frozenset(uids.values()))})
    except ServerError as error:
        failures = {category.group: str(error)}
    if reason := failures.get(category.group):
        outcome.failed |= dict.fromkeys(uids, reason)
    else:
        outcome.approved += uids


def _show(terminal: Terminal, people: Sequence[Tally]) -> None:
    if not people:
        terminal.line("Everybody you have written to is in a triage group already.")
        return
    rows = [(each.email, each.name, str(each.letters), each.last_at[:10]) for each in people]
    terminal.table(("ADDRESS", "NAME", "WRITTEN", "LAST"), rows)
    terminal.line()


def _conclude(terminal: Terminal, outcome: Outcome, category: Category) -> None:
    if outcome.approved:
        terminal.line(f"In {category.group!r} now: {len(outcome.approved)} more. No mail was moved.")
    elif not outcome.failed:
        terminal.line("Nothing was changed.")
    for address, reason in outcome.failed.items():
        terminal.paragraph(f"{address}: {reason}", "  ✗ ", RED)


def _as_json(people: Sequence[Tally], outcome: Outcome | None) -> dict[str, object]:
    return {
        "correspondents": [
            {"email": each.email, "name": each.name, "written": each.letters, "last": each.last_at}
            for each in people
        ],
        "approved": outcome.approved if outcome else [],
        "failed": outcome.failed if outcome else {},
    }
