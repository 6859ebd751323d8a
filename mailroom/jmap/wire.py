"""The JSON objects of JMAP as records: names and types are checked here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NewType, TypeVar

import cattrs
from attrs import Factory, field, fields, frozen, has
from cattrs.gen import make_dict_structure_fn, override

from mailroom.errors import ProtocolError, TooLargeError
from mailroom.typed import exactly

MAX_JSON_ELEMENTS = 250_000
"""Two thousand messages have 44,000. None takes more than a hundred bytes of memory, strings apart."""

MAX_WORDS_CHARACTERS = 4_000
"""As much of what a server says to people as they could read; it may be megabytes."""

Words = NewType("Words", str)
"""What a server says to people; cut at `MAX_WORDS_CHARACTERS`."""

NAME = "name"
"""Under this key of a field's metadata stands its name in JSON, where that does not follow from its own."""

LIST_IDS, LIST_POST = "header:List-Id:asText:all", "header:List-Post:asURLs"
"""Every List-Id of a message, and the URLs of its List-Post (RFC 8621 section 4.1.3)."""

Json = dict[str, Any]
T = TypeVar("T")


@frozen
class ResponseObject:
    """The answer to a request (RFC 8620 section 3.4)."""

    method_responses: list[tuple[str, Json, str]]
    session_state: str = ""


@frozen
class RequestProblem:
    """Why a whole request was refused (RFC 7807, RFC 8620 section 3.6.1)."""

    type: str = ""
    detail: Words = Words("")
    limit: str = ""


@frozen
class MailboxRightsObject:
    """What may be done with a mailbox (RFC 8621 section 2); a right that is not named is there."""

    may_read_items: bool = True
    may_add_items: bool = True
    may_remove_items: bool = True
    may_set_keywords: bool = True
    may_create_child: bool = True


@frozen
class MailboxObject:
    """A mailbox (RFC 8621 section 2)."""

    id: str
    name: str
    parent_id: str | None = None
    role: str | None = None
    total_emails: int = 0
    my_rights: MailboxRightsObject | None = None


@frozen
class MailboxGet:
    """The answer of Mailbox/get."""

    list_: list[MailboxObject]
    state: str = ""


@frozen
class EmailAddress:
    """One entry of a From header (RFC 8621 section 4.1.2.3)."""

    email: str | None = None
    name: str | None = None


@frozen
class EmailObject:
    """The properties of an email that Mailroom asks for (RFC 8621 section 4.1)."""

    id: str
    mailbox_ids: dict[str, bool]
    keywords: dict[str, bool] | None = None
    from_: list[EmailAddress] | None = None
    received_at: str = ""
    thread_id: str = ""
    list_ids: list[str] | None = field(default=None, metadata={NAME: LIST_IDS})
    list_post: list[str] | None = field(default=None, metadata={NAME: LIST_POST})


@frozen
class NamedObject:
    """The Message-ID of an email (RFC 8621 section 4.1.2.3)."""

    message_id: list[str] | None = None


@frozen
class SubjectObject:
    """What an email is about (RFC 8621 section 4.1.1): null where it has no Subject."""

    id: str
    subject: str | None = None


@frozen
class LetterObject(EmailObject):
    """An email as one of its conversation (RFC 8621 section 4.1.2.3 and 4.1.3)."""

    to: list[EmailAddress] | None = None
    cc: list[EmailAddress] | None = None
    bcc: list[EmailAddress] | None = None
    message_id: list[str] | None = None
    in_reply_to: list[str] | None = None
    references: list[str] | None = None


@frozen
class AddressHeadersObject:
    """The properties of an old email that Mailroom asks for (RFC 8621 section 4.1)."""

    from_: list[EmailAddress] | None = None
    to: list[EmailAddress] | None = None
    cc: list[EmailAddress] | None = None
    bcc: list[EmailAddress] | None = None
    received_at: str = ""
    message_id: list[str] | None = None
    mailbox_ids: dict[str, bool] = Factory(dict)
    list_id: str | None = field(default=None, metadata={NAME: "header:List-Id"})
    list_unsubscribe: str | None = field(default=None, metadata={NAME: "header:List-Unsubscribe"})


