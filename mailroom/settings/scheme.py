"""The scheme that the variables name."""

from __future__ import annotations

from collections.abc import Iterable

from mailroom.model.contacts import CardKind
from mailroom.model.names import fold_name
from mailroom.model.scheme import Category, ContactGroup, Name, Scheme
from mailroom.settings.reader import Reader


def read_scheme(reader: Reader) -> Scheme:
    """Read what the variables name."""
    imbox = ContactGroup(reader.name("MAILROOM_GROUP_IMBOX"), mailbox=None)
    feed, paper_trail, jail = (
        ContactGroup(name, mailbox=name)  # one setting names both
        for name in map(
            reader.name, ("MAILROOM_GROUP_FEED", "MAILROOM_GROUP_PAPER_TRAIL", "MAILROOM_GROUP_JAIL")
        )
    )
    company, person = CardKind.COMPANY, CardKind.PERSON
    warning_label = reader.name("MAILROOM_LABEL_MAILROOM_WARNING")
    return Scheme(
        categories=(
            Category("Imbox", reader.name("MAILROOM_LABEL_TO_IMBOX"), imbox, company),
            Category("Feed", reader.name("MAILROOM_LABEL_TO_FEED"), feed, company),
            Category("Paper Trail", reader.name("MAILROOM_LABEL_TO_PAPER_TRAIL"), paper_trail, company),
            Category("Jail", reader.name("MAILROOM_LABEL_TO_JAIL"), jail, company),
            Category("Person", reader.name("MAILROOM_LABEL_TO_PERSON"), imbox, person),
        ),
        screener=reader.name("MAILROOM_SCREENER_MAILBOX"),
        error_label=reader.name("MAILROOM_LABEL_MAILROOM_ERROR"),
        warning_label=warning_label if reader.truth("MAILROOM_WARNINGS_ENABLED") else None,
    )


def find_doubled_names(scheme: Scheme) -> list[str]:
    """Find names that would make two things of the scheme one, to people or to a server."""
    groups = [category.group for category in scheme.categories]
    destinations = [group.mailbox for group in groups]
    mailboxes = [*scheme.labels, scheme.error_label, scheme.warning_label, *destinations, scheme.screener]
    doubled = dict.fromkeys((*_alike(group.name for group in groups), *_alike(filter(None, mailboxes))))
    return [f"{', '.join(settings)}: must have different names" for settings in doubled]


def _alike(names: Iterable[Name]) -> list[tuple[str, ...]]:
    """Return the settings of those that have the same name, together."""
    by_name: dict[str, dict[str, None]] = {}
    for name in names:
        by_name.setdefault(fold_name(name), {})[name.setting] = None
    return [tuple(same) for name, same in by_name.items() if name and len(same) > 1]
