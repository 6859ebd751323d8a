"""Everything a person does: to mail (`Person`), and to contacts, as in an app."""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import frozen

from tests.faults.person import ALL_GROUPS, EVERYBODY, LISTS, SENDERS, Person, Received
from tests.support import vcards
from tests.support.accounts import DOMAIN_GROUPS, GROUPS
from tests.support.observer import addresses, values
from tests.support.scenarios import STRANGER, everybody_at

RENAMED = "{} of old"


@frozen
class Act:
    """Something a person does. Its numbers choose from what there is at that moment."""

    name: str
    which: int
    other: int

    def do(self, person: Person) -> None:
        """Do it, as far as there is something to do it to."""
        ACTS[self.name](person, self.which, self.other)

    def __repr__(self) -> str:
        return f"{self.name}({self.which}, {self.other})"


def add_card(person: Person, which: int, other: int) -> None:
    """The person writes a sender down, and perhaps puts the card into a contact group."""
    name, email = SENDERS[which % len(SENDERS)]
    uid = f"by-hand-{next(person.numbers)}"
    person.put(f"{uid}.vcf", vcards.contact(uid, name, email, extra=["NOTE:one, two; three"]))
    if other % 2:
        person.edit_group(GROUPS[other % len(GROUPS)], lambda uids: [*uids, uid])


def add_card_of_many(person: Person, which: int, other: int) -> None:
    """The person makes a card for a whole domain or a mailing list, in a contact group or in none."""
    is_domain, uid = which % 3, f"of-many-{next(person.numbers)}"
    party = everybody_at(SENDERS[which % len(SENDERS)][1].lower()) if is_domain else LISTS[other % 2][1]
    person.put(f"{uid}.vcf", _card(uid, "All of them", [party]))
    if other % 4:
        group = (DOMAIN_GROUPS if is_domain else GROUPS)[other % 4]
        person.edit_group(group, lambda uids: [*uids, uid])


def edit_card(person: Person, which: int, other: int) -> None:
    """The person gives a card another name, another address, or one more address."""
    if name := person.contact_at(which):
        card = person.account.cards()[name]
        theirs = [*addresses(card)]
        email = SENDERS[other % len(SENDERS)][1]
        if other % 3 == 0:
            theirs = [email]
        elif other % 3 == 1:
            theirs = [*dict.fromkeys([*theirs, email.lower()])]
        person.disturbed.update(addresses(card))
        (uid,) = values(card, "UID")
        person.put(name, _card(uid, f"Name {other}", theirs, "X-EDITED:by, hand"))


def delete_card(person: Person, which: int, other: int) -> None:
    """The person deletes a card; the contact groups still name it."""
    if name := person.contact_at(which):
        person.delete_card(name)


def merge_cards(person: Person, which: int, other: int) -> None:
    """The person makes one card of two; its contact groups stay those of the first."""
    first, second = person.contact_at(which), person.contact_at(other)
    if first and second and first != second:
        cards = person.account.cards()
        both = dict.fromkeys([*addresses(cards[first]), *addresses(cards[second])])
        (uid,) = values(cards[first], "UID")
        person.put(first, _card(uid, "Merged", [*both]))
        person.delete_card(second)


def regroup(person: Person, which: int, other: int) -> None:
    """The person puts a card into a contact group, or takes it out."""
    title = (*ALL_GROUPS, "Friends")[other % (len(ALL_GROUPS) + 1)]
    if name := person.contact_at(which):
        card = person.account.cards()[name]
        (uid,) = values(card, "UID")
        person.disturbed.update(addresses(card))
        person.edit_group(title, lambda uids: [x for x in uids if x != uid] if uid in uids else [*uids, uid])


def change_decision(person: Person, which: int, other: int) -> None:
    """The person moves a card from the contact groups it is in to another one."""
    if name := person.contact_at(which):
        card = person.account.cards()[name]
        (uid,) = values(card, "UID")
        person.disturbed.update(addresses(card))
        groups = DOMAIN_GROUPS if any(each.startswith("*@") for each in addresses(card)) else GROUPS
        for title in ALL_GROUPS:
            person.edit_group(title, lambda uids: [x for x in uids if x != uid])
        person.edit_group(groups[other % len(groups)], lambda uids: [*uids, uid])


def rename_group(person: Person, which: int, other: int) -> None:
    """The person gives a contact group another name, or its old name back."""
    title = ALL_GROUPS[which % len(ALL_GROUPS)]
    for before, after in ((title, RENAMED.format(title)), (RENAMED.format(title), title)):
        if group := person.group_named(before):
            card = person.account.cards()[group]
            person.put(group, card.replace(f"FN:{before}\r\n".encode(), f"FN:{after}\r\n".encode()))
            person.disturbed |= EVERYBODY
            person.renamed.add(after)
            return


def delete_group(person: Person, which: int, other: int) -> None:
    """The person deletes a contact group, oftener than not one for domains."""
    title = (*DOMAIN_GROUPS, *ALL_GROUPS)[(which + other) % (len(DOMAIN_GROUPS) + len(ALL_GROUPS))]
    if group := person.group_named(title):
        person.delete_card(group)
        person.disturbed |= EVERYBODY


def put_right(person: Person) -> None:
    """Give every contact group its name back, and let one more message arrive.

    An idle cycle does not look into the contacts. What the person has changed there comes to
    pass with the next change of mail.
    """
    person.mail[person.account.receive([STRANGER], "Screener")] = Received(STRANGER[1])
    for number, title in enumerate(ALL_GROUPS):
        if person.group_named(title) is None:
            rename_group(person, number, 0)
        if person.group_named(title) is None:
            person.put(f"{title.replace(' ', '-')}.vcf", vcards.group(title))


def _card(uid: str, name: str, parties: Collection[str], *extra: str) -> bytes:
    """Write a card that stands for senders, whole domains and mailing lists."""
    emails = [each for each in parties if not each.startswith("<")]
    lists = "\\n".join(f"List-Id: {each}" for each in parties if each.startswith("<"))
    return vcards.contact(uid, name, *emails, extra=[*([f"NOTE:{lists}"] if lists else []), *extra])


ACTS: dict[str, Callable[[Person, int, int], None]] = {
    each.__name__: each
    for each in (
        Person.arrive, Person.arrive_over_list, Person.label, Person.label_domain, Person.label_list,
        Person.label_whom, Person.arrive_and_label, Person.arrive_and_label_domain,
        Person.arrive_and_label_list, Person.unlabel, Person.unlabel_one, Person.move, Person.read,
        Person.destroy, Person.write, Person.be_answered, Person.rename_mailbox, Person.forget,
        add_card, add_card_of_many, edit_card, delete_card, merge_cards, regroup, change_decision,
        rename_group, delete_group,
    )
}  # fmt: skip
