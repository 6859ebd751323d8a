"""`mailroom approve --correspondents`: people whom the person has written to are never screened."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from mailroom.account import Account, open_account
from mailroom.errors import ServerError, UserError
from mailroom.exits import Exit
from mailroom.model.address import Address
from mailroom.model.contacts import Membership
from mailroom.model.mail import SENT_ROLE
from mailroom.model.mailboxes import with_role
from mailroom.model.ports import Refused
from mailroom.model.scheme import Category, Scheme
from mailroom.output.terminal import RED, Progress, Terminal
from mailroom.settings.settings import load_settings
from mailroom.triage.approval import approving_category, plan_approval, undecided
from mailroom.triage.correspondence import Tallies, Tally, not_read

BATCH_CARDS = 50
"""How many cards are made before the group is written: what an interruption loses is done again."""


@define
class Outcome:
    """What has been done so far.

    Attributes:
        approved: Who is in the group now.
        decided: Who was in triage groups meanwhile, and in which; their decision stands.
        failed: Why somebody is not.
    """

    approved: list[Address] = field(factory=list)
    decided: dict[Address, tuple[str, ...]] = field(factory=dict)
    failed: dict[Address, str] = field(factory=dict)


def approve(*, limit: int | None, yes: bool, as_json: bool) -> Exit:
    """List the people the person has written to, and after a yes put them into the Imbox group.

    It moves no mail. Who is in a triage group already is passed over, so it can be run again.

    Returns:
        1 if somebody could not be put into the group.
    """
    settings = load_settings()
    account = open_account(settings)
    terminal = Terminal()
    category = approving_category(settings.scheme)
    with Progress("reading the account"):
        account.check()
    tallies = _correspondents(account)
    people = undecided(tallies.ranked(), account.book.refresh(), settings.scheme)[:limit]
    if as_json and not yes:
        terminal.json(_as_json(people, tallies.unreadable, None))
        return Exit.DONE
    if not as_json:
        _show(terminal, people, tallies.unreadable)
    question = f"Put these {len(people)} into the contact group {category.group.name!r}?"
    if not people or not (yes or terminal.agrees(question)):
        outcome = Outcome()
    else:
        outcome = _approve(account, people, settings.scheme)
    if as_json:
        terminal.json(_as_json(people, tallies.unreadable, outcome))
    else:
        _conclude(terminal, outcome, category)
    return Exit.FAILED if outcome.failed else Exit.DONE


def _correspondents(account: Account) -> Tallies:
    sent = with_role(account.mail.read([]).mailboxes, SENT_ROLE)
    if not sent:
        raise UserError(
            ["the account has no mailbox with the role sent, so nobody can tell whom you wrote to"]
        )
    tallies = Tallies(account.own_addresses())
    with Progress("reading whom you wrote to") as progress:
        for mailbox_id in sent:
            for page in account.history.headers(mailbox_id):
                tallies.add_recipients(page)
                progress.advance(len(page.headers) + page.left_out, page.total)
    return tallies


def _approve(account: Account, people: Sequence[Tally], scheme: Scheme) -> Outcome:
    outcome = Outcome()
    with Progress(f"adding to {approving_category(scheme).group.name}") as progress:
        progress.advance(0, len(people))
        for start in range(0, len(people), BATCH_CARDS):
            batch = people[start : start + BATCH_CARDS]
            try:
                _approve_batch(account, batch, scheme, outcome)
            except ServerError as error:
                done = {*outcome.approved, *outcome.decided, *outcome.failed}
                left = (tally.address for tally in batch if tally.address not in done)
                outcome.failed |= dict.fromkeys(left, str(error))
            progress.advance(len(batch), len(people))
    return outcome


def _approve_batch(account: Account, batch: Sequence[Tally], scheme: Scheme, outcome: Outcome) -> None:
    """Put a batch into the group, by contacts read after the answer and again after cards were made.

    The person may have decided about somebody between the question and now.
    """
    group = approving_category(scheme).group.name
    approval = plan_approval(batch, account.book.refresh(), scheme)
    if approval.new_cards:
        made = account.book.create(approval.new_cards)
        failed = {address: card.reason for address, card in made.items() if isinstance(card, Refused)}
        outcome.failed |= failed
        rest = [tally for tally in batch if tally.address not in failed]
        approval = plan_approval(rest, account.book.refresh(), scheme)
        lost = "the card just made is not in the address book"
        outcome.failed |= dict.fromkeys((card.address for card in approval.new_cards), lost)
    outcome.decided |= approval.decided
    members = frozenset(approval.joins.values())
    failures = account.book.regroup({group: Membership(add=members)}) if members else {}
    if reason := failures.get(group):
        outcome.failed |= dict.fromkeys(approval.joins, reason)
    else:
        outcome.approved += approval.joins


def _show(terminal: Terminal, people: Sequence[Tally], unreadable: int) -> None:
    if unreadable:
        terminal.paragraph(f"{not_read(unreadable)}, so whoever you wrote to in them alone is not listed.")
        terminal.line()
    if not people:
        terminal.line("Everybody you have written to is in a triage group already.")
        return
    rows = [(each.email, each.name, str(each.messages), each.last_at[:10]) for each in people]
    terminal.table(("ADDRESS", "NAME", "WRITTEN", "LAST"), rows, yielding=("NAME",))
    terminal.line()


def _conclude(terminal: Terminal, outcome: Outcome, category: Category) -> None:
    if outcome.approved:
        terminal.line(f"In {category.group.name!r} now: {len(outcome.approved)} more. No mail was moved.")
    elif not outcome.failed:
        terminal.line("Nothing was changed.")
    for address, groups in outcome.decided.items():
        terminal.paragraph(f"{address} was put into {', '.join(groups)} meanwhile, and stays there.", "  ")
    for address, reason in outcome.failed.items():
        terminal.paragraph(f"{address}: {reason}", "  ✗ ", RED)


def _as_json(people: Sequence[Tally], unreadable: int, outcome: Outcome | None) -> dict[str, object]:
    return {
        "correspondents": [
            {"email": each.email, "name": each.name, "written": each.messages, "last": each.last_at}
            for each in people
        ],
        "unreadable": unreadable,
        "approved": outcome.approved if outcome else [],
        "decided_meanwhile": {x: list(groups) for x, groups in outcome.decided.items()} if outcome else {},
        "failed": outcome.failed if outcome else {},
    }
