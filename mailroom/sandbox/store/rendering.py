"""Messages as text (RFC 5322, RFC 2045): what is downloaded, and what other programs read."""

from __future__ import annotations

import re
from binascii import b2a_qp
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr

from mailroom.sandbox.store.messages import Message

MAX_LINE_CHARACTERS = 76
_PLAIN = re.compile(r"[\x20-\x7e]*")
_HEADER_NAMES = {
    "from": "From",
    "sender": "Sender",
    "to": "To",
    "cc": "Cc",
    "bcc": "Bcc",
    "replyTo": "Reply-To",
}


def composed(message: Message) -> bytes:
    """Return a message as mail programs know it."""
    headers = [("Date", format_datetime(datetime.fromisoformat(message.sent_at)))]
    headers += [
        (_HEADER_NAMES[name], ",\n ".join(_mailbox(*entry) for entry in entries))
        for name, entries in message.addresses.items()
        if name in _HEADER_NAMES
    ]
    headers += [("Subject", _words("Subject", message.subject)), ("Message-ID", f"<{message.message_id}>")]
    if message.answers:
        headers.append(("In-Reply-To", f"<{message.answers[-1]}>"))
        headers.append(("References", " ".join(f"<{each}>" for each in message.answers)))
    headers += [(name, _words(name, text)) for name, text in message.fields]
    headers.append(("MIME-Version", "1.0"))
    head = "".join(f"{name}: {value}\n" for name, value in headers)
    return head.replace("\n", "\r\n").encode("utf-8", "replace") + _body(message)


def _mailbox(name: str, email: str) -> str:
    if not name:
        return email
    return formataddr((name, email)) if email.isascii() else f"{_words('', name)} <{email}>"


def _words(header: str, text: str) -> str:
    """Return a text as it stands in a header: in encoded words (RFC 2047), where it does not fit as it is."""
    if _PLAIN.fullmatch(text) and len(header) + len(text) + 2 <= MAX_LINE_CHARACTERS:
        return text
    return Header(text, "utf-8", MAX_LINE_CHARACTERS, header).encode(maxlinelen=MAX_LINE_CHARACTERS)


def _body(message: Message) -> bytes:
    first = _part("Content-Type: text/plain", message.text)
    if not message.attachments:
        return first
    parts = [first]
    for each in message.attachments:
        name = f'; filename="{each.name}"' if each.name else ""
        disposition = f"Content-Disposition: {each.disposition}{name}\r\n" if each.disposition else ""
        parts.append(_part(f"{disposition}Content-Type: {each.type}", each.text))
    boundary = f"part-of-{message.id}"
    head = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
    inner = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return head.encode() + inner + f"--{boundary}--\r\n".encode()


def _part(head: str, text: str) -> bytes:
    """Return a part, as it is where it can be, else in quoted-printable (RFC 2045 section 6.7)."""
    lines = text.encode("utf-8", "replace").replace(b"\r\n", b"\n").split(b"\n")
    charset = "us-ascii" if text.isascii() else "utf-8"
    encoding = "7bit"
    if any(len(line) > MAX_LINE_CHARACTERS or b"\r" in line or not line.isascii() for line in lines):
        encoding = "quoted-printable"
        lines = [b2a_qp(line, istext=False).replace(b"\n", b"\r\n") for line in lines]
    fields = f"{head}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return fields.encode() + b"\r\n".join(lines)
