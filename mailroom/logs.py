"""Logs: one JSON object per line on standard output."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from mailroom.redaction import redact

_LOGGER = logging.getLogger("mailroom")


def log(level: int, event: str, **fields: object) -> None:
    """Write one event with its fields; never a secret, never what a message says."""
    _LOGGER.log(level, event, extra={"fields": fields})


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Send everything that is logged from `level` on to `stream`, as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class _JsonFormatter(logging.Formatter):
    """Puts ts, level and event first; a library's message becomes the event ``log``."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"ts": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
        if record.name == _LOGGER.name:
            line |= {"event": record.getMessage(), **getattr(record, "fields", {})}
        else:
            line |= {"event": "log", "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = redact(json.dumps(line, ensure_ascii=False, default=str))
        # Half of a surrogate pair, which JSON can carry and UTF-8 cannot, must not cost us the line.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
