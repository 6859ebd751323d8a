"""Sweeps mail out of Screener whose senders were decided on before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from mailroom.errors import ServerError
from mailroom.triage.address import Address
from mailroom.triage.layout import Layout
from mailroom.triage.model import Scheme, Snapshot
from mailroom.triage.plan import sender_of
from mailroom.triage.ports import AddressBook, Contacts, MailStore
from mailroom.triage.report import Swept
from mailroom.triage.screener import Misplaced, find_misplaced, sweep_straggler
from mailroom.triage.sight import Look, Sight


class Stragglers:
    """Keeps Screener to senders that nobody has decided on.

    Args:
        own: Returns the account's own addresses.
    """

    def __init__(
        self,
        sight: Sight,
        mail: MailStore,
        book: AddressBook,
        scheme: Scheme,
        own: Callable[[], Collection[Address]],
    ) -> None:
        self._sight = sight
        self._mail = mail
        self._book = book
        self._scheme = scheme
        self._own = own
        self._swept_state: str | None = None

    def sweep_after(self, look: Look, state: str) -> Swept:
        """Sweep at the end of a cycle; at most two requests, none where the mail is as it was the last time.

        It goes by the contacts of the moment. Only where Screener has to be read by itself, because it
        was too full to be seen or the cycle has written, it goes by those of the last reading.

        Args:
            look: What the cycle saw at its beginning.
            state: The state in which it left the mail.
        """
        if state == self._swept_state:
            return Swept()
        try:
            if look.has_screener and look.snapshot.state == state:
                waits = any(look.layout.screener in x.mailbox_ids for x in look.snapshot.messages.values())
                contacts = self._book.refresh() if waits else self._book.latest()
                return self._sweep(
                    look.snapshot, self._sort(look.snapshot, contacts, look.layout), look.layout
                )
            return self._sweep(*self._read(look.layout, self._book.latest()), look.layout)
        except ServerError as error:
            return Swept(postponed=str(error))

    def rescue(self) -> Swept:
        """Sweep at once, by mail and contacts as they are now.

        Raises:
            UserError: A mailbox that the scheme names is missing.
            ServerError: A server could not be asked.
        """
        layout = self._sight.look().layout
        return self._sweep(*self._read(layout, self._book.refresh()), layout)

    def look(self) -> Misplaced:
        """Say what lies in Screener although its sender is decided on or known; writes nothing.

        Raises:
            UserError: A mailbox that the scheme names is missing.
            ServerError: A server could not be asked.
        """
        return self.find(self._sight.look().layout, self._book.refresh())

    def find(self, layout: Layout, contacts: Contacts) -> Misplaced:
        """Do what `look` does, after a look at the mailboxes and by these contacts.

        Raises:
            ServerError: The server could not be asked.
        """
        return self._read(layout, contacts)[1]

    def _read(self, layout: Layout, contacts: Contacts) -> tuple[Snapshot, Misplaced]:
        snapshot = self._sight.read({layout.screener} | layout.watched)
        return snapshot, self._sort(snapshot, contacts, layout)

    def _sort(self, snapshot: Snapshot, contacts: Contacts, layout: Layout) -> Misplaced:
        return find_misplaced(snapshot.messages.values(), contacts, layout, self._scheme, self._own())

    def _sweep(self, snapshot: Snapshot, misplaced: Misplaced, layout: Layout) -> Swept:
        update = self._mail.update(snapshot, lambda message: sweep_straggler(message, misplaced, layout))
        self._swept_state = update.snapshot.state
        senders = {x.id: sender_of(x) or Address("") for x in snapshot.messages.values()}
        return Swept(
            moved=dict(Counter(senders[message_id] for message_id in sorted(update.changed))),
            failed={senders[message_id]: reason for message_id, reason in update.failed.items()},
        )
