"""What triage sees of an account: its mailboxes by their meaning, and the messages it works on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property

from attrs import Factory, frozen

from mailroom.errors import ServerError
from mailroom.model.mail import Mailbox, MailboxId, Message, MessageId, Snapshot
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.party import PartyKind
from mailroom.model.ports import MailStore, Reading
from mailroom.model.scheme import Scheme
from mailroom.triage.layout import NO_LIMITS, JournalPlace, Layout, find_journal, find_layout
from mailroom.triage.report import Waiting
from mailroom.triage.screener import count_waiting

MAX_READ_ALONG_MESSAGES = 500
"""Where no more wait in Screener, every view includes them; more are read when they are needed."""


@frozen
class MailView:
    """What was seen at the beginning of a cycle.

    Attributes:
        snapshot: Every message with a label of Mailroom's; those in Screener too where `has_screener`.
        has_screener: Whether Screener was read along. Where very much waits there, it was not.
        screener_messages: How many messages the server says are in Screener.
        left_out: Why a message that should be in the snapshot could not be read.
    """

    layout: Layout
    snapshot: Snapshot
    has_screener: bool
    screener_messages: int
    left_out: Mapping[MessageId, str] = Factory(dict)

    @cached_property
    def marked(self) -> Snapshot:
        """The messages that carry a label of Mailroom's."""
        watched = self.layout.watched
        return self.snapshot.only(x.id for x in self.snapshot.messages.values() if x.mailbox_ids & watched)

    @property
    def has_warnings(self) -> bool:
        """Whether a message carries the warning label."""
        return any(self.layout.warning in message.mailbox_ids for message in self.marked.messages.values())

    @property
    def waiting(self) -> Waiting:
        """What lay in Screener, of whose mail only where it was read along."""
        if self.has_screener:
            return count_waiting(self.snapshot.messages.values(), self.layout.screener)
        return Waiting(self.screener_messages)


class ViewReader:
    """Looks at an account again and again; resolves the scheme's names anew where mailboxes have changed.

    Args:
        max_read_along: Up to how many messages in Screener a view includes them; None for never.
        has_lists: Whether a contact card stands for a mailing list, as far as is known.
    """

    def __init__(
        self,
        mail: MailStore,
        scheme: Scheme,
        max_read_along: int | None,
        has_lists: Callable[[], bool] = lambda: False,
    ) -> None:
        self._has_lists = has_lists
        self._tells_lists = False
        self._mail = mail
        self._scheme = scheme
        self._max_read_along = max_read_along
        self._mailboxes: tuple[Mailbox, ...] = ()
        self._limits = NO_LIMITS
        self._layout: Layout | None = None
        self._wanted: frozenset[MailboxId] = frozenset()
        self._known: Mapping[str, MailboxId] = {}
        self._journal: JournalPlace | None = None

    @property
    def journal(self) -> JournalPlace | None:
        """Where the journal is, as of the last look, whatever else is missing."""
        return self._journal

    def read_view(self) -> MailView:
        """See all labelled messages: one request, unless mailboxes were added, renamed or removed.

        Raises:
            UserError: Names every mailbox that is missing.
            ServerError: The server could not be asked.
        """
        wanted = self._wanted if self._layout else frozenset()
        seen = self._read(wanted, self._layout)
        layout = self._layout
        if layout is None or (seen.mailboxes, seen.limits) != (self._mailboxes, self._limits):
            self._layout = None  # until the new one is found
            self._journal = find_journal(MailboxTree(seen.mailboxes), self._scheme)
            layout = find_layout(seen.mailboxes, self._scheme, seen.limits, self._known)
            asked_for, wanted = wanted, self._wanted_for(layout, seen.mailboxes)
            if wanted != asked_for:  # it was asked before anybody knew which mailboxes the names stand for
                seen = self._read(wanted, layout)
            self._layout, self._mailboxes, self._limits = layout, seen.mailboxes, seen.limits
            self._known = MailboxTree(seen.mailboxes).ids
        self._wanted = self._wanted_for(layout, seen.mailboxes)
        waiting = _waiting_in(layout, seen.mailboxes)
        return MailView(layout, seen.snapshot, layout.screener in wanted, waiting, seen.left_out)

    def read_messages(
        self, mailbox_ids: Collection[MailboxId], keep: Callable[[Message], bool] = lambda _: True
    ) -> Snapshot:
        """Read messages as they are now, in the layout of the last view.

        Raises:
            ServerError: The server could not be asked, or the mailboxes are others than in the last view.
        """
        reading = self._read(mailbox_ids, self._layout, keep)
        if reading.mailboxes != self._mailboxes:
            raise ServerError("mailboxes were changed during the cycle; the next one continues")
        return reading.snapshot

    def lacks_lists(self) -> bool:
        """Whether what was read does not tell its lists, and by now there is one that matters."""
        return self._wants_lists(self._layout) and not self._tells_lists

    def _wants_lists(self, layout: Layout | None) -> bool:
        """Whether lists matter: a card stands for one, or the label for them is there."""
        has_label = layout is not None and PartyKind.LIST in layout.scopes.values()
        return has_label or self._has_lists()

    def _read(
        self,
        mailbox_ids: Collection[MailboxId],
        layout: Layout | None,
        keep: Callable[[Message], bool] = lambda _: True,
    ) -> Reading:
        self._tells_lists = self._wants_lists(layout)
        self._mail.tell_lists(self._tells_lists)
        return self._mail.read(mailbox_ids, keep)

    def _wanted_for(self, layout: Layout, mailboxes: Collection[Mailbox]) -> frozenset[MailboxId]:
        most = self._max_read_along
        reads_along = most is not None and _waiting_in(layout, mailboxes) <= most
        return layout.watched | ({layout.screener} if reads_along else frozenset())


def _waiting_in(layout: Layout, mailboxes: Collection[Mailbox]) -> int:
    (waiting,) = (x.total_messages for x in mailboxes if x.id == layout.screener)
    return waiting
