"""Server-sent events: bytes as they arrive in, whole events out (WHATWG HTML section 9.2)."""

from __future__ import annotations

import re

from attrs import frozen

from mailroom.errors import ProtocolError

MAX_LINE_BYTES = 64 * 1024
MAX_DATA_CHARACTERS = 256 * 1024
MAX_RETRY_SECONDS = 24 * 3600.0

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@frozen
class ServerSentEvent:
    """One event of a stream.

    Attributes:
        type: What the event's field ``event`` says; ``message`` where it has none.
    """

    type: str
    data: str


class EventStreamParser:
    """Reads one stream, from its first byte on, in pieces cut anywhere.

    Attributes:
        last_event_id: The id to name when the stream is taken up again.
        retry_seconds: How long the server wants a client to wait before that; None if it did not say.
    """

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry_seconds: float | None = None
        self._event_id = last_event_id
        self._type = ""
        self._data: list[str] = []
        self._data_characters = 0
        self._line = bytearray()
        self._is_first_line = True
        self._after_carriage_return = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take in the next piece and return the events it completes.

        Raises:
            ProtocolError: A line or an event is absurdly long.
        """
        if not chunk:
            return []
        if self._after_carriage_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the rest of a line end whose first half ended a line already
            self._after_carriage_return = False
        self._after_carriage_return = chunk.endswith(b"\r") if chunk else False
        first, *others = _LINE_END.split(chunk)
        self._extend_line(first)
        events = []
        for part in others:
            event = self._end_line()
            if event is not None:
                events.append(event)
            self._extend_line(part)
        return events

    def _extend_line(self, part: bytes) -> None:
        if len(self._line) + len(part) > MAX_LINE_BYTES:
            raise ProtocolError(f"a line of the event stream is longer than {MAX_LINE_BYTES} bytes")
        self._line += part

    def _end_line(self) -> ServerSentEvent | None:
        line = bytes(self._line)
        self._line.clear()
        # A byte order mark may begin a stream, and is no part of its first field (WHATWG HTML section 9.2.5).
        if self._is_first_line:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._is_first_line = False
        if not line:
            return self._end_event()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        self._take_field(name, value.removeprefix(" "))
        return None

    def _take_field(self, name: str, value: str) -> None:
        """Note a field of the event under way; a comment is a field without a name."""
        if name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
            self._data_characters += len(value) + 1
            if self._data_characters > MAX_DATA_CHARACTERS:
                raise ProtocolError(f"an event has more than {MAX_DATA_CHARACTERS} characters of data")
        elif name == "id":
            # An id with a NUL counts for none (section 9.2.6).
            if "\0" not in value:
                self._event_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            # No more digits than a day has milliseconds: the number itself may be absurdly long.
            seconds = int(value) / 1000 if len(value.lstrip("0")) < 10 else MAX_RETRY_SECONDS
            self.retry_seconds = min(seconds, MAX_RETRY_SECONDS)

    def _end_event(self) -> ServerSentEvent | None:
        # An event without data is nobody's, and its id counts all the same (section 9.2.6).
        self.last_event_id = self._event_id
        kind, data, has_data = self._type or "message", "\n".join(self._data), bool(self._data)
        self._type, self._data_characters = "", 0
        self._data.clear()
        return ServerSentEvent(kind, data) if has_data else None
