"""The cycle: see what the person labelled, file its senders, move their mail, take the labels off.

Each step works for all senders at once. A failure is noted against its sender, who drops out of the
later steps and keeps the label for the next cycle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from attrs import evolve

from mailroom.errors import UserError
from mailroom.model.address_book import AddressBook, Advance, Contacts, untold
from mailroom.model.mail import Snapshot
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.ports import Conversations, MailStore, Update
from mailroom.model.scheme import Scheme
from mailroom.triage.carrying import Carrier, name_unborn
from mailroom.triage.concluding import names_for
from mailroom.triage.conversations import find_meant
from mailroom.triage.decisions import Decision, admit
from mailroom.triage.filing import file_those_with_card
from mailroom.triage.items import renamed_groups
from mailroom.triage.just_archived import JustArchived
from mailroom.triage.layout import JournalPlace, Layout, missing_groups
from mailroom.triage.lookout import Look, Lookout
from mailroom.triage.outcome import by_party
from mailroom.triage.passing import Replies
from mailroom.triage.pauses import Pauses
from mailroom.triage.plan import Filing
from mailroom.triage.report import ADDRESS_BOOK, NOTHING_SWEPT, Answer, Forecast, Report, Standing
from mailroom.triage.ruling import labelled_parties, subject_of
from mailroom.triage.stragglers import Stragglers
from mailroom.triage.telling import (
    forecast_of_cycle,
    forecast_of_file,
    left_to_the_person,
    report_of_cycle,
    report_of_file,
)
from mailroom.triage.told import Told
from mailroom.triage.unfinished import Unfinished
from mailroom.triage.view import MAX_READ_ALONG_MESSAGES, MailView, ViewReader
from mailroom.triage.warnings import find_accepted
from mailroom.triage.work import Task, Work

if TYPE_CHECKING:
    from mailroom.triage.waiting import Overview


class Triage:
    """Files senders on one account.

    Args:
        own: Addresses of the account besides those its mail store knows; they are never filed. Where
            it is not complete, the mail store is asked until it is.
        sweeps_stragglers: Whether a cycle looks after senders decided on before, too.
        conversations: Where to see what in Screener answers the person; None where that is left there.
        max_read_along: Up to how many messages in Screener each view includes for that.
        clock: Tells seconds; only differences count.

    Attributes:
        stragglers: Sweeps their mail out of Screener, in a cycle or by itself.
    """

    def __init__(
        self,
        mail: MailStore,
        book: AddressBook,
        scheme: Scheme,
        own: OwnAddresses,
        *,
        sweeps_stragglers: bool = True,
        conversations: Conversations | None = None,
        max_read_along: int = MAX_READ_ALONG_MESSAGES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mail = mail
        self._book = book
        self._scheme = scheme
        self._looks_into_screener = sweeps_stragglers or conversations is not None
        most = max_read_along if self._looks_into_screener else None
        self._reader = ViewReader(mail, scheme, most, book.has_lists)
        self._clock = clock
        self._pauses: Pauses[Task] = Pauses(clock)
        self._told = Told()
        self._just_archived = JustArchived(mail)
        self._lookout = Lookout(self._reader, mail, book, own=own, pauses=self._pauses, clock=clock)
        self._carrier = Carrier(mail, book, self._reader, self._just_archived)
        self._unfinished = Unfinished()
        replies = None
        if conversations:
            replies = Replies(mail, book, scheme, conversations, own=lambda: self._lookout.own, clock=clock)
        self.stragglers = Stragglers(
            self._reader,
            mail,
            book,
            scheme,
            own=lambda: self._lookout.own,
            pauses=Pauses(clock),
            replies=replies,
            sweeps_in_cycles=sweeps_stragglers,
        )

    @property
    def journal(self) -> JournalPlace | None:
        """Where it is told what was done, as of the last look at the account; None where nowhere."""
        return self._reader.journal

    def check_mail(self) -> None:
        """Look whether the account has every mailbox that the scheme names, and whose account it is.

        Raises:
            UserError: Names every mailbox that is missing, or may not be changed.
            AuthenticationError: The credentials are refused.
            ServerError: The server could not be asked.
        """
        self._lookout.read_view()

    def check_book(self) -> None:
        """Look whether the address book may be written, and has every contact group that the scheme names.

        Raises:
            UserError: Names every contact group that is missing, or there twice, and what is forbidden.
            AuthenticationError: The credentials are refused.
            ServerError: The server could not be asked.
        """
        contacts = self._book.refresh()
        missing = missing_groups(contacts.group_names(), self._scheme, renamed_groups(contacts, self._scheme))
        if missing and (left_out := self._book.left_out()):
            # A group whose card cannot be read is not seen, which is not the same as not there.
            missing = [f"contact groups may be missing, or only unreadable: {each}" for each in left_out]
        if problems := [*self._book.problems(), *missing]:
            raise UserError(problems, "the contact groups" if missing else ADDRESS_BOOK)

    def find_unfinished(self) -> None:
        """Find what a process that was cut off has left half finished, for the first cycle to see to.

        Raises:
            AuthenticationError: The credentials are refused.
            ServerError: The server could not be asked.
        """
        self._just_archived.find()

    def look(self) -> Look:
        """See what a cycle begins with, a moment before it; writes nothing.

        Raises:
            UserError, ServerError: As `run`.
        """
        return self._lookout.look()

    def run(self, look: Look | None = None) -> Report:
        """Do one cycle.

        Args:
            look: What is there, where that was seen just before and nothing has been heard of since.

        Raises:
            UserError: A mailbox that the scheme names has gone, or may not be changed; or there is work,
                and the address book may not be written.
            ServerError: A server as a whole failed; what is not done stays labelled for the next cycle.
        """
        began = self._clock()
        view, work, contacts = self._lookout.see(look or self._lookout.look())
        self._just_archived.tidy(view)
        names: dict[Party, str] = {}
        snapshot = view.marked
        with self._unfinished.watched(work):
            if contacts is not None:
                self._settle(work, view, contacts)
                view = self._carrier.release(work, view, contacts)
                snapshot = self._carrier.carry_out(work, view, contacts, untold)
                names = names_for(view.marked, contacts, work, view.layout)
            # Last of all: the label is the only record that something is still to be done.
            update = self._conclude(work, view.layout, snapshot, names)
        self._just_archived.note(update.snapshot)
        self._pauses.settle(work.refusals(), work.held)
        report = report_of_cycle(work, view.layout, snapshot, update, told=self._told.messages, names=names)
        report = self._unfinished.complete(report, work)
        has_read_contacts = contacts is not None
        book_left_out = self._book.left_out() if has_read_contacts else None
        report = self._told.with_unreadable(report, view.left_out, book_left_out)
        self._told.messages = frozenset(work.rejected) | view.left_out.keys()
        swept = NOTHING_SWEPT
        if self._looks_into_screener:
            swept = self.stragglers.sweep_after(
                view, update.snapshot.state, has_read_contacts=has_read_contacts
            )
        problems = (*self._book.left_out(), *self._book.problems()) if has_read_contacts else None
        standing = Standing(work.resting, self.stragglers.unswept, view.left_out, problems)
        waiting, seconds = swept.waiting or view.waiting, self._clock() - began
        return evolve(report, swept=swept, waiting=waiting, standing=standing, seconds=seconds)

    def forecast(self) -> Forecast:
        """Say what the next cycle would do; writes nothing."""
        from mailroom.triage.foresight import CardsAfter, message_after  # noqa: PLC0415 - cycles do without

        view = self._lookout.read_view()
        layout = view.layout
        work = self._lookout.begin(view)
        contacts = self._book.refresh()
        self._settle(work, view, contacts)
        self._carrier.foresee(work, view, contacts)
        stragglers: tuple[tuple[Filing, int], ...] = ()
        replies: tuple[Answer, ...] = ()
        if self._looks_into_screener:
            names = names_for(view.marked, contacts, work, layout)
            found, replies = self.stragglers.foresee(
                layout,
                CardsAfter.of(contacts, work.filings.values()),
                lambda message: message_after(message, work, view, contacts, names),
            )
            # The mail of who is filed has moved by then.
            stragglers = tuple(each for each in found if each[0].decision.party not in work.filings)
        return forecast_of_cycle(work, view, stragglers, replies)

    def apply(self, decisions: Iterable[Decision], advance: Advance = untold) -> Report:
        """Carry out decisions that a file holds, by the steps of a cycle; other senders are left to one.

        They are told as filed also where they were filed so before; again and again it writes nothing more.

        Args:
            advance: Is told of the contact cards that are made.

        Raises:
            UserError: A mailbox that the scheme names has gone, or something may not be changed.
            ServerError: A server as a whole failed; what is not done is done by the same decisions again.
        """
        began = self._clock()
        view = self._lookout.read_view()
        contacts = self._book.refresh()
        if problems := self._book.problems():
            raise UserError(problems)
        view = self._lookout.as_it_is_now(view, began)
        work = self._admit(decisions, view)
        snapshot = self._carrier.carry_out(work, view, contacts, advance)
        snapshot = self._carrier.put_back_again(work, view.layout, snapshot, contacts)
        layout = view.layout
        said = (x.id for x in snapshot.messages.values() if work.filing_said_on(x, layout))
        theirs = snapshot.only(said)
        names = names_for(theirs, contacts, work, view.layout)
        self._just_archived.note(self._conclude(work, view.layout, theirs, names).snapshot)
        return evolve(report_of_file(work, view.marked, layout), seconds=self._clock() - began)

    def foresee(self, decisions: Iterable[Decision]) -> Forecast:
        """Say what `apply` would do; writes nothing. Senders whom nobody has named are named."""
        view = self._lookout.read_view()
        work = self._admit(decisions, view)
        snapshot = self._carrier.foresee(work, view, self._book.refresh())
        name_unborn(work, snapshot, view.layout)
        return forecast_of_file(work, view.marked, view.layout)

    def overview(self) -> Overview:
        """See what waits, and for whom; writes nothing."""
        from mailroom.triage.waiting import Overview  # noqa: PLC0415 - cycles do without

        view = self._lookout.read_view()
        work = self._lookout.begin(view)
        contacts = self._book.refresh()
        self._settle(work, view, contacts)
        file_those_with_card(work, view, contacts)
        snapshot, misplaced = self.stragglers.read_screener(view.layout, contacts)
        left = left_to_the_person(work, view.marked, view.layout)
        messages = tuple(snapshot.messages.values())
        replies = self.stragglers.find_replies(messages, contacts, view.layout)
        return Overview(
            view.layout, messages, contacts, self._lookout.own, misplaced, left, view.left_out, replies
        )

    def _settle(self, work: Work, view: MailView, contacts: Contacts) -> None:
        """Take in of whom the labels in conversations speak."""
        marked = view.marked.messages
        dropped = (x for x, rejection in work.rejected.items() if rejection.drops_label)
        silent = {*work.released, *dropped}
        work.settle(find_meant(work.decisions, marked, view.layout, contacts, silent))
        work.hold_beside(view.marked)

    def _admit(self, decisions: Iterable[Decision], view: MailView) -> Work:
        admitted = admit(decisions, view.marked.messages.values(), view.layout, self._lookout.own)
        labelled = labelled_parties(view.marked.messages.values(), view.layout)
        return Work(
            admitted.taken, {}, postponed=admitted.postponed, labelled=labelled, own=self._lookout.own
        )

    def _conclude(self, work: Work, layout: Layout, snapshot: Snapshot, names: dict[Party, str]) -> Update:
        """Take the labels off (and put error and warning labels on), last of all."""
        work.accepted = find_accepted(self._mail, work, snapshot, layout, names)
        update = self._mail.update(snapshot, lambda message: work.concluded(message, layout, names))
        work.refused |= {
            message_id: reason
            for message_id, reason in update.failed.items()
            if not work.filing_said_on(snapshot.messages[message_id], layout)
        }
        outcome = by_party(update, snapshot, lambda message: subject_of(message, layout))
        for party, reason in outcome.failed.items():
            if party in work.filings:
                work.fail(party, reason)
        return update
