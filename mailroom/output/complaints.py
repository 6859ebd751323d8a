"""Problems, told to a person beside the output: one line each, laid out where a terminal shows it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size

from mailroom.output.columns import DEFAULT_WIDTH, wrap
from mailroom.output.domains import with_readable_domains
from mailroom.output.redaction import presentable
from mailroom.output.streams import tell

_NAME = "mailroom: "
_INDENT = "  "


def complain(problems: Sequence[str], introduction: str = "") -> None:
    """Write problems to standard error.

    Args:
        introduction: What they keep from happening; several stand below it as a list.
    """
    lead = f"{_NAME}{introduction}: " if introduction else _NAME
    if introduction and len(problems) > 1:
        tell(lead.rstrip())
        for problem in problems:
            _tell("  - ", problem, "    ")
        return
    for problem in problems:
        _tell(lead, problem, _INDENT)


def _tell(lead: str, problem: str, indent: str) -> None:
    shown = with_readable_domains(presentable(problem))
    if sys.stderr.isatty():
        width = get_terminal_size((DEFAULT_WIDTH, 0)).columns
        tell(lead + f"\n{indent}".join(wrap(shown, width - len(lead), width - len(indent))))
    else:
        tell(lead + shown)
