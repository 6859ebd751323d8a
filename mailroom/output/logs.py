"""Logs: one JSON object per line on standard output."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from mailroom.output.redaction import presentable, redact
from mailroom.output.streams import speaks_unicode, tell

MAX_TEXT_CHARACTERS = 4_000
"""A server's words may be as long as it likes; a line of the log is for reading."""

_LOGGER = logging.getLogger("mailroom")


def log(level: int, event: str, **fields: object) -> None:
    """Write one event with its fields; never a secret, never what a message says."""
    _LOGGER.log(level, event, extra={"fields": fields})


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Send everything that is logged from `level` on to `stream`, as JSON lines."""
    handler = _Handler(stream or sys.stdout)
    handler.setFormatter(_JsonFormatter(ensure_ascii=not speaks_unicode(handler.stream)))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


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
    """Puts ts, level and event first; a library's message becomes the event ``log``."""

    def __init__(self, *, ensure_ascii: bool) -> None:
        super().__init__()
        self._ensure_ascii = ensure_ascii

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"ts": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
        if record.name == _LOGGER.name:
            line |= {"event": record.getMessage(), **getattr(record, "fields", {})}
        else:
            line |= {"event": "log", "logger": record.name, "message": record.getMessage()}
        shown = _presentable(line)
        if record.exc_info:
            lines = redact(self.formatException(record.exc_info)).split("\n")
            shown["traceback"] = "\n".join(map(presentable, lines))
        return json.dumps(shown, ensure_ascii=self._ensure_ascii)


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
