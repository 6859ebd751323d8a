"""Whether an account lets Mailroom do its work: what its servers take, and what is there to work with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from mailroom.model.address_book import AddressBook
from mailroom.model.mail import MailLimits
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.scheme import Scheme
from mailroom.triage.findings import Finding, Verdict
from mailroom.triage.items import GROUPS, OPTIONAL, SCOPE_LABELS, Item, Kind, State
from mailroom.triage.layout import hindrances
from mailroom.triage.making import why_not_made
from mailroom.triage.survey import problems_of
from mailroom.triage.words import listed

DOMAINS = "domains"
_NO_DOMAIN = "no whole domain is filed as"

LEAST_CALLS = 3
"""A cycle reads the mailbox list, a query and its messages in one request."""

LEAST_REQUEST_BYTES = 8_192
"""A query of all labels, or the change of one message, with room for long names of mailboxes."""

_DOES_WITHOUT = {
    Kind.SCREENER_LABEL: "no label takes a decision back",
    Kind.JOURNAL: "nothing tells in your mail program what was done",
    Kind.DOMAIN_LABEL: "nothing is decided about whole domains",
    Kind.LIST_LABEL: "nothing is decided about mailing lists",
}


@frozen
class Capacity:
    """What the mail server takes in one request (RFC 8620 section 2).

    Attributes:
        calls: How many method calls.
        size_bytes: How many bytes.
        read_at_once: How many messages are read by one of them.
        changed_at_once: How many are changed by one.
    """

    calls: int
    size_bytes: int
    read_at_once: int
    changed_at_once: int


def judge_capacity(capacity: Capacity) -> Iterator[Finding]:
    """Say whether the mail server takes as much as a cycle asks at once."""
    needs = [
        (capacity.calls, LEAST_CALLS, "method calls per request"),
        (capacity.size_bytes, LEAST_REQUEST_BYTES, "bytes per request"),
    ]
    short = [
        f"the server allows {most} {what}; Mailroom needs {least}"
        for most, least, what in needs
        if most < least
    ]
    if short:
        yield from (Finding("limits", Verdict.WRONG, each) for each in short)
        return
    says = (
        f"{capacity.read_at_once} messages read and {capacity.changed_at_once} changed at once, "
        f"{capacity.calls} method calls per request"
    )
    yield Finding("limits", Verdict.RIGHT, says)


def judge_mailboxes(
    items: Sequence[Item], tree: MailboxTree, limits: MailLimits, scheme: Scheme
) -> Iterator[Finding]:
    """Say whether every mailbox that is needed is there, and may be changed.

    Args:
        items: What the scheme names, as far as it could be seen.
    """
    problems = [
        *problems_of([item for item in items if item.kind not in GROUPS]),
        *why_not_made(items, tree, limits),
        *hindrances(tree, scheme, limits),
    ]
    if problems:
        yield from (Finding("mailboxes", Verdict.WRONG, problem) for problem in problems)
        return
    missing = [x for x in items if x.kind in OPTIONAL - GROUPS and x.state is not State.PRESENT]
    takes_back = scheme.screener_label is not None and Kind.SCREENER_LABEL not in {x.kind for x in missing}
    labels = f"{len(scheme.categories) + takes_back} triage labels"
    scopes = [x.name for x in items if x.kind in SCOPE_LABELS and x.state is State.PRESENT]
    there = listed(["Inbox", scheme.screener, "destinations", labels, *scopes])
    yield Finding("mailboxes", Verdict.RIGHT, f"{there} exist and may be changed")
    for item in missing:
        remedy = item.remedy or "`mailroom setup --apply` makes it"
        says = f"{_DOES_WITHOUT[item.kind]}, because {item.name!r} is missing: {remedy}"
        yield Finding("mailboxes", Verdict.NOT_SEEN, says)


def judge_book(book: AddressBook, items: Sequence[Item], scheme: Scheme) -> Iterator[Finding]:
    """Say whether every contact group is there, and the address book may be written.

    Raises:
        ServerError: It has not been read, and could not be.
    """
    left_out = book.left_out()
    yield from (Finding("contacts", Verdict.WRONG, each) for each in left_out)
    missing = problems_of([item for item in items if item.kind in GROUPS])
    verdict = Verdict.NOT_SEEN if left_out else Verdict.WRONG  # it may be among what cannot be read
    yield from (Finding("groups", verdict, each) for each in missing)
    problems = book.problems()
    yield from (Finding("groups", Verdict.WRONG, each) for each in problems)
    if not (missing or problems):
        names = ", ".join(group.name for group in scheme.groups)
        yield Finding("groups", Verdict.RIGHT, f"{names} are there, and the address book may be written")
    absent = [x for x in items if x.kind is Kind.DOMAIN_GROUP and x.state is not State.PRESENT]
    for says in _of_domain_groups(absent, scheme):
        yield Finding(DOMAINS, Verdict.NOT_SEEN, says)


def _of_domain_groups(absent: Sequence[Item], scheme: Scheme) -> Iterator[str]:
    """Say what is not done without some groups for domains: together what setup makes, else one by one."""
    titles = {group.name: scheme.category_of(group).title for group in scheme.domain_groups}
    if missing := [item.name for item in absent if not item.remedy]:
        filed = listed([titles[name] for name in missing], "or")
        is_gone, it = ("is missing", "it") if len(missing) == 1 else ("are missing", "them")
        names = listed([repr(str(name)) for name in missing])
        yield f"{_NO_DOMAIN} {filed}, because {names} {is_gone}: `mailroom setup --apply` makes {it}"
    for item in absent:
        if item.remedy:
            yield f"{_NO_DOMAIN} {titles[item.name]}, because of {item.name!r}: {item.remedy}"
