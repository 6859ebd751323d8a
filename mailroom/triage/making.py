"""Makes what an account lacks for triage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf

from attrs import evolve

from mailroom.errors import ServerError
from mailroom.model.address_book import AddressBook
from mailroom.model.mail import MailLimits
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.ports import MailStore
from mailroom.triage.items import GROUPS, Item, State

WAITS = "not made yet: first settle the other item that shares its setting"


def make_missing(items: Sequence[Item], mail: MailStore, book: AddressBook) -> list[Item]:
    """Make what is missing, and say what became of each thing; what fails is told, and the rest is made.

    What shares its setting with a taken name may be called otherwise in the end: it is not made yet.
    """
    in_question = {item.name.setting for item in items if item.state is State.TAKEN}
    waiting = {item for item in items if _is_missing(item) and item.name.setting in in_question}
    missing = [item for item in items if _is_missing(item) and item not in waiting]
    groups = [item for item in missing if item.kind in GROUPS]
    mailboxes = [item for item in missing if item.kind not in GROUPS]
    failed = _attempt(mail.create_mailboxes, mailboxes) | _attempt(book.create_groups, groups)

    def outcome(item: Item) -> Item:
        if item in waiting:
            return evolve(item, remedy=WAITS)
        if item not in missing:
            return item
        if item in failed:
            return evolve(item, state=State.FAILED, remedy=failed[item])
        return evolve(item, state=State.MADE)

    return [outcome(item) for item in items]


def why_not_made(items: Sequence[Item], tree: MailboxTree, limits: MailLimits) -> list[str]:
    """Say which of the missing mailboxes could not be made, before anything is: by rights and limits."""
    names = [item.name for item in items if _is_missing(item) and item.kind not in GROUPS]
    return [
        f"the mailbox {name!r} cannot be made: {why}" for name in names if (why := _why(name, tree, limits))
    ]


def _why(name: str, tree: MailboxTree, limits: MailLimits) -> str:
    parts = name.split("/")
    if limits.max_mailbox_depth is not None and len(parts) > limits.max_mailbox_depth:
        return (
            f"the server lets mailboxes lie in each other {limits.max_mailbox_depth} deep; use a shorter path"
        )
    if any(len(part.encode()) > (limits.max_name_bytes or inf) for part in parts):
        return f"the server's names have at most {limits.max_name_bytes} bytes; use a shorter one"
    paths = ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
    above = next((path for path in paths if path in tree.ids), None)
    if above is None:
        return "" if limits.may_make_at_top else "the token may make none at the top; make it yourself"
    if all(mailbox.rights.may_create_child for mailbox in tree.named(above)):
        return ""
    return f"the token may make none in {above!r}; make it yourself"


def _is_missing(item: Item) -> bool:
    return item.state is State.MISSING


def _attempt(make: Callable[[Sequence[str]], Mapping[str, str]], items: Sequence[Item]) -> dict[Item, str]:
    """Make some things, and say of those that could not be made why."""
    try:
        failed = make([item.name for item in items]) if items else {}
    except ServerError as error:
        return dict.fromkeys(items, str(error))
    return {item: failed[item.name] for item in items if item.name in failed}
