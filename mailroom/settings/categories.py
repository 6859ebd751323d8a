"""A file of categories of one's own (TOML), instead of the five that the variables name."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final

import cattrs
from attrs import evolve, frozen

from mailroom.errors import UserError
from mailroom.model.contacts import CardKind
from mailroom.model.names import fold_name
from mailroom.model.scheme import Category, ContactGroup, Name, ReadMail, default_domain_group
from mailroom.output.files import why_not
from mailroom.settings.reader import find_name_problem, find_path_problem
from mailroom.typed import exactly

MAX_FILE_BYTES: Final = 1_000_000
INBOX: Final = "inbox"


@frozen
class CategoryEntry:
    """One ``[[category]]`` of the file; what it leaves out follows from its title.

    Attributes:
        mailbox: Full name of the destination; not together with `inbox`.
        also: Full names of further mailboxes that its mail gets besides.
        approve: Whether it is for the people to whom the person has written; one at the most is.
        domain_group: The contact group of domains that are decided on as a whole.
        unwanted: Whether it is for what the person does not want to see at all.
    """

    title: str
    label: str | None = None
    group: str | None = None
    mailbox: str | None = None
    inbox: bool = False
    also: tuple[str, ...] = ()
    card: CardKind = CardKind.COMPANY
    read_mail: ReadMail = ReadMail.ARCHIVE
    approve: bool = False
    domain_group: str | None = None
    unwanted: bool = False


def read_categories(path: Path) -> tuple[Category, ...]:
    """Read a file of categories; how they go together is looked at with the whole scheme.

    Raises:
        UserError: Names the file, and of everything that is wrong with it the entry and the key.
    """
    parsed = _parse(path)
    tables = parsed.pop("category", [])
    problems = [f"{path}: {key}: there is no such key; an entry begins with [[category]]" for key in parsed]
    if not isinstance(tables, list) or not tables:
        raise UserError([*problems, f"{path}: has no [[category]]"])
    categories = []
    for number, table in enumerate(tables, 1):
        where = f"category {number}"
        if not isinstance(table, dict):
            problems.append(f"{path}: {where}: must be a table, begun by [[category]]")
            continue
        try:
            entry = _converter.structure(table, CategoryEntry)
        except (cattrs.BaseValidationError, TypeError) as error:
            problems += [f"{path}: {where}: {problem}" for problem in _told(error)]
            continue
        where = f"{where} ({entry.title})"
        problems += [f"{path}: {where}: {problem}" for problem in _problems(entry)]
        categories.append(_category(entry, f"{where} in {path}"))
    if problems:
        raise UserError(problems)
    return tuple(categories)


def render_categories(categories: Sequence[Category]) -> str:
    """Write categories as a file that is read as the same."""
    return "\n".join(map(_render, categories))


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UserError([f"{path}: cannot be read as a file of categories: {why_not(error)}"]) from error
    if len(content) > MAX_FILE_BYTES:
        raise UserError([f"{path}: is longer than {MAX_FILE_BYTES} bytes"])
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeError:
        raise UserError([f"{path}: is not UTF-8 text; save it as UTF-8"]) from None
    except ValueError as error:  # TOMLDecodeError is one, and so is a number of thousands of digits
        hint = "texts stand in quotes, a key once in an entry, and yes is true"
        raise UserError([f"{path}: is not TOML: {error}: {hint}"]) from error
    except RecursionError:
        raise UserError([f"{path}: is nested too deeply"]) from None


def _told(error: Exception) -> Iterator[str]:
    """Say under which key something does not fit."""
    for each in cattrs.transform_error(error, "", _say):
        reason, _, key = each.rpartition(" @ ")
        yield f"{key.removeprefix('.')}: {reason}" if key else reason


def _say(error: BaseException, _: type | None) -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"there is no key {', '.join(sorted(error.extra_fields))}"
    return "is missing" if isinstance(error, KeyError) else str(error)


def _problems(entry: CategoryEntry) -> Iterator[str]:
    """Say what is wrong with an entry of which everything has its type."""
    names = {"title": entry.title, "group": entry.group, "domain_group": entry.domain_group}
    mailbox = None if entry.inbox else _mailbox_of(entry)
    paths = [("label", _label_of(entry)), ("mailbox", mailbox), *(("also", each) for each in entry.also)]
    for key, value in names.items():
        if value is not None and (problem := find_name_problem(value)):
            yield f"{key}: {problem}"
    for key, value in paths:
        if value is not None and (problem := find_path_problem(value)):
            yield f"{key}: {problem}"
    if entry.inbox and entry.mailbox is not None:
        yield "inbox: its destination is either the Inbox or a mailbox; leave one of the two keys out"
    if entry.read_mail is ReadMail.KEEP and not entry.inbox:
        yield "read_mail: says something only together with inbox = true"
    besides = [*([] if mailbox is None else [mailbox]), *entry.also]
    if any(fold_name(each) == INBOX for each in besides):
        yield "inbox: it is named by `inbox = true`, and cannot be a further mailbox"
    if len(set(besides)) < len(besides):
        yield "also: names a mailbox that its mail gets anyway"


def _label_of(entry: CategoryEntry) -> str:
    return "@To" + "".join(entry.title.split()) if entry.label is None else entry.label


def _mailbox_of(entry: CategoryEntry) -> str:
    return entry.title if entry.mailbox is None else entry.mailbox


def _category(entry: CategoryEntry, where: str) -> Category:
    def name(key: str, text: str) -> Name:
        return Name(text, f"{key} of {where}")

    mailbox = None if entry.inbox else name("mailbox", _mailbox_of(entry))
    group = ContactGroup(
        name("group", entry.title if entry.group is None else entry.group),
        mailbox,
        tuple(name("also", each) for each in entry.also),
    )
    domains = default_domain_group(group.name) if entry.domain_group is None else entry.domain_group
    return Category(
        title=name("title", entry.title),
        label=name("label", _label_of(entry)),
        group=group,
        kind=entry.card,
        read_mail=entry.read_mail,
        approves=entry.approve,
        domain_group=evolve(group, name=name("domain_group", domains)),
        is_unwanted=entry.unwanted,
    )


def _render(category: Category) -> str:
    group = category.group
    lines = {
        "title": category.title,
        "label": category.label,
        "group": group.name,
        **_domain_group(category),
        **({"inbox": True} if group.mailbox is None else {"mailbox": group.mailbox}),
        **({"also": list(group.also)} if group.also else {}),
        "card": category.kind.value,
        **({"read_mail": category.read_mail.value} if category.read_mail is not ReadMail.ARCHIVE else {}),
        **({"approve": True} if category.approves else {}),
        **({"unwanted": True} if category.is_unwanted else {}),
    }
    # What JSON writes of texts without control characters, lists and booleans, is TOML as well.
    listed = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items())
    return f"[[category]]\n{listed}"


def _domain_group(category: Category) -> dict[str, str]:
    """Return what the file says of the group for domains, where that does not follow from the group."""
    name = category.domain_group.name
    return {} if name == default_domain_group(category.group.name) else {"domain_group": name}


def _one_of(kind: type[Enum]) -> Callable[[object, object], Enum]:
    def hook(value: object, _: object) -> Enum:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"must be {' or '.join(repr(each.value) for each in kind)}") from None

    return hook


def _texts(value: object, _: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError("must be a list of texts")
    return tuple(value)


_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook(str, exactly(str, lambda _: "must be a text"))
_converter.register_structure_hook(bool, exactly(bool, lambda _: "must be true or false"))
_converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
for _kind in (CardKind, ReadMail):
    _converter.register_structure_hook(_kind, _one_of(_kind))
