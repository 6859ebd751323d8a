"""A person who does what people do to mail and contacts, at any moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from attrs import define, field, frozen

from tests.support import vcards
from tests.support.accounts import GROUPS, LABELS, Sender, group_card_name
from tests.support.observer import addresses, is_group, members, values
from tests.support.scenarios import FOREIGN_MEMBERS, STRANGER, FaultyAccountOnSandbox

SENDERS: Sequence[Sender] = (
    ("Ann", "ann@example.net"),
    ("Bob", "Bob@Example.net"),
    ("The Shop, Inc.", "orders@shop.example"),
    ("The Shop, Inc.", "news@shop.example"),
)
TRIAGE_LABELS = tuple(label for label in LABELS if label.startswith("@To"))
PLACES = (
    "Screener",
    "Screener",
    "Inbox",
    "Feed",
    "Paper Trail",
    "Jail",
    "Archive",
    "Family",
    "Trash",
    "Trash",
)
RENAMED = "{} of old"


@frozen
class Act:
    """Something a person does. Its numbers choose from what there is at that moment."""

    name: str
    which: int
    other: int

    def __repr__(self) -> str:
        return f"{self.name}({self.which}, {self.other})"


@define
class Person:
    """Does acts, and knows which cards are the person's own.

    Attributes:
        senders: The sender's address of each message.
        sent: What the person sent.
        answers: What answers it.
        cards: Every card as the person last wrote it; those that are gone are missing.
        disturbed: Addresses whose contacts the person has touched since the set was last cleared.
        renamed: What contact groups were called since then.
    """

    account: FaultyAccountOnSandbox
    senders: dict[str, str] = field(factory=dict)
    sent: list[str] = field(factory=list)
    answers: set[str] = field(factory=set)
    cards: dict[str, bytes] = field(factory=dict)
    disturbed: set[str] = field(factory=set)
    renamed: set[str] = field(factory=set)
    _numbers: count[int] = field(factory=count)

    def do(self, act: Act) -> None:
        """Do it, as far as there is something to do it to."""
        ACTS[act.name](self, act.which, act.other)

    def arrive(self, which: int, other: int) -> None:
        """A message arrives, mostly in Screener."""
        name, email = SENDERS[which % len(SENDERS)]
        shown = name if other % 4 else "Somebody Else"
        message = self.account.receive([(shown, email)], PLACES[other % len(PLACES)], read=bool(which % 2))
        self.senders[message] = email.lower()

    def write(self, which: int, other: int) -> None:
        """The person sends a mail to somebody."""
        self.sent.append(self.account.send(SENDERS[which % len(SENDERS)]))

    def be_answered(self, which: int, other: int) -> None:
        """Somebody answers the person, or says that they do; often one on whom nobody has decided."""
        name, email = STRANGER if other % 2 else SENDERS[which % len(SENDERS)]
        is_true = bool(other % 3)
        if is_true and not self.sent:
            self.write(which, other)
        named = "made-up@far.example"
        if is_true:
            named = self.account.message_id_of(self.sent[which % len(self.sent)])
        message = self.account.receive_naming([(name, email)], [named], "Screener")
        self.senders[message] = email.lower()
        self.answers |= {message} if is_true else set()

    def label(self, which: int, other: int) -> None:
        """The person puts a label on."""
        if message := self._message(which):
            label = TRIAGE_LABELS[other % len(TRIAGE_LABELS)]
            self.account.place(message, *self.account.mailboxes_of(message), label)

    def arrive_and_label(self, which: int, other: int) -> None:
        """A message arrives and gets its label at once."""
        self.arrive(which, other)
        self.label(len(self.senders) - 1, other)

    def unlabel(self, which: int, other: int) -> None:
        """The person takes all labels off."""
        if message := self._message(which):
            kept = self.account.mailboxes_of(message) - set(LABELS)
            self.account.place(message, *(kept or {"Inbox"}))

    def move(self, which: int, other: int) -> None:
        """The person moves a message; its labels stay on."""
        if message := self._message(which):
            labels = self.account.mailboxes_of(message) & set(LABELS)
            self.account.place(message, PLACES[other % len(PLACES)], *labels)

    def read(self, which: int, other: int) -> None:
        """The person reads a message."""
        if message := self._message(which):
            self.account.mark_read(message)

    def destroy(self, which: int, other: int) -> None:
        """The person deletes a message for good."""
        if message := self._message(which):
            self.account.destroy(message)
            del self.senders[message]

    def add_card(self, which: int, other: int) -> None:
        """The person writes a sender down, and perhaps puts the card into a contact group."""
        name, email = SENDERS[which % len(SENDERS)]
        uid = f"by-hand-{next(self._numbers)}"
        self.put(f"{uid}.vcf", vcards.contact(uid, name, email, extra=["NOTE:one, two; three"]))
        if other % 2:
            self._edit_group(GROUPS[other % len(GROUPS)], lambda uids: [*uids, uid])

    def edit_card(self, which: int, other: int) -> None:
        """The person gives a card another name, another address, or one more address."""
        if name := self._contact(which):
            card = self.account.cards()[name]
            theirs = [*addresses(card)]
            email = SENDERS[other % len(SENDERS)][1]
            if other % 3 == 0:
                theirs = [email]
            elif other % 3 == 1:
                theirs = [*dict.fromkeys([*theirs, email.lower()])]
            self.disturbed.update(addresses(card))
            (uid,) = values(card, "UID")
            self.put(name, vcards.contact(uid, f"Name {other}", *theirs, extra=["X-EDITED:by, hand"]))

    def delete_card(self, which: int, other: int) -> None:
        """The person deletes a card; the contact groups still name it."""
        if name := self._contact(which):
            self._delete(name)

    def merge_cards(self, which: int, other: int) -> None:
        """The person makes one card of two; its contact groups stay those of the first."""
        first, second = self._contact(which), self._contact(other)
        if first and second and first != second:
            cards = self.account.cards()
            both = dict.fromkeys([*addresses(cards[first]), *addresses(cards[second])])
            (uid,) = values(cards[first], "UID")
            self.put(first, vcards.contact(uid, "Merged", *both))
            self._delete(second)

    def rename_group(self, which: int, other: int) -> None:
        """The person gives a contact group another name, or its old name back."""
        title = GROUPS[which % len(GROUPS)]
        for before, after in ((title, RENAMED.format(title)), (RENAMED.format(title), title)):
            if group := self._group(before):
                card = self.account.cards()[group]
                self.put(group, card.replace(f"FN:{before}\r\n".encode(), f"FN:{after}\r\n".encode()))
                self.disturbed.update(email.lower() for _, email in SENDERS)
                self.renamed.add(after)
                return

    def regroup(self, which: int, other: int) -> None:
        """The person puts a card into a contact group, or takes it out."""
        if name := self._contact(which):
            card = self.account.cards()[name]
            (uid,) = values(card, "UID")
            self.disturbed.update(addresses(card))
            self._edit_group(
                (*GROUPS, "Friends")[other % 5],
                lambda uids: [x for x in uids if x != uid] if uid in uids else [*uids, uid],
            )

    def rename_mailbox(self, which: int, other: int) -> None:
        """The person gives a mailbox of their own another name and its old one back."""
        self.account.rename_mailbox("Family", "Relatives")
        self.account.rename_mailbox("Relatives", "Family")

    def forget(self, which: int, other: int) -> None:
        """The server forgets what it has given sync tokens for."""
        self.account.forget_changes()

    def put_right(self) -> None:
        """Give every contact group its name back, and let one more message arrive.

        An idle cycle does not look into the contacts. What the person has changed there comes to
        pass with the next change of mail.
        """
        self.senders[self.account.receive([STRANGER], "Screener")] = STRANGER[1]
        for number, title in enumerate(GROUPS):
            if self._group(title) is None:
                self.rename_group(number, 0)

    def _message(self, which: int) -> str | None:
        messages = list(self.senders)
        return messages[which % len(messages)] if messages else None

    def _contact(self, which: int) -> str | None:
        names = [name for name, card in self.account.cards().items() if not is_group(card)]
        return names[which % len(names)] if names else None

    def _group(self, title: str) -> str | None:
        names = [
            x for x, card in self.account.cards().items() if is_group(card) and values(card, "FN") == (title,)
        ]
        return names[0] if names else None

    def _edit_group(self, title: str, edit: Callable[[list[str]], list[str]]) -> None:
        if name := self._group(title):
            uids = edit(list(members(self.account.cards()[name])))
            self.put(name, vcards.group(title, uids, uid=values(self.account.cards()[name], "UID")[0]))

    def put(self, name: str, card: bytes) -> None:
        """Write a card as the person's own."""
        if not is_group(card):
            self.disturbed.update(addresses(card))
        self.account.put_card(name, card)
        self.cards[name] = card

    def _delete(self, name: str) -> None:
        self.disturbed.update(addresses(self.account.cards()[name]))
        self.account.delete_card(name)
        self.cards.pop(name, None)


ACTS: dict[str, Callable[[Person, int, int], None]] = {
    each.__name__: each
    for each in (
        Person.arrive, Person.label, Person.arrive_and_label, Person.unlabel, Person.move, Person.read,
        Person.destroy, Person.write, Person.be_answered, Person.add_card, Person.edit_card,
        Person.delete_card, Person.merge_cards, Person.rename_group, Person.regroup,
        Person.rename_mailbox, Person.forget,
    )
}  # fmt: skip


def settle_in(account: FaultyAccountOnSandbox) -> Person:
    """Return the person, who has contact groups with members that nobody else knows."""
    person = Person(account)
    for title in ("Imbox", "Feed"):
        name = group_card_name(account, title)
        (uid,) = values(account.cards()[name], "UID")
        person.put(name, vcards.group(title, FOREIGN_MEMBERS[:1], uid=uid))
    return person
