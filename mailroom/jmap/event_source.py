"""Where a server tells of changes, and whether what it tells concerns us (RFC 8620 section 7). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from mailroom.jmap.session import Session
from mailroom.jmap.sse import ServerSentEvent
from mailroom.jmap.structuring import parse_json, structure
from mailroom.jmap.wire import StateChange

OF_MAIL = ("Email", "Mailbox")
OF_CONTACTS = ("ContactCard", "AddressBook")

Watched = Mapping[str, Collection[str]]
"""The types of data that are watched in each account."""
MAX_EVENT_ID_CHARACTERS = 1_024

_VARIABLE = re.compile(r"\{(\w+)\}")


def watched_in(session: Session, *, with_contacts: bool) -> Watched:
    """Return what is watched: mail, and contacts besides where they are asked for and offered."""
    watched: dict[str, tuple[str, ...]] = {session.account_id: OF_MAIL}
    if with_contacts and session.contacts:
        others = watched.get(session.contacts.id, ())
        watched[session.contacts.id] = (*others, *OF_CONTACTS)
    return watched


def event_source_url(template: str, ping_seconds: int, types: Collection[str] = OF_MAIL) -> str:
    """Return where to listen for changes.

    Args:
        template: The session's eventSourceUrl, a URI template of level 1 (RFC 6570) or a plain URL.
        types: The types of data whose changes are wanted.
    """
    values = {"types": ",".join(types), "closeafter": "no", "ping": str(ping_seconds)}
    url, variables = _VARIABLE.subn(lambda match: quote(values.get(match[1], ""), safe=""), template)
    if variables:
        return url
    # Fastmail has given both: a template, and a bare URL that takes the same three as its query.
    given = parse_qs(urlsplit(url).query, keep_blank_values=True)
    missing = urlencode({name: value for name, value in values.items() if name not in given})
    return f"{url}{'&' if given else '?'}{missing}" if missing else url


def concerns(event: ServerSentEvent, watched: Watched) -> bool:
    """Whether an event tells of a change of what is watched (RFC 8620 section 7.1).

    Raises:
        ProtocolError: It is a state event that cannot be read.
    """
    if event.type != "state":  # Fastmail's keep-alives are events of the type ping
        return False
    what = "a push event"
    change = structure(parse_json(event.data.encode(), what), StateChange, what)
    return any(
        not change.changed.get(account_id, {}).keys().isdisjoint(types)
        for account_id, types in watched.items()
    )


def sendable_event_id(event_id: str) -> str:
    """Return an event id if a header can carry it, else nothing."""
    is_fit = len(event_id) <= MAX_EVENT_ID_CHARACTERS and event_id.isascii() and event_id.isprintable()
    return event_id if is_fit else ""
