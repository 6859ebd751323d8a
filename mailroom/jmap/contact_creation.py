"""A card or contact group that is to be made over JMAP, under one identifier after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from attrs import define, field

from mailroom.contacts.identity import MAX_UIDS, card_uids, group_uids
from mailroom.errors import ProtocolError
from mailroom.jmap.contact_cards import ReadCard, read_card
from mailroom.jmap.contact_compose import compose_card, compose_group
from mailroom.jmap.contact_replica import ContactReplica
from mailroom.jmap.wire import Json
from mailroom.model.address_book import Refused
from mailroom.model.contacts import CardUid, NewCard


@define(eq=False)
class Creation:
    """What is to be made.

    Attributes:
        what: What a person calls it.
        compose: Makes its card under an identifier.
        is_there: Whether what bears an identifier by now is just that.
        group_id: The contact group that it is to come into; None for none.
        outcome: The identifier that it has by now, or why there is none; None until then.
    """

    what: str
    compose: Callable[[CardUid], Json]
    is_there: Callable[[CardUid], bool]
    group_id: str | None = None
    outcome: CardUid | Refused | None = None
    _uids: Iterator[CardUid] = field(factory=lambda: iter(()))
    _uid: CardUid | None = field(default=None, init=False)

    @property
    def has_uid(self) -> bool:
        """Whether an identifier is tried."""
        return self._uid is not None

    @property
    def uid(self) -> CardUid:
        """The identifier that is tried."""
        assert self._uid is not None
        return self._uid

    def settle_on_uid(self, taken: Collection[str]) -> bool:
        """Take an identifier that may be free; return whether anything is to be made under it.

        Args:
            taken: The identifiers of what is there, as far as is known.
        """
        while self.outcome is None and (self._uid is None or self._uid in taken):
            if self._uid is not None and self.is_there(self._uid):
                self.outcome = self._uid
                return False
            self.give_uid_up()
        return self.outcome is None

    def give_uid_up(self) -> None:
        """Go on with the next identifier: another card bears this one."""
        self._uid = next(self._uids, None)
        if self._uid is None:
            self.outcome = Refused(f"{MAX_UIDS} names for {self.what} are taken by other cards")

    def card(self) -> Json | None:
        """Return the card to be made; None where none can say what is asked for, which is the outcome."""
        try:
            return self.compose(self.uid)
        except ProtocolError as error:
            self.outcome = Refused(str(error))
            return None


def creation_of_card(
    new: NewCard, replica: ContactReplica, book_id: str, group_id: str | None = None
) -> Creation:
    """Return the making of a sender's card."""
    return Creation(
        what=f"the contact card of {new.address}",
        compose=lambda uid: compose_card(new, uid, book_id),
        is_there=lambda uid: any(entry.uid == uid for entry in replica.cards.find(new.address)),
        group_id=group_id,
        uids=card_uids(new.address),
    )


def creation_of_group(name: str, replica: ContactReplica, book_id: str) -> Creation:
    """Return the making of a contact group."""
    return Creation(
        what="it",
        compose=lambda uid: compose_group(name, uid, book_id),
        is_there=lambda uid: any((x.uid, x.name) == (uid, name) for x in replica.groups.values()),
        uids=group_uids(name),
    )


def as_made(card: Json, answer: object, now_seconds: int) -> ReadCard | None:
    """Return a card as the server has made it; None where its answer does not say under which id."""
    said = answer if isinstance(answer, dict) else {}
    made = read_card(card | {key: said[key] for key in ("id", "created") if key in said})
    if not made.id:
        return None
    created = made.created or now_seconds
    return ReadCard(made.id, made.summary, made.book_ids, created, made.modified)
