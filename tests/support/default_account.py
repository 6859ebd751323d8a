"""The names and mailboxes of an account that uses Mailroom's defaults; a mailbox's name is its id."""

from __future__ import annotations

from mailroom.model.contacts import CardKind
from mailroom.model.mail import Mailbox, MailboxId
from mailroom.model.scheme import Category, Scheme

SCHEME = Scheme(
    categories=(
        Category("Imbox", "@ToImbox", "Imbox", None, CardKind.COMPANY),
        Category("Feed", "@ToFeed", "Feed", "Feed", CardKind.COMPANY),
        Category("Paper Trail", "@ToPaperTrail", "Paper Trail", "Paper Trail", CardKind.COMPANY),
        Category("Jail", "@ToJail", "Jail", "Jail", CardKind.COMPANY),
        Category("Person", "@ToPerson", "Imbox", None, CardKind.PERSON),
    ),
    screener="Screener",
    error_label="@MailroomError",
    warning_label="@MailroomWarning",
)
ROLES = {"Inbox": "inbox", "Archive": "archive", "Trash": "trash", "Sent": "sent"}
LABELS = tuple(category.label for category in SCHEME.categories)
PLACES = ("Inbox", "Archive", "Trash", "Sent", "Screener", "Feed", "Paper Trail", "Jail", "Family")
MARKS = ("@MailroomError", "@MailroomWarning")
MAILBOXES = tuple(Mailbox(MailboxId(name), name, role=ROLES.get(name)) for name in (*PLACES, *LABELS, *MARKS))
