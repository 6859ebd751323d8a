"""`mailroom check`: is everything right, and if not, what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from attrs import asdict, frozen

from mailroom.account import CARDDAV_ADVICE, JMAP_ADVICE, Account, open_account
from mailroom.errors import AuthenticationError, ServerError, UserError
from mailroom.settings import Settings, load_settings
from mailroom.terminal import GREEN, RED, Terminal

LEAST_OBJECTS = 50
LEAST_CALLS = 3
"""A cycle reads the mailbox list, a query and its messages in one request."""


@frozen
class Finding:
    """What was found about one subject.

    Attributes:
        says: What is there, or what is wrong and what to do.
    """

    subject: str
    is_right: bool
    says: str


def check(*, as_json: bool) -> int:
    """Print a finding for each subject; return 1 if one is wrong. Reads only."""
    findings = list(_findings())
    terminal = Terminal()
    if as_json:
        terminal.line(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            mark = terminal.paint("✓", GREEN) if finding.is_right else terminal.paint("✗", RED)
            terminal.line(f"{mark} {finding.subject:<12} {finding.says}")
    return 0 if all(finding.is_right for finding in findings) else 1


def _findings() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except UserError as error:
        yield from (Finding("settings", False, problem) for problem in error.problems)
        return
    yield Finding("settings", True, "every variable is right")
    account = open_account(settings)
    session = list(_examine("session", lambda: _session(account), JMAP_ADVICE))
    yield from session
    if all(finding.is_right for finding in session):
        yield from _examine("limits", lambda: _limits(account), JMAP_ADVICE)
        yield from _examine("mailboxes", lambda: _mailboxes(account, settings), JMAP_ADVICE)
    yield from _examine("groups", lambda: _groups(account, settings), CARDDAV_ADVICE)


def _examine(subject: str, look: Callable[[], str], advice: str) -> Iterator[Finding]:
    """Turn what a look at one subject says, or how it fails, into findings."""
    try:
        yield Finding(subject, True, look())
    except UserError as error:
        yield from (Finding(subject, False, problem) for problem in error.problems)
    except AuthenticationError:
        yield Finding("credentials", False, advice)
    except ServerError as error:
        yield Finding(subject, False, str(error))


def _session(account: Account) -> str:
    return f"mail of account {account.jmap.session.account_id} at {account.jmap.session.api_url}"


def _limits(account: Account) -> str:
    limits = account.jmap.session.limits
    problems = [
        f"the server allows only {value} {what} at once; Mailroom needs {least}"
        for value, what, least in (
            (limits.max_objects_in_get, "messages read", LEAST_OBJECTS),
            (limits.max_objects_in_set, "messages changed", 1),
            (limits.max_calls_in_request, "calls a request", LEAST_CALLS),
        )
        if value < least
    ]
    if problems:
        raise UserError(problems)
    return (
        f"{limits.max_objects_in_get} messages read and {limits.max_objects_in_set} changed at once, "
        f"{limits.max_calls_in_request} calls a request"
    )


def _mailboxes(account: Account, settings: Settings) -> str:
    account.triage.check_mail()
    scheme = settings.scheme
    return f"Inbox, {scheme.screener}, destinations and {len(scheme.categories)} triage labels are there"


def _groups(account: Account, settings: Settings) -> str:
    account.triage.check_book()
    return f"{', '.join(settings.scheme.groups)} are there"
