"""JMAP Core (RFC 8620): requests of many method calls, in the session of the moment."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence

from mailroom.errors import (
    MethodError,
    ProtocolError,
    ServerError,
    StatusError,
    TimedOutError,
    TooLargeError,
    TransportError,
)
from mailroom.http import HttpClient, Response
from mailroom.jmap.calls import Answer, Call, Companion, is_too_large
from mailroom.jmap.session import CORE, MAIL, Session, check_json, read_session
from mailroom.jmap.structuring import parse_json, structure
from mailroom.jmap.wire import RequestProblem, ResponseObject

MAX_ANSWER_BYTES = 5 * 1024 * 1024
"""As text and as objects, an answer takes up to nine times its bytes; a pod has 128 MiB."""

_NOTHING_THERE = frozenset({404, 405, 410})

MAX_READ_ATTEMPTS = 3
"""How often what changes while it is being read is read from the beginning."""

MAX_STALE_ATTEMPTS = 5
"""How often a write is tried that meets another state than the one it was meant for."""

_LOOK = "Mailbox/get"

LEAST_SESSION_SECONDS = 60.0
MAX_SESSION_STATES = 16

_MOVED = frozenset({404, 410, 421})
_PROBLEM_TYPES = "urn:ietf:params:jmap:error:"


class JmapClient:
    """Sends method calls for one account.

    Args:
        clock: Seconds that never go back.
        least_seconds: How long a session counts at least that was fetched because its state had changed.

    Attributes:
        companion: What is asked for together with the mailboxes; None for nothing.
    """

    def __init__(
        self,
        http: HttpClient,
        session_url: str,
        clock: Callable[[], float] = time.monotonic,
        least_seconds: float = LEAST_SESSION_SECONDS,
    ) -> None:
        self._http = http
        self._session_url = session_url
        self._clock = clock
        self._least_seconds = least_seconds
        self.companion: Companion | None = None
        self._session: Session | None = None
        # Two back ends may each have their own word for the state of one and the same session.
        self._session_states: set[str] = set()
        self._other_state: str | None = None
        self._renewed_at = -math.inf

    @property
    def session(self) -> Session:
        """The session, fetched when it is first needed and after it has changed.

        Raises:
            AuthenticationError: The token is refused.
            ServerError: There is no session to be had, or none with mail.
        """
        if self._session is None:
            self._session = self._fetch_session()
        elif self._other_state is not None and self._clock() >= self._renewed_at + self._least_seconds:
            self._renew(self._session, self._other_state)
        return self._session

    @property
    def known_session(self) -> Session | None:
        """The session as it was last fetched; None where there is none. Asks nobody."""
        return self._session

    def _renew(self, known: Session, state: str) -> None:
        """Fetch the session again, because an answer called its state otherwise (RFC 8620 section 3.4)."""
        self._session, self._renewed_at, self._other_state = None, self._clock(), None
        self._session = self._fetch_session()
        if self._session != known or len(self._session_states) >= MAX_SESSION_STATES:
            self._session_states.clear()
        self._session_states.add(state)

    @property
    def max_answer_bytes(self) -> int:
        """How large an answer to `call` may be."""
        return min(MAX_ANSWER_BYTES, self._http.bounds.answer_bytes)

    def wait(self, seconds: float) -> None:
        """Wait for a server that says that it is busy.

        Raises:
            StoppedError: The process is to end.
        """
        self._http.wait(seconds)

    def call(self, calls: Sequence[Call], *, once_if_slow: bool = False) -> list[Answer]:
        """Send method calls in one request and return their answers, in the same order.

        Args:
            once_if_slow: Whether they are not sent again where the server takes too long.

        Raises:
            AuthenticationError: The token is refused.
            MethodError: The request as a whole was refused for its size (type ``requestTooLarge``).
            TooLargeError: The answer is larger than `max_answer_bytes`.
            TimedOutError: The server took too long; what it has done nobody knows.
            ServerError: No proper answer arrived.
        """
        session = self.session
        companion = self.companion if any(call.method == _LOOK for call in calls) else None
        wanted = len(calls)
        if companion:
            calls = [*calls, *companion.calls_beside(wanted, session.limits.max_calls_in_request - wanted)]
        try:
            answers = self._send(session, calls, once_if_slow=once_if_slow)
        except ServerError as error:
            if len(calls) == wanted or not is_too_large(error):
                raise
            # What is asked for besides may be the larger part: it can be asked for by itself.
            answers = self._send(session, calls[:wanted], once_if_slow=once_if_slow)
        if companion and len(answers) > wanted:
            companion.hear(answers[wanted:])
        return answers[:wanted]

    def post(self, url: str, content: bytes, media_type: str) -> Response:
        """Send content to another of the session's URLs; see `HttpClient.request` for what it raises."""
        return self._http.request("POST", url, headers={"Content-Type": media_type}, body=content)

    def get(self, url: str, max_bytes: int) -> bytes:
        """Get content from another of the session's URLs; see `HttpClient.request` for what it raises."""
        return self._http.request("GET", url, max_bytes=max_bytes).body

    def _send(self, session: Session, calls: Sequence[Call], *, once_if_slow: bool) -> list[Answer]:
        try:
            response = self._post(session, calls, once_if_slow=once_if_slow)
        except (StatusError, TransportError) as error:
            if isinstance(error, TooLargeError) or (once_if_slow and isinstance(error, TimedOutError)):
                raise
            # The session's URLs may have moved (RFC 8620 section 2): ask for them again, once.
            if isinstance(error, StatusError) and error.status not in _MOVED:
                raise
            self._session, self._other_state = None, None
            self._session_states.clear()
            if self.session.api_url == session.api_url:
                raise
            response = self._post(self.session, calls, once_if_slow=once_if_slow)
        return self._answers(response, calls)

    def _post(self, session: Session, calls: Sequence[Call], *, once_if_slow: bool) -> Response:
        # A capability that the session does not list fails the whole request (RFC 8620 section 3.6.1).
        using = sorted({CORE, MAIL, *(session.capability_of(call.method) for call in calls)})
        body = {
            "using": using,
            "methodCalls": [
                [call.method, {"accountId": session.account_of(call.method), **call.arguments}, str(index)]
                for index, call in enumerate(calls)
            ],
        }
        response = self._http.request(
            "POST",
            session.api_url,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=json.dumps(body, separators=(",", ":")).encode(),
            # Cyrus answers too many ids with 400 for all of it; RFC 8620 section 5.1 has a method error.
            accept={400, 413},
            max_bytes=self.max_answer_bytes,
            once_if_slow=once_if_slow,
        )
        if response.status >= 400:
            raise _request_error(response)
        return response

    def _answers(self, response: Response, calls: Sequence[Call]) -> list[Answer]:
        check_json(response)
        what = "the JMAP response"
        parsed = structure(parse_json(response.body, what), ResponseObject, what)
        if not self._session_states:
            self._session_states.add(parsed.session_state)  # of the session that was fetched just now
        is_known = parsed.session_state in self._session_states
        self._other_state = None if is_known else parsed.session_state
        # The call's id ties an answer to it, not the order: a call may have several (RFC 8620 section 3.4).
        by_index = {index: (name, arguments) for name, arguments, index in parsed.method_responses}
        if missing := [call.method for index, call in enumerate(calls) if str(index) not in by_index]:
            raise ProtocolError(f"{what} lacks an answer to {', '.join(missing)}")
        size = len(response.body)
        return [Answer(call, *by_index[str(index)], size) for index, call in enumerate(calls)]

    def _fetch_session(self) -> Session:
        misled, told = self._http.credentials.misled, f"there is no JMAP session at {self._session_url}"
        try:
            response = self._http.request("GET", self._session_url, headers={"Accept": "application/json"})
            check_json(response)
        except StatusError as error:
            if error.status not in _NOTHING_THERE:
                raise
            raise StatusError(misled(told, str(error)), error.status, error.body) from error
        except ProtocolError as error:
            raise ProtocolError(misled(told, str(error))) from error
        return read_session(response)


def _request_error(response: Response) -> ServerError:
    """Make an error of the refusal of a whole request (RFC 8620 section 3.6.1)."""
    try:
        problem = structure(parse_json(response.body, ""), RequestProblem, "")
    except ProtocolError:
        problem = RequestProblem()
    kind = problem.type.removeprefix(_PROBLEM_TYPES)
    if problem.limit == "maxConcurrentRequests":  # that has nothing to do with this request, and passes
        return MethodError("the server takes no more requests at the same time", "rateLimit")
    if kind == "limit" or response.status == 413:
        return MethodError(f"the server's limit is exceeded: {problem.limit}", "requestTooLarge")
    said = problem.detail or response.excerpt()
    return StatusError(f"POST {response.url}: HTTP {response.status} {kind} ({said})", response.status)
