"""`mailroom categories`: what can be decided about a sender, as a table or as a file to start from."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mailroom.exits import Exit
from mailroom.model.scheme import Category, Scheme
from mailroom.output.streams import write_in_utf8
from mailroom.output.terminal import Terminal
from mailroom.settings.categories import render_categories
from mailroom.settings.settings import load_scheme
from mailroom.settings.variables import CATEGORIES_FILE


def categories(*, check: Path | None, as_toml: bool, as_json: bool) -> Exit:
    """Print the categories in force, or those of a file. No request is made.

    Args:
        check: A file to read instead of the settings.

    Raises:
        UserError: Names everything that is wrong with the file, or with the settings.
    """
    environment = {**os.environ, **({CATEGORIES_FILE: str(check)} if check else {})}
    scheme = load_scheme(environment)
    listed = scheme.categories
    terminal = Terminal()
    if as_toml:
        write_in_utf8(sys.stdout, render_categories(listed))  # TOML is UTF-8, whatever the terminal speaks
    elif as_json:
        terminal.json([_as_json(category) for category in listed])
    else:
        _show(terminal, listed)
        _show_other_labels(terminal, scheme)
    return Exit.DONE


def _show(terminal: Terminal, listed: Sequence[Category]) -> None:
    rows = [
        (
            category.title,
            category.label,
            category.group.name,
            ", ".join((category.group.mailbox or "the Inbox", *category.group.also)),
            category.kind.value,
        )
        for category in listed
    ]
    terminal.table(("CATEGORY", "LABEL", "GROUP", "MAIL GOES TO", "CARD"), rows, yielding=("MAIL GOES TO",))


def _show_other_labels(terminal: Terminal, scheme: Scheme) -> None:
    """Say what stands beside such a label, or takes it back."""
    labels = (
        (scheme.domain_label, "beside one of these: about everybody at the sender's domain"),
        (scheme.list_label, "beside one of these: about the mailing list of the message"),
        (scheme.screener_label, "takes a decision back"),
    )
    rows = [(label, does) for label, does in labels if label]
    if rows:
        terminal.line()
        terminal.table(("LABEL", "DECIDES"), rows, yielding=("DECIDES",))


def _as_json(category: Category) -> dict[str, object]:
    return {
        "title": category.title,
        "label": category.label,
        "group": category.group.name,
        "mailbox": category.group.mailbox,
        "also": list(category.group.also),
        "card": category.kind.value,
        "read_mail": category.read_mail.value,
        "approve": category.approves,
    }
