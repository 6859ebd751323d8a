"""Mailbox/query and Email/query: filters, sorting and windows (RFC 8620 section 5.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from heapq import merge
from typing import Any

from attrs import frozen

from mailroom.sandbox.jmap.arguments import (
    Arguments,
    Json,
    MethodError,
    invalid_arguments,
    is_id,
    is_integer,
)
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.messages import Mailbox, Message, moment

Predicate = Callable[[Any], bool]
Compile = Callable[[SandboxAccount, Any], Predicate]

# RFC 8620 section 1.4: no fraction of a second that is zero; one that ends in zeros is none of those.
UTC_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?!0+Z)\d+)?Z")
_PHRASE = re.compile(r'"([^"]*)"|(\S+)')


@frozen
class Condition:
    """One property of a FilterCondition.

    Attributes:
        accepts: Whether a value is of the right type.
        compile: Makes the test of an object.
    """

    accepts: Callable[[Any], bool]
    compile: Compile


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and UTC_DATE.fullmatch(value) is not None


def _is_size(value: Any) -> bool:
    return is_integer(value) and value >= 0


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_id, value))


# --- Mailbox/query ---------------------------------------------------------------------------

_MAILBOX_CONDITIONS: Mapping[str, Condition] = {
    "parentId": Condition(lambda v: v is None or is_id(v), lambda _, v: lambda m: m.parent_id == v),
    "name": Condition(_is_string, lambda _, v: lambda m: v.casefold() in m.name.casefold()),
    "role": Condition(lambda v: v is None or _is_string(v), lambda _, v: lambda m: m.role == v),
    "hasAnyRole": Condition(_is_boolean, lambda _, v: lambda m: (m.role is not None) == v),
    "isSubscribed": Condition(_is_boolean, lambda _, v: lambda m: m.is_subscribed == v),
}
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
    matches = _compile(account, _take_filter(arguments), _MAILBOX_CONDITIONS)
    found = [mailbox for mailbox in account.mailboxes.values() if matches(mailbox)]
    for key, ascending in reversed(_take_sort(arguments, _MAILBOX_SORTS)):
        found.sort(key=key, reverse=not ascending)
    return _window(context, arguments, [mailbox.id for mailbox in found], account.logs["Mailbox"].state)


# --- Email/query -----------------------------------------------------------------------------


def _header_text(message: Message, name: str) -> str:
    entries = message.addresses.get(name, ())
    return ", ".join(f"{display} <{email}>" if display else email for display, email in entries).casefold()


def _words(text: str) -> list[str]:
    """Return what has to occur: quoted phrases whole, everything else word by word."""
    return [(phrase or word).casefold() for phrase, word in _PHRASE.findall(text)]


def _search(*read: Callable[[Message], str]) -> Condition:
    def compile(_: SandboxAccount, value: str) -> Predicate:
        words = _words(value)
        return lambda message: all(any(word in text(message) for text in read) for word in words)

    return Condition(_is_string, compile)


def _header(name: str) -> Callable[[Message], str]:
    return lambda message: _header_text(message, name)


def _subject(message: Message) -> str:
    return message.subject.casefold()


def _text(message: Message) -> str:
    return message.text.casefold()


def _thread_keywords(test: Callable[[Iterable[bool]], bool]) -> Condition:
    def compile(account: SandboxAccount, value: str) -> Predicate:
        keyword = value.lower()
        return lambda message: test(
            keyword in account.messages[id].keywords for id in account.threads[message.thread_id]
        )

    return Condition(_is_string, compile)


_ADDRESSES = {name: _header(name) for name in ("from", "to", "cc", "bcc")}

_EMAIL_CONDITIONS: Mapping[str, Condition] = {
    "inMailbox": Condition(is_id, lambda _, v: lambda m: v in m.mailbox_ids),
    "inMailboxOtherThan": Condition(_is_ids, lambda _, v: lambda m: not m.mailbox_ids <= frozenset(v)),
    "before": Condition(_is_date, lambda _, v: lambda m: moment(m.received_at) < moment(v)),
    "after": Condition(_is_date, lambda _, v: lambda m: moment(m.received_at) >= moment(v)),
    "minSize": Condition(_is_size, lambda _, v: lambda m: m.size >= v),
    "maxSize": Condition(_is_size, lambda _, v: lambda m: m.size < v),
    "hasKeyword": Condition(_is_string, lambda _, v: lambda m: v.lower() in m.keywords),
    "notKeyword": Condition(_is_string, lambda _, v: lambda m: v.lower() not in m.keywords),
    "allInThreadHaveKeyword": _thread_keywords(all),
    "someInThreadHaveKeyword": _thread_keywords(any),
    "noneInThreadHaveKeyword": _thread_keywords(lambda found: not any(found)),
    "hasAttachment": Condition(_is_boolean, lambda _, v: lambda _m: not v),
    **{name: _search(read) for name, read in _ADDRESSES.items()},
    "subject": _search(_subject),
    "body": _search(_text),
    "text": _search(*_ADDRESSES.values(), _subject, _text),
}
_UNSUPPORTED = frozenset({"header"})

_EMAIL_SORTS: Mapping[str, Callable[[Message], Any]] = {
    "receivedAt": lambda m: moment(m.received_at),
    "sentAt": lambda m: m.sent_at,
    "size": lambda m: m.size,
    "from": lambda m: _header_text(m, "from"),
    "subject": _subject,
}


def email_query(context: Context, arguments: Arguments) -> Json:
    """RFC 8621 section 4.4; without a sort, the newest message comes first."""
    account = context.account
    filter = _take_filter(arguments)
    matches = _compile(account, filter, _EMAIL_CONDITIONS)
    sort = _take_sort(arguments, _EMAIL_SORTS) or [(_EMAIL_SORTS["receivedAt"], False)]
    collapse = arguments.boolean("collapseThreads", False)
    within = _mailboxes_of(filter)
    ids = _in_order_of_arrival(account, within)
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
    answer = _window(context, arguments, ids, account.logs["Email"].state)
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


# --- what both share -------------------------------------------------------------------------


def _take_filter(arguments: Arguments) -> Json | None:
    filter: Json | None = arguments.take(
        "filter", lambda v: v is None or isinstance(v, dict), "a filter", None
    )
    return filter


def _compile(account: SandboxAccount, filter: Json | None, conditions: Mapping[str, Condition]) -> Predicate:
    """Turn a FilterOperator or FilterCondition into a test."""
    if filter is None:
        return lambda _: True
    if "operator" in filter:
        return _compile_operator(account, filter, conditions)
    tests = []
    for name, value in filter.items():
        if name in _UNSUPPORTED and conditions is _EMAIL_CONDITIONS:
            raise MethodError("unsupportedFilter", name)
        condition = conditions.get(name)
        if condition is None or not condition.accepts(value):
            raise invalid_arguments(f"filter: {name} is unknown or not of its type", "filter")
        tests.append(condition.compile(account, value))
    if len(tests) == 1:
        return tests[0]
    return lambda item: all(test(item) for test in tests)


def _compile_operator(
    account: SandboxAccount, filter: Json, conditions: Mapping[str, Condition]
) -> Predicate:
    parts = filter.get("conditions")
    if (
        filter.keys() != {"operator", "conditions"}
        or filter["operator"] not in ("AND", "OR", "NOT")
        or not isinstance(parts, list)
        or not parts
        or not all(isinstance(part, dict) for part in parts)
    ):
        raise invalid_arguments("filter: not a FilterOperator", "filter")
    tests = [_compile(account, part, conditions) for part in parts]
    match filter["operator"]:
        case "AND":
            return lambda item: all(test(item) for test in tests)
        case "OR":
            return lambda item: any(test(item) for test in tests)
        case _:
            return lambda item: not any(test(item) for test in tests)


def _take_sort(
    arguments: Arguments, sorts: Mapping[str, Callable[[Any], Any]]
) -> list[tuple[Callable[[Any], Any], bool]]:
    comparators = arguments.take("sort", lambda v: v is None or isinstance(v, list), "a Comparator[]", None)
    result = []
    for comparator in comparators or ():
        if not isinstance(comparator, dict) or not _is_string(comparator.get("property")):
            raise invalid_arguments("sort: not a Comparator", "sort")
        if not _is_boolean(comparator.get("isAscending", True)):
            raise invalid_arguments("sort: isAscending must be a Boolean", "sort")
        if comparator["property"] not in sorts or comparator.keys() - {"property", "isAscending"}:
            raise MethodError("unsupportedSort", f"cannot sort by {comparator}")
        result.append((sorts[comparator["property"]], comparator.get("isAscending", True)))
    return result


def _window(context: Context, arguments: Arguments, ids: list[str], state: str) -> Json:
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
