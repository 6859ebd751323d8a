"""What is found about an account, subject by subject: asked of its servers, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from types import MappingProxyType

from mailroom.account import Account
from mailroom.commands.inspection import Inspection, Told, inspect
from mailroom.commands.installation import read_installation
from mailroom.commands.installed_rules import judge_installation
from mailroom.commands.journaled import open_entries
from mailroom.errors import AuthenticationError, ServerError, UserError
from mailroom.journal.entry import count_moves
from mailroom.model.mail import MessageId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.party import Party
from mailroom.model.scheme import Scheme
from mailroom.settings.settings import Settings
from mailroom.settings.variables import CARDDAV_SECRETS
from mailroom.triage.evidence import DAYS, MOST_MESSAGES, Evidence, judge_rules, mailboxes_to_look_at
from mailroom.triage.evidence_of_many import decided_many
from mailroom.triage.findings import Finding, Verdict
from mailroom.triage.suitability import DOMAINS, Capacity, judge_book, judge_capacity, judge_mailboxes
from mailroom.triage.waiting import judge_waiting


def examine(
    account: Account, settings: Settings, failed: Mapping[Party, str] = MappingProxyType({})
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
        *_way_to_contacts(settings, seen),
        *_groups(account, settings, seen),
    ]
    tree = seen.tree
    # Where there is a tree, the mailboxes that are not seen are those that triage does without.
    without = {("mailboxes", Verdict.NOT_SEEN), (DOMAINS, Verdict.NOT_SEEN)}
    if tree and all(x.verdict is Verdict.RIGHT or (x.subject, x.verdict) in without for x in found):
        script = _examine("script", lambda: _script(account, settings))
        # Such rules are those that would be written now: every list that is decided on is among them.
        is_in_force = any(each.verdict is Verdict.RIGHT for each in script)
        found += _examine("rules", lambda: _mail(account, settings, tree, failed, names_lists=is_in_force))
        found += script
    else:
        not_yet = "not checked until everything above is right"
        found += [Finding(subject, Verdict.NOT_SEEN, not_yet) for subject in ("rules", "waiting")]
    return found


def _mail(
    account: Account,
    settings: Settings,
    tree: MailboxTree,
    failed: Mapping[Party, str],
    *,
    names_lists: bool,
) -> list[Finding]:
    """Judge what lies where.

    Args:
        names_lists: Whether rules were seen to be in force that name every list that is decided on.
    """
    scheme = settings.scheme
    overview = account.triage.overview()
    layout = overview.layout
    since = (datetime.now(UTC) - timedelta(days=DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    newest = account.history.newest(mailboxes_to_look_at(layout), since, MOST_MESSAGES)
    messages = tuple(newest.values())
    # Whatever else there is, nobody needs to know who moved it.
    moved = _moved(account, scheme, since) if decided_many(overview.contacts, scheme) else frozenset()
    evidence = Evidence(
        messages, overview.contacts, overview.own, tree, layout, scheme, moved, names_lists=names_lists
    )
    return [*judge_rules(evidence), *judge_waiting(overview, scheme, failed)]


def _moved(account: Account, scheme: Scheme, since: str) -> frozenset[MessageId] | None:
    """Return what the journal says was moved after it had come; None where it does not tell all of it."""
    entries = open_entries(account, scheme, since)
    if entries is None:
        return None
    moved: set[MessageId] = set()
    for entry in entries:
        if entry.senders_left_out or any(x.messages_moved > count_moves(x.moves) for x in entry.swept):
            return None
        moves = chain(*(x.moves for x in entry.decided), *(x.moves for x in entry.swept))
        moved.update(message_id for move in moves for message_id in move.message_ids)
    return None if entries.broken else frozenset(moved)


def _script(account: Account, settings: Settings) -> list[Finding]:
    """Judge the rules that are installed on the server; nothing where it lets none be."""
    installation = read_installation(account, settings)
    return [judge_installation(installation)] if installation else []


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


def _way_to_contacts(settings: Settings, seen: Inspection) -> Iterator[Finding]:
    """Say over which protocol contacts are reached, and which secrets that does not need."""
    if not settings.uses_carddav:
        if seen.contacts.value is not None:
            yield Finding("contacts", Verdict.RIGHT, "reached over JMAP, with the same token as mail")
        return
    says = "the contacts server accepts it, and the user name: contacts are reached over CardDAV"
    session = seen.session.value
    if session and session.contacts and not session.contacts.is_read_only:
        says += f"; the token would do alone, so that {' and '.join(CARDDAV_SECRETS)} could go"
    yield from _credentials("password", seen.contacts, says)


def _session(seen: Inspection) -> Iterator[Finding]:
    session = seen.session.value
    if session is None:
        yield from _not_there("session", seen.session, "the token")
        yield Finding("limits", Verdict.NOT_SEEN, "not checked: they are part of the session")
        return
    yield Finding("session", Verdict.RIGHT, f"mail of account {session.account_id} at {session.api_url}")
    limits = session.limits
    capacity = Capacity(
        calls=limits.max_calls_in_request,
        size_bytes=limits.max_size_request,
        read_at_once=limits.max_objects_in_get,
        changed_at_once=limits.max_objects_in_set,
    )
    yield from judge_capacity(capacity)


def _mailboxes(settings: Settings, seen: Inspection) -> Iterator[Finding]:
    if seen.reading.value is None or seen.tree is None:
        if seen.session.value is None:
            yield Finding("mailboxes", Verdict.NOT_SEEN, "not checked: there is no session")
        else:
            yield from _not_there("mailboxes", seen.reading, "the token")
        return
    yield from judge_mailboxes(seen.items, seen.tree, seen.reading.value.limits, settings.scheme)


def _groups(account: Account, settings: Settings, seen: Inspection) -> Iterator[Finding]:
    if seen.session.value is None and not settings.uses_carddav:
        yield Finding("groups", Verdict.NOT_SEEN, "not checked: there is no session")
        return
    if seen.contacts.value is None:
        credential = "the password" if settings.uses_carddav else "the token"
        yield from _not_there("groups", seen.contacts, credential)
        return
    yield from _examine("groups", lambda: list(judge_book(account.book, seen.items, settings.scheme)))


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
