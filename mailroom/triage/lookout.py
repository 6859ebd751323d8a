"""What a cycle begins with: the labelled messages, and the contacts where anything hangs on them."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from mailroom.errors import UserError
from mailroom.model.address_book import AddressBook, Contacts
from mailroom.model.own import OwnAddresses
from mailroom.model.ports import MailStore
from mailroom.triage.conversations import find_incidental
from mailroom.triage.decisions import read_decisions
from mailroom.triage.pauses import Pauses
from mailroom.triage.report import ADDRESS_BOOK
from mailroom.triage.ruling import labelled_parties
from mailroom.triage.view import MailView, ViewReader
from mailroom.triage.work import Task, Work, task_of

MAX_VIEW_AGE_SECONDS = 1.0
"""How old the view of the labels may be when the first write follows. Reading the contacts' changes takes
a moment, and a person who takes a label off in it is no slower than the write; a whole book takes long."""


@frozen
class Look:
    """What was seen.

    Attributes:
        began: When it was begun, in seconds of the lookout's clock.
        contacts: None where nothing hung on them.
    """

    began: float
    view: MailView
    contacts: Contacts | None


class Lookout:
    """Looks at an account, in a cycle or just before.

    Args:
        own: Addresses of the account besides those its mail store knows. Where it is not complete, the
            mail store is asked until it is.
        pauses: Remembers what was refused lately.

    Attributes:
        own: The account's own addresses, as far as they are known.
    """

    def __init__(
        self,
        reader: ViewReader,
        mail: MailStore,
        book: AddressBook,
        *,
        own: OwnAddresses,
        pauses: Pauses[Task],
        clock: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._mail = mail
        self._book = book
        self._pauses = pauses
        self._clock = clock
        self.own = own

    def look(self) -> Look:
        """See what the person wants, and the contacts where anything hangs on them.

        Raises:
            UserError: A mailbox that the scheme names has gone, or may not be changed.
            ServerError: A server could not be asked.
        """
        began = self._clock()
        view = self.read_view()
        return Look(began, view, self._book.catch_up() if _needs_contacts(self.begin(view), view) else None)

    def see(self, look: Look) -> tuple[MailView, Work, Contacts | None]:
        """Begin with what was seen, or with what is there now where that is too long ago.

        Raises:
            UserError: As `look`; or there is work, and the address book may not be written.
            ServerError: As `look`.
        """
        view = look.view
        work = self.begin(view)
        if not _needs_contacts(work, view):
            return view, work, None
        contacts = self._book.catch_up() if look.contacts is None else look.contacts
        if (now := self.as_it_is_now(view, look.began)) is not view:
            view, work = now, self.begin(now)
        if work.has_work and (problems := self._book.problems()):
            raise UserError(problems, ADDRESS_BOOK)
        return view, work, contacts

    def as_it_is_now(self, view: MailView, began: float) -> MailView:
        """Look a second time where the first is too long ago: a label may have come off, or on, since."""
        return self.read_view() if self._clock() - began > MAX_VIEW_AGE_SECONDS else view

    def read_view(self) -> MailView:
        """See the labelled messages, and learn the own addresses where they are not all known yet.

        Raises:
            UserError, ServerError: As `look`.
        """
        view = self._reader.read_view()
        if not self.own.is_complete:
            self.own = self.own.joined(self._mail.own_addresses())
        return view

    def begin(self, view: MailView) -> Work:
        """Say what is to be done by the labels alone."""
        marked = view.marked.messages
        incidental = find_incidental(marked.values(), view.layout, self.own)
        speaking = [message for message in marked.values() if message.id not in incidental]
        decisions = read_decisions(speaking, view.layout, self.own)
        tasks: set[Task] = {*marked, *map(task_of, decisions.taken)}
        held = frozenset(filter(self._pauses.holds, tasks))
        work = Work(
            decisions.taken,
            decisions.rejected,
            incidental,
            decisions.postponed,
            labelled_parties(marked.values(), view.layout),
            self.own,
            held=held,
        )
        work.hold_beside(view.marked)
        return work


def _needs_contacts(work: Work, view: MailView) -> bool:
    return bool(work.has_work or work.coming_off or view.has_warnings)
