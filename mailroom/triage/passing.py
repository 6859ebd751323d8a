"""Lets mail out of Screener that answers the person; each message is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from attrs import frozen

from mailroom.errors import ServerError
from mailroom.model.address_book import AddressBook, SendersCards
from mailroom.model.mail import MailboxId, Message, MessageId, Snapshot
from mailroom.model.own import OwnAddresses
from mailroom.model.ports import Conversations, MailStore, Update
from mailroom.model.scheme import Scheme
from mailroom.triage.layout import Layout
from mailroom.triage.pauses import Pauses
from mailroom.triage.replies import find_answers, may_answer, pass_answer
from mailroom.triage.report import Answer, RepliesReport
from mailroom.triage.screener import MisplacedMail, find_misplaced
from mailroom.triage.view import MailView

if TYPE_CHECKING:
    from mailroom.model.letters import Letters

MAX_REMEMBERED = 100_000
"""Of how many messages it is known that they were looked at: about ten megabytes."""

_LOOK = "look"


@frozen
class _Parts:
    """What an account is made of, as far as this needs it."""

    mail: MailStore
    book: AddressBook
    scheme: Scheme
    conversations: Conversations


class Replies:
    """Asks about what waits in Screener, newest first, and moves what answers the person to the Inbox.

    One request a cycle, however many wait: the rest is for the cycles that follow. What answers the person
    and could not be moved is known until it is.

    Args:
        own: Returns the account's own addresses.
        clock: Tells seconds; only differences count.

    Attributes:
        state_before: The state of the mail before the last move, after which there was no other change.
        state_after: The one after it.
    """

    def __init__(
        self,
        mail: MailStore,
        book: AddressBook,
        scheme: Scheme,
        conversations: Conversations,
        *,
        own: Callable[[], OwnAddresses],
        clock: Callable[[], float],
    ) -> None:
        self._parts = _Parts(mail, book, scheme, conversations)
        self._own = own
        self._looks: Pauses[str] = Pauses(clock)
        self._moves: Pauses[MessageId] = Pauses(clock)
        self._looked_at: dict[MessageId, None] = {}
        self._rest: tuple[MessageId, ...] = ()
        self._answers: dict[MessageId, Answer] = {}
        self._state = ""
        self.state_before: str | None = None
        self.state_after: str | None = None
        self._told = ""
        self._misplaced: MisplacedMail | None = None

    def expect(self, messages: Iterable[Message], misplaced: MisplacedMail, layout: Layout) -> None:
        """Take in which messages may be answers, of those in Screener, and were not looked at yet.

        Args:
            misplaced: By contacts that were read in this cycle.
        """
        self._misplaced = misplaced
        new = _newest_first(x for x in messages if may_answer(x, misplaced, layout))[:MAX_REMEMBERED]
        self._rest = tuple(x for x in new if x not in self._looked_at)

    def pass_on(self, view: MailView) -> RepliesReport:
        """Look at what is left, and move what answers the person; no request where nothing is left."""
        layout = view.layout
        misplaced, self._misplaced = self._misplaced, None
        try:
            self._look(layout)
            ready = {x: each for x, each in self._answers.items() if not self._moves.holds(x)}
            if not ready:
                return RepliesReport(left=len(self._rest))
            if misplaced is None:
                waiting = [each.message for each in ready.values()]
                misplaced = self._sort(
                    [*waiting, *view.marked.messages.values()], self._parts.book.refresh(), layout
                )
            return self._move(ready, misplaced, layout)
        except ServerError as error:
            self._looks.settle([_LOOK], ())
            told, self._told = self._told, str(error)
            return RepliesReport(left=len(self._rest), postponed="" if told == self._told else self._told)

    def foresee(
        self, messages: Collection[Message], contacts: SendersCards, layout: Layout
    ) -> tuple[Answer, ...]:
        """Say which messages the next cycle of a new process would move; writes nothing.

        Args:
            messages: Those in Screener, and those with a label, as they will be then.
        """
        misplaced = self._sort(messages, contacts, layout)
        waiting = {x.id: x for x in messages if may_answer(x, misplaced, layout)}
        if not waiting or layout.sent is None or not self._own().is_complete:
            return ()
        try:
            letters = self._parts.conversations.around(_newest_first(waiting.values()), layout.sent)
        except ServerError:
            return ()  # nor would the cycle see any
        return tuple(Answer(waiting[x], why) for x, why in self._answers_in(letters, layout.sent).items())

    def _look(self, layout: Layout) -> None:
        """Look at as many messages as one request takes."""
        if not self._rest or self._looks.holds(_LOOK) or not self._own().is_complete:
            return
        if layout.sent is None:  # nothing can be an answer
            self._remember(self._rest)
            return
        letters = self._parts.conversations.around(self._rest, layout.sent)
        self._looks.settle((), ())
        self._state, self._told = letters.state, ""
        self._remember(letters.asked)
        for message_id, reason in self._answers_in(letters, layout.sent).items():
            self._answers[message_id] = Answer(letters.letters[message_id].message, reason)

    def _answers_in(self, letters: Letters, sent: MailboxId) -> dict[MessageId, str]:
        return find_answers(letters.asked, letters.letters, sent, self._own())

    def _move(
        self, ready: Mapping[MessageId, Answer], misplaced: MisplacedMail, layout: Layout
    ) -> RepliesReport:
        snapshot = Snapshot(self._state, {x: each.message for x, each in ready.items()})
        update = self._parts.mail.update(snapshot, lambda x: pass_answer(x, ready, misplaced, layout))
        if update.changed and update.is_seamless:
            self.state_before, self.state_after = self._state, update.snapshot.state
        self._settle(ready, update)
        return RepliesReport(
            passed=tuple(ready[x] for x in ready if x in update.changed),
            failed=tuple(Answer(ready[x].message, reason) for x, reason in update.failed.items()),
            left=len(self._rest),
        )

    def _settle(self, ready: Mapping[MessageId, Answer], update: Update) -> None:
        """Keep of the answers those that could not be moved.

        Those that may be none any more, for their sender has a label say, are looked at again when they
        may be some once more: the label may come off without a decision.
        """
        held = self._answers.keys() - ready.keys()
        self._moves.settle(update.failed, held)
        self._state = update.snapshot.state
        for message_id in ready.keys() - update.changed - update.failed.keys():
            self._looked_at.pop(message_id, None)
        self._answers = {x: each for x, each in self._answers.items() if x in update.failed or x in held}

    def _sort(self, messages: Iterable[Message], contacts: SendersCards, layout: Layout) -> MisplacedMail:
        return find_misplaced(messages, contacts, layout, self._parts.scheme, self._own())

    def _remember(self, message_ids: Iterable[MessageId]) -> None:
        new = dict.fromkeys(message_ids)
        self._looked_at = _bounded(self._looked_at | new)
        self._rest = tuple(x for x in self._rest if x not in new)


def _bounded(memory: dict[MessageId, None]) -> dict[MessageId, None]:
    """Forget the oldest beyond `MAX_REMEMBERED`."""
    return dict(islice(memory.items(), max(0, len(memory) - MAX_REMEMBERED), None))


def _newest_first(messages: Iterable[Message]) -> Sequence[MessageId]:
    return [x.id for x in sorted(messages, key=lambda x: (x.received_at, x.id), reverse=True)]
