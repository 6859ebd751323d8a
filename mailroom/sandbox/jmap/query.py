"""Mailbox/query and Email/query: filters, sorting and windows (RFC 8620 section 5.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import merge
from typing import Any

from mailroom.sandbox.jmap.arguments import Arguments, Json, MethodError, invalid_arguments
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.jmap.filters import (
    EMAIL_CONDITIONS,
    MAILBOX_CONDITIONS,
    compile_filter,
    header_text,
    is_boolean,
    is_string,
    subject,
    take_filter,
)
from mailroom.sandbox.jmap.objects import visible_messages
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.messages import Mailbox, Message, moment

_MAILBOX_SORTS: Mapping[str, Callable[[Mailbox], Any]] = {
    "sortOrder": lambda m: m.sort_order,
    "name": lambda m: m.name.casefold(),
}


def mailbox_query(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 2.3; trees are not sorted as trees."""
    account = context.account
    for name in ("sortAsTree", "filterAsTree"):
        if arguments.boolean(name, False):
            raise MethodError("unsupportedSort" if name == "sortAsTree" else "unsupportedFilter", name)
    matches = compile_filter(account, take_filter(arguments), MAILBOX_CONDITIONS)
    found = [mailbox for mailbox in account.mailboxes.values() if matches(mailbox)]
    for key, ascending in reversed(_take_sort(arguments, _MAILBOX_SORTS)):
        found.sort(key=key, reverse=not ascending)
    return window(context, arguments, [mailbox.id for mailbox in found], account.logs["Mailbox"].state)


_EMAIL_SORTS: Mapping[str, Callable[[Message], Any]] = {
    "receivedAt": lambda m: moment(m.received_at),
    "sentAt": lambda m: m.sent_at,
    "size": lambda m: m.size,
    "from": lambda m: header_text(m, "from"),
    "subject": subject,
}


def email_query(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 4.4; without a sort, the newest message comes first."""
    account = context.account
    filter = take_filter(arguments)
    matches = compile_filter(account, filter, EMAIL_CONDITIONS)
    sort = _take_sort(arguments, _EMAIL_SORTS) or [(_EMAIL_SORTS["receivedAt"], False)]
    collapse = arguments.boolean("collapseThreads", False)
    within = _mailboxes_of(filter)
    ids = _in_order_of_arrival(account, within if within is None else within - account.hidden())
    if account.hidden():
        visible = visible_messages(account)
        ids = [id for id in ids if id in visible]
    if not _is_only_mailboxes(filter):
        ids = [id for id in ids if matches(account.messages[id])]
    if sort == [(_EMAIL_SORTS["receivedAt"], False)]:
        ids.reverse()
    elif sort != [(_EMAIL_SORTS["receivedAt"], True)]:
        for key, ascending in reversed(sort):
            ids.sort(key=lambda id, key=key: key(account.messages[id]), reverse=not ascending)  # type: ignore[misc]
    if collapse:
        first: dict[str, str] = {}
        for id in ids:
            first.setdefault(account.messages[id].thread_id, id)
        ids = list(first.values())
    answer = window(context, arguments, ids, account.logs["Email"].state)
    return {**answer, "collapseThreads": collapse}


def query_changes(_: Context, arguments: Arguments) -> Json:
    """Refuse every /queryChanges, as `canCalculateChanges` announces."""
    arguments.string("sinceQueryState")
    raise MethodError("cannotCalculateChanges")


def _mailboxes_of(filter: Json | None) -> set[str] | None:
    """Return mailboxes that hold everything the filter can match, or None where any may."""
    if filter is None:
        return None
    if "operator" not in filter:
        return {filter["inMailbox"]} if "inMailbox" in filter else None
    parts = [_mailboxes_of(part) for part in filter["conditions"]]
    bounded = [part for part in parts if part is not None]
    if filter["operator"] == "AND" and bounded:
        return min(bounded, key=len)
    if filter["operator"] == "OR" and len(bounded) == len(parts):
        return set().union(*bounded)
    return None


def _is_only_mailboxes(filter: Json | None) -> bool:
    """Whether being in one of `_mailboxes_of` is all that the filter asks."""
    if not filter:
        return True
    if "operator" not in filter:
        return filter.keys() == {"inMailbox"}
    return filter["operator"] == "OR" and all(
        "operator" not in part and part.keys() == {"inMailbox"} for part in filter["conditions"]
    )


def _in_order_of_arrival(account: SandboxAccount, within: set[str] | None) -> list[str]:
    if within is None:
        return list(account.timeline)
    timelines = [account.mailboxes[id].timeline for id in within if id in account.mailboxes]
    if len(timelines) == 1:
        return list(timelines[0])
    return list(dict.fromkeys(id for _, id in merge(*(timeline.keys() for timeline in timelines))))


def _take_sort(
    arguments: Arguments, sorts: Mapping[str, Callable[[Any], Any]]
) -> list[tuple[Callable[[Any], Any], bool]]:
    comparators = arguments.take("sort", lambda v: v is None or isinstance(v, list), "a Comparator[]", None)
    result = []
    for comparator in comparators or ():
        if not isinstance(comparator, dict) or not is_string(comparator.get("property")):
            raise invalid_arguments("sort: not a Comparator", "sort")
        if not is_boolean(comparator.get("isAscending", True)):
            raise invalid_arguments("sort: isAscending must be a Boolean", "sort")
        if comparator["property"] not in sorts or comparator.keys() - {"property", "isAscending"}:
            raise MethodError("unsupportedSort", f"cannot sort by {comparator}")
        result.append((sorts[comparator["property"]], comparator.get("isAscending", True)))
    return result


def window(context: Context, arguments: Arguments, ids: list[str], state: str) -> Json:
    """Return the part of the result that was asked for (RFC 8620 section 5.5)."""
    position = arguments.integer("position", 0)
    anchor = arguments.string("anchor", None)
    offset = arguments.integer("anchorOffset", 0)
    limit = arguments.integer("limit", None, minimum=0)
    calculate_total = arguments.boolean("calculateTotal", False)
    arguments.finish()
    if anchor is not None:
        if anchor not in ids:
            raise MethodError("anchorNotFound")
        position = max(0, ids.index(anchor) + offset)
    # It counts from the end then (RFC 8620 section 5.5).
    elif position < 0:
        position = max(0, len(ids) + position)
    granted = context.account.limits.max_query_results
    is_cut = granted is not None and (limit is None or limit > granted)
    if is_cut:
        limit = granted
    end = len(ids) if limit is None else position + limit
    return {
        "queryState": state,
        "canCalculateChanges": False,
        "position": position,
        "ids": ids[position:end],
        **({"total": len(ids)} if calculate_total else {}),
        **({"limit": limit} if is_cut else {}),
    }
