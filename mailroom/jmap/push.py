"""Push (RFC 8620 section 7.3): hears of changes as they happen, on a thread and connections of its own.

Push only makes things faster. Whatever becomes of it, polling goes on; so nothing here raises, and
what cannot be understood ends the connection, since a cycle follows every new one.
"""

from __future__ import annotations

import enum
import logging
import random
import re
import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from mailroom.errors import AuthenticationError, MailroomError, StoppedError, UntrustedHostError
from mailroom.http import HttpClient, Stream, retry_after_seconds
from mailroom.jmap.client import JmapClient
from mailroom.jmap.sse import EventStreamParser, ServerSentEvent
from mailroom.jmap.wire import StateChange, parse_json, structure
from mailroom.logs import log

TYPES = ("Email", "Mailbox")
PING_SECONDS = 30
"""An interval that every server must grant (RFC 8620 section 7.3)."""

SILENT_PINGS = 2.5
LEAST_WAIT_SECONDS = 0.5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
REFUSED_WAIT_SECONDS = 300.0
RARELY_SECONDS = 1800.0
"""How long to wait before a server that has no push is asked again."""

STABLE_SECONDS = 60.0
"""A connection that lasts so long makes the failures before it forgotten."""

STOP_PATIENCE_SECONDS = 1.0
MAX_EVENT_ID_CHARACTERS = 1_024

_EVENT_STREAM = "text/event-stream"
_NO_PUSH = frozenset({204, 404, 405, 410, 501})
_VARIABLE = re.compile(r"\{(\w+)\}")


class PushState(enum.StrEnum):
    """Whether changes are heard of at once; polling goes on in each of these."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    POLLING = "polling"
    """The server offers no push; it is asked again rarely."""

    OFF = "off"


class _LostError(Exception):
    """The connection has ended, or there is none to be had.

    Attributes:
        is_offered: Whether the server offers push at all.
        wait_seconds: The least time before the next attempt.
    """

    def __init__(self, reason: str, *, is_offered: bool = True, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.is_offered = is_offered
        self.wait_seconds = wait_seconds


class Push:
    """Listens from `start` to `stop`, and never keeps the process from ending.

    Args:
        http: A client that no other thread uses.
        on_change: Called, in a thread of this object, when the mail has or may have changed.
        ping_seconds: How often the server shall give a sign of life.
    """

    def __init__(
        self,
        http: HttpClient,
        session_url: str,
        on_change: Callable[[], None],
        ping_seconds: int = PING_SECONDS,
    ) -> None:
        self._http = http
        self._session_url = session_url
        self._on_change = on_change
        self._ping_seconds = ping_seconds
        self._state = PushState.CONNECTING
        self._told: PushState | None = None
        self._session_state: str | None = None
        self._last_event_id = ""
        self._first_wait_seconds = FIRST_WAIT_SECONDS
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._is_stopped = False
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="push", daemon=True)

    @property
    def state(self) -> PushState:
        """Whether changes are heard of at once, now."""
        return self._state

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Cease to listen."""
        self._is_stopped = True
        self._interrupt()
        self._thread.join(STOP_PATIENCE_SECONDS)

    def note_session_state(self, session_state: str | None) -> None:
        """Connect anew if the session has changed since the last call: push may have moved with it."""
        known, self._session_state = self._session_state, session_state
        if known not in (None, session_state):
            self._interrupt()

    def _interrupt(self) -> None:
        """End the present connection, or the wait for the next."""
        self._hurry.set()
        with self._lock:
            if self._stream:
                self._stream.interrupt()

    def _run(self) -> None:
        failures = 0
        while not self._is_stopped:
            began = time.monotonic()
            lost = self._listen()
            if self._is_stopped:
                return
            if time.monotonic() - began >= STABLE_SECONDS:
                failures = 0
            self._enter(PushState.CONNECTING if lost.is_offered else PushState.POLLING, str(lost))
            self._hurry.wait(max(lost.wait_seconds, _backoff_seconds(self._first_wait_seconds, failures)))
            self._hurry.clear()
            failures += 1

    def _listen(self) -> _LostError:
        """Connect and listen; return what ended it."""
        try:
            return self._connect()
        except _LostError as error:
            return error
        except AuthenticationError as error:
            # If the token is really revoked, the next poll says so.
            return _LostError(str(error), wait_seconds=REFUSED_WAIT_SECONDS)
        except UntrustedHostError as error:
            return _LostError(str(error), is_offered=False, wait_seconds=RARELY_SECONDS)
        except MailroomError as error:
            return _LostError(str(error))
        except Exception:  # a bug here must not take push away for good
            logging.getLogger("mailroom").exception("push_failed")
            return _LostError("a bug in Mailroom")

    def _connect(self) -> _LostError:
        # A session of its own for each connection: it may have moved, and the cycles' client is theirs.
        session = JmapClient(self._http, self._session_url).session
        if session.event_source_url is None:
            raise _no_push("the session names no eventSourceUrl")
        headers = {"Accept": _EVENT_STREAM, "Cache-Control": "no-store"}
        if self._last_event_id:
            headers["Last-Event-ID"] = self._last_event_id
        url = event_source_url(session.event_source_url, self._ping_seconds)
        stream = self._http.open_stream(url, headers, SILENT_PINGS * self._ping_seconds)
        try:
            _check(stream)
            with self._lock:
                self._stream = stream
            if self._is_stopped:
                raise StoppedError("stopped while connecting")
            self._hear(stream, session.account_id)
        finally:
            with self._lock:
                self._stream = None
            stream.close()
        return _LostError("the server ended the stream")

    def _hear(self, stream: Stream, account_id: str) -> None:
        self._enter(PushState.CONNECTED)
        self._on_change()  # perhaps, while nobody listened
        parser = EventStreamParser(self._last_event_id)
        for chunk in stream.chunks():
            for event in parser.feed(chunk):
                if concerns(event, account_id):
                    self._on_change()
            self._last_event_id = _sendable(parser.last_event_id)
            if parser.retry_seconds is not None:
                self._first_wait_seconds = max(parser.retry_seconds, LEAST_WAIT_SECONDS)

    def _enter(self, state: PushState, reason: str = "") -> None:
        """Note the state, and log it if it is not the one before."""
        self._state = state
        if state is self._told:
            return
        self._told = state
        if state is PushState.CONNECTED:
            log(logging.INFO, "push_connected")
        else:
            log(logging.WARNING, "push_lost", push=state.value, reason=reason)


