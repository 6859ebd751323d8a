"""The file of senders: one line each, ``category  address  # name, 12 messages``; written here and read here.

What comes from senders stands behind the ``#`` only, in one line that steers no terminal. The name there
is what a new contact card is called, as far as it stands before a number of messages.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

from mailroom.errors import UserError
from mailroom.model.address import Address, parse_address
from mailroom.model.mailing_list import NOTE_FIELD, list_in_brackets
from mailroom.model.names import clean_name
from mailroom.model.party import PartyKind, kind_of, whole_domain
from mailroom.model.scheme import Category, Scheme
from mailroom.model.sender import Correspondent, read_correspondents
from mailroom.model.whom import Whom
from mailroom.output.domains import with_readable_domains
from mailroom.output.files import why_not
from mailroom.output.redaction import presentable
from mailroom.triage.decisions import Decision
from mailroom.triage.senders import Sender
from mailroom.triage.words import number_of

UNDECIDED = "?"
"""Stands in the place of a category where nothing is suggested."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"\s#")
_END_OF_LINE = re.compile(r"\r\n?|\n")
_SEVERAL = re.compile(r"@.*@|\s")
_NOT_COUNTED = "messages not counted"
_NAME = re.compile(rf"(?P<name>.*), (?:(?:no|[0-9]+) messages?|{_NOT_COUNTED})")
_NO_LIST = "is not the List-Id of one list: write it as <list.example.com>"
_HEADER = re.compile(rf"^{NOTE_FIELD}\s*:\s*(?=[^@]*<[^@<>]*>$)", re.IGNORECASE)
"""What stands before a List-Id that was copied with its header."""

_MORE_THAN_A_WORD = re.compile(r'[\s#"<>]')


def render_senders(senders: Sequence[Sender], scheme: Scheme, since: str) -> str:
    """Return the file: who is not filed commented out, then who is.

    Args:
        since: The day from which on messages were counted.
    """
    undecided = [each for each in senders if each.is_undecided]
    in_several = [each for each in senders if len(each.categories) > 1]
    titles = [_title(category) for category in scheme.categories]
    width = max(map(len, titles))
    lines = [
        "# One sender a line: category  address  # name, messages",
        "# Everybody at a domain: category  *@dom.example",
        "# A mailing list: category  <its List-Id>",
        f"# Categories: {', '.join(titles)}",
        f"# Messages are counted since {since}. What begins with # is left as it is:",
        "# take it off where you agree, write another category where you do not,",
        "# and then: mailroom apply FILE (it shows what would change, and asks).",
    ]
    sections: dict[str, Iterable[tuple[Sender, Category | None, bool]]] = {
        "Not filed": ((each, each.suggestion, True) for each in undecided),
        "In several groups: choose one": (
            (each, category, True) for each in in_several for category in each.categories
        ),
    }
    sections["Filed with their whole domain: a line of their own counts before it"] = (
        (each, each.of_domain, True) for each in senders if each.of_domain
    )
    for category in scheme.categories:
        filed = (each for each in senders if each.categories == (category,))
        sections[f"Filed as {_title(category)}"] = [
            (each, category, _is_known_to_rules_alone(each.who.address)) for each in filed
        ]
    for title, listed in sections.items():
        if found := [_line(*each, width) for each in listed]:
            lines += ["", f"# --- {title}", *found]
    return "\n".join(lines) + "\n"


def _title(category: Category) -> str:
    """Return a category as the file has it: in quotes where it would be taken for something else."""
    title = presentable(category.title)
    return f'"{title}"' if title[0] in '#"' or title == UNDECIDED else title


def _line(sender: Sender, category: Category | None, is_comment: bool, width: int) -> str:
    title = _title(category) if category else UNDECIDED
    comment = ", ".join(filter(None, (presentable(sender.who.name), _count(sender))))
    return f"{'# ' if is_comment else ''}{title:<{width}}  {_written(sender.who)}  # {comment}"


def _count(sender: Sender) -> str:
    """Say how much they wrote; mail of a whole domain or a list is counted by its writers."""
    if not sender.messages and kind_of(sender.who.address) is not PartyKind.SENDER:
        return _NOT_COUNTED
    return number_of(sender.messages, "message") if sender.messages else "no messages"


def _written(who: Correspondent) -> str:
    """Return an address as it was written, or else as it is compared: some spellings are no single word.

    A domain stands in its own letters only where they could not pass for others.
    """
    is_word = who.email.isprintable() and not _MORE_THAN_A_WORD.search(who.email)
    is_plain = is_word and not _SEVERAL.search(who.email)
    is_ascii = who.email.rpartition("@")[2].isascii()
    spellings = (who.email if is_plain and is_ascii else "", with_readable_domains(who.address))
    text = presentable(next((x for x in spellings if parse_address(x) == who.address), who.address))
    return f"<{text}>" if text.startswith("#") else text  # which would begin a comment


