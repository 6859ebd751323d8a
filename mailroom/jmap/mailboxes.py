"""Reads, makes and deletes mailboxes (RFC 8621 section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from attrs import frozen

from mailroom.errors import MethodError, ServerError
from mailroom.jmap.calls import Answer, Call, is_too_large, result_of
from mailroom.jmap.client import MAX_READ_ATTEMPTS, MAX_STALE_ATTEMPTS, JmapClient
from mailroom.jmap.paging import Paging
from mailroom.jmap.wire import Json, MailboxGet, MailboxRightsObject, MailboxSet, Query, SetError
from mailroom.model.mail import Mailbox, MailboxId, MailboxRights
from mailroom.model.mailboxes import MailboxTree

MAX_WRITES = 100
PAGE_MAILBOXES = 500

HOLDS_MAIL = "it holds mail"
HOLDS_MAILBOXES = "it holds other mailboxes"

MAILBOX_PROPERTIES = ("id", "name", "parentId", "role", "totalEmails", "myRights")

_ROLE_SYNONYMS = {"spam": "junk"}
"""Not every server keeps to the names of RFC 6154 section 2."""


GET_MAILBOXES = Call("Mailbox/get", {"ids": None, "properties": MAILBOX_PROPERTIES})


@frozen
class Mailboxes:
    """The mailbox list in one state of the account."""

    mailboxes: tuple[Mailbox, ...]
    state: str


class MailboxList:
    """Reads the mailbox list by itself: page after page, where the server gives it in no other way."""

    def __init__(self, client: JmapClient) -> None:
        self._client = client
        self._comes_in_pages = False

    def read(self) -> Mailboxes:
        """Read every mailbox.

        Raises:
            ServerError: The server as a whole fails, or the list does not hold still.
        """
        if not self._comes_in_pages:
            try:
                (answer,) = self._client.call([GET_MAILBOXES])
                return Mailboxes(read_mailboxes(answer), answer.as_record(MailboxGet).state)
            except ServerError as error:
                # More of them than maxObjectsInGet (RFC 8620 section 5.1).
                if not is_too_large(error):
                    raise
            self._comes_in_pages = True
        for _ in range(MAX_READ_ATTEMPTS):
            if found := self._read_pages():
                return found
        raise ServerError("the mailboxes change faster than they can be listed")

    def _read_pages(self) -> Mailboxes | None:
        """Read page after page; None where the list changed on the way."""
        mailboxes: dict[MailboxId, Mailbox] = {}
        paging, states = Paging("Mailbox/query"), set[str]()
        page_mailboxes = min(PAGE_MAILBOXES, self._client.session.limits.max_objects_in_get)
        while True:
            query: Json = {"position": paging.position, "limit": page_mailboxes}
            get: Json = {"#ids": result_of(0, "Mailbox/query", "/ids"), "properties": MAILBOX_PROPERTIES}
            query_answer, answer = self._client.call([Call("Mailbox/query", query), Call("Mailbox/get", get)])
            mailboxes |= {mailbox.id: mailbox for mailbox in read_mailboxes(answer)}
            states.add(answer.as_record(MailboxGet).state)
            if len(states) > 1:
                return None
            ids = query_answer.as_record(Query).ids
            # Only an empty page is the last for certain: no server has to tell the total, or fill a page.
            if not ids:
                return Mailboxes(tuple(sorted(mailboxes.values(), key=lambda x: x.id)), *states)
            paging.take(ids)


def create_mailboxes(client: JmapClient, mailboxes: MailboxList, paths: Sequence[str]) -> Mapping[str, str]:
    """Make mailboxes by their full names; see `MailStore.create_mailboxes`.

    Each write names the state it starts from, so that one whose answer was lost is not done twice.
    """
    failed: dict[str, str] = {}
    stale_attempts = 0
    for _ in range(MAX_WRITES):
        found = mailboxes.read()
        there = MailboxTree(found.mailboxes).ids
        missing = _with_parents([path for path in paths if path not in failed], there)
        if not missing:
            return failed
        batch = missing[: client.session.limits.max_objects_in_set]
        answer = _set_mailboxes(client, found.state, {"create": _creations(batch, there)})
        if answer is None:
            stale_attempts += 1
            if stale_attempts > MAX_STALE_ATTEMPTS:
                return failed | dict.fromkeys(paths, "the mailboxes change faster than one can be made")
            continue
        for index, path in enumerate(batch):
            if error_object := (answer.not_created or {}).get(_creation_id(index)):
                reason = f"the server refuses it: {error_object.description or error_object.type}"
                failed |= {each: reason for each in paths if each == path or each.startswith(f"{path}/")}
        if len(batch) == len(missing):
            return failed
    raise ServerError(f"the mailboxes are not all made after {MAX_WRITES} writes")


def delete_mailboxes(client: JmapClient, mailboxes: MailboxList, paths: Sequence[str]) -> Mapping[str, str]:
    """Delete mailboxes that hold no mail, by their full names; see `MailStore.delete_mailboxes`.

    Each write names the state it starts from: in another one a mailbox may be called otherwise, or hold mail.
    """
    for _ in range(MAX_STALE_ATTEMPTS):
        found = mailboxes.read()
        doomed, staying = _deletions(found.mailboxes, paths)
        batch = dict(islice(doomed.items(), client.session.limits.max_objects_in_set))
        if not batch:
            return staying
        # Mail may come after the reading: then the server has the last word (RFC 8621 section 2.5).
        destruction: Json = {"destroy": list(batch), "onDestroyRemoveEmails": False}
        answer = _set_mailboxes(client, found.state, destruction)
        if answer is None:
            continue
        refused = answer.not_destroyed or {}
        staying |= {path: _why_it_stays(refused[x]) for x, path in batch.items() if x in refused}
        rest = [path for x, path in doomed.items() if x not in batch]
        return {**staying, **delete_mailboxes(client, mailboxes, rest)} if rest else staying
    return dict.fromkeys(paths, "the mailboxes change faster than one can be deleted")


def _set_mailboxes(client: JmapClient, state: str, changes: Json) -> MailboxSet | None:
    """Change mailboxes if they are in this state still; None where they are not."""
    try:
        (answer,) = client.call([Call("Mailbox/set", {"ifInState": state, **changes})])
        return answer.as_record(MailboxSet)
    except MethodError as error:
        if error.type != "stateMismatch":
            raise
        return None


def _deletions(
    mailboxes: Iterable[Mailbox], paths: Sequence[str]
) -> tuple[dict[MailboxId, str], dict[str, str]]:
    """Return the paths of the mailboxes that may go by their ids, and why others stay."""
    tree = MailboxTree(mailboxes)
    parents = {mailbox.parent_id for mailbox in tree.mailboxes}
    doomed: dict[MailboxId, str] = {}
    staying: dict[str, str] = {}
    for path in paths:
        for mailbox in tree.named(path):
            if mailbox.role:
                staying[path] = f"it has a use of its own ({mailbox.role})"
            elif mailbox.total_messages:
                staying[path] = HOLDS_MAIL
            elif mailbox.id in parents:
                staying[path] = HOLDS_MAILBOXES
            else:
                doomed[mailbox.id] = path
    return doomed, staying


def _why_it_stays(error: SetError) -> str:
    known = {"mailboxHasEmail": HOLDS_MAIL, "mailboxHasChild": HOLDS_MAILBOXES}
    return known.get(error.type) or f"the server refuses it: {error.description or error.type}"


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
