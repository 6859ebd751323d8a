"""The names and mailboxes of an account that uses Mailroom's defaults; a mailbox's name is its id."""

from __future__ import annotations

from attrs import evolve

from mailroom.model.contacts import CardKind
from mailroom.model.mail import Mailbox, MailboxId
from mailroom.model.scheme import Category, ContactGroup, Name, Scheme

IMBOX = ContactGroup(Name("Imbox"), mailbox=None)
FEED, PAPER_TRAIL, JAIL = (ContactGroup(x, mailbox=x) for x in map(Name, ("Feed", "Paper Trail", "Jail")))
SCHEME = Scheme(
    categories=(
        Category("Imbox", Name("@ToImbox"), IMBOX, CardKind.COMPANY),
        Category("Feed", Name("@ToFeed"), FEED, CardKind.COMPANY),
        Category("Paper Trail", Name("@ToPaperTrail"), PAPER_TRAIL, CardKind.COMPANY),
        Category("Jail", Name("@ToJail"), JAIL, CardKind.COMPANY, is_unwanted=True),
        Category("Person", Name("@ToPerson"), IMBOX, CardKind.PERSON, approves=True),
    ),
    screener=Name("Screener"),
    error_label=Name("@MailroomError"),
    warning_label=Name("@MailroomWarning"),
    screener_label=Name("@ToScreener"),
)
WHOLE_SCHEME = evolve(
    SCHEME,
    domain_label=Name("@EntireDomain"),
    list_label=Name("@EntireList"),
)
"""The same with the labels for domains and lists."""

GROUPS: tuple[str, ...] = tuple(group.name for group in SCHEME.groups)
ROLES = {"Inbox": "inbox", "Archive": "archive", "Trash": "trash", "Sent": "sent"}
LABELS = (*(category.label for category in SCHEME.categories), "@ToScreener")
PLACES = ("Inbox", "Archive", "Trash", "Sent", "Screener", "Feed", "Paper Trail", "Jail", "Family")
MARKS = ("@MailroomError", "@MailroomWarning")
MAILBOXES = tuple(Mailbox(MailboxId(name), name, role=ROLES.get(name)) for name in (*PLACES, *LABELS, *MARKS))
