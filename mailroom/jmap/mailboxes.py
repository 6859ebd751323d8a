"""Makes mailboxes (RFC 8621 section 2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mailroom.errors import MethodError, ServerError
from mailroom.jmap.client import Answer, Call, JmapClient
from mailroom.jmap.wire import Json, MailboxGet, MailboxRightsObject, MailboxSet
from mailroom.triage.layout import mailbox_paths
from mailroom.triage.model import Mailbox, MailboxId, MailboxRights

MAX_STALE_ATTEMPTS = 5
MAX_WRITES = 100
MAILBOX_PROPERTIES = ("id", "name", "parentId", "role", "totalEmails", "myRights")

_ROLE_SYNONYMS = {"spam": "junk"}
"""Not every server keeps to the names of RFC 6154 section 2."""


def create_mailboxes(client: JmapClient, paths: Sequence[str]) -> Mapping[str, str]:
    """Make mailboxes by their full names; see `MailStore.create_mailboxes`.

    Each write names the state it starts from, so that one whose answer was lost is not done twice.
    """
    failed: dict[str, str] = {}
    stale_attempts = 0
    for _ in range(MAX_WRITES):
        (answer,) = client.call([Call("Mailbox/get", {"ids": None, "properties": MAILBOX_PROPERTIES})])
        there = {path: mailbox_id for mailbox_id, path in mailbox_paths(read_mailboxes(answer)).items()}
        missing = _with_parents([path for path in paths if path not in failed], there)
        if not missing:
            return failed
        batch = missing[: client.session.limits.max_objects_in_set]
        arguments = {"ifInState": answer.as_record(MailboxGet).state, "create": _creations(batch, there)}
        try:
            (answer,) = client.call([Call("Mailbox/set", arguments)])
            refused = answer.as_record(MailboxSet).not_created or {}
        except MethodError as error:
            if error.type != "stateMismatch":
                raise
            stale_attempts += 1
            if stale_attempts > MAX_STALE_ATTEMPTS:
                return failed | dict.fromkeys(paths, "the mailboxes change faster than one can be made")
            continue
        for index, path in enumerate(batch):
            if error_object := refused.get(_creation_id(index)):
                reason = f"the server refuses it: {error_object.description or error_object.type}"
                failed |= {each: reason for each in paths if each == path or each.startswith(f"{path}/")}
        if len(batch) == len(missing):
            return failed
    raise ServerError(f"the mailboxes are not all made after {MAX_WRITES} writes")


def read_mailboxes(answer: Answer) -> tuple[Mailbox, ...]:
    """Return the mailboxes of a Mailbox/get, in an order that does not depend on the server."""
    return tuple(
        Mailbox(
            id=MailboxId(x.id),
            name=x.name,
            parent_id=MailboxId(x.parent_id) if x.parent_id else None,
            role=_role(x.role),
            total_messages=x.total_emails,
            rights=_rights(x.my_rights or MailboxRightsObject()),
        )
        for x in sorted(answer.as_record(MailboxGet).list_, key=lambda x: x.id)
    )


def _role(name: str | None) -> str | None:
    role = (name or "").lower()
    return _ROLE_SYNONYMS.get(role, role) or None


def _rights(rights: MailboxRightsObject) -> MailboxRights:
    return MailboxRights(
        may_read=rights.may_read_items,
        may_add=rights.may_add_items,
        may_remove=rights.may_remove_items,
        may_set_keywords=rights.may_set_keywords,
        may_create_child=rights.may_create_child,
    )


def _with_parents(paths: Iterable[str], there: Mapping[str, MailboxId]) -> list[str]:
    """Return what has to be made so that all `paths` are there, parents before children."""
    wanted: dict[str, None] = {}
    for path in paths:
        names = path.split("/")
        for depth in range(1, len(names) + 1):
            if (ancestor := "/".join(names[:depth])) not in there:
                wanted[ancestor] = None
    return list(wanted)


def _creations(paths: Sequence[str], there: Mapping[str, MailboxId]) -> Json:
    ids: dict[str, str] = {path: f"#{_creation_id(index)}" for index, path in enumerate(paths)}
    create: Json = {}
    for index, path in enumerate(paths):
        parent, _, name = path.rpartition("/")
        create[_creation_id(index)] = {
            "name": name,
            "parentId": (there.get(parent) or ids[parent]) if parent else None,
            "isSubscribed": True,  # mail programs hide the others
        }
    return create


def _creation_id(index: int) -> str:
    return f"new{index}"
