"""A small reader and writer of vCards, the tests' own, so that Mailroom's mistakes are not theirs too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from attrs import frozen

MEMBER_PROPERTIES = ("X-ADDRESSBOOKSERVER-MEMBER", "MEMBER")


@frozen(order=True)
class Property:
    """One line of a vCard, without what two servers may write differently.

    Attributes:
        group: What stands before the dot of the name, in lower case.
        name: The name in upper case.
        parameters: Each in upper case, sorted, one value each.
        value: The value, unfolded and unescaped.
    """

    group: str
    name: str
    parameters: tuple[str, ...]
    value: str


def properties(card: bytes) -> list[Property]:
    """Read a card; VERSION is left out, because Cyrus stores version 4.0 as 3.0."""
    lines = re.sub(rb"\r?\n[ \t]", b"", card).decode().splitlines()
    return [read for line in lines if line and (read := _property(line)).name != "VERSION"]


def values(card: bytes, name: str) -> list[str]:
    """Every value of a property, in the card's order."""
    return [each.value for each in properties(card) if each.name == name]


def value(card: bytes, name: str) -> str:
    """The value of a property that stands once."""
    (only,) = values(card, name)
    return only


def is_group(card: bytes) -> bool:
    """Whether a card is a contact group."""
    kinds = values(card, "KIND") + values(card, "X-ADDRESSBOOKSERVER-KIND")
    return any(kind.lower() == "group" for kind in kinds)


def members(card: bytes) -> list[str]:
    """The UIDs of a group's members, in order, as often as they stand there."""
    references = [each.value for each in properties(card) if each.name in MEMBER_PROPERTIES]
    return [reference.removeprefix("urn:uuid:").strip('"') for reference in references]


def without_product(card: bytes) -> bytes:
    """Return a card of Mailroom's as version 1.0 wrote it: without what tells the name it was made with."""
    lines = card.splitlines(keepends=True)
    others = [line for line in lines if not line.startswith(b"PRODID:-//Mailroom//")]
    assert len(others) == len(lines) - 1
    return b"".join(others)


def said_of_group(card: bytes) -> set[tuple[str, str]]:
    """Return what a contact group says besides who is in it, in whatever version and order.

    A label that belongs to no line is no saying.
    """
    lines = without_members(card)
    apart = ("KIND", "MEMBER", "VERSION", "REV", "PRODID", "X-ABLABEL")
    return {(line.name, line.value) for line in lines if not line.name.endswith(apart)}


def without_members(card: bytes) -> list[Property]:
    """Everything a group's card says but who is in it (and when it was written)."""
    return sorted(each for each in properties(card) if each.name not in (*MEMBER_PROPERTIES, "REV"))


def contact(uid: str, name: str, *emails: str, extra: Iterable[str] = (), version: str = "3.0") -> bytes:
    """Write a contact card; `extra` are whole lines, as they are."""
    lines = [f"UID:{uid}", f"FN:{name}", f"N:;{name};;;"]
    return _card(version, [*lines, *(f"EMAIL;TYPE=INTERNET:{email}" for email in emails), *extra])


def group(
    name: str,
    member_uids: Sequence[str] = (),
    *,
    uid: str = "",
    extra: Iterable[str] = (),
    version: str = "3.0",
    kind: str = "X-ADDRESSBOOKSERVER-KIND",
) -> bytes:
    """Write a contact group as Fastmail does; with another version or kind, as some programs do."""
    lines = [f"UID:{uid or _group_uid(name)}", f"FN:{name}", f"N:{name};;;;", f"{kind}:group"]
    references = [f"X-ADDRESSBOOKSERVER-MEMBER:{_reference(member)}" for member in member_uids]
    return _card(version, [*lines, *references, *extra])


GROUP_FORMS = ("3.0", "3.0 that says KIND", "4.0", "4.0 with the lines of 3.0")


def group_in(
    form: str, prefix: str, name: str, member_uids: Sequence[str] = (), *, extra: Iterable[str] = ()
) -> bytes:
    """Write a contact group in one of `GROUP_FORMS`.

    Args:
        prefix: What the server wants before a member's UID in MEMBER; see `AccountUnderTest.member_prefix`.
    """
    if form == "4.0":
        return group_4(name, member_uids, extra=extra, prefix=prefix)
    kind = "KIND" if form.endswith("KIND") else "X-ADDRESSBOOKSERVER-KIND"
    return group(name, member_uids, extra=extra, version=form[:3], kind=kind)


def group_4(
    name: str, member_uids: Sequence[str] = (), *, extra: Iterable[str] = (), prefix: str = ""
) -> bytes:
    """Write a contact group in version 4.0 (RFC 6350 section 6.1.4).

    Args:
        prefix: What the server wants before each member's UID; see `AccountUnderTest.member_prefix`.
    """
    lines = [f"UID:{_group_uid(name)}", "KIND:group", f"FN:{name}", f"N:{name};;;;"]
    return _card("4.0", [*lines, *(f"MEMBER:{prefix}{member}" for member in member_uids), *extra])


def _card(version: str, lines: Iterable[str]) -> bytes:
    whole = ["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""]
    return "\r\n".join(whole).encode()


def _group_uid(name: str) -> str:
    return f"group-{name.lower().replace(' ', '-')}"


def _reference(uid: str) -> str:
    return f'urn:uuid:"{uid}"' if ":" in uid else f"urn:uuid:{uid}"


def _property(line: str) -> Property:
    head, _, text = line.partition(":")
    full_name, *parameters = head.split(";")
    prefix, _, name = full_name.rpartition(".")
    single = []
    for parameter in parameters:
        key, equals, listed = parameter.upper().partition("=")
        single += [f"{key}={each}" for each in listed.split(",")] if equals else [f"TYPE={key}"]
    unescaped = re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], text)
    return Property(prefix.lower(), name.upper(), tuple(sorted(single)), unescaped)
