"""The account's mailboxes as a tree: full names and roles. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mailroom.model.mail import Mailbox, MailboxId


class MailboxTree:
    """The mailboxes of one moment, by their full names; these are worked out once.

    Attributes:
        mailboxes: As they were given.
        paths: Each mailbox's full name, parents first, joined by slashes: ``Inbox/Screener``.
        ids: The mailbox of each full name; where several have one, the last of them.
    """

    def __init__(self, mailboxes: Iterable[Mailbox]) -> None:
        self.mailboxes: tuple[Mailbox, ...] = tuple(mailboxes)
        self.paths: Mapping[MailboxId, str] = _paths(self.mailboxes)
        self.ids: Mapping[str, MailboxId] = {path: mailbox_id for mailbox_id, path in self.paths.items()}
        self._by_path: dict[str, list[Mailbox]] = defaultdict(list)
        for mailbox in self.mailboxes:
            self._by_path[self.paths[mailbox.id]].append(mailbox)

    def named(self, path: str) -> Sequence[Mailbox]:
        """Return those of a full name; a name may hold a slash itself, so there may be several."""
        return self._by_path.get(path, ())

    def role_of(self, path: str) -> str | None:
        """Return what a mailbox of this full name is for; None where no such one is for something."""
        return next((mailbox.role for mailbox in self.named(path) if mailbox.role), None)


def with_role(mailboxes: Iterable[Mailbox], role: str) -> list[MailboxId]:
    """Return the mailboxes that are for `role`: one at the most, on a server that keeps to the RFC."""
    return [mailbox.id for mailbox in mailboxes if mailbox.role == role]


def _paths(mailboxes: Sequence[Mailbox]) -> dict[MailboxId, str]:
    by_id = {mailbox.id: mailbox for mailbox in mailboxes}
    paths = {}
    for mailbox in by_id.values():
        names, at = [mailbox.name], mailbox
        while at.parent_id in by_id and len(names) <= len(by_id):  # a server may have made a circle of them
            at = by_id[at.parent_id]
            names.append(at.name)
        paths[mailbox.id] = "/".join(reversed(names))
    return paths
