"""Filters of Mailbox/query and Email/query (RFC 8620 section 5.5, RFC 8621 sections 2.3 and 4.4.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import frozen

from mailroom.sandbox.jmap.arguments import Arguments, Json, MethodError, invalid_arguments, is_id, is_integer
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.messages import Message, moment

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


def is_string(value: Any) -> bool:
    """Whether it is a String."""
    return isinstance(value, str)


def is_boolean(value: Any) -> bool:
    """Whether it is a Boolean."""
    return isinstance(value, bool)


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and UTC_DATE.fullmatch(value) is not None


def _is_size(value: Any) -> bool:
    return is_integer(value) and value >= 0


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_id, value))


MAILBOX_CONDITIONS: Mapping[str, Condition] = {
    "parentId": Condition(lambda v: v is None or is_id(v), lambda _, v: lambda m: m.parent_id == v),
    "name": Condition(is_string, lambda _, v: lambda m: v.casefold() in m.name.casefold()),
    "role": Condition(lambda v: v is None or is_string(v), lambda _, v: lambda m: m.role == v),
    "hasAnyRole": Condition(is_boolean, lambda _, v: lambda m: (m.role is not None) == v),
    "isSubscribed": Condition(is_boolean, lambda _, v: lambda m: m.is_subscribed == v),
}


def header_text(message: Message, name: str) -> str:
    """Return an address header as text, for comparisons without regard to case."""
    entries = message.addresses.get(name, ())
    return ", ".join(f"{display} <{email}>" if display else email for display, email in entries).casefold()


def _words(text: str) -> list[str]:
    """Return what has to occur: quoted phrases whole, everything else word by word."""
    return [(phrase or word).casefold() for phrase, word in _PHRASE.findall(text)]


def _search(*read: Callable[[Message], str]) -> Condition:
    def compile(_: SandboxAccount, value: str) -> Predicate:
        words = _words(value)
        return lambda message: all(any(word in text(message) for text in read) for word in words)

    return Condition(is_string, compile)


def _header(name: str) -> Callable[[Message], str]:
    return lambda message: header_text(message, name)


def subject(message: Message) -> str:
    """Return the subject, for comparisons without regard to case."""
    return message.subject.casefold()


def _text(message: Message) -> str:
    return message.text.casefold()


def _thread_keywords(test: Callable[[Iterable[bool]], bool]) -> Condition:
    def compile(account: SandboxAccount, value: str) -> Predicate:
        keyword = value.lower()
        return lambda message: test(
            keyword in account.messages[id].keywords for id in account.threads[message.thread_id]
        )

    return Condition(is_string, compile)


def _from_card(account: SandboxAccount, uid: str) -> Predicate:
    return lambda message: any(
        account.stands_for(uid, email) for _, email in message.addresses.get("from", ())
    )


def _is_header(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (1, 2) and all(map(is_string, value))


def _with_header(_: SandboxAccount, value: list[str]) -> Predicate:
    name, *text = value
    if name.lower() != "message-id" or not text:
        raise MethodError("unsupportedFilter", "header")
    return lambda message: text[0].casefold() in f"<{message.message_id}>".casefold()


_ADDRESSES = {name: _header(name) for name in ("from", "to", "cc", "bcc")}

EMAIL_CONDITIONS: Mapping[str, Condition] = {
    "inMailbox": Condition(is_id, lambda _, v: lambda m: v in m.mailbox_ids),
    "inMailboxOtherThan": Condition(_is_ids, lambda _, v: lambda m: not m.mailbox_ids <= frozenset(v)),
    "before": Condition(_is_date, lambda _, v: lambda m: moment(m.received_at) < moment(v)),
    "after": Condition(_is_date, lambda _, v: lambda m: moment(m.received_at) >= moment(v)),
    "minSize": Condition(_is_size, lambda _, v: lambda m: m.size >= v),
    "maxSize": Condition(_is_size, lambda _, v: lambda m: m.size < v),
    "hasKeyword": Condition(is_string, lambda _, v: lambda m: v.lower() in m.keywords),
    "notKeyword": Condition(is_string, lambda _, v: lambda m: v.lower() not in m.keywords),
    "allInThreadHaveKeyword": _thread_keywords(all),
    "someInThreadHaveKeyword": _thread_keywords(any),
    "noneInThreadHaveKeyword": _thread_keywords(lambda found: not any(found)),
    "hasAttachment": Condition(is_boolean, lambda _, v: lambda m: bool(m.attachments) == v),
    **{name: _search(read) for name, read in _ADDRESSES.items()},
    "subject": _search(subject),
    "body": _search(_text),
    "fromContactCardUid": Condition(is_string, _from_card),
    "header": Condition(_is_header, _with_header),
    "text": _search(*_ADDRESSES.values(), subject, _text),
}


def take_filter(arguments: Arguments) -> Json | None:
    """Take the filter out of the arguments; None where there is none."""
    filter: Json | None = arguments.take(
        "filter", lambda v: v is None or isinstance(v, dict), "a filter", None
    )
    return filter


def compile_filter(
    account: SandboxAccount, filter: Json | None, conditions: Mapping[str, Condition]
) -> Predicate:
    """Turn a FilterOperator or FilterCondition into a test."""
    if filter is None:
        return lambda _: True
    if "operator" in filter:
        return _compile_operator(account, filter, conditions)
    tests = []
    for name, value in filter.items():
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
    tests = [compile_filter(account, part, conditions) for part in parts]
    match filter["operator"]:
        case "AND":
            return lambda item: all(test(item) for test in tests)
        case "OR":
            return lambda item: any(test(item) for test in tests)
        case _:
            return lambda item: not any(test(item) for test in tests)
