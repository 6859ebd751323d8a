"""Which mail in Screener answers the person. Pure.

Anybody may write anything into the headers of their mail. What nobody else can make is a mail in Sent from
one of the person's own addresses; so everything here goes back to one of those:

* A message answers it that names its Message-ID in In-Reply-To or References, or that of a mail which does.
  Only who got it, or what came of it, knows that name: a subject is no evidence.
* In the same conversation a message also answers it that names another mail there, where it came later and
  is from somebody to whom it was sent. Of the other mail, a newsletter say, anybody may know the name.

What is before the person decides is not overruled by what they wrote long ago: who is in a triage group,
or labelled, is left to that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from mailroom.model.mail import Change, MailboxId, Message, MessageId
from mailroom.model.own import OwnAddresses
from mailroom.model.sender import Correspondent
from mailroom.triage.layout import Layout
from mailroom.triage.plan import NO_CHANGE
from mailroom.triage.ruling import sender_of
from mailroom.triage.screener import MisplacedMail

if TYPE_CHECKING:
    from mailroom.model.letters import Letter

NAMES_YOURS = "it names a mail that you sent, or an answer to one"
IN_YOUR_CONVERSATION = "you wrote to its sender in the same conversation before"


def may_answer(message: Message, misplaced: MisplacedMail, layout: Layout) -> bool:
    """Whether to look if a message answers the person: it waits, and nothing is decided on its sender."""
    return (
        layout.screener in message.mailbox_ids
        and misplaced.is_undecided(message)
        and not message.is_settled
        and not layout.is_labelled(message)
        and not layout.is_protected(message)
    )


def find_answers(
    asked: Iterable[MessageId], letters: Mapping[MessageId, Letter], sent: MailboxId, own: OwnAddresses
) -> dict[MessageId, str]:
    """Say which messages answer mail that the person sent, and why that is so.

    Args:
        letters: The conversations of these messages, and mail that was sent.
        sent: The mailbox of what was sent.
    """
    yours = [x for x in letters.values() if sent in x.message.mailbox_ids and sender_of(x.message) in own]
    named = _names_of_what_answers(yours, letters.values())
    answers = {}
    theirs = [letters[message_id] for message_id in asked if message_id in letters]
    for letter in sorted(theirs, key=lambda x: (x.message.received_at, x.message.id)):
        sender = letter.message.sender
        if not isinstance(sender, Correspondent) or sender.address in own or own.may_hold(sender.address):
            continue
        if letter.answers & named:
            answers[letter.message.id] = NAMES_YOURS
        elif _is_written_to(letter, yours, letters.values()):
            answers[letter.message.id] = IN_YOUR_CONVERSATION
    return answers


def pass_answer(
    message: Message, answers: Collection[MessageId], misplaced: MisplacedMail, layout: Layout
) -> Change:
    """Say how a message that answers the person gets out of Screener, to the Inbox."""
    if message.id not in answers or not may_answer(message, misplaced, layout):
        return NO_CHANGE
    here = message.mailbox_ids
    return Change(add=frozenset({layout.inbox}) - here, remove=frozenset({layout.screener}), is_settled=True)


def _names_of_what_answers(yours: Iterable[Letter], letters: Collection[Letter]) -> frozenset[str]:
    """Return the Message-IDs of the person's mail, of what names one of those, and so on."""
    named = frozenset().union(*(each.names for each in yours))
    rest = [each for each in letters if each.answers]
    while further := [each for each in rest if each.answers & named]:
        named = named.union(*(each.names for each in further))
        rest = [each for each in rest if each not in further]
    return named


def _is_written_to(letter: Letter, yours: Iterable[Letter], letters: Collection[Letter]) -> bool:
    """Whether the person wrote to a letter's sender before, in the conversation that the letter names."""
    thread, sender = letter.message.thread_id, sender_of(letter.message)
    before = [
        each
        for each in yours
        if thread
        and each.message.thread_id == thread
        and each.message.received_at < letter.message.received_at
        and sender in each.recipients
    ]
    if not before:
        return False
    others = [x for x in letters if x.message.thread_id == thread and x.message.id != letter.message.id]
    return bool(letter.answers & frozenset().union(*(x.names for x in others), *(x.answers for x in before)))
