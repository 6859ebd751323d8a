"""Where in an account the scheme's names are: labels, destinations, Screener and protected mailboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from attrs import frozen

from mailroom.errors import UserError
from mailroom.triage.model import (
    ARCHIVE_ROLE,
    INBOX_ROLE,
    PROTECTED_ROLES,
    Category,
    Mailbox,
    MailboxId,
    MailLimits,
    Scheme,
)

LEAST_MAILBOXES = 2
"""A message has its label besides its place."""

NO_LIMITS = MailLimits()


@frozen
class Layout:
    """The mailboxes that triage works with, by id.

    Attributes:
        labels: The category that each triage label stands for.
        destinations: Where the mail of each contact group belongs.
        archive: Where read mail goes instead of the Inbox; None where the account has no such mailbox.
        warning: The warning label; None where warnings are off.
        protected: Trash, Junk, Sent and Drafts, as far as there are any.
        max_mailboxes: In how many mailboxes a message may be at once; None for any number.
    """

    labels: dict[MailboxId, Category]
    destinations: dict[str, MailboxId]
    inbox: MailboxId
    screener: MailboxId
    error: MailboxId
    archive: MailboxId | None = None
    warning: MailboxId | None = None
    protected: frozenset[MailboxId] = frozenset()
    max_mailboxes: int | None = None

    @property
    def watched(self) -> frozenset[MailboxId]:
        """The labels; a cycle begins with the messages that carry one."""
        marks = {self.error} | ({self.warning} if self.warning else set())
        return frozenset(self.labels) | marks

    @property
    def written(self) -> frozenset[MailboxId]:
        """Every mailbox that triage puts messages into or takes them out of."""
        places = {self.screener, self.inbox, *self.destinations.values()}
        return self.watched | places | ({self.archive} if self.archive else set())

    def has_room(self, mailboxes: int) -> bool:
        """Whether a message may be in so many mailboxes at once."""
        return self.max_mailboxes is None or mailboxes <= self.max_mailboxes


def mailbox_paths(mailboxes: Iterable[Mailbox]) -> dict[MailboxId, str]:
    """Return each mailbox's full name, parents first, joined by slashes: ``Inbox/Screener``."""
    by_id = {mailbox.id: mailbox for mailbox in mailboxes}
    paths = {}
    for mailbox in by_id.values():
        names, at = [mailbox.name], mailbox
        while at.parent_id in by_id and len(names) <= len(by_id):
            at = by_id[at.parent_id]
            names.append(at.name)
        paths[mailbox.id] = "/".join(reversed(names))
    return paths


def with_role(mailboxes: Iterable[Mailbox], role: str) -> list[MailboxId]:
    """Return the mailboxes that are for `role`: one at the most, on a server that keeps to the RFC."""
    return [mailbox.id for mailbox in mailboxes if mailbox.role == role]


def find_layout(mailboxes: Sequence[Mailbox], scheme: Scheme, limits: MailLimits = NO_LIMITS) -> Layout:
    """Resolve the scheme's names, and see whether the account lets triage do its work.

    Raises:
        UserError: Names every mailbox that is missing, is for something else, or may not be changed.
    """
    by_role = {mailbox.role: mailbox.id for mailbox in mailboxes if mailbox.role}
    by_path = {path: mailbox_id for mailbox_id, path in mailbox_paths(mailboxes).items()}
    problems: list[str] = []
    missing: list[str] = []
    nowhere = MailboxId("")

    roles = {mailbox.id: mailbox.role for mailbox in mailboxes}

    def named(name: str) -> MailboxId:
        mailbox_id = by_path.get(name, nowhere)
        if name not in by_path:
            missing.append(name)
        elif role := roles[mailbox_id]:
            problems.append(f"the mailbox {name!r} is the account's {role}: name another in the settings")
        return mailbox_id

    if INBOX_ROLE not in by_role:
        problems.append("the account has no Inbox (no mailbox with the role inbox)")
    inbox = by_role.get(INBOX_ROLE, nowhere)
    layout = Layout(
        screener=named(scheme.screener),
        labels={named(category.label): category for category in scheme.categories},
        destinations={
            category.group: named(category.mailbox) if category.mailbox else inbox
            for category in scheme.categories
        },
        inbox=inbox,
        error=named(scheme.error_label),
        warning=named(scheme.warning_label) if scheme.warning_label else None,
        archive=by_role.get(ARCHIVE_ROLE),
        protected=frozenset(mailbox.id for mailbox in mailboxes if mailbox.role in PROTECTED_ROLES),
        max_mailboxes=limits.max_mailboxes_per_message,
    )
    problems += _missing("mailbox", "mailboxes", missing)
    problems += _hindrances(mailboxes, layout, limits)
    if problems:
        raise UserError(problems)
    return layout


def _hindrances(mailboxes: Sequence[Mailbox], layout: Layout, limits: MailLimits) -> list[str]:
    """Say what the account does not let triage do, before it has done half of it."""
    if limits.is_read_only:
        return ["the mail may only be read with this token: make one that may read and write Email"]
    if not layout.has_room(LEAST_MAILBOXES):
        return [
            f"the server keeps a message in at most {layout.max_mailboxes} mailboxes at once; "
            f"labels need {LEAST_MAILBOXES}"
        ]
    changeable = {x.id for x in mailboxes if x.rights.may_read and x.rights.may_add and x.rights.may_remove}
    shut = [
        repr(path)
        for mailbox_id, path in mailbox_paths(mailboxes).items()
        if mailbox_id in layout.written - changeable
    ]
    if not shut:
        return []
    return [
        f"messages may not be read in, put into and taken out of {', '.join(shut)} with this token: "
        "make one that may, or ask who shares the mailboxes with you for the rights"
    ]


def missing_groups(group_names: Iterable[str], scheme: Scheme) -> list[str]:
    """Say which of the scheme's contact groups are missing, or there more than once."""
    found = Counter(group_names)
    doubled = [group for group in scheme.groups if found[group] > 1]
    return [
        *_missing("contact group", "contact groups", [x for x in scheme.groups if not found[x]]),
        *(f"{found[x]} contact groups are named {x!r}: rename or delete all but one" for x in doubled),
    ]


def _missing(one: str, several: str, names: Sequence[str]) -> list[str]:
    """Say what is missing, in one sentence that says how to get it."""
    shown = ", ".join(map(repr, dict.fromkeys(names)))
    match len(set(names)):
        case 0:
            return []
        case 1:
            return [f"the {one} {shown} is missing: `mailroom setup --apply` makes it"]
        case _:
            return [f"the {several} {shown} are missing: `mailroom setup --apply` makes them"]
