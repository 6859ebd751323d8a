"""Logs on standard output: one JSON object per line, or on a terminal one readable line an event."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import Final, TextIO

from mailroom.output.columns import DEFAULT_WIDTH, wrap
from mailroom.output.domains import with_readable_domains
from mailroom.output.programs import json_line
from mailroom.output.redaction import presentable, redact
from mailroom.output.streams import speaks_unicode, tell

MAX_TEXT_CHARACTERS = 4_000
"""A server's words may be as long as it likes; a line of the log is for reading."""

_LOGGER = logging.getLogger("mailroom")


def log(level: int, event: str, **fields: object) -> None:
    """Write one event with its fields; never a secret, never what a message says."""
    _LOGGER.log(level, event, extra={"fields": fields})


LOG_FORMATS: Final = ("auto", "json", "text")
"""What MAILROOM_LOG_FORMAT may be."""

_BARE: Final = ("sender", "problems", "reason", "message")
"""Fields that speak for themselves, without their names before them."""

_FOR_PROGRAMS: Final = ("message_id",)

_INDENT: Final = "  "

_COLOURS: Final = {"warning": "33", "error": "31", "critical": "31"}


def configure_logs(level: str, stream: TextIO | None = None, form: str = "auto") -> None:
    """Send everything that is logged from `level` on to `stream`.

    Args:
        form: One of LOG_FORMATS; ``auto`` is text where the stream is a terminal, and JSON elsewhere.
    """
    handler = _Handler(stream or sys.stdout)
    is_terminal = handler.stream.isatty()
    if form == "text" or (form == "auto" and is_terminal):
        handler.setFormatter(_TextFormatter(is_terminal=is_terminal))
    else:
        handler.setFormatter(_JsonFormatter(in_ascii=not speaks_unicode(handler.stream)))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def is_read_as_it_comes() -> bool:
    """Whether a person reads the log in words on a terminal, and errors beside it."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    return sys.stderr.isatty() and any(isinstance(x, _TextFormatter) and x.is_terminal for x in formatters)


class _Handler(logging.StreamHandler[TextIO]):
    """Tells once that the log cannot be written; work goes on, and so does the log where it can again."""

    _is_told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say why a line is lost, but not line by line."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError | ValueError):
            super().handleError(record)
        elif not self._is_told:
            self._is_told = True
            tell(f"mailroom: cannot write the log, going on without it: {error}")


class _JsonFormatter(logging.Formatter):
    """Puts ts, level and event first."""

    def __init__(self, *, in_ascii: bool) -> None:
        super().__init__()
        self._in_ascii = in_ascii

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        shown = {"ts": moment.replace("+00:00", "Z"), "level": record.levelname.lower(), **_event(record)}
        if record.exc_info:
            shown["traceback"] = "\n".join(_traceback(self, record))
        return json_line(shown, in_ascii=self._in_ascii)


class _TextFormatter(logging.Formatter):
    """Says an event in words: when, what, and those of its fields that say something.

    It takes one line, and on a terminal as many as fit there; a bug's traceback adds others.
    """

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal
        self._is_coloured = is_terminal and not os.environ.get("NO_COLOR")

    def format(self, record: logging.LogRecord) -> str:
        fields = _event(record)
        moment = datetime.fromtimestamp(record.created).astimezone()
        head = f"{moment:%m-%d %H:%M:%S} "
        what = str(fields.pop("event")).replace("_", " ")
        listed = fields.pop("problems", ()) if self.is_terminal else ()
        said = [
            _in_words(value) if name in _BARE else f"{name.replace('_', ' ')} {_in_words(value)}"
            for name, value in fields.items()
            if name not in _FOR_PROGRAMS and not _says_nothing(value)
        ]
        line = with_readable_domains(f"{head}{what}" + (f": {', '.join(said)}" if said else ""))
        lines = [*self._laid_out(line)]
        for problem in listed if isinstance(listed, list) else ():
            lines += self._laid_out(f"- {problem}")
        lines += _traceback(self, record) if record.exc_info else ()
        if self._is_coloured and (colour := _COLOURS.get(record.levelname.lower())):
            lines[0] = lines[0].replace(what, f"\033[{colour}m{what}\033[0m", 1)
        return f"\n{_INDENT}".join(lines)

    def _laid_out(self, line: str) -> Iterable[str]:
        if not self.is_terminal:
            return (line,)
        width = get_terminal_size((DEFAULT_WIDTH, 0)).columns  # asked each time: a window changes
        return wrap(line, width, width - len(_INDENT))


def _event(record: logging.LogRecord) -> dict[str, object]:
    """Return the event's name and its fields, fit to be shown; a library's message is the event ``log``."""
    if record.name == _LOGGER.name:
        return _presentable({"event": record.getMessage(), **getattr(record, "fields", {})})
    return _presentable({"event": "log", "logger": record.name, "message": record.getMessage()})


def _says_nothing(value: object) -> bool:
    """Whether there is none of it: a person is not told what did not happen."""
    return value in (None, "", [], {}) or (value == 0 and not isinstance(value, bool))


def _in_words(value: object) -> str:
    match value:
        case dict():
            return "; ".join(f"{name}: {_in_words(each)}" for name, each in value.items())
        case list():
            return "; ".join(map(_in_words, value))
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    text = formatter.formatException(record.exc_info) if record.exc_info else ""
    return [presentable(line) for line in redact(text).split("\n")]


def _presentable(fields: Mapping[str, object]) -> dict[str, object]:
    return {presentable(str(key)): _presentable_value(value) for key, value in fields.items()}


def _presentable_value(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return _presentable(value)
        case list() | tuple() | set() | frozenset():
            return [_presentable_value(each) for each in value]
        case _:
            text = presentable(str(value))
            return text if len(text) <= MAX_TEXT_CHARACTERS else f"{text[:MAX_TEXT_CHARACTERS]}…"
