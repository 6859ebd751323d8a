"""The cycle: see what the person labelled, file its senders, move their mail, take the labels off.

Each step works for all senders at once. A failure is noted against its sender, who drops out of the
later steps and keeps his label for the next cycle.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from itertools import chain

from attrs import Factory, define, field

from mailroom.errors import ServerError, UserError
from mailroom.triage.address import Address, parse_address
from mailroom.triage.layout import Layout, find_layout, missing_groups
from mailroom.triage.model import (
    Card,
    CardUid,
    Change,
    Mailbox,
    MailboxId,
    Membership,
    Message,
    MessageId,
    Scheme,
    Snapshot,
)
from mailroom.triage.plan import (
    NO_CHANGE,
    Decision,
    Filing,
    Verdicts,
    card_name,
    conclude,
    file_sender,
    judge,
    name_differs,
    sender_of,
    shared_card_conflicts,
    sweep,
)
from mailroom.triage.ports import AddressBook, Contacts, MailStore, Reading
from mailroom.triage.report import Filed, Forecast, Rejected, Report, Swept
from mailroom.triage.screener import Misplaced, find_misplaced, sweep_straggler

MAX_READ_ALONG_MESSAGES = 500
"""Up to so many messages in Screener are read with the labelled ones, in the same request."""


@define
class _Work:
    """What is under way in one cycle: a sender stands in `filings` until he fails."""

    verdicts: Verdicts
    filings: dict[Address, Filing] = Factory(dict)
    rejected: dict[MessageId, str] = Factory(dict)
    failed: dict[Address, str] = Factory(dict)
    moved: dict[Address, int] = field(factory=lambda: defaultdict(int))

    def fail(self, sender: Address, reason: str) -> None:
        self.filings.pop(sender, None)
        self.failed.setdefault(sender, reason)

    def filing_of(self, message: Message) -> Filing | None:
        sender = sender_of(message)
        return self.filings.get(sender) if sender else None


class Triage:
    """Files senders on one account.

    Args:
        own: Addresses of the account besides those its mail store knows; they are never filed.
        sweeps_stragglers: Whether a cycle looks after senders decided on before, too.
    """

    def __init__(
        self,
        mail: MailStore,
        book: AddressBook,
        scheme: Scheme,
        own: Collection[Address] = (),
        *,
        sweeps_stragglers: bool = True,
    ) -> None:
        self._mail = mail
        self._book = book
        self._scheme = scheme
        self._own = frozenset(own)
        self._sweeps_stragglers = sweeps_stragglers
        self._mail_state = ""
        self._swept_state: str | None = None
        self._wanted: frozenset[MailboxId] = frozenset()
        self._seen: Snapshot | None = None
        self._contacts_are_current = False
        self._mailboxes: tuple[Mailbox, ...] = ()
        self._layout: Layout | None = None

    def check_mail(self) -> None:
        """Look whether the account has every mailbox that the scheme names, and whose account it is.

        Raises:
            UserError: Names every mailbox that is missing.
            AuthenticationError: The credentials are refused.
            ServerError: The server could not be asked.
        """
        self._own |= {own for text in self._mail.own_addresses() if (own := parse_address(text))}
        self._look()

    def check_book(self) -> None:
        """Look whether the address book has every contact group that the scheme names.

        Raises:
            UserError: Names every contact group that is missing, or there twice.
            AuthenticationError: The credentials are refused.
            ServerError: The server could not be asked.
        """
        if problems := missing_groups(self._book.refresh().group_names(), self._scheme):
            raise UserError(problems)

    def run(self) -> Report:
        """Do one cycle.

        Raises:
            UserError: A mailbox that the scheme names has gone.
            ServerError: A server as a whole failed; what is not done stays labelled for the next cycle.
        """
        layout, seen = self._look()
        self._contacts_are_current = False
        marked = seen.snapshot.only(m.id for m in _marked(seen.snapshot, layout))
        work = _Work(judge(marked.messages.values(), layout, self._own))
        work.rejected.update(work.verdicts.rejected)
        names: dict[Address, str] = {}
        if work.verdicts.decisions or _has_warnings(marked, layout):
            contacts = self._book.refresh()
            self._contacts_are_current = True
            self._file(work, contacts, layout)
            self._join_groups(work)
            names = _names_for(marked, contacts, work, layout)
        snapshot = marked
        if work.filings:
            snapshot = self._sweep(work, layout, marked)
            self._leave_groups(work)
        return self._conclude(work, layout, snapshot, names)

    def sweep_stragglers(self) -> Swept:
        """Move mail that lies in Screener although its sender is in a triage group.

        It belongs at the end of a cycle, and costs at most two requests; none where the mail has not
        changed since the last time, or where Screener is empty. It goes by the contacts of the moment;
        where Screener has to be read by itself, because it is full or the cycle has written, by those
        of the last reading.

        Raises:
            ServerError: The mail server as a whole failed.
        """
        if not self._sweeps_stragglers or self._mail_state == self._swept_state:
            return Swept()
        layout = self._layout
        assert layout is not None, "a cycle comes first"
        seen, self._seen = self._seen, None
        if seen is None or seen.state != self._mail_state:
            return self._sweep_misplaced(*self._find_misplaced(layout, self._book.latest()), layout)
        contacts = self._book.latest()
        if not self._contacts_are_current and any(
            layout.screener in m.mailbox_ids for m in seen.messages.values()
        ):
            try:
                contacts = self._book.refresh()
            except ServerError as error:
                return Swept(postponed=str(error))
        return self._sweep_misplaced(seen, self._sort(seen, contacts, layout), layout)

    def rescue(self) -> Swept:
        """Do what `sweep_stragglers` does, at once and by the contacts as they are now."""
        layout, _ = self._look()
        return self._sweep_misplaced(*self._find_misplaced(layout, self._book.refresh()), layout)

    def misplaced(self) -> Misplaced:
        """Say what lies in Screener although its sender is decided on or known; writes nothing."""
        layout, _ = self._look()
        return self._find_misplaced(layout, self._book.refresh())[1]

    def forecast(self) -> Forecast:
        """Say what the next cycle would do; writes nothing."""
        layout, seen = self._look()
        work = _Work(judge(seen.snapshot.messages.values(), layout, self._own))
        contacts = self._book.refresh()
        self._resolve(work, contacts, layout)
        for decision in work.verdicts.decisions:
            if decision.sender not in work.filings and decision.message_ids[0] not in work.rejected:
                unborn = Card(CardUid(""), decision.new_card().name)
                work.filings[decision.sender] = file_sender(
                    decision, [unborn], lambda _: (), layout, created=True
                )
        if work.filings:
            for message in self._read_for(work, layout).messages.values():
                filing = work.filing_of(message)
                if filing and sweep(message, filing, layout):
                    work.moved[filing.decision.sender] += 1
        filings = tuple((filing, work.moved[sender]) for sender, filing in work.filings.items())
        stragglers: tuple[tuple[Filing, int], ...] = ()
        if self._sweeps_stragglers:
            misplaced = self._find_misplaced(layout, contacts)[1]
            stragglers = tuple((each, misplaced.messages[x]) for x, each in misplaced.stragglers.items())
        return Forecast(filings, work.verdicts.rejected | work.rejected, stragglers)

    def _look(self) -> tuple[Layout, Reading]:
        """See all labelled messages: one request, unless mailboxes were added, renamed or removed.

        Those in Screener come along, for the sweep of stragglers, as long as they are not too many.
        """
        wanted = self._wanted if self._layout else frozenset()
        seen = self._mail.read(wanted)
        if self._layout is None or seen.mailboxes != self._mailboxes:
            self._layout = None
            self._layout = find_layout(seen.mailboxes, self._scheme)
            self._mailboxes = seen.mailboxes
            if wanted != self._to_look_at(self._layout, seen.mailboxes):
                wanted = self._to_look_at(self._layout, seen.mailboxes)
                seen = self._mail.read(wanted)
        self._seen = seen.snapshot if self._layout.screener in wanted else None
        self._wanted = self._to_look_at(self._layout, seen.mailboxes)
        return self._layout, seen

    def _to_look_at(self, layout: Layout, mailboxes: Iterable[Mailbox]) -> frozenset[MailboxId]:
        (waiting,) = (x.total_messages for x in mailboxes if x.id == layout.screener)
        reads_along = self._sweeps_stragglers and waiting <= MAX_READ_ALONG_MESSAGES
        return layout.watched | ({layout.screener} if reads_along else frozenset())

    def _resolve(self, work: _Work, contacts: Contacts, layout: Layout) -> list[Decision]:
        """File the senders that have a card, and return the decisions about the others."""
        without_card = []
        for decision in work.verdicts.decisions:
            if cards := contacts.cards(decision.sender):
                work.filings[decision.sender] = file_sender(decision, cards, contacts.groups, layout)
            else:
                without_card.append(decision)
        for sender, reason in shared_card_conflicts(work.filings.values()).items():
            work.rejected |= dict.fromkeys(work.filings.pop(sender).decision.message_ids, reason)
        return without_card

    def _file(self, work: _Work, contacts: Contacts, layout: Layout) -> None:
        without_card = self._resolve(work, contacts, layout)
        created = (
            self._book.create([decision.new_card() for decision in without_card]) if without_card else {}
        )
        for decision in without_card:
            card = created[decision.sender]
            if isinstance(card, Card):
                work.filings[decision.sender] = file_sender(
                    decision, [card], contacts.groups, layout, created=True
                )
            else:
                work.fail(decision.sender, card)

    def _join_groups(self, work: _Work) -> None:
        joining = [filing for filing in work.filings.values() if filing.joins]
        cards = _by_group((filing.decision.category.group, filing.card.uid) for filing in joining)
        failures = self._regroup({group: Membership(add=uids) for group, uids in cards.items()})
        for filing in joining:
            if reason := failures.get(filing.decision.category.group):
                work.fail(filing.decision.sender, reason)

    def _leave_groups(self, work: _Work) -> None:
        leaving = [filing for filing in work.filings.values() if filing.leaves]
        cards = _by_group(chain.from_iterable(filing.leaves for filing in leaving))
        failures = self._regroup({group: Membership(remove=uids) for group, uids in cards.items()})
        for filing in leaving:
            for group, _ in filing.leaves:
                if reason := failures.get(group):
                    work.fail(filing.decision.sender, reason)

    def _regroup(self, memberships: dict[str, Membership]) -> dict[str, str]:
        return dict(self._book.regroup(memberships)) if memberships else {}

    def _read_for(self, work: _Work, layout: Layout) -> Snapshot:
        """Read the filed senders' messages that may have to move, and all labelled ones, as they are now."""
        mailboxes = {layout.screener} | layout.watched
        mailboxes.update(*(filing.left for filing in work.filings.values()))
        watched = layout.watched

        def keep(message: Message) -> bool:
            return bool(message.mailbox_ids & watched) or work.filing_of(message) is not None

        reading = self._mail.read(mailboxes, keep)
        if reading.mailboxes != self._mailboxes:
            raise ServerError("mailboxes were changed during the cycle; the next one goes on")
        return reading.snapshot

    def _sweep(self, work: _Work, layout: Layout, marked: Snapshot) -> Snapshot:
        """Move the filed senders' messages, and return the labelled ones as they are now."""
        snapshot = self._read_for(work, layout)

        def change(message: Message) -> Change:
            filing = work.filing_of(message)
            return sweep(message, filing, layout) if filing else NO_CHANGE

        update = self._mail.update(snapshot, change)
        for message_id, reason in update.failed.items():
            if sender := sender_of(snapshot.messages[message_id]):
                work.fail(sender, reason)
        for message_id in update.changed:
            if sender := sender_of(snapshot.messages[message_id]):
                work.moved[sender] += 1
        return update.snapshot.only(marked.messages)

    def _find_misplaced(self, layout: Layout, contacts: Contacts) -> tuple[Snapshot, Misplaced]:
        reading = self._mail.read({layout.screener} | layout.watched)
        if reading.mailboxes != self._mailboxes:
            raise ServerError("mailboxes were changed during the cycle; the next one goes on")
        return reading.snapshot, self._sort(reading.snapshot, contacts, layout)

    def _sort(self, snapshot: Snapshot, contacts: Contacts, layout: Layout) -> Misplaced:
        return find_misplaced(snapshot.messages.values(), contacts, layout, self._scheme, self._own)

    def _sweep_misplaced(self, snapshot: Snapshot, misplaced: Misplaced, layout: Layout) -> Swept:
        update = self._mail.update(snapshot, lambda message: sweep_straggler(message, misplaced, layout))

        def sender(message_id: MessageId) -> Address:
            return parse_address(snapshot.messages[message_id].senders[0].email) or Address("")

        self._swept_state = self._mail_state = update.snapshot.state
        return Swept(
            moved=dict(Counter(map(sender, sorted(update.changed)))),
            failed={sender(message_id): reason for message_id, reason in update.failed.items()},
        )

    def _conclude(self, work: _Work, layout: Layout, snapshot: Snapshot, names: dict[Address, str]) -> Report:
        """Take the labels off (and put error and warning labels on), last of all."""

        def change(message: Message) -> Change:
            sender = sender_of(message)
            if sender in work.failed:
                return NO_CHANGE
            return conclude(
                message,
                work.filing_of(message),
                layout,
                rejected=message.id in work.rejected,
                differs=name_differs(message, names.get(sender, "") if sender else ""),
            )

        update = self._mail.update(snapshot, change)
        self._mail_state = update.snapshot.state
        for message_id, reason in update.failed.items():
            if sender := sender_of(snapshot.messages[message_id]):
                work.fail(sender, reason)

        def marked(message_id: MessageId, label: str | None) -> bool:
            before, after = snapshot.messages.get(message_id), update.snapshot.messages.get(message_id)
            return bool(before and after and label in after.mailbox_ids - before.mailbox_ids)

        return Report(
            filed=tuple(Filed(filing, work.moved[sender]) for sender, filing in work.filings.items()),
            rejected=tuple(
                Rejected(message_id, reason, marked(message_id, layout.error))
                for message_id, reason in work.rejected.items()
            ),
            failed=dict(work.failed),
            warned=tuple(message_id for message_id in update.changed if marked(message_id, layout.warning)),
        )


def _marked(snapshot: Snapshot, layout: Layout) -> Iterable[Message]:
    return (message for message in snapshot.messages.values() if message.mailbox_ids & layout.watched)


def _has_warnings(snapshot: Snapshot, layout: Layout) -> bool:
    return any(layout.warning in message.mailbox_ids for message in snapshot.messages.values())


def _names_for(snapshot: Snapshot, contacts: Contacts, work: _Work, layout: Layout) -> dict[Address, str]:
    """Return the name on each sender's card: the one he is filed under in this cycle, or would be."""
    senders = {sender for message in snapshot.messages.values() if (sender := sender_of(message))}
    names = {sender: card_name(contacts.cards(sender), contacts.groups, layout) for sender in senders}
    return names | {sender: filing.card.name for sender, filing in work.filings.items()}


def _by_group(pairs: Iterable[tuple[str, CardUid]]) -> dict[str, frozenset[CardUid]]:
    groups: dict[str, set[CardUid]] = defaultdict(set)
    for group, uid in pairs:
        groups[group].add(uid)
    return {group: frozenset(uids) for group, uids in groups.items()}
