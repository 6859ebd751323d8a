"""Whether a contact group has members of another account: a patch would make them its own account's.

Seen on Cyrus 3.13.7: what says that a member is of another account is lost when the group is patched.
Nothing shows it, so a member that no card of the account is may be one, where the session offers the
contacts of further accounts; or it is only left over from a card that is gone.
"""

from __future__ import annotations

from collections.abc import Collection

from mailroom.errors import MethodError
from mailroom.jmap.calls import Call
from mailroom.jmap.client import JmapClient
from mailroom.jmap.wire import Json, Query

MAX_CONDITIONS = 50


def why_not_patched(client: JmapClient, uids: Collection[str]) -> str:
    """Say why a group is not patched; empty where it may be.

    Args:
        uids: Its members of whom the account has no card.

    Raises:
        ServerError: The server as a whole fails.
    """
    others = client.session.require_contacts().others
    if not (uids and others):
        return ""
    wanted = sorted(uids)
    calls = [
        Call(
            "ContactCard/query",
            {"accountId": other, "filter": _any_of(wanted[start:][:MAX_CONDITIONS]), "limit": 1},
        )
        for other in others
        for start in range(0, len(wanted), MAX_CONDITIONS)
    ]
    at_once = client.session.limits.max_calls_in_request
    for start in range(0, len(calls), at_once):
        for answer in client.call(calls[start : start + at_once]):
            try:
                is_there = bool(answer.as_record(Query).ids)
            except MethodError as error:
                return f"whether it has members of another account cannot be seen ({error})"
            if is_there:
                return "it has members of another account"
    return ""


def _any_of(uids: Collection[str]) -> Json:
    conditions: list[Json] = [{"uid": uid} for uid in uids]
    return conditions[0] if len(conditions) == 1 else {"operator": "OR", "conditions": conditions}
