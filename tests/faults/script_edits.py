"""What a person does to their Sieve scripts, and how the tests tell it from what Mailroom wrote."""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from tests.support.accounts import DOMAIN_LABEL, LIST_LABEL
from tests.support.on_sandbox import AccountOnSandbox

OURS, THEIRS, OTHER = "Mailroom", "mine", "another"
TEXTS = (
    b'require "fileinto";\r\nif header :contains "subject" "bill" { fileinto "Feed"; stop; }\r\n',
    b"keep;",
    b"# no command at all\n",
    b"",
)
HALF = re.compile(rb"^# >>> Mailroom \w+ .*?^# <<< Mailroom <<<(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


def outside(content: bytes) -> bytes:
    """Return what stands outside Mailroom's marks."""
    return HALF.sub(b"", content)


@frozen
class Edit:
    """Something a person does to their scripts; its number chooses where and what."""

    name: str
    which: int

    def __repr__(self) -> str:
        return f"{self.name}({self.which})"

    def do(self, account: AccountOnSandbox) -> None:
        """Do it, as far as there is something to do it to."""
        EDITS[self.name](account, self.which)


def write_around(account: AccountOnSandbox, which: int) -> None:
    """They write something before the rules, behind them, or between the halves of the block."""
    scripts = account.scripts()
    if THEIRS not in scripts:
        return
    text, line = scripts[THEIRS], b"# %d\n" % which
    at = [each.end() for each in HALF.finditer(text)]
    places = [0, len(text), *at]
    place = places[which % len(places)]
    is_active = account.active_script() == THEIRS
    account.put_script(THEIRS, text[:place] + line + text[place:], is_active=is_active)


def write_anew(account: AccountOnSandbox, which: int) -> None:
    """They write another script in the place of theirs, without a block."""
    account.put_script(THEIRS, TEXTS[which % len(TEXTS)], is_active=bool(which % 2))


def write_into_rules(account: AccountOnSandbox, which: int) -> None:
    """They edit what Mailroom wrote, in its script or in its block."""
    scripts = account.scripts()
    if OURS in scripts and which % 2:
        is_active = account.active_script() == OURS
        account.put_script(OURS, scripts[OURS] + b"stop;\n", is_active=is_active)
    elif THEIRS in scripts:
        edited = scripts[THEIRS].replace(b"\n# <<< Mailroom", b"\n# theirs\n# <<< Mailroom")
        account.put_script(THEIRS, edited, is_active=account.active_script() == THEIRS)


def activate(account: AccountOnSandbox, which: int) -> None:
    """They let another script be active, or none."""
    names = [*account.scripts(), None]
    name = names[which % len(names)]
    if name is None:
        account.deactivate_scripts()
    else:
        account.put_script(name, account.scripts()[name])


def delete(account: AccountOnSandbox, which: int) -> None:
    """They delete a script that is not active."""
    names = [name for name in account.scripts() if name != account.active_script()]
    if names:
        account.delete_script(names[which % len(names)])


def add(account: AccountOnSandbox, which: int) -> None:
    """They make one more script, if there is room for it."""
    if len(account.scripts()) < account.store.scripts.bounds.most:
        account.put_script(OTHER, TEXTS[which % len(TEXTS)], is_active=which % 4 == 0)


def decide(account: AccountOnSandbox, which: int) -> None:
    """They decide about a mailing list or a domain, which makes the rules stale."""
    labels, name = ["@ToFeed", "@ToJail", "@ToScreener"], f"l{which // 3}"
    if which % 4:
        fields = [("List-Id", f"<{name}.lists.example>")]
        account.receive_with(fields, ("", "ann@example.net"), "Screener", labels[which % 3], LIST_LABEL)
    else:
        account.receive([("", f"ann@{name}.example")], "Screener", labels[which % 3], DOMAIN_LABEL)


EDITS: dict[str, Callable[[AccountOnSandbox, int], None]] = {
    each.__name__: each
    for each in (decide, write_around, write_anew, write_into_rules, activate, delete, add)
}
