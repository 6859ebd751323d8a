"""Push by event stream (RFC 8620 section 7.3): a state event as soon as something has changed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from urllib.parse import parse_qs

from attrs import frozen

from mailroom.sandbox.store.account import SandboxAccount

_States = Mapping[tuple[str, str], str]
"""The states that a client knows, by account and data type."""


class InvalidQueryError(ValueError):
    """The query of the event source's URL makes no sense."""


@frozen
class Subscription:
    """What a client asked to hear of.

    Attributes:
        types: The data types, or None for all.
        closes_after_state: Whether the stream ends with the first state event.
        ping_seconds: Seconds of silence after which a ping is sent; 0 for never.
    """

    types: frozenset[str] | None
    closes_after_state: bool
    ping_seconds: int


def subscription(query: str) -> Subscription:
    """Read the query of the event source's URL; what is missing takes the quietest value.

    Raises:
        InvalidQueryError: A parameter stands there twice or has no such value.
    """
    parameters = parse_qs(query, keep_blank_values=True)
    if any(len(values) > 1 for values in parameters.values()):
        raise InvalidQueryError(query)
    given = {name: values[0] for name, values in parameters.items()}
    types, closes, ping = given.get("types", "*"), given.get("closeafter", "no"), given.get("ping", "0")
    if not types or closes not in ("state", "no") or not (ping.isascii() and ping.isdigit()):
        raise InvalidQueryError(query)
    return Subscription(None if types == "*" else frozenset(types.split(",")), closes == "state", int(ping))


def events(
    account: SandboxAccount, wanted: Subscription, last_event_id: str | None, is_closing: Callable[[], bool]
) -> Iterator[str]:
    """Return the events from this moment on, until the client has had enough or the sandbox closes.

    Args:
        last_event_id: The last event the client has seen; older than now, it is caught up at once.
    """
    # Not a generator itself: "this moment" is when it is called, before the client is answered.
    known: _States = _states(account, wanted)
    if last_event_id is not None and last_event_id != _event_id(known):
        known = _parse_event_id(last_event_id, known)
    elif account.announces_state and last_event_id is None:
        # As Fastmail does: first the states as they are, of the type connect.
        greeting = _state_event(known, {}, "connect")
        return chain([greeting], _following(account, wanted, known, is_closing))
    return _following(account, wanted, known, is_closing)


def _following(
    account: SandboxAccount, wanted: Subscription, known: _States, is_closing: Callable[[], bool]
) -> Iterator[str]:
    while True:
        event = _next_event(account, wanted, known, is_closing)
        if event is None:
            return
        kind, text, known = event
        yield text
        if kind == "state" and wanted.closes_after_state:
            return


def _next_event(
    account: SandboxAccount, wanted: Subscription, known: _States, is_closing: Callable[[], bool]
) -> tuple[str, str, _States] | None:
    """Wait for the next event; None where the sandbox closes."""
    due = time.monotonic() + wanted.ping_seconds if wanted.ping_seconds else None
    with account.changed:
        while not is_closing():
            now = _states(account, wanted)
            if now != known:
                return "state", _state_event(now, known, "change"), now
            remaining_seconds = None if due is None else due - time.monotonic()
            if remaining_seconds is not None and remaining_seconds <= 0:
                return "ping", _event("ping", {"interval": wanted.ping_seconds}), known
            account.changed.wait(remaining_seconds)
    return None


def _states(account: SandboxAccount, wanted: Subscription) -> _States:
    with account.lock:
        states = account.states()
    return {
        (id, type): state
        for (id, type), state in states.items()
        if wanted.types is None or type in wanted.types
    }


def _event_id(states: _States) -> str:
    return ".".join(states.values())


def _parse_event_id(event_id: str, now: _States) -> _States:
    """Return the states the client knows; for an id of another making, none."""
    states = event_id.split(".")
    return dict(zip(now, states, strict=True)) if len(states) == len(now) else {}


def _state_event(now: _States, known: _States, kind: str) -> str:
    changed: dict[str, dict[str, str]] = {}
    for (id, type), state in now.items():
        if known.get((id, type)) != state:
            changed.setdefault(id, {})[type] = state
    data = {"@type": "StateChange", "type": kind, "changed": changed}
    return f"id: {_event_id(now)}\n{_event('state', data)}"


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
