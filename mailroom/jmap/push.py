"""Push (RFC 8620 section 7.3): hears of changes as they happen, on a thread and connections of its own.

Push only makes things faster. Whatever becomes of it, polling goes on; so nothing here raises, and
what cannot be understood ends the connection, since a cycle follows every new one.
"""

from __future__ import annotations

import enum
import logging
import math
import random
import threading
import time
from collections.abc import Callable
from itertools import chain

from attrs import frozen

from mailroom.errors import AuthenticationError, MailroomError, UntrustedHostError
from mailroom.http import HttpClient, Stream, retry_after_seconds
from mailroom.jmap.client import JmapClient
from mailroom.jmap.event_source import Watched, concerns, event_source_url, sendable_event_id, watched_in
from mailroom.jmap.session import Session
from mailroom.jmap.sse import EventStreamParser
from mailroom.output.logs import log

STOP_PATIENCE_SECONDS = 1.0

_EVENT_STREAM = "text/event-stream"
_NO_PUSH = frozenset({204, 404, 405, 410, 501})


@frozen
class PushTimes:
    """When push gives up, and when it tries again.

    Attributes:
        ping_seconds: How often the server shall give a sign of life; RFC 8620 section 7.3 makes every
            server grant 30.
        silence_seconds: After how long without one the connection counts as lost.
        first_seconds: The wait after the first failure, unless the server says another; it doubles.
        least_seconds: The shortest wait that a server may ask for.
        longest_seconds: The longest wait after failures.
        refused_seconds: The wait after the token was refused; if it is revoked, the next poll says so.
        rarely_seconds: The wait before a server that has no push is asked again.
        stable_seconds: A connection that lasts so long makes the failures before it forgotten.
        move_seconds: How long a connection counts at least that was made because the session had changed.
    """

    ping_seconds: int = 30
    silence_seconds: float = 75.0
    first_seconds: float = 1.0
    least_seconds: float = 0.5
    longest_seconds: float = 60.0
    refused_seconds: float = 300.0
    rarely_seconds: float = 1800.0
    stable_seconds: float = 60.0
    move_seconds: float = 60.0


