"""What is found about an account, as far as there is evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import frozen

from mailroom.model.mail import Message
from mailroom.model.party import Party, shown
from mailroom.triage.ruling import sender_of
from mailroom.triage.words import number_of

SHOWN_SENDERS = 3
SHOWN_PARTIES = 3


class Verdict(Enum):
    """How something is, as far as there is evidence."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_SEEN = "not seen"


@frozen
class Finding:
    """What was found about one subject.

    Attributes:
        says: What is there; what is wrong and what to do; or why nothing can be said, and what would show it.
    """

    subject: str
    verdict: Verdict
    says: str


def mail_of(messages: Sequence[Message], who: str) -> str:
    """Say how much mail it is, of which senders, and who they are."""
    senders = sorted({sender for message in messages if (sender := sender_of(message))})
    shown = ", ".join(senders[:SHOWN_SENDERS]) + (", …" if len(senders) > SHOWN_SENDERS else "")
    return f"{number_of(len(messages), 'message')} from {who} ({shown})"


def name_parties(parties: Sequence[Party]) -> str:
    """Name the first of some domains or lists."""
    more = ", …" if len(parties) > SHOWN_PARTIES else ""
    return ", ".join(map(shown, parties[:SHOWN_PARTIES])) + more
