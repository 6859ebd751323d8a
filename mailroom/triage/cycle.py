"""The cycle: see what the person labelled, file its senders, move their mail, take the labels off.

Each step works for all senders at once. A failure is noted against its sender, who drops out of the
later steps and keeps his label for the next cycle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import chain

from attrs import Factory, define, evolve, field

from mailroom.errors import UserError
from mailroom.triage.address import Address, parse_addresses
from mailroom.triage.layout import Layout, missing_groups
from mailroom.triage.model import (
    Card,
    CardUid,
    Change,
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
    card_name,
    conclude,
    file_sender,
    judge,
    name_differs,
    sender_of,
    shared_card_conflicts,
    sweep,
)
from mailroom.triage.ports import AddressBook, Contacts, MailStore, Update
from mailroom.triage.report import Filed, Forecast, Rejected, Report
from mailroom.triage.sight import Sight
from mailroom.triage.stragglers import Stragglers


@define
class _Work:
    """What is under way in one cycle: a sender stands in `filings` until he fails."""

    decisions: tuple[Decision, ...]
    rejected: dict[MessageId, str]
    filings: dict[Address, Filing] = Factory(dict)
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

    Attributes:
        stragglers: Sweeps their mail out of Screener, in a cycle or by itself.
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
        self._sight = Sight(mail, scheme, reads_screener_along=sweeps_stragglers)
        self.stragglers = Stragglers(self._sight, mail, book, scheme, lambda: self._own)

    def check_mail(self) -> None:
        """Look whether the account has every mailbox that the scheme names, and whose account it is.

        Raises:
            UserError: Names every mailbox that is missing.
            AuthenticationError: The credentials are refused.
            ServerError: The server could not be asked.
        """
        self._own |= parse_addresses(self._mail.own_addresses())
        self._sight.look()

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
        look = self._sight.look()
        layout, marked = look.layout, look.marked
        work = self._begin(marked, layout)
        names: dict[Address, str] = {}
        if work.decisions or _has_warnings(marked, layout):
            contacts = self._book.refresh()
            self._file(work, contacts, layout)
            self._join_groups(work)
            names = _names_for(marked, contacts, work, layout)
        snapshot = marked
        if work.filings:
            snapshot = self._sweep(work, layout, marked)
            self._leave_groups(work)
        update = self._conclude(work, layout, snapshot, names)
        report = _report(work, layout, snapshot, update)
        if not self._sweeps_stragglers:
            return report
        return evolve(report, swept=self.stragglers.sweep_after(look, update.snapshot.state))

    def forecast(self) -> Forecast:
        """Say what the next cycle would do; writes nothing."""
        look = self._sight.look()
        layout = look.layout
        work = self._begin(look.marked, layout)
        contacts = self._book.refresh()
        for decision in self._resolve(work, contacts, layout):
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
            misplaced = self.stragglers.find(layout, contacts)
            stragglers = tuple((each, misplaced.messages[x]) for x, each in misplaced.stragglers.items())
        return Forecast(filings, work.rejected, stragglers)

    def _begin(self, marked: Snapshot, layout: Layout) -> _Work:
        verdicts = judge(marked.messages.values(), layout, self._own)
        return _Work(verdicts.decisions, dict(verdicts.rejected))

    def _resolve(self, work: _Work, contacts: Contacts, layout: Layout) -> list[Decision]:
        """File the senders that have a card, and return the decisions about the others."""
        without_card = []
        for decision in work.decisions:
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

        return self._sight.read(mailboxes, keep)

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

    def _conclude(self, work: _Work, layout: Layout, snapshot: Snapshot, names: dict[Address, str]) -> Update:
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
        for message_id, reason in update.failed.items():
            if sender := sender_of(snapshot.messages[message_id]):
                work.fail(sender, reason)
        return update


def _report(work: _Work, layout: Layout, snapshot: Snapshot, update: Update) -> Report:
    """Say what the cycle did; `snapshot` is from before its last step."""

    def got(message_id: MessageId, label: MailboxId | None) -> bool:
        before, after = snapshot.messages.get(message_id), update.snapshot.messages.get(message_id)
        return bool(before and after and label in after.mailbox_ids - before.mailbox_ids)

    return Report(
        filed=tuple(Filed(filing, work.moved[sender]) for sender, filing in work.filings.items()),
        rejected=tuple(
            Rejected(message_id, reason, got(message_id, layout.error))
            for message_id, reason in work.rejected.items()
        ),
        failed=dict(work.failed),
        warned=tuple(message_id for message_id in update.changed if got(message_id, layout.warning)),
    )


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