@frozen
class Query:
    """The answer of a /query (RFC 8620 section 5.5)."""

    ids: list[str]
    query_state: str
    limit: int | None = None
    total: int | None = None


@frozen
class EmailGet:
    """The answer of Email/get (RFC 8620 section 5.1).

    Attributes:
        list_: What should be emails: each is read by itself, so that an odd one stops no other.
    """

    state: str
    list_: list[Any]


@frozen
class Changes:
    """The answer of a /changes (RFC 8620 section 5.2)."""

    new_state: str
    has_more_changes: bool
    created: list[str]
    updated: list[str]
    destroyed: list[str]


@frozen
class SetError:
    """Why one object was not changed (RFC 8620 section 5.3)."""

    type: str = "unknown"
    description: Words | None = None
    properties: list[str] | None = None


@frozen
class EmailSet:
    """The answer of Email/set (RFC 8620 section 5.3)."""

    new_state: str
    old_state: str | None = None
    created: dict[str, Any] | None = None
    not_created: dict[str, SetError] | None = None
    updated: dict[str, Any] | None = None
    not_updated: dict[str, SetError] | None = None


@frozen
class MailboxSet:
    """The answer of Mailbox/set (RFC 8621 section 2.5)."""

    not_created: dict[str, SetError] | None = None
    not_destroyed: dict[str, SetError] | None = None


@frozen
class IdentityObject:
    """An address the person sends from (RFC 8621 section 6)."""

    email: str


@frozen
class IdentityGet:
    """The answer of Identity/get."""

    list_: list[IdentityObject]


@frozen
class StateChange:
    """What has changed, by account and data type (RFC 8620 section 7.1)."""

    changed: dict[str, Json]


def parse_json(body: bytes, what: str, max_elements: int = MAX_JSON_ELEMENTS) -> object:
    """Parse JSON.

    A few megabytes of text can stand for a gigabyte of lists and objects, so these are counted first: by
    the signs that begin and separate them, also where such a sign stands in a string. How deep they are
    nested, the interpreter bounds.

    Raises:
        TooLargeError: It may have more than `max_elements` elements.
        ProtocolError: It is none, or nested absurdly deep.
    """
    # No more elements than bytes: what is short needs no counting.
    if len(body) > max_elements and sum(map(body.count, b",:[{")) > max_elements:
        raise TooLargeError(f"{what} has more than {max_elements} elements")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{what}: not JSON: {error}") from error
    return value


def structure(value: object, record: type[T], what: str) -> T:
    """Make a record of a JSON value; properties that the record does not name are passed over.

    Raises:
        ProtocolError: A property is missing or has another type; says which.
    """
    try:
        return _converter.structure(value, record)
    except (cattrs.BaseValidationError, TypeError, ValueError) as error:
        raise ProtocolError(f"{what}: {'; '.join(cattrs.transform_error(error)[:3])}") from error


def _exactly(kind: type[T]) -> Callable[[object, object], T]:
    return exactly(kind, lambda value: f"expected {kind.__name__}, got {type(value).__name__}")


def _camel_case(name: str) -> str:
    first, *others = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in others)


def _record_hook(record: type[Any]) -> Callable[[Any, Any], Any]:
    names: Any = {
        each.name: override(rename=each.metadata.get(NAME) or _camel_case(each.name))
        for each in fields(record)
    }
    # Its source is of no use to anybody, and would be kept as long as the process lives.
    make = make_dict_structure_fn(record, _converter, _cattrs_use_linecache=False, **names)

    def hook(value: Any, kind: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"expected an object, got {type(value).__name__}")
        return make(value, kind)

    return hook


def _list_hook(kind: Any) -> Callable[[Any, Any], Any]:
    (item,) = kind.__args__

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"expected a list, got {type(value).__name__}")
        return [_converter.structure(entry, item) for entry in value]

    return hook


_as_text = _exactly(str)
_converter = cattrs.Converter()
for _kind in (str, int, bool):
    _converter.register_structure_hook(_kind, _exactly(_kind))
_converter.register_structure_hook(Words, lambda value, _: _as_text(value, str)[:MAX_WORDS_CHARACTERS])
_converter.register_structure_hook_factory(has, _record_hook)
_converter.register_structure_hook_factory(lambda kind: getattr(kind, "__origin__", None) is list, _list_hook)
