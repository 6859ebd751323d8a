"""The JSON objects of JMAP as records; how they become some: `structuring`."""

from __future__ import annotations

from typing import Any

from attrs import Factory, field, frozen

from mailroom.jmap.structuring import NAME, NO_WORDS, Words

LIST_IDS, LIST_POST = "header:List-Id:asText:all", "header:List-Post:asURLs"
"""Every List-Id of a message, and the URLs of its List-Post (RFC 8621 section 4.1.3)."""

Json = dict[str, Any]


@frozen
class ResponseObject:
    """The answer to a request (RFC 8620 section 3.4)."""

    method_responses: list[tuple[str, Json, str]]
    session_state: str = ""


@frozen
class RequestProblem:
    """Why a whole request was refused (RFC 7807, RFC 8620 section 3.6.1)."""

    type: str = ""
    detail: Words = NO_WORDS
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
