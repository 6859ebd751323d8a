"""The account's mailboxes as a tree: full names and roles. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mailroom.model.mail import Mailbox, MailboxId


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
