"""The scheme that the variables name, or a file of categories."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import evolve

from mailroom.errors import UserError
from mailroom.model.contacts import CardKind
from mailroom.model.names import fold_name
from mailroom.model.scheme import Category, ContactGroup, Name, Scheme, default_domain_group
from mailroom.settings.reader import Reader
from mailroom.settings.variables import CATEGORIES_FILE

_COMPANY, _PERSON = CardKind.COMPANY, CardKind.PERSON

_WITH_MAILBOX: Final = ("FEED", "PAPER_TRAIL", "JAIL")
_WITH_LABEL: Final = ("IMBOX", *_WITH_MAILBOX, "PERSON")

_INSTEAD_OF_FILE: Final = (
    *(f"MAILROOM_LABEL_TO_{each}" for each in _WITH_LABEL),
    *(f"MAILROOM_GROUP_{each}{of}" for each in ("IMBOX", *_WITH_MAILBOX) for of in ("", "_DOMAINS")),
    *(f"MAILROOM_MAILBOX_{each}" for each in _WITH_MAILBOX),
)
"""The variables that say what a file of categories says otherwise."""


def read_scheme(reader: Reader) -> Scheme:
    """Read what the variables name, and the file of categories where they name one."""
    warning_label = reader.name("MAILROOM_LABEL_MAILROOM_WARNING")
    if reader.is_default(CATEGORIES_FILE):
        categories = _categories_of_variables(reader)
    else:
        categories = _categories_of_file(reader)
    return Scheme(
        categories=categories,
        screener=reader.name("MAILROOM_SCREENER_MAILBOX"),
        error_label=reader.name("MAILROOM_LABEL_MAILROOM_ERROR"),
        warning_label=warning_label if reader.truth("MAILROOM_WARNINGS_ENABLED") else None,
        screener_label=reader.name_if_any("MAILROOM_LABEL_TO_SCREENER"),
        journal=reader.path_if_any("MAILROOM_JOURNAL_MAILBOX"),
        domain_label=reader.name_if_any("MAILROOM_LABEL_ENTIRE_DOMAIN"),
        list_label=reader.name_if_any("MAILROOM_LABEL_ENTIRE_LIST"),
    )


def _categories_of_variables(reader: Reader) -> tuple[Category, ...]:
    imbox = ContactGroup(reader.name("MAILROOM_GROUP_IMBOX"), mailbox=None)
    feed, paper_trail, jail = (_group(reader, key) for key in _WITH_MAILBOX)
    labels = {key: reader.name_if_any(f"MAILROOM_LABEL_TO_{key}") for key in _WITH_LABEL}
    if not any(labels.values()):
        reader.problem("MAILROOM_LABEL_TO_IMBOX", "is empty, as all triage labels are: one is needed")
    categories = []
    for title, key, group, kind in (
        ("Imbox", "IMBOX", imbox, _COMPANY),
        ("Feed", "FEED", feed, _COMPANY),
        ("Paper Trail", "PAPER_TRAIL", paper_trail, _COMPANY),
        ("Jail", "JAIL", jail, _COMPANY),
        ("Person", "PERSON", imbox, _PERSON),
    ):
        if label := labels[key]:
            approves = key == ("PERSON" if labels["PERSON"] else "IMBOX")
            domains = _domain_group(reader, group)
            is_unwanted = key == "JAIL"
            categories.append(
                Category(
                    title,
                    label,
                    group,
                    kind,
                    approves=approves,
                    domain_group=domains,
                    is_unwanted=is_unwanted,
                )
            )
    used = {category.group.name.setting: category.group.name for category in categories}
    reader.problems_elsewhere(_must_differ(_alike(used.values())))
    return tuple(categories)


def _group(reader: Reader, key: str) -> ContactGroup:
    name = reader.name(f"MAILROOM_GROUP_{key}")
    return ContactGroup(name, reader.path_if_any(f"MAILROOM_MAILBOX_{key}") or name)


def _domain_group(reader: Reader, group: ContactGroup) -> ContactGroup:
    setting = f"{group.name.setting}_DOMAINS"
    name = reader.name_if_any(setting) or Name(default_domain_group(group.name), setting)
    return evolve(group, name=name)


def _categories_of_file(reader: Reader) -> tuple[Category, ...]:
    for variable in _INSTEAD_OF_FILE:
        if not reader.is_default(variable):
            reader.problem(
                variable,
                f"means nothing beside {CATEGORIES_FILE}, which names the categories: unset one",
            )
    # Most have no such file: what reads TOML and says what is wrong with it takes a quarter of a megabyte.
    from mailroom.settings.categories import read_categories  # noqa: PLC0415

    try:
        return read_categories(Path(reader.text(CATEGORIES_FILE, lambda _: None)))
    except UserError as error:
        reader.problems_elsewhere(error.problems)
        return ()


def find_contradictions(scheme: Scheme) -> list[str]:
    """Find what cannot stand together in one scheme: names that are one to people or to a server, mostly.

    Several groups may have the same destination, written the same way; several categories the same group.
    """
    mailboxes = [*scheme.labels, *scheme.marks, *scheme.destinations, scheme.screener]
    titles = [category.title for category in scheme.categories]
    groups = [*(group.name for group in scheme.groups), *_names_of_domain_groups(scheme)]
    follow = _that_follow(scheme)
    alike_groups = (settings for settings in _alike(groups) if not follow.issuperset(settings))
    alike = (*_alike(titles), *alike_groups, *_alike(mailboxes))
    shared = _shared_with_several_destinations(scheme)
    doubled = [settings for settings in dict.fromkeys(alike) if settings not in shared]
    approving = [category.title.setting for category in scheme.categories if category.approves]
    return [
        *_must_differ(doubled),
        *(
            f"{', '.join(settings)}: the same group needs the same mailbox, inbox and also"
            for settings in shared
        ),
        *([f"{', '.join(approving)}: only one may have approve = true"] if len(approving) > 1 else []),
    ]


def _shared_with_several_destinations(scheme: Scheme) -> list[tuple[str, ...]]:
    """Return the settings of groups that have the very same name, and not the same destination."""
    names = [group.name for group in scheme.groups]
    return [
        tuple(name.setting for name in names if name == shared)
        for shared in dict.fromkeys(names)
        if names.count(shared) > 1
    ]


def _names_of_domain_groups(scheme: Scheme) -> list[Name]:
    """Return each once for every group of senders that it goes with: one more, and it says two things."""
    names = {(x.group.name, x.domain_group.name): x.domain_group.name for x in scheme.categories}
    return [*names.values()]


def _that_follow(scheme: Scheme) -> frozenset[str]:
    """Return the settings of names that follow from another name: what is wrong is told of that one."""
    return frozenset(
        category.domain_group.name.setting
        for category in scheme.categories
        if category.domain_group.name == default_domain_group(category.group.name)
    )


def _must_differ(doubled: Iterable[Iterable[str]]) -> list[str]:
    return [f"{', '.join(settings)}: must have different names" for settings in doubled]


def _alike(names: Iterable[Name]) -> list[tuple[str, ...]]:
    """Return the settings of those that have the same name, together."""
    by_name: dict[str, dict[str, None]] = {}
    for name in names:
        by_name.setdefault(fold_name(name), {})[name.setting] = None
    return [tuple(same) for name, same in by_name.items() if name and len(same) > 1]
