"""Makes what an account lacks for triage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import evolve

from mailroom.errors import ServerError
from mailroom.model.ports import AddressBook, MailStore
from mailroom.triage.survey import Item, Kind, State

WAITS = "not made yet: first settle the other item that shares its setting"


def make_missing(items: Sequence[Item], mail: MailStore, book: AddressBook) -> list[Item]:
    """Make what is missing, and say what became of each thing; what fails is told, and the rest is made.

    What shares its setting with a taken name may be called otherwise in the end: it is not made yet.
    """
    in_question = {item.name.setting for item in items if item.state is State.TAKEN}
    waiting = {item for item in items if _is_missing(item) and item.name.setting in in_question}
    missing = [item for item in items if _is_missing(item) and item not in waiting]
    groups = [item for item in missing if item.kind is Kind.GROUP]
    mailboxes = [item for item in missing if item.kind is not Kind.GROUP]
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


def _is_missing(item: Item) -> bool:
    return item.state is State.MISSING


def _attempt(make: Callable[[Sequence[str]], Mapping[str, str]], items: Sequence[Item]) -> dict[Item, str]:
    """Make some things, and say of those that could not be made why."""
    try:
        failed = make([item.name for item in items]) if items else {}
    except ServerError as error:
        return dict.fromkeys(items, str(error))
    return {item: failed[item.name] for item in items if item.name in failed}
