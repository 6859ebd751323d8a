"""Reads a command line, and says what is not understood of it and what may be meant."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection, Sequence
from typing import Final, NoReturn

from mailroom.exits import Exit
from mailroom.output.complaints import complain
from mailroom.output.streams import tell

# argparse's own words, of Python 3.11 to 3.14; nothing else tells which value it was.
_INVALID_CHOICE: Final = re.compile(r"argument (\S+): invalid choice: ['\"](.*)['\"] \(choose from (.*)\)")
_MISSING: Final = re.compile(r"^the following arguments are required: ")
_OPTION: Final = re.compile(r"--[a-z][a-z-]*")


class CommandLineParser(argparse.ArgumentParser):
    """Tells its errors as all other problems are told; of a misspelt word, the one that may be meant."""

    def read(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Read a command line; its end is the process's where it is not understood or asks for help.

        `parser` of what is returned is the one that read it: that of the command.
        """
        options, rest = self.parse_known_args(arguments, argparse.Namespace(parser=self))
        parser: CommandLineParser = options.parser
        if rest:
            parser.error(parser._not_understood(rest[0]))
        return options

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, below the usage."""
        tell(self.format_usage().rstrip())
        if found := _INVALID_CHOICE.fullmatch(message):
            where, word, allowed = found.groups()
            choices = re.findall(r"[\w-]+", allowed)
            kind = "command" if where == "COMMAND" else f"{where.split('/')[-1]}"
            message = f"there is no {kind} {word!r}{_meant(word, choices)}"
        complain([_MISSING.sub("missing: ", message)])
        tell(f"  {self.prog} --help explains it")
        sys.exit(Exit.USAGE)

    def _not_understood(self, word: str) -> str:
        if word.startswith("-"):
            return f"there is no option {word}{_meant(word, _OPTION.findall(self.format_help()))}"
        return f"{word!r} is more than is expected here"


def _meant(word: str, known: Collection[str]) -> str:
    """Name what is nearest to a word, or else everything there is."""
    from difflib import get_close_matches  # noqa: PLC0415 - takes memory that a service must not carry

    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(dict.fromkeys(known))}"