@frozen
class Line:
    """What one line of the file says.

    Attributes:
        number: Of the first line that says so.
    """

    number: int
    decision: Decision


def read_senders(path: Path, scheme: Scheme) -> list[Line]:
    """Read the file: each sender once, with what it says of them.

    Raises:
        UserError: Names everything that is wrong with it, each with its line and what to do.
    """
    lines: dict[str, Line] = {}
    said: dict[str, dict[str, int]] = defaultdict(dict)
    problems: list[str] = []
    for number, text in enumerate(_END_OF_LINE.split(_read(path)), 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        try:
            decision = _decision(text.strip(), scheme)
        except ValueError as error:
            problems.append(f"{path}, line {number}: {error}")
            continue
        said[decision.party].setdefault(decision.category.title, number)
        known = lines.get(decision.party)
        if known is None or not known.decision.who.name:
            lines[decision.party] = Line(known.number if known else number, decision)
    for sender, titles in said.items():
        if len(titles) > 1:
            numbers, names = " and ".join(map(str, titles.values())), " and ".join(titles)
            problems.append(f"{path}, lines {numbers}: {sender} is said to be {names}: keep one line")
    if problems:
        raise UserError(problems)
    return list(lines.values())


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise UserError([f"{path}, line {number}: this is not UTF-8: save the file as UTF-8"]) from None
    except OSError as error:
        raise UserError([f"cannot read {path}: {why_not(error)}"]) from error


def _decision(text: str, scheme: Scheme) -> Decision:
    """Read a line; a ValueError says what is wrong with it, and what to do."""
    choices = ", ".join(_title(category) for category in scheme.categories)
    found = _category(text, scheme)
    if found is None:
        raise ValueError(f"{_first_words(text)!r} is no category: write one of {choices}, and the address")
    category, rest = found
    masked = _QUOTED.sub(lambda match: "x" * len(match[0]), f" {rest}")
    comment = _COMMENT.search(masked)
    written = f" {rest}"[: comment.start()].strip() if comment else rest.strip()
    if not written:
        raise ValueError(f"no address stands behind {_title(category)}: write one, or delete the line")
    name, email = _name_and_email(_HEADER.sub("", written))
    if _is_several(written, email):
        many = "is more than one address: write each on a line of its own"
        raise ValueError(f"{written!r} {many if '@' in written else _NO_LIST}")
    if (party := _domain(email)) is not None:
        if _is_known_to_rules_alone(party):
            raise ValueError(f"{written!r} is not everybody at one domain: write it as *@example.com")
        return Decision(Whom.named(party), category)
    if not name and comment and (noted := _NAME.fullmatch(f" {rest}"[comment.end() :].strip())):
        name = noted["name"]
    if named := list_in_brackets(f"<{email}>" if written.endswith(f"<{email}>") else email):
        return Decision(Whom.named(named, clean_name(name)), category)
    for who in read_correspondents([(name, email)]):
        return Decision(Whom.of(who), category)
    nobody = "is not the address of a sender: write it as name@example.com"
    raise ValueError(f"{written!r} {_NO_LIST if '@' not in written and '<' in written else nobody}")


def _domain(email: str) -> Address | None:
    """Return what ``*@dom.example`` stands for; None where a sender stands there."""
    address = parse_address(email)
    return address if address and kind_of(address) is PartyKind.DOMAIN else None


def _is_known_to_rules_alone(address: Address) -> bool:
    """Whether it stands for everybody below a domain, or at a machine: of those nothing is decided here."""
    return kind_of(address) is PartyKind.DOMAIN and whole_domain(address) is None


def _is_several(written: str, email: str) -> bool:
    """Whether more stands there than one address: all of it would be taken for one that nobody has."""
    before_the_last = _QUOTED.sub("", written).rpartition("<")[0]
    return ">" in before_the_last or bool(_SEVERAL.search(_QUOTED.sub("", email)))


def _category(text: str, scheme: Scheme) -> tuple[Category, str] | None:
    """Return the category that a line begins with, and the rest of it; of several the longest."""
    by_length = sorted(scheme.categories, key=lambda category: len(category.title), reverse=True)
    for category in by_length:
        words = r"\s+".join(map(re.escape, _title(category).split()))
        if match := re.match(rf"{words}(?=\s|$)", text, re.IGNORECASE):
            return category, text[match.end() :].strip()
    return None


def _first_words(text: str) -> str:
    """Return what stands where a category should: all before the first gap of two, or before the address."""
    return re.split(r"\s{2,}|\t|\s+(?=\S*@)|\s#", text, maxsplit=1)[0]


def _name_and_email(written: str) -> tuple[str, str]:
    """Take ``Ann <ann@example.com>`` apart."""
    name, bracket, rest = written.rpartition("<")
    if bracket and rest.endswith(">") and (name.strip() or "@" in rest):
        return name.strip().strip('"'), rest[:-1]
    return "", written
