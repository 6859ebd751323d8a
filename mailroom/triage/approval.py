"""Who of those the person has written to joins a contact group, under which card, and putting them there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from attrs import Factory, define, frozen

from mailroom.errors import ServerError, UserError
from mailroom.model.address import Address
from mailroom.model.address_book import AddressBook, Advance, Contacts, Refused
from mailroom.model.contacts import CardUid, Membership, NewCard, choose_card
from mailroom.model.party import Party
from mailroom.model.scheme import Category, Scheme
from mailroom.model.sender import Correspondent
from mailroom.model.whom import Whom
from mailroom.triage.automatic import why_automatic
from mailroom.triage.batches import BATCH_CARDS, batches
from mailroom.triage.correspondence import WEIGHT_DIGITS, Tally
from mailroom.triage.plan import triage_groups_of

ONE_OF_MANY = "one of many"

LEAST_WEIGHT = 0.1
"""Below it somebody was only ever one of many: of more than ten once, or of more than twenty twice."""


@frozen
class LeftOut:
    """Somebody who was written to and does not look like a person.

    Attributes:
        reason: What they look like instead, in a few words.
    """

    tally: Tally
    reason: str


@frozen
class Candidates:
    """Who may be approved, of those whom nobody has decided on; each most written to first.

    Attributes:
        people: To whom the person seems to write.
        left_out: The others.
    """

    people: tuple[Tally, ...]
    left_out: tuple[LeftOut, ...]

    def chosen(self, included: Collection[Address], limit: int | None = None) -> tuple[Tally, ...]:
        """Return the first of the people, and whoever the person wants besides."""
        people = self.people[:limit]
        others = (*self.people[len(people) :], *(each.tally for each in self.left_out))
        return (*people, *(each for each in others if each.who.address in included))

    def without(self, chosen: Collection[Tally]) -> tuple[LeftOut, ...]:
        """Return those left out who are not chosen all the same."""
        taken = {each.who.address for each in chosen}
        return tuple(each for each in self.left_out if each.tally.who.address not in taken)


@frozen
class Approval:
    """What approving some correspondents takes, by the contacts of one moment.

    Attributes:
        joins: Whose card joins the group, and which one.
        new_cards: The cards of those who have none yet.
        decided: Who is in triage groups already, whoever put them there; a decision stands.
    """

    joins: dict[Address, CardUid]
    new_cards: tuple[NewCard, ...]
    decided: dict[Address, tuple[str, ...]]


@define
class ApprovalReport:
    """What has been done for correspondents so far.

    Attributes:
        approved: Who is in the group now.
        joined: Who was put into it, as they were written to, and with which card.
        made: Whose card was made for it.
        decided: Who was in triage groups meanwhile, and in which; their decision stands.
        failed: Why somebody is not.
    """

    approved: list[Address] = Factory(list)
    joined: dict[Correspondent, CardUid] = Factory(dict)
    made: set[Party] = Factory(set)
    decided: dict[Address, tuple[str, ...]] = Factory(dict)
    failed: dict[Party, str] = Factory(dict)


def approving_category(scheme: Scheme) -> Category:
    """Return what one decides by writing to somebody.

    Raises:
        UserError: No category is for that.
    """
    if scheme.approving:
        return scheme.approving
    problem = (
        "no category is for people you wrote to: set `approve = true` in one entry of the categories file"
    )
    raise UserError([problem])


def undecided(tallies: Iterable[Tally], contacts: Contacts, scheme: Scheme) -> list[Tally]:
    """Return those who are in no triage group."""
    return [
        tally
        for tally in tallies
        if not triage_groups_of(contacts.cards(tally.who.address), contacts.groups, scheme)
    ]


def sort_out(tallies: Iterable[Tally]) -> Candidates:
    """Say who of those written to are people, as far as that can be seen."""
    people: list[Tally] = []
    left_out: list[LeftOut] = []
    for each in tallies:
        is_slight = round(each.weight, WEIGHT_DIGITS) < LEAST_WEIGHT
        if reason := why_automatic(each.who.address) or (ONE_OF_MANY if is_slight else ""):
            left_out.append(LeftOut(each, reason))
        else:
            people.append(each)
    return Candidates(tuple(people), tuple(left_out))


def plan_approval(tallies: Iterable[Tally], contacts: Contacts, scheme: Scheme) -> Approval:
    """Say what is to be done for correspondents; asked again after cards were made, it says the rest.

    A new card may be in a group at once, one that still holds the line of an earlier card of theirs.
    """
    kind = approving_category(scheme).kind
    joins: dict[Address, CardUid] = {}
    new_cards: list[NewCard] = []
    decided: dict[Address, tuple[str, ...]] = {}
    for tally in tallies:
        cards = contacts.cards(tally.who.address)
        if groups := triage_groups_of(cards, contacts.groups, scheme):
            decided[tally.who.address] = tuple(group.name for group in groups)
        elif cards:
            joins[tally.who.address] = choose_card(cards, {}).uid
        else:
            new_cards.append(NewCard.of(Whom.of(tally.who), kind))
    return Approval(joins, tuple(new_cards), decided)


def approve_people(
    people: Sequence[Tally],
    book: AddressBook,
    scheme: Scheme,
    advance: Advance,
    *,
    batch_cards: int = BATCH_CARDS,
) -> ApprovalReport:
    """Put correspondents into the group, a batch at a time; a batch that fails stops no other.

    Args:
        batch_cards: How many cards are made before the group is written.
    """
    report = ApprovalReport()
    advance(0, len(people))
    for batch in batches(people, batch_cards):
        try:
            _approve_batch(batch, book, scheme, report)
        except ServerError as error:
            done = {*report.approved, *report.decided, *report.failed}
            left = (tally.who.address for tally in batch if tally.who.address not in done)
            report.failed |= dict.fromkeys(left, str(error))
        advance(len(batch), len(people))
    return report


def _approve_batch(batch: Sequence[Tally], book: AddressBook, scheme: Scheme, report: ApprovalReport) -> None:
    """Put a batch into the group, by contacts read after the answer and again after cards were made.

    The person may have decided about somebody between the question and now.
    """
    group = approving_category(scheme).group.name
    approval = plan_approval(batch, book.refresh(), scheme)
    if approval.new_cards:
        made = book.create(approval.new_cards)
        failed = {address: card.reason for address, card in made.items() if isinstance(card, Refused)}
        report.failed |= failed
        report.made |= made.keys() - failed.keys()
        rest = [tally for tally in batch if tally.who.address not in failed]
        approval = plan_approval(rest, book.refresh(), scheme)
        lost = "the contact card just made does not appear in the address book"
        report.failed |= dict.fromkeys((card.address for card in approval.new_cards), lost)
    report.decided |= approval.decided
    members = frozenset(approval.joins.values())
    failures = book.regroup({group: Membership(add=members)}) if members else {}
    if reason := failures.get(group):
        report.failed |= dict.fromkeys(approval.joins, reason)
    else:
        report.approved += approval.joins
        who = {tally.who.address: tally.who for tally in batch}
        report.joined |= {who[address]: uid for address, uid in approval.joins.items()}
