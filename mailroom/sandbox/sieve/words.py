"""The commands and tests that a script may use; what is not named is refused, as by a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

STRING, STRINGS, NUMBER = "string", "strings", "number"


@frozen
class Word:
    """A command or a test.

    Attributes:
        takes: The kinds of its arguments by position.
        tags: Its tags: of each what follows it, if anything, and what it requires.
        requires: What a script must have required that uses it.
    """

    takes: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str | None, str | None]] = {}
    requires: str | None = None


_MATCH: Final = {
    "is": (None, None),
    "contains": (None, None),
    "matches": (None, None),
    "comparator": (STRING, None),
    "regex": (None, "regex"),
}
_PART: Final = {"all": (None, None), "localpart": (None, None), "domain": (None, None)}

ONE_OF: Final = (
    ({"is", "contains", "matches", "regex"}, "multiple match-type tags"),
    ({"all", "localpart", "domain"}, "multiple address-part tags"),
    ({"over", "under"}, "multiple size tags"),
    ({"personal", "global"}, "multiple location tags"),
)
"""Of these tags a word may have one."""

COMMANDS: Final[Mapping[str, Word]] = {
    "keep": Word(tags={"flags": (STRINGS, "imap4flags")}),
    "discard": Word(),
    "stop": Word(),
    "redirect": Word((STRING,), {"copy": (None, "copy")}),
    "fileinto": Word(
        (STRING,),
        {
            "copy": (None, "copy"),
            "create": (None, "mailbox"),
            "flags": (STRINGS, "imap4flags"),
            "mailboxid": (STRING, "mailboxid"),
            "specialuse": (STRING, "special-use"),
        },
        "fileinto",
    ),
    "include": Word(
        (STRING,), dict.fromkeys(("personal", "global", "once", "optional"), (None, None)), "include"
    ),
    "return": Word(requires="include"),
    "reject": Word((STRING,), requires="reject"),
    "set": Word((STRING, STRING), requires="variables"),
    "addflag": Word((STRINGS,), requires="imap4flags"),
    "setflag": Word((STRINGS,), requires="imap4flags"),
    "vacation": Word(
        (STRING,),
        {
            "days": (NUMBER, None),
            "subject": (STRING, None),
            "from": (STRING, None),
            "addresses": (STRINGS, None),
            "handle": (STRING, None),
            "mime": (None, None),
        },
        "vacation",
    ),
}

TESTS: Final[Mapping[str, Word]] = {
    "true": Word(),
    "false": Word(),
    "exists": Word((STRINGS,)),
    "header": Word((STRINGS, STRINGS), _MATCH),
    "address": Word((STRINGS, STRINGS), {**_MATCH, **_PART}),
    "envelope": Word((STRINGS, STRINGS), {**_MATCH, **_PART}, "envelope"),
    "size": Word((), {"over": (NUMBER, None), "under": (NUMBER, None)}),
    "jmapquery": Word((STRING,), requires="vnd.cyrus.jmapquery"),
    "string": Word((STRINGS, STRINGS), _MATCH, "variables"),
}

EXTENSIONS: Final = (
    "fileinto",
    "reject",
    "vacation",
    "include",
    "envelope",
    "imap4flags",
    "mailbox",
    "vnd.cyrus.jmapquery",
    "regex",
    "copy",
    "variables",
    "special-use",
    "mailboxid",
)
"""What a script may require."""

JMAP_FILTERS: Final = frozenset(
    {"fromAnyContact", "fromContactGroupId", "fromContactCardUid", "from", "to", "subject"}
)
"""The conditions that a jmapquery may have here."""
