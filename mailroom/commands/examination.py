"""What is found about an account, subject by subject: asked of its servers, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from mailroom.account import Account
from mailroom.commands.inspection import Inspection, Told, inspect
from mailroom.errors import AuthenticationError, ServerError, UserError
from mailroom.model.address import Address
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.ports import AddressBook
from mailroom.model.scheme import Scheme
from mailroom.settings.settings import Settings
from mailroom.triage.evidence import DAYS, MOST_MESSAGES, Evidence, judge_rules, mailboxes_to_look_at
from mailroom.triage.findings import Finding, Verdict
from mailroom.triage.items import OPTIONAL, Item, Kind, State
from mailroom.triage.layout import hindrances
from mailroom.triage.making import why_not_made
from mailroom.triage.survey import problems_of
from mailroom.triage.waiting import judge_waiting

_DOES_WITHOUT = {
    Kind.SCREENER_LABEL: "no label takes a decision back",
    Kind.JOURNAL: "nothing tells in your mail program what was done",
}
LEAST_CALLS = 3
"""A cycle reads the mailbox list, a query and its messages in one request."""

LEAST_REQUEST_BYTES = 8_192
"""A query of all labels, or the change of one message, with room for long names of mailboxes."""


def examine(
    account: Account, settings: Settings, failed: Mapping[Address, str] = MappingProxyType({})
) -> list[Finding]:
    """Ask both servers, and return a finding for each subject, in an order to be read in. Reads only.

    Args:
        failed: Of whom a cycle has just failed to do everything, and why.
    """
    seen = inspect(account, settings.scheme)
    found = [
        *_credentials("token", seen.reading, "the mail server accepts it"),
        *_session(seen),
        *_mailboxes(settings, seen),
        *_credentials("password", seen.contacts, "the contacts server accepts it, and the user name"),
        *_groups(account, settings, seen),
    ]
    tree = seen.tree
    if tree and all(finding.verdict is Verdict.RIGHT for finding in found):
        found += _examine("rules", lambda: _mail(account, settings, tree, failed))
    else:
        not_yet = "not checked until everything above is right"
        found += [Finding(subject, Verdict.NOT_SEEN, not_yet) for subject in ("rules", "waiting")]
    return found


def _mail(
    account: Account, settings: Settings, tree: MailboxTree, failed: Mapping[Address, str]
) -> list[Finding]:
    """Judge what lies where."""
    scheme = settings.scheme
    overview = account.triage.overview()
    layout = overview.layout
    since = (datetime.now(UTC) - timedelta(days=DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    newest = account.history.newest(mailboxes_to_look_at(layout), since, MOST_MESSAGES)
    messages = tuple(newest.values())
    evidence = Evidence(messages, overview.contacts, overview.own, tree, layout, scheme)
    return [*judge_rules(evidence), *judge_waiting(overview, scheme, failed)]


def _credentials(subject: str, told: Told[object], accepted: str) -> Iterator[Finding]:
    """Judge credentials by what was answered to a request that needs them."""
    if told.is_refused:
        yield Finding(subject, Verdict.WRONG, told.trouble)
    elif told.value is None:
        yield Finding(
            subject,
            Verdict.NOT_SEEN,
            "the server gave no usable answer, so nobody can tell whether it accepts this",
        )
    else:
        yield Finding(subject, Verdict.RIGHT, accepted)


def _session(seen: Inspection) -> Iterator[Finding]:
    session = seen.session.value
    if session is None:
        yield from _not_there("session", seen.session, "the token")
        yield Finding("limits", Verdict.NOT_SEEN, "not checked: they are part of the session")
        return
    yield Finding("session", Verdict.RIGHT, f"mail of account {session.account_id} at {session.api_url}")
    limits = session.limits
    needs = [
        (limits.max_calls_in_request, LEAST_CALLS, "method calls per request"),
        (limits.max_size_request, LEAST_REQUEST_BYTES, "bytes per request"),
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
        f"{limits.max_objects_in_get} messages read and {limits.max_objects_in_set} changed at once, "
        f"{limits.max_calls_in_request} method calls per request"
    )
    yield Finding("limits", Verdict.RIGHT, says)


def _mailboxes(settings: Settings, seen: Inspection) -> Iterator[Finding]:
    if seen.reading.value is None or seen.tree is None:
        if seen.session.value is None:
            yield Finding("mailboxes", Verdict.NOT_SEEN, "not checked: there is no session")
        else:
            yield from _not_there("mailboxes", seen.reading, "the token")
        return
    reading = seen.reading.value
    problems = [
        *problems_of([item for item in seen.items if item.kind is not Kind.GROUP]),
        *why_not_made(seen.items, seen.tree, reading.limits),
        *hindrances(seen.tree, settings.scheme, reading.limits),
    ]
    if problems:
        yield from (Finding("mailboxes", Verdict.WRONG, problem) for problem in problems)
        return
    scheme = settings.scheme
    missing = [x for x in seen.items if x.kind in OPTIONAL and x.state is not State.PRESENT]
    takes_back = scheme.screener_label is not None and Kind.SCREENER_LABEL not in {x.kind for x in missing}
    labels = len(scheme.categories) + takes_back
    says = f"Inbox, {scheme.screener}, destinations and {labels} triage labels exist and may be changed"
    yield Finding("mailboxes", Verdict.RIGHT, says)
    for item in missing:
        remedy = item.remedy or "`mailroom setup --apply` makes it"
        says = f"{_DOES_WITHOUT[item.kind]}, because {item.name!r} is missing: {remedy}"
        yield Finding("mailboxes", Verdict.NOT_SEEN, says)


def _groups(account: Account, settings: Settings, seen: Inspection) -> Iterator[Finding]:
    if seen.contacts.value is None:
        yield from _not_there("groups", seen.contacts, "the password")
        return
    yield from _examine("groups", lambda: list(_judge_book(account.book, seen.items, settings.scheme)))


def _judge_book(book: AddressBook, items: Sequence[Item], scheme: Scheme) -> Iterator[Finding]:
    left_out = book.left_out()
    yield from (Finding("contacts", Verdict.WRONG, each) for each in left_out)
    missing = problems_of([item for item in items if item.kind is Kind.GROUP])
    verdict = Verdict.NOT_SEEN if left_out else Verdict.WRONG  # it may be among what cannot be read
    yield from (Finding("groups", verdict, each) for each in missing)
    problems = book.problems()
    yield from (Finding("groups", Verdict.WRONG, each) for each in problems)
    if not (missing or problems):
        names = ", ".join(group.name for group in scheme.groups)
        yield Finding("groups", Verdict.RIGHT, f"{names} are there, and the address book may be written")


def _not_there(subject: str, told: Told[object], credential: str) -> Iterator[Finding]:
    """Say why something could not be seen; what refused credentials mean is told under their own name."""
    if told.is_refused:
        yield Finding(subject, Verdict.NOT_SEEN, f"not checked: the server refuses {credential}")
    else:
        yield Finding(subject, Verdict.WRONG, told.trouble)


def _examine(subject: str, ask: Callable[[], list[Finding]]) -> list[Finding]:
    """Return what is found about one subject, or how asking fails."""
    try:
        return ask()
    except (UserError, AuthenticationError, ServerError) as error:
        return [Finding(subject, Verdict.WRONG, problem) for problem in error.problems]
