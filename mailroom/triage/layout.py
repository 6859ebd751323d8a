"""Where in an account the scheme's names are: labels, destinations, Screener and protected mailboxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

from attrs import frozen

from mailroom.errors import UserError
from mailroom.model.mail import (
    ARCHIVE_ROLE,
    INBOX_ROLE,
    PROTECTED_ROLES,
    SENT_ROLE,
    TRASH_ROLE,
    Mailbox,
    MailboxId,
    MailboxRights,
    MailLimits,
    Message,
)
from mailroom.model.mailboxes import MailboxTree, with_role
from mailroom.model.party import PartyKind
from mailroom.model.scheme import Category, Scheme
from mailroom.triage.items import NOTHING_RENAMED, Renamed
from mailroom.triage.survey import about, problems_of, survey

LEAST_MAILBOXES = 2
"""A message has its label besides its place; further mailboxes of its category come to these."""

NO_LIMITS = MailLimits()


@frozen
class Destination:
    """Where the mail of a contact group belongs.

    Attributes:
        mailbox: Its place.
        also: Where it is besides.
    """

    mailbox: MailboxId
    also: frozenset[MailboxId] = frozenset()

    @property
    def mailboxes(self) -> frozenset[MailboxId]:
        """All of them."""
        return self.also | {self.mailbox}


@frozen
class JournalPlace:
    """Where it is told what was done.

    Attributes:
        trash: Where what is old goes; None where the account has no Trash.
    """

    mailbox: MailboxId
    trash: MailboxId | None


@frozen
class Layout:
    """The mailboxes that triage works with, by id.

    Attributes:
        labels: The category that each triage label stands for, that which takes a decision back included.
        destinations: Where the mail of each contact group belongs, by the group's name.
        archive: Where read mail goes instead of the Inbox; None where the account has no such mailbox.
        warning: The warning label; None where warnings are off.
        sent: Where the mail lies that the person sent; None where the account has no such mailbox.
        protected: Trash, Junk, Sent and Drafts, as far as there are any.
        max_mailboxes: In how many mailboxes a message may be at once; None for any number.
        paths: The full name of every mailbox.
        journal: Where it is told what was done; None where there is no such mailbox, or it takes no mail.
        trash: Where such messages go that have had their time; None where the account has no Trash.
        scopes: The labels that say what a triage label beside them is about, if not the sender.
    """

    labels: dict[MailboxId, Category]
    destinations: dict[str, Destination]
    inbox: MailboxId
    screener: MailboxId
    error: MailboxId
    archive: MailboxId | None = None
    warning: MailboxId | None = None
    sent: MailboxId | None = None
    protected: frozenset[MailboxId] = frozenset()
    max_mailboxes: int | None = None
    paths: Mapping[MailboxId, str] = MappingProxyType({})
    journal: MailboxId | None = None
    trash: MailboxId | None = None
    scopes: Mapping[MailboxId, PartyKind] = MappingProxyType({})

    @cached_property
    def speaking(self) -> frozenset[MailboxId]:
        """The labels by which the person says what they want."""
        return frozenset((*self.labels, *self.scopes))

    @cached_property
    def watched(self) -> frozenset[MailboxId]:
        """The labels; a cycle begins with the messages that carry one."""
        return self.speaking | {self.error} | ({self.warning} if self.warning else set())

    @cached_property
    def written(self) -> frozenset[MailboxId]:
        """Every mailbox that triage puts messages into or takes them out of."""
        places = {self.screener, self.inbox}.union(*(x.mailboxes for x in self.destinations.values()))
        return self.watched | places | ({self.archive} if self.archive else set())

    def destination_of(self, category: Category) -> Destination:
        """Return where the mail of a category's senders belongs."""
        return Destination(self.screener) if category.is_undecided else self.destinations[category.group.name]

    def categories_on(self, message: Message) -> list[Category]:
        """Return what the triage labels on a message say, perhaps nothing."""
        return [self.labels[x] for x in message.mailbox_ids if x in self.labels]

    def kinds_on(self, message: Message) -> frozenset[PartyKind]:
        """Return what kinds of party the labels on a message speak of besides its sender; usually none."""
        return frozenset(self.scopes[x] for x in message.mailbox_ids if x in self.scopes)

    def is_labelled(self, message: Message) -> bool:
        """Whether a message carries a triage label, or one that says what such a label is about."""
        return not self.speaking.isdisjoint(message.mailbox_ids)

    def is_protected(self, message: Message) -> bool:
        """Whether a message lies where its place is not Mailroom's to change."""
        return not self.protected.isdisjoint(message.mailbox_ids)

    def has_room(self, mailboxes: int) -> bool:
        """Whether a message may be in so many mailboxes at once."""
        return self.max_mailboxes is None or mailboxes <= self.max_mailboxes


def find_layout(
    mailboxes: Sequence[Mailbox],
    scheme: Scheme,
    limits: MailLimits = NO_LIMITS,
    known: Mapping[str, MailboxId] = MappingProxyType({}),
) -> Layout:
    """Resolve the scheme's names, and see whether the account lets triage do its work.

    Args:
        known: The mailboxes that bore these names at the last look: one that is gone may be renamed.

    Raises:
        UserError: Names every mailbox that is missing, there more than once, is for something else, or
            may not be changed.
    """
    tree = MailboxTree(mailboxes)
    layout, is_whole = _resolve(tree, scheme, limits)
    paths = {name: tree.paths[x] for name, x in known.items() if x in tree.paths}
    items = [] if is_whole else survey(tree, None, scheme, Renamed(mailboxes=paths))
    hindrances = _hindrances(tree, layout, limits)
    if problems := [*problems_of(items), *hindrances]:
        raise UserError(problems, f"mailboxes {about(items)}" if items else "what the account allows")
    return layout


