"""New messages, whose parts are text that comes with the request or was uploaded (RFC 8621 section 4.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from mailroom.sandbox.jmap.arguments import Json
from mailroom.sandbox.jmap.filters import UTC_DATE
from mailroom.sandbox.jmap.objects import EMAIL_PROPERTIES
from mailroom.sandbox.jmap.set import SetError, invalid_properties
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.messages import Attachment
from mailroom.sandbox.store.rendering import composed

_ADDRESS_HEADERS = ("sender", "from", "to", "cc", "bcc", "replyTo")
_OTHERS = ("mailboxIds", "keywords", "receivedAt", "sentAt", "messageId", "subject")
_BODY = ("bodyValues", "textBody", "attachments", "bodyStructure")
_CREATABLE = {*_ADDRESS_HEADERS, *_OTHERS, *_BODY}
_PART_PROPERTIES = {"partId", "blobId", "type", "name", "disposition"}
_BREAK = re.compile(r"[\r\n]")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)")
_MESSAGE_ID = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+")


def create_email(
    account: SandboxAccount, values: Json, mailbox_ids: frozenset[str], keywords: set[str]
) -> Json:
    """Make a message and return the properties that the server has set."""
    if refused := values.keys() - _CREATABLE:
        raise invalid_properties("not for the client to set here", *sorted(refused))
    addresses = {
        name: [(entry.get("name") or "", entry["email"]) for entry in _address_entries(name, values[name])]
        for name in _ADDRESS_HEADERS
        if values.get(name) is not None
    }
    text, *others = _parts(account, values)
    id = account.deliver(
        addresses.pop("from", None),
        mailbox_ids,
        _checked(values, "subject", _is_text) or "",
        _checked(values, "receivedAt", _is_utc_date),
        keywords,
        to=addresses.pop("to", None),
        text=text.text,
        headers=addresses,
        attachments=others,
        message_id=(_checked(values, "messageId", _is_message_id) or [""])[0],
        sent_at=_checked(values, "sentAt", _is_date) or "",
    )
    message = account.messages[id]
    message.octets = len(composed(message))
    return {name: EMAIL_PROPERTIES[name](account, message) for name in ("id", "blobId", "threadId", "size")}


def _address_entries(name: str, value: Any) -> list[Json]:
    if not isinstance(value, list) or not all(
        isinstance(entry, dict)
        and isinstance(entry.get("email"), str)
        and isinstance(entry.get("name", ""), str | None)
        and not _BREAK.search(entry["email"] + (entry.get("name") or ""))
        for entry in value
    ):
        raise invalid_properties("not an EmailAddress[]", name)
    return value


def _checked(values: Json, name: str, check: Callable[[Any], bool]) -> Any:
    """Return a property, None where it is missing or null."""
    value = values.get(name)
    if value is not None and not check(value):
        raise invalid_properties("not of its type", name)
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_utc_date(value: Any) -> bool:
    return isinstance(value, str) and UTC_DATE.fullmatch(value) is not None


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_message_id(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 1
        and isinstance(value[0], str)
        and _MESSAGE_ID.fullmatch(value[0]) is not None
    )


def _parts(account: SandboxAccount, values: Json) -> list[Attachment]:
    """Return the texts of a message: its body, and what goes along with it."""
    if "bodyStructure" not in values:
        parts = values.get("textBody") or []
        if not isinstance(parts, list) or len(parts) > 1:
            raise invalid_properties("exactly one part", "textBody")
        others = values.get("attachments") or []
        if not isinstance(others, list):
            raise invalid_properties("not an EmailBodyPart[]", "attachments")
        texts = [_part(account, part, values, "textBody") for part in parts] or [Attachment("")]
        return texts + [_part(account, part, values, f"attachments[{n}]") for n, part in enumerate(others)]
    if both := [name for name in ("textBody", "attachments") if name in values]:
        raise invalid_properties("beside bodyStructure", *both)  # one or the other (RFC 8621 section 4.6)
    whole = values["bodyStructure"]
    if not isinstance(whole, dict) or "subParts" not in whole:
        return [_part(account, whole, values, "bodyStructure")]
    if whole.keys() - {"subParts", "type"} or whole.get("type", "multipart/mixed") != "multipart/mixed":
        raise invalid_properties("only multipart/mixed is made here", "bodyStructure")
    if not isinstance(whole["subParts"], list) or not whole["subParts"]:
        raise invalid_properties("no parts", "bodyStructure/subParts")
    return [
        _part(account, part, values, f"bodyStructure/subParts[{n}]")
        for n, part in enumerate(whole["subParts"])
    ]


def _part(account: SandboxAccount, part: Any, values: Json, where: str) -> Attachment:
    if not isinstance(part, dict):
        raise invalid_properties("not an EmailBodyPart", where)
    # Among them charset: the server chooses it for what comes as text (RFC 8621 section 4.6).
    if unknown := part.keys() - _PART_PROPERTIES:
        raise invalid_properties("not for the client to set here", *(f"{where}/{x}" for x in sorted(unknown)))
    type = part.get("type", "text/plain")
    if not isinstance(type, str) or not type.startswith("text/"):
        raise invalid_properties("only text comes with the request", f"{where}/type")
    for name in ("name", "disposition"):
        if not isinstance(part.get(name, ""), str | None):
            raise invalid_properties("not a String", f"{where}/{name}")
    if "blobId" in part:
        return Attachment(_uploaded(account, part, where), type, part.get("name"), part.get("disposition"))
    given = values.get("bodyValues")
    value = given.get(part.get("partId")) if isinstance(given, dict) else None
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        raise invalid_properties("bodyValues has no such part", f"{where}/partId")
    for name in ("isTruncated", "isEncodingProblem"):
        if value.get(name, False) is not False:
            raise invalid_properties("must be false", f"bodyValues/{part['partId']}/{name}")
    return Attachment(value["value"], type, part.get("name"), part.get("disposition"))


def _uploaded(account: SandboxAccount, part: Json, where: str) -> str:
    if "partId" in part:  # one or the other
        raise invalid_properties("beside blobId", f"{where}/partId")
    try:
        return account.blobs[part["blobId"]].decode()
    except (KeyError, TypeError) as error:
        raise SetError("blobNotFound", notFound=[part["blobId"]]) from error
    except UnicodeDecodeError as error:
        raise invalid_properties("only text is kept here", f"{where}/blobId") from error