DEFAULT_TIMES = PushTimes()


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
        wait_seconds: The least time before the next attempt.
    """

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class _NoPushError(_LostError):
    """The server offers no push."""


class Push:
    """Listens from `start` to `stop`, and never keeps the process from ending.

    Args:
        http: A client that no other thread uses.
        on_change: Called, in a thread of this object, when the account has or may have changed.
        with_contacts: Whether contacts are watched too, where the session offers them.
        clock: Seconds that never go back.
        hurry: What it waits for between attempts; set by itself, to end the wait.
    """

    def __init__(
        self,
        http: HttpClient,
        session_url: str,
        on_change: Callable[[], None],
        times: PushTimes = DEFAULT_TIMES,
        *,
        with_contacts: bool = False,
        clock: Callable[[], float] = time.monotonic,
        hurry: threading.Event | None = None,
    ) -> None:
        self._http = http
        self._session_url = session_url
        self._on_change = on_change
        self._times = times
        self._clock = clock
        self._state = PushState.CONNECTING
        self._told: PushState | None = None
        self._with_contacts = with_contacts
        self._place: tuple[str | None, Watched] | None = None
        self._moved_at = -math.inf
        self._last_event_id = ""
        self._first_seconds = times.first_seconds
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._is_stopped = False
        self._hurry = hurry or threading.Event()
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
        self._http.close()

    def note_session(self, session: Session | None) -> None:
        """Connect anew if the event source or the account is another than at the last call.

        Where two back ends take turns with different sessions, not more often than `move_seconds` say.
        """
        place = (session.event_source_url, self._watched_in(session)) if session else self._place
        if place == self._place:
            return
        if self._place is not None:
            if self._clock() < self._moved_at + self._times.move_seconds:
                return
            self._moved_at = self._clock()
            self._interrupt()
        self._place = place

    def _interrupt(self) -> None:
        """End the present connection, or the wait for the next."""
        self._hurry.set()
        with self._lock:
            if self._stream:
                self._stream.interrupt()

    def _run(self) -> None:
        failures = 0
        while not self._is_stopped:
            began = self._clock()
            lost = self._listen()
            if self._is_stopped:
                return
            if self._clock() - began >= self._times.stable_seconds:
                failures = 0
            is_offered = not isinstance(lost, _NoPushError)
            self._enter(PushState.CONNECTING if is_offered else PushState.POLLING, str(lost))
            if not self._hurry.wait(max(lost.wait_seconds, self._backoff_seconds(failures))):
                failures += 1
            self._hurry.clear()

    def _listen(self) -> _LostError:
        """Connect and listen; return what ended it."""
        try:
            return self._connect()
        except _LostError as error:
            return error
        except AuthenticationError as error:
            return _LostError(str(error), self._times.refused_seconds)
        except UntrustedHostError as error:
            return _NoPushError(str(error), self._times.rarely_seconds)
        except MailroomError as error:
            return _LostError(str(error))
        except Exception:  # a bug here must not take push away for good
            logging.getLogger("mailroom").exception("push_failed")
            return _LostError("a bug in Mailroom")

    def _connect(self) -> _LostError:
        # A session of its own for each connection: it may have moved, and the cycles' client is theirs.
        session = JmapClient(self._http, self._session_url).session
        if session.event_source_url is None:
            raise _NoPushError("the session names no eventSourceUrl", self._times.rarely_seconds)
        headers = {"Accept": _EVENT_STREAM, "Cache-Control": "no-store"}
        if self._last_event_id:
            headers["Last-Event-ID"] = self._last_event_id
        watched = self._watched_in(session)
        types = tuple(chain.from_iterable(watched.values()))
        url = event_source_url(session.event_source_url, self._times.ping_seconds, types)
        with self._http.open_stream(url, headers, self._times.silence_seconds) as stream:
            self._check(stream)
            try:
                with self._lock:
                    self._stream = stream
                if self._hurry.is_set():
                    raise _LostError("stopped, or moved, while connecting")
                self._hear(stream, watched)
            finally:
                with self._lock:
                    self._stream = None
        return _LostError("the server ended the stream")

    def _check(self, stream: Stream) -> None:
        """Raise unless the answer is an event stream."""
        status = stream.status
        if status == 200 and stream.media_type == _EVENT_STREAM:
            return
        said = f"HTTP {status}"
        if status == 200:
            said = stream.media_type or "no content type"
        reason = f"the event source answers with {said}"
        if status == 200 or status in _NO_PUSH:
            raise _NoPushError(reason, self._times.rarely_seconds)
        if status in (401, 403):
            raise self._http.credentials.refused(reason)
        asked_seconds = retry_after_seconds(stream.headers.get("retry-after")) or 0.0
        raise _LostError(reason, min(asked_seconds, self._times.rarely_seconds))

    def _watched_in(self, session: Session) -> Watched:
        return watched_in(session, with_contacts=self._with_contacts)

    def _hear(self, stream: Stream, watched: Watched) -> None:
        self._enter(PushState.CONNECTED)
        self._on_change()  # perhaps, while nobody listened
        parser = EventStreamParser(self._last_event_id)
        for chunk in stream.chunks():
            for event in parser.feed(chunk):
                if concerns(event, watched):
                    self._on_change()
            self._last_event_id = sendable_event_id(parser.last_event_id)
            if parser.retry_seconds is not None:
                self._first_seconds = max(parser.retry_seconds, self._times.least_seconds)

    def _backoff_seconds(self, failures: int) -> float:
        """Return how long to wait after so many failures; never twice the same, so that clients spread."""
        longest = min(self._times.longest_seconds, self._first_seconds * 2.0 ** min(failures, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter

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
