"""Whether an address looks like a program's rather than that of somebody who reads their mail. Pure."""

from __future__ import annotations

import re
from typing import Final

from mailroom.model.address import Address

_PHRASES: Final = {
    "no-reply": ("noreply", "noreplies", "donotreply", "dontreply", "nichtantworten", "keineantwort"),
    "unsubscribe": ("unsubscribe", "abmelden", "desabonner", "optout", "signoff"),
    "bounce": ("mailerdaemon", "returnpath"),
    "notifications": ("notification", "newsletter", "autoreply", "autoconfirm", "automated"),
}
"""What is said before the @, the signs between its words left out."""

_WORDS: Final = {
    "unsubscribe": frozenset({"unsub"}),
    "bounce": frozenset({"bounce", "bounces", "postmaster"}),
    "list": frozenset({"majordomo", "listserv", "listserver", "mailman", "sympa"}),
    "notifications": frozenset({"notify"}),
}
"""What one of its words is, whole."""

_HOSTS: Final = {
    "no-reply": frozenset({"noreply", "no-reply", "donotreply"}),
    "unsubscribe": frozenset({"unsubscribe", "unsub"}),
    "bounce": frozenset({"bounce", "bounces"}),
    "token": frozenset({"reply", "replies"}),
}
"""What a part of the domain is, besides its two last."""

_SIGNS: Final = re.compile(r"[^\w]|_")
_OF_LIST: Final = re.compile(r".+-(request|owner|confirm|join|leave|subscribe)|(leave|join)-.+")
"""A list's own addresses, which do something: ``knitters-request`` (RFC 2142 section 6)."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
_HEX: Final = re.compile(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{16,}")
_BORDER: Final = re.compile(r"(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)")
_BORDERS_OF_TOKENS: Final = ((12, 4), (16, 3))
"""From what length on letters and digits change places so often that it is no name (``ann1984`` is one)."""

_LONGEST_WORD: Final = 32


def why_automatic(address: Address) -> str:
    """Say in a word what makes an address look automatic; empty where nothing does."""
    local, _, domain = address.lower().rpartition("@")
    words = [word for word in _SIGNS.split(local) if word]
    said, hosts = "".join(words), frozenset(domain.split(".")[:-2])
    for reason in ("no-reply", "unsubscribe", "bounce", "list", "notifications", "token"):
        if (
            any(phrase in said for phrase in _PHRASES.get(reason, ()))
            or not _WORDS.get(reason, frozenset()).isdisjoint(words)
            or not _HOSTS.get(reason, frozenset()).isdisjoint(hosts)
        ):
            return reason
    if _OF_LIST.fullmatch(local):
        return "list"
    # Such an address tells whose answer it gets: ann=example.com (a VERP), or a token.
    return "token" if "=" in local or _UUID.search(local) or any(map(_is_token, words)) else ""


def _is_token(word: str) -> bool:
    """Whether a program made the word: nobody would say it."""
    borders = len(_BORDER.findall(word))
    return (
        len(word) > _LONGEST_WORD
        or bool(_HEX.fullmatch(word))
        or any(len(word) >= length and borders >= most for length, most in _BORDERS_OF_TOKENS)
    )
