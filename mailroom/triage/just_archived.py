"""Sees to it that a mark of a cycle that broke off does not outlive the triage label beside it."""

from __future__ import annotations

from attrs import evolve

from mailroom.model.mail import Message, MessageId, Snapshot
from mailroom.model.ports import MailStore
from mailroom.triage.labels import forget
from mailroom.triage.view import MailView


class JustArchived:
    """Remembers the messages that bear the mark from one cycle to the next.

    While the label is on, the next cycle finds the message and takes both off. Where the person takes
    the label off before, nothing leads there, and a label of later would meet a mark of long ago.
    """

    def __init__(self, mail: MailStore) -> None:
        self._mail = mail
        self._snapshot = Snapshot("", {})
        self._refused: dict[MessageId, Message] = {}

    def find(self) -> None:
        """Find those that an earlier process has left; their labels may have come off since.

        Raises:
            ServerError: The server could not be asked.
        """
        self.note(self._mail.just_archived())

    def expect(self, snapshot: Snapshot) -> None:
        """Remember all, as a sweep follows that may mark any of them and break off."""
        self.note(
            Snapshot(
                snapshot.state, {x.id: evolve(x, is_just_archived=True) for x in snapshot.messages.values()}
            )
        )

    def note(self, snapshot: Snapshot) -> None:
        """Remember those that bear the mark, and no others."""
        self._snapshot = snapshot.only(x.id for x in snapshot.messages.values() if x.is_just_archived)

    def tidy(self, view: MailView) -> None:
        """Take the mark off those that no label leads to any more; no request where there are none.

        Raises:
            ServerError: The server could not be asked.
        """
        labels = view.layout.speaking
        unseen = {
            message_id: evolve(message, mailbox_ids=message.mailbox_ids - labels)
            for message_id, message in (self._snapshot.messages | self._refused).items()
            if message_id not in view.marked.messages and message_id not in view.left_out
        }
        self._refused = {}
        if unseen:  # their state is an older one: the store reads them again before it changes them
            state = self._snapshot.state
            update = self._mail.update(Snapshot(state, unseen), lambda message: forget(message, view.layout))
            self._refused = {x: message for x, message in unseen.items() if x in update.failed}
        self.note(view.marked)
