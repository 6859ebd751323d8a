"""Carries decisions out, whatever they stand on: cards and groups, their mail, and the groups they leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from attrs import evolve, frozen

from mailroom.model.address_book import AddressBook, Advance, Contacts
from mailroom.model.mail import Change, Message, Snapshot
from mailroom.model.party import Party
from mailroom.model.ports import MailStore
from mailroom.model.sender import Correspondent
from mailroom.triage.concluding import concluded_with_move, names_for
from mailroom.triage.filing import (
    domains_of,
    file_senders,
    file_those_with_card,
    leave_groups,
    take_cards_away,
)
from mailroom.triage.just_archived import JustArchived
from mailroom.triage.layout import Layout
from mailroom.triage.plan import NO_CHANGE, file_unborn
from mailroom.triage.view import MailView, ViewReader
from mailroom.triage.work import Work

MAX_LOOKS_AGAIN = 3
"""How often mail is put back at most that somebody else keeps moving."""


@frozen
class Carrier:
    """Carries out what a work's decisions ask for, up to the labels; all senders at once."""

    mail: MailStore
    book: AddressBook
    reader: ViewReader
    just_archived: JustArchived

    def carry_out(self, work: Work, view: MailView, contacts: Contacts, advance: Advance) -> Snapshot:
        """File the senders and move their mail; return the labelled messages as they are then.

        Args:
            advance: Is told of the contact cards that are made.

        Raises:
            ServerError: A server as a whole failed.
        """
        work.consult(contacts, view.layout)
        # What adds comes first: broken off anywhere, a sender is in a group, and the label leads back.
        file_senders(self.book, work, view, contacts, advance)
        if not work.filings:
            return view.marked
        self.just_archived.expect(view.marked)
        self._put_back(work, view.layout)
        names = names_for(view.marked, contacts, work, view.layout)
        snapshot = self._sweep(work, view.layout, view.marked, names)
        self.just_archived.note(snapshot)
        # Not before their mail has moved: the old group is what tells which mailbox it is moved from.
        leave_groups(self.book, work)
        take_cards_away(self.book, work)
        return snapshot

    def put_back_again(self, work: Work, layout: Layout, marked: Snapshot, contacts: Contacts) -> Snapshot:
        """Look whether mail still waits where it was put back, now that its senders have left their groups.

        Before that it was theirs, and another process, such as the service, has swept it if it looked then.

        Args:
            marked: The labelled messages.

        Returns:
            These as they are now.

        Raises:
            ServerError: The server as a whole failed.
        """
        for _ in range(MAX_LOOKS_AGAIN):
            undecided = (x for x in work.filings.values() if x.decision.category.is_undecided)
            if not any(each.departures for each in undecided):
                break
            writes = work.writes
            self._put_back(work, layout)
            marked = self._sweep(work, layout, marked, names_for(marked, contacts, work, layout))
            if work.writes == writes:
                break
        return marked

    def release(self, work: Work, view: MailView, contacts: Contacts) -> MailView:
        """Take labels off messages of which they do not speak, before anything else is written.

        Broken off later, nothing would tell these senders from those of whom the label speaks.

        Raises:
            ServerError: The server as a whole failed.
        """
        released = view.marked.only(work.coming_off)
        if not released.messages:
            return view
        update = self.mail.update(released, lambda message: work.unlabelled(message, view.layout, contacts))
        for message_id, reason in update.failed.items():
            work.fail_release(message_id, view.marked, reason)
        others = {x: each for x, each in view.snapshot.messages.items() if x not in released.messages}
        # The state stays the older one, in which the others were read.
        return evolve(view, snapshot=Snapshot(view.snapshot.state, others | update.snapshot.messages))

    def foresee(self, work: Work, view: MailView, contacts: Contacts) -> Snapshot:
        """Note in the work how senders would be filed, and how much mail moved; return their mail."""
        work.consult(contacts, view.layout)
        without_card = file_those_with_card(work, view, contacts)
        domains = domains_of(work, contacts, view.layout)
        for decision in without_card:
            work.filings[decision.party] = file_unborn(decision, view.layout, domains.beneath(decision))
        if not work.filings:
            return Snapshot("", {})
        layout = view.layout
        known = self._read_known(work, layout)
        for message in known.messages.values():
            if (party := work.party_of(message)) and work.put_back(message, layout):
                work.moved[party] += 1
        snapshot = self._read_for(work, layout)
        for message in snapshot.messages.values():
            if (party := work.party_of(message)) and work.swept(message, layout):
                work.moved[party] += 1
        return snapshot

    def _read_for(self, work: Work, layout: Layout) -> Snapshot:
        """Read the filed senders' messages that may have to move, and all labelled ones, as they are now."""
        mailboxes = {layout.screener} | layout.watched
        mailboxes.update(*(filing.former_mailboxes for filing in work.filings.values()))
        watched = layout.watched

        def keep(message: Message) -> bool:
            return bool(message.mailbox_ids & watched) or work.party_of(message) is not None

        return self.reader.read_messages(mailboxes, keep)

    def _read_known(self, work: Work, layout: Layout) -> Snapshot:
        """Read the messages of which it is known where they were, and note how many stay where they are."""
        message_ids = work.known_ways
        snapshot = self.mail.those(message_ids) if message_ids else Snapshot("", {})
        theirs: dict[Party, list[Message]] = defaultdict(list)
        for message in snapshot.messages.values():
            if party := work.party_of(message):
                theirs[party].append(message)
        for party, messages in theirs.items():
            if former := work.filings[party].former:
                work.staying[party] = former.count_staying(messages, layout)
        return snapshot

    def _put_back(self, work: Work, layout: Layout) -> None:
        """Move the messages of which it is known where they were back there."""
        snapshot = self._read_known(work, layout)
        if snapshot.messages:
            update = self.mail.update(snapshot, lambda message: work.put_back(message, layout))
            work.note_moves(update, snapshot, layout)

    def _sweep(self, work: Work, layout: Layout, marked: Snapshot, names: Mapping[Party, str]) -> Snapshot:
        """Move the filed senders' messages, and return the labelled ones as they are now.

        With the last of them the labels come off of whom nothing else is left to be done.

        Args:
            marked: The labelled messages, as far as it was looked at what their labels mean.
            names: What their senders are called on their cards.
        """

        def concluded(message: Message) -> Change:
            is_new = message.id not in marked.messages  # its label is newer, and left to the next cycle
            return NO_CHANGE if is_new else concluded_with_move(message, work, layout, names)

        snapshot = self._read_for(work, layout)
        update = self.mail.update(snapshot, lambda message: work.swept(message, layout), concluded)
        work.note_moves(update, snapshot, layout)
        labelled = update.snapshot.only(marked.messages)
        work.note_ended(labelled, layout)
        return labelled


def name_unborn(work: Work, snapshot: Snapshot, layout: Layout) -> None:
    """Let senders who get a card, and whom nobody has named, be called what their newest message shows."""
    names: dict[Party, str] = {}
    for message in sorted(snapshot.messages.values(), key=lambda x: (x.received_at, x.id)):
        if isinstance(message.sender, Correspondent) and message.sender.name:
            names[message.sender.address] = message.sender.name
    for party, filing in work.filings.items():
        who = filing.decision.who
        if filing.created and not who.name and party in names:
            decision = evolve(filing.decision, who=evolve(who, name=names[party]))
            work.filings[party] = file_unborn(decision, layout, filing.beneath)