def event_source_url(template: str, ping_seconds: int) -> str:
    """Return where to listen for changes of mail.

    Args:
        template: The session's eventSourceUrl, a URI template of level 1 (RFC 6570) or a plain URL.
    """
    values = {"types": ",".join(TYPES), "closeafter": "no", "ping": str(ping_seconds)}
    url, variables = _VARIABLE.subn(lambda match: quote(values.get(match[1], ""), safe=""), template)
    if variables:
        return url
    given = parse_qs(urlsplit(url).query, keep_blank_values=True)
    missing = urlencode({name: value for name, value in values.items() if name not in given})
    return f"{url}{'&' if given else '?'}{missing}" if missing else url


def concerns(event: ServerSentEvent, account_id: str) -> bool:
    """Whether an event tells of changed mail in an account (RFC 8620 section 7.1).

    Raises:
        ProtocolError: It is a state event that cannot be read.
    """
    if event.type != "state":
        return False
    what = "a push event"
    change = structure(parse_json(event.data.encode(), what), StateChange, what)
    return not change.changed.get(account_id, {}).keys().isdisjoint(TYPES)


def _check(stream: Stream) -> None:
    """Raise unless the answer is an event stream."""
    status = stream.status
    if status == 200 and stream.media_type == _EVENT_STREAM:
        return
    said = f"HTTP {status}"
    if status == 200:
        raise _no_push(f"the event source answers with {stream.media_type or 'no content type'}")
    if status in _NO_PUSH:
        raise _no_push(f"the event source answers {said}")
    if status in (401, 403):
        raise AuthenticationError(f"the event source refuses the token: {said}")
    asked_seconds = retry_after_seconds(stream.headers.get("retry-after")) or 0.0
    raise _LostError(f"the event source answers {said}", wait_seconds=min(asked_seconds, RARELY_SECONDS))


def _no_push(reason: str) -> _LostError:
    return _LostError(reason, is_offered=False, wait_seconds=RARELY_SECONDS)


def _backoff_seconds(first_seconds: float, failures: int) -> float:
    """Return how long to wait after so many failures; never twice the same, so that clients spread."""
    longest = min(LONGEST_WAIT_SECONDS, first_seconds * 2.0 ** min(failures, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _sendable(event_id: str) -> str:
    """Return an event id if a header can carry it, else nothing."""
    is_fit = len(event_id) <= MAX_EVENT_ID_CHARACTERS and event_id.isascii() and event_id.isprintable()
    return event_id if is_fit else ""