def hindrances(tree: MailboxTree, scheme: Scheme, limits: MailLimits) -> list[str]:
    """Say what the account does not let triage do, whatever else may be missing."""
    layout, _ = _resolve(tree, scheme, limits)
    return _hindrances(tree, layout, limits)


def _resolve(tree: MailboxTree, scheme: Scheme, limits: MailLimits) -> tuple[Layout, bool]:
    """Resolve the scheme's names as far as they stand for one mailbox each, and say whether all do."""
    by_role = {mailbox.role: mailbox.id for mailbox in tree.mailboxes if mailbox.role}
    unfit: list[str] = []
    nowhere = MailboxId("")

    def named(name: str) -> MailboxId:
        match tree.named(name):
            case [mailbox] if not mailbox.role:
                return mailbox.id
            case _:
                unfit.append(name)
                return nowhere

    labels = {named(category.label): category for category in scheme.categories}
    if scheme.screener_label:
        match tree.named(scheme.screener_label):
            case [mailbox] if not mailbox.role:  # where it is not, all else works
                labels[mailbox.id] = scheme.undecided
    scopes: dict[MailboxId, PartyKind] = {}
    for name, kind in ((scheme.domain_label, PartyKind.DOMAIN), (scheme.list_label, PartyKind.LIST)):
        match tree.named(name) if name else ():
            case [mailbox] if not mailbox.role:  # likewise
                scopes[mailbox.id] = kind
    inbox = by_role.get(INBOX_ROLE, nowhere)
    journal = find_journal(tree, scheme)
    layout = Layout(
        screener=named(scheme.screener),
        labels=labels,
        destinations={
            group.name: Destination(
                named(group.mailbox) if group.mailbox else inbox, frozenset(map(named, group.also))
            )
            for group in scheme.all_groups
        },
        inbox=inbox,
        error=named(scheme.error_label),
        warning=named(scheme.warning_label) if scheme.warning_label else None,
        archive=by_role.get(ARCHIVE_ROLE),
        sent=by_role.get(SENT_ROLE),
        protected=frozenset(x.id for x in tree.mailboxes if x.role in PROTECTED_ROLES),
        max_mailboxes=limits.max_mailboxes_per_message,
        paths=tree.paths,
        journal=journal.mailbox if journal else None,
        trash=by_role.get(TRASH_ROLE),
        scopes=scopes,
    )
    return layout, not unfit


def find_journal(tree: MailboxTree, scheme: Scheme) -> JournalPlace | None:
    """Return the mailbox for the journal, if messages may be put into it; where not, all else works."""
    mailbox = journal_mailbox(tree, scheme)
    if mailbox is None or not mailbox.rights.may_add:
        return None
    return JournalPlace(mailbox.id, next(iter(with_role(tree.mailboxes, TRASH_ROLE)), None))


def journal_mailbox(tree: MailboxTree, scheme: Scheme) -> Mailbox | None:
    """Return the mailbox for the journal; None where it is off, or there is no such mailbox."""
    match tree.named(scheme.journal) if scheme.journal else ():
        case [mailbox] if not mailbox.role:
            return mailbox
    return None


def _hindrances(tree: MailboxTree, layout: Layout, limits: MailLimits) -> list[str]:
    if not with_role(tree.mailboxes, INBOX_ROLE):
        return ["the account has no Inbox (no mailbox with the role inbox)"]
    if limits.is_read_only:
        return ["the token may only read mail: make one with read and write access to Email"]
    needed = LEAST_MAILBOXES + max((len(x.also) for x in layout.destinations.values()), default=0)
    if not layout.has_room(needed):
        return [
            f"the server allows a message in at most {layout.max_mailboxes} mailboxes at once; "
            f"triage labels need {needed}"
        ]
    lacks: list[tuple[str, Callable[[MailboxRights], bool]]] = [
        ("read messages in", lambda rights: rights.may_read),
        ("put messages into", lambda rights: rights.may_add),
        ("take messages out of", lambda rights: rights.may_remove),
        # What goes to the Archive is marked until it is done.
        ("mark messages in", lambda rights: rights.may_set_keywords or not layout.archive),
    ]
    written = [x for x in tree.mailboxes if x.id in layout.written]
    forbidden = []
    for act, may in lacks:
        if shut := [repr(tree.paths[x.id]) for x in written if not may(x.rights)]:
            forbidden.append(f"{act} {', '.join(shut)}")
    if not forbidden:
        return []
    return [
        f"the token may not {', nor '.join(forbidden)}: make one with read and write access to Email, or ask "
        "the owner of the mailboxes for these rights"
    ]


def missing_groups(
    group_names: Sequence[str], scheme: Scheme, renamed: Renamed = NOTHING_RENAMED
) -> list[str]:
    """Say which of the scheme's contact groups are missing, there more than once, or renamed."""
    return problems_of(survey(None, group_names, scheme, renamed))
