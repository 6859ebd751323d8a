"""The parts of a message's body, as Email/get tells of them (RFC 8621 section 4.1.4)."""

from __future__ import annotations

from mailroom.sandbox.jmap.arguments import Json
from mailroom.sandbox.store.messages import Attachment, Message

PART_PROPERTIES = frozenset(
    [
        *("partId", "blobId", "size", "headers", "name", "type"),
        *("charset", "disposition", "cid", "language", "location", "subParts"),
    ]
)


def text_part(message: Message) -> Json:
    """Return the part that is read first."""
    return _part(message, 1, Attachment(message.text))


def attached_parts(message: Message) -> list[Json]:
    """Return the parts that go along with it."""
    return [_part(message, n, each) for n, each in enumerate(message.attachments, start=2)]


def structure(message: Message) -> Json:
    """Return the whole body."""
    if not message.attachments:
        return text_part(message)
    nothing = dict.fromkeys(
        ("partId", "blobId", "name", "charset", "disposition", "cid", "language", "location")
    )
    sub_parts = [text_part(message), *attached_parts(message)]
    return {**nothing, "size": 0, "type": "multipart/mixed", "subParts": sub_parts}


def values(message: Message, max_bytes: int, *, of_all: bool) -> Json:
    """Return the texts of the parts (RFC 8621 section 4.2).

    Args:
        max_bytes: How much of each; 0 for everything.
        of_all: Whether of those too that go along with it.
    """
    texts = [message.text, *(each.text for each in message.attachments if of_all)]
    return {str(n): _value(text, max_bytes) for n, text in enumerate(texts, start=1)}


def only(part: Json, names: frozenset[str]) -> Json:
    """Return a part with no more than these properties, its own parts included."""
    found = {name: part.get(name) for name in names - {"subParts"}}
    if "subParts" in part:
        found["subParts"] = [only(each, names) for each in part["subParts"]]
    return found


def _part(message: Message, number: int, each: Attachment) -> Json:
    return {
        "partId": str(number),
        "blobId": f"G{message.id[1:]}-{number}",
        "size": len(each.text.encode()),
        "name": each.name,
        "type": each.type,
        "charset": "us-ascii" if each.text.isascii() else "utf-8",
        "disposition": each.disposition,
        "cid": None,
        "language": None,
        "location": None,
    }


def _value(text: str, max_bytes: int) -> Json:
    value = text
    if max_bytes and len(text.encode()) > max_bytes:
        value = text.encode()[:max_bytes].decode("utf-8", "ignore")
    return {"value": value, "isEncodingProblem": False, "isTruncated": value != text}
