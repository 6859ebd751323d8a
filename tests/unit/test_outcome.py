"""What became of messages, told by their senders."""

from __future__ import annotations

from mailroom.model.address import Address
from mailroom.model.mail import MailboxId, Message, MessageId, Snapshot
from mailroom.model.ports import Update
from mailroom.model.sender import read_sender
from mailroom.triage.outcome import by_party
from mailroom.triage.ruling import sender_of

ANN, BOB = Address("ann@x.example"), Address("bob@x.example")


def snapshot(*senders: str) -> Snapshot:
    """Messages from these senders, numbered from 0."""
    ids = [MessageId(str(number)) for number in range(len(senders))]
    places = frozenset({MailboxId("Screener")})
    return Snapshot(
        "1",
        {
            x: Message(x, places, False, read_sender([("", sender)]), "2026")
            for x, sender in zip(ids, senders, strict=True)
        },
    )


def update(changed: str = "", **failed: str) -> Update:
    """What became of messages by their numbers."""
    return Update(
        Snapshot("2", {}),
        {
            MessageId(each): Message(MessageId(each), frozenset(), False, read_sender([]), "2026")
            for each in changed
        },
        {MessageId(number.removeprefix("m")): reason for number, reason in failed.items()},
    )


def test_messages_count_for_their_senders() -> None:
    """Each spelling of an address is the same sender."""
    outcome = by_party(update("012"), snapshot("Ann@x.example", BOB, "ann@X.example"), sender_of)
    assert outcome.changed == {ANN: 2, BOB: 1}
    assert not outcome.failed


def test_of_several_reasons_a_sender_is_told_the_first() -> None:
    """One sentence is enough to look into it."""
    outcome = by_party(
        update("3", m0="full", m1="locked", m2="full"), snapshot(ANN, ANN, BOB, ANN), sender_of
    )
    assert outcome.failed == {ANN: "full", BOB: "full"}
    assert outcome.changed == {ANN: 1}


def test_a_message_without_a_sender_counts_for_nobody() -> None:
    """There is no empty address among the senders, nor one for a message that nobody had seen before."""
    outcome = by_party(update("02", m1="full", m3="gone"), snapshot("", "nobody", ANN), sender_of)
    assert (outcome.changed, outcome.failed) == ({ANN: 1}, {})
