"""Sweeps mail out of Screener for which something was decided before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from attrs import evolve

from mailroom.errors import ServerError
from mailroom.model.address_book import AddressBook, SendersCards
from mailroom.model.mail import Change, Message, Snapshot
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.ports import MailStore
from mailroom.model.scheme import Scheme
from mailroom.triage.layout import Layout
from mailroom.triage.moves import moves_of
from mailroom.triage.outcome import by_party
from mailroom.triage.passing import Replies
from mailroom.triage.pauses import Pauses
from mailroom.triage.plan import Filing
from mailroom.triage.report import Answer, SweepReport
from mailroom.triage.ruling import sender_of
from mailroom.triage.screener import (
    MisplacedMail,
    count_waiting,
    find_misplaced,
    release_contact,
    sweep_straggler,
)
from mailroom.triage.view import MailView, ViewReader


class Stragglers:
    """Keeps Screener to senders that nobody has decided on.

    Args:
        own: Returns the account's own addresses.
        pauses: Remembers parties of whom the server refused to move a message.
        replies: Is told of mail in Screener of senders on whom nothing is decided; None where nobody asks.
        sweeps_in_cycles: Whether `sweep_after` moves anything, or only tells `replies`.
    """

    def __init__(
        self,
        reader: ViewReader,
        mail: MailStore,
        book: AddressBook,
        scheme: Scheme,
        *,
        own: Callable[[], OwnAddresses],
        pauses: Pauses[Party],
        replies: Replies | None = None,
        sweeps_in_cycles: bool = True,
    ) -> None:
        self._reader = reader
        self._mail = mail
        self._book = book
        self._scheme = scheme
        self._own = own
        self._pauses = pauses
        self._replies = replies
        self._sweeps_in_cycles = sweeps_in_cycles
        self._swept_state: str | None = None
        self._swept_contacts = 0
        self._unswept: frozenset[Party] = frozenset()

    def sweep_after(self, view: MailView, state: str, *, has_read_contacts: bool) -> SweepReport:
        """Sweep at the end of a cycle; no request where mail and contacts are as they were the last time.

        What the server refused then is tried again as soon as its pause is over. What answers the person
        goes to the Inbox, too.

        What is swept is decided by contacts that were read for it, and by mail that was read before them.

        Args:
            view: What the cycle saw at its beginning.
            state: The state in which it left the mail.
            has_read_contacts: Whether the cycle has read the contacts, so that they are good enough
                to see that there is nothing to sweep.
        """
        swept = self._sweep_where_news(view, state, has_read_contacts=has_read_contacts)
        if not self._replies:
            return swept
        replies = self._replies.pass_on(view)
        if self._swept_state == self._replies.state_before:
            self._swept_state = self._replies.state_after
        waiting = swept.waiting or view.waiting
        left = evolve(waiting, messages=max(0, waiting.messages - len(replies.passed)))
        return evolve(swept, replies=replies, waiting=left if replies.passed else swept.waiting)

    def _sweep_where_news(self, view: MailView, state: str, *, has_read_contacts: bool) -> SweepReport:
        is_settled = state == self._swept_state and all(map(self._pauses.holds, self._unswept))
        if is_settled and self._knows_contacts():
            return SweepReport()
        layout = view.layout
        try:
            snapshot = view.snapshot
            if not view.has_screener or snapshot.state != state or self._reader.lacks_lists():
                snapshot = self._reader.read_messages({layout.screener} | layout.watched)
            waiting = count_waiting(snapshot.messages.values(), layout.screener)
            if not waiting.messages:
                self._note_swept(snapshot.state)
                return SweepReport(waiting=waiting)
            if has_read_contacts:
                misplaced = self._sort(snapshot, self._book.latest(), layout)
                if not (misplaced.stragglers and self._sweeps_in_cycles):
                    self._expect_replies(snapshot, misplaced, layout)
                    self._note_swept(snapshot.state)
                    return SweepReport(waiting=waiting)
            return self._sweep_patiently(snapshot, layout)
        except ServerError as error:
            return SweepReport(postponed=str(error))

    def _knows_contacts(self) -> bool:
        """Whether the last sweep was by the contacts as they are now, as far as anybody has seen."""
        return self._book.changes_read() == self._swept_contacts and not self._book.has_changed()

    def _sweep_patiently(self, snapshot: Snapshot, layout: Layout) -> SweepReport:
        """Sweep, but leave alone for a while what the server refuses."""
        contacts = self._book.refresh()
        if self._reader.lacks_lists():
            snapshot = self._reader.read_messages({layout.screener} | layout.watched)
        misplaced = self._sort(snapshot, contacts, layout)
        self._expect_replies(snapshot, misplaced, layout)
        if not self._sweeps_in_cycles:
            misplaced = evolve(misplaced, stragglers={})
        held = set(filter(self._pauses.holds, misplaced.stragglers))
        stragglers = {x: filing for x, filing in misplaced.stragglers.items() if x not in held}
        swept = self._sweep(snapshot, evolve(misplaced, stragglers=stragglers), layout)
        self._pauses.settle(swept.failed, held)
        self._unswept = frozenset({*swept.failed, *held})
        return swept

    def note_own_write(self, before: str, after: str) -> None:
        """Hear that nothing changed the mail but a message of Mailroom's own: there is no more to sweep.

        Args:
            before: The state of the mail right before.
            after: The state right after.
        """
        if before == self._swept_state:
            self._swept_state = after

    @property
    def unswept(self) -> frozenset[Party]:
        """Parties of whom a message could not be moved, and is tried again after its pause."""
        return self._unswept

    def rescue(self) -> SweepReport:
        """Sweep at once, by mail and contacts as they are now.

        Raises:
            UserError: A mailbox that the scheme names is missing.
            ServerError: A server could not be asked.
        """
        layout = self._reader.read_view().layout
        snapshot, misplaced = self.read_screener(layout, self._book.refresh())
        return self._sweep(snapshot, misplaced, layout)

    def contacts_waiting(self) -> Counter[Party]:
        """Count the mail in Screener of each contact in no triage group; writes nothing.

        Raises:
            UserError, ServerError: As `rescue`.
        """
        _, misplaced = self.read_screener(self._reader.read_view().layout, self._book.latest())
        return Counter({sender: misplaced.message_counts[sender] for sender in sorted(misplaced.in_no_group)})

    def release(self, senders: Collection[Party]) -> SweepReport:
        """Move mail of contacts in no triage group to the Inbox, by mail and contacts as they are now.

        Raises:
            UserError, ServerError: As `rescue`.
        """
        layout = self._reader.read_view().layout
        snapshot, misplaced = self.read_screener(layout, self._book.refresh())
        return self._move(
            snapshot, lambda x: release_contact(x, senders, misplaced, layout), sender_of, layout
        )

    def read_screener(self, layout: Layout, contacts: SendersCards) -> tuple[Snapshot, MisplacedMail]:
        """Read Screener and the labels; say what lies there although its sender is decided on or known.

        Raises:
            ServerError: The server could not be asked.
        """
        snapshot = self._reader.read_messages({layout.screener} | layout.watched)
        return snapshot, self._sort(snapshot, contacts, layout)

    def foresee(
        self, layout: Layout, contacts: SendersCards, after: Callable[[Message], Message]
    ) -> tuple[list[tuple[Filing, int]], tuple[Answer, ...]]:
        """Say whose mail would be swept after a cycle, how many messages, and which answer the person.

        Writes nothing.

        Args:
            contacts: As they will be after it.
            after: Says how a message will be after it.

        Raises:
            ServerError: The server could not be asked.
        """
        snapshot = self._reader.read_messages({layout.screener} | layout.watched)
        later = Snapshot(snapshot.state, {key: after(each) for key, each in snapshot.messages.items()})
        misplaced = self._sort(later, contacts, layout)
        moved = Counter(
            misplaced.party_of(x) for x in later.messages.values() if sweep_straggler(x, misplaced, layout)
        )
        swept = [(filing, moved[x]) for x, filing in misplaced.stragglers.items() if moved[x]]
        answers = self.find_replies(list(later.messages.values()), contacts, layout)
        return swept if self._sweeps_in_cycles else [], answers

    def find_replies(
        self, messages: Collection[Message], contacts: SendersCards, layout: Layout
    ) -> tuple[Answer, ...]:
        """Say which messages the next cycle lets out of Screener because they answer the person.

        Args:
            messages: Those in Screener, and those with a label.
        """
        return self._replies.foresee(messages, contacts, layout) if self._replies else ()

    def _sort(self, snapshot: Snapshot, contacts: SendersCards, layout: Layout) -> MisplacedMail:
        return find_misplaced(snapshot.messages.values(), contacts, layout, self._scheme, self._own())

    def _sweep(self, snapshot: Snapshot, misplaced: MisplacedMail, layout: Layout) -> SweepReport:
        return self._move(
            snapshot, lambda x: sweep_straggler(x, misplaced, layout), misplaced.counts_for, layout
        )

    def _move(
        self,
        snapshot: Snapshot,
        change: Callable[[Message], Change],
        party_of: Callable[[Message], Party | None],
        layout: Layout,
    ) -> SweepReport:
        update = self._mail.update(snapshot, change)
        self._note_swept(update.snapshot.state if update.is_seamless else None)
        outcome = by_party(update, snapshot, party_of)
        waiting = count_waiting(update.snapshot.messages.values(), layout.screener)
        return SweepReport(
            moved=dict(outcome.changed),
            failed=outcome.failed,
            waiting=waiting,
            moves=moves_of(update, layout, party_of),
        )

    def _expect_replies(self, snapshot: Snapshot, misplaced: MisplacedMail, layout: Layout) -> None:
        if self._replies:
            self._replies.expect(snapshot.messages.values(), misplaced, layout)

    def _note_swept(self, state: str | None) -> None:
        self._swept_state, self._unswept = state, frozenset()
        self._swept_contacts = self._book.changes_read()
