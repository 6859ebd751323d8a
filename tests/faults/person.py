"""A person who does what people do to mail, at any moment; what they do to contacts: `acts`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import count

from attrs import define, field, frozen

from tests.support import vcards
from tests.support.accounts import (
    DOMAIN_GROUPS,
    DOMAIN_LABEL,
    GROUPS,
    LABELS,
    LIST_LABEL,
    Sender,
    group_card_name,
)
from tests.support.observer import addresses, is_group, members, values
from tests.support.scenarios import (
    FOREIGN_MEMBERS,
    STRANGER,
    UNTOUCHED_LINES,
    FaultyAccountOnSandbox,
    everybody_at,
)

SENDERS: Sequence[Sender] = (
    ("Ann", "ann@example.net"),
    ("Bob", "Bob@Example.net"),
    ("The Shop, Inc.", "orders@shop.example"),
    ("The Shop, Inc.", "news@shop.example"),
    ("A Friend", "friend@gmail.com"),
)
LISTS = (
    ("Dev", "<dev.lists.example>", "dev@lists.example"),
    ("The Shop's news", "<news.shop.example>", "news@shop.example"),
)
"""Name, List-Id and posting address of each mailing list; that of one writes by itself, too."""

SHARED = everybody_at("friend@gmail.com")
EVERYBODY = frozenset(
    party
    for email in (*(email.lower() for _, email in (*SENDERS, STRANGER)), *(post for *_, post in LISTS))
    for party in (email, everybody_at(email))
) | {list_id for _, list_id, _ in LISTS}
"""Everybody on whom something may be decided: senders, domains and lists."""

TRIAGE_LABELS = tuple(label for label in LABELS if label.startswith("@To"))
SCOPES = (DOMAIN_LABEL, LIST_LABEL)
ALL_LABELS = frozenset((*LABELS, *SCOPES))
ALL_GROUPS = (*GROUPS, *DOMAIN_GROUPS)
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


@frozen
class Received:
    """A message that arrived: from whom, in lower case, and over which mailing list, empty for none."""

    sender: str
    list_id: str = ""

    @property
    def parties(self) -> tuple[str, ...]:
        """Those about whom a decision may count for it, who counts most first."""
        return tuple(filter(None, (self.list_id, self.sender, everybody_at(self.sender))))


@define
class Person:
    """Does acts, and knows which cards are the person's own.

    Attributes:
        mail: What arrived and has not been deleted for good.
        sent: What the person sent.
        answers: What answers it.
        cards: Every card as the person last wrote it; those that are gone are missing.
        disturbed: Addresses whose contacts the person has touched since the set was last cleared.
        renamed: What contact groups were called since then.
        numbers: Give each card that the person makes a name of its own.
    """

    account: FaultyAccountOnSandbox
    mail: dict[str, Received] = field(factory=dict)
    sent: list[str] = field(factory=list)
    answers: set[str] = field(factory=set)
    cards: dict[str, bytes] = field(factory=dict)
    disturbed: set[str] = field(factory=set)
    renamed: set[str] = field(factory=set)
    numbers: count[int] = field(factory=count)

    def arrive(self, which: int, other: int) -> None:
        """A message arrives, mostly in Screener."""
        name, email = SENDERS[which % len(SENDERS)]
        shown = name if other % 4 else "Somebody Else"
        message = self.account.receive([(shown, email)], PLACES[other % len(PLACES)], read=bool(which % 2))
        self.mail[message] = Received(email.lower())

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
        self.mail[message] = Received(email.lower())
        self.answers |= {message} if is_true else set()

    def arrive_over_list(self, which: int, other: int) -> None:
        """A message arrives over a mailing list, which may say how one writes to it."""
        (name, email), place = SENDERS[which % len(SENDERS)], PLACES[other % len(PLACES)]
        title, list_id, post = LISTS[other % len(LISTS)]
        fields = [("List-Id", f"{title} {list_id}")]
        fields += [("List-Post", f"<mailto:{post}>")] if other % 3 else []
        message = self.account.receive_with(fields, (name, email), place, read=bool(which % 2))
        self.mail[message] = Received(email.lower(), list_id)

    def label(self, which: int, other: int) -> None:
        """The person puts a label on."""
        if message := self.message_at(which):
            self._put_on(message, TRIAGE_LABELS[other % len(TRIAGE_LABELS)])

    def label_domain(self, which: int, other: int) -> None:
        """The person puts two labels on, for everybody at the sender's domain."""
        if message := self.message_at(which):
            self._put_on(message, TRIAGE_LABELS[other % len(TRIAGE_LABELS)], DOMAIN_LABEL)

    def label_list(self, which: int, other: int) -> None:
        """The person puts two labels on, for the mailing list, over which the message may not have come."""
        if message := self.message_at(which):
            self._put_on(message, TRIAGE_LABELS[other % len(TRIAGE_LABELS)], LIST_LABEL)

    def label_whom(self, which: int, other: int) -> None:
        """The person puts on whom they mean, and says no more, or has said what before."""
        if message := self.message_at(which):
            self._put_on(message, SCOPES[other % len(SCOPES)])

    def arrive_and_label(self, which: int, other: int) -> None:
        """A message arrives and gets its label at once."""
        self.arrive(which, other)
        self.label(len(self.mail) - 1, other)

    def arrive_and_label_domain(self, which: int, other: int) -> None:
        """A message arrives, and the person decides at once about everybody at its sender's domain."""
        self.arrive(which, other)
        self.label_domain(len(self.mail) - 1, other)

    def arrive_and_label_list(self, which: int, other: int) -> None:
        """A message arrives over a mailing list, and the person decides at once about the list."""
        self.arrive_over_list(which, other)
        self.label_list(len(self.mail) - 1, which)

    def unlabel(self, which: int, other: int) -> None:
        """The person takes all labels off."""
        if message := self.message_at(which):
            self._take_off(message, ALL_LABELS)

    def unlabel_one(self, which: int, other: int) -> None:
        """The person takes one label off a message that bears one, or several."""
        labelled = [x for x in self.mail if self.account.mailboxes_of(x) & ALL_LABELS]
        if labelled:
            message = labelled[which % len(labelled)]
            labels = sorted(self.account.mailboxes_of(message) & ALL_LABELS)
            self._take_off(message, {labels[other % len(labels)]})

    def move(self, which: int, other: int) -> None:
        """The person moves a message; its labels stay on."""
        if message := self.message_at(which):
            labels = self.account.mailboxes_of(message) & ALL_LABELS
            self.account.place(message, PLACES[other % len(PLACES)], *labels)

    def read(self, which: int, other: int) -> None:
        """The person reads a message."""
        if message := self.message_at(which):
            self.account.mark_read(message)

    def destroy(self, which: int, other: int) -> None:
        """The person deletes a message for good."""
        if message := self.message_at(which):
            self.account.destroy(message)
            del self.mail[message]

    def rename_mailbox(self, which: int, other: int) -> None:
        """The person gives a mailbox of their own another name and its old one back."""
        self.account.rename_mailbox("Family", "Relatives")
        self.account.rename_mailbox("Relatives", "Family")

    def forget(self, which: int, other: int) -> None:
        """The server forgets what it has given sync tokens for."""
        self.account.forget_changes()

    def _put_on(self, message: str, *labels: str) -> None:
        self.account.place(message, *self.account.mailboxes_of(message), *labels)

    def _take_off(self, message: str, labels: Collection[str]) -> None:
        kept = self.account.mailboxes_of(message) - set(labels)
        self.account.place(message, *(kept or {"Inbox"}))

    def message_at(self, which: int) -> str | None:
        """Return one of the messages; None where there is none."""
        messages = list(self.mail)
        return messages[which % len(messages)] if messages else None

    def contact_at(self, which: int) -> str | None:
        """Return the name of one of the cards that are no contact groups."""
        names = [name for name, card in self.account.cards().items() if not is_group(card)]
        return names[which % len(names)] if names else None

    def group_named(self, title: str) -> str | None:
        """Return the name of a contact group's card."""
        names = [
            x for x, card in self.account.cards().items() if is_group(card) and values(card, "FN") == (title,)
        ]
        return names[0] if names else None

    def edit_group(self, title: str, edit: Callable[[list[str]], list[str]]) -> None:
        """Change who is in a contact group, if there is one of that name."""
        if name := self.group_named(title):
            uids = edit(list(members(self.account.cards()[name])))
            self.put(name, vcards.group(title, uids, uid=values(self.account.cards()[name], "UID")[0]))

    def put(self, name: str, card: bytes) -> None:
        """Write a card as the person's own."""
        if not is_group(card):
            self.disturbed.update(addresses(card))
        self.account.put_card(name, card)
        self.cards[name] = card

    def delete_card(self, name: str) -> None:
        """Delete a card; nobody looks whether it is named anywhere."""
        self.disturbed.update(addresses(self.account.cards()[name]))
        self.account.delete_card(name)
        self.cards.pop(name, None)


def settle_in(account: FaultyAccountOnSandbox) -> Person:
    """Return the person, who has contact groups with members that nobody else knows."""
    person = Person(account)
    # Over JMAP the server writes a group anew as a whole, and members of other accounts become ordinary ones.
    extra = () if account.is_over_jmap else UNTOUCHED_LINES
    for title in ("Imbox", "Feed", "Feed domains"):
        name = group_card_name(account, title)
        (uid,) = values(account.cards()[name], "UID")
        person.put(name, vcards.group(title, FOREIGN_MEMBERS[:1], uid=uid, extra=extra))
    return person
