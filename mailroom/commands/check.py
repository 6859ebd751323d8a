"""`mailroom check`: is everything right, and if not, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import asdict, frozen

from mailroom.account import CARDDAV_ADVICE, JMAP_ADVICE, Account, open_account
from mailroom.errors import AuthenticationError, ServerError, UserError
from mailroom.settings import Settings, load_settings
from mailroom.terminal import GREEN, RED, Progress, Terminal
from mailroom.triage.address import Address
from mailroom.triage.screener import Misplaced

LEAST_CALLS = 3
"""A cycle reads the mailbox list, a query and its messages in one request."""

SHOWN_SENDERS = 3


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
    with Progress("looking at the account"):
        findings = list(_findings())
    terminal = Terminal()
    if as_json:
        terminal.json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark, colour = ("✓", GREEN) if finding.is_right else ("✗", RED)
            terminal.paragraph(finding.says, f"{mark} {finding.subject:<12} ", colour)
    return 0 if all(finding.is_right for finding in findings) else 1


def _findings() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except UserError as error:
        yield from (Finding("settings", False, problem) for problem in error.problems)
        return
    yield Finding("settings", True, "every variable is right")
    account = open_account(settings)
    refused = {
        *_refused(lambda: account.jmap.session, JMAP_ADVICE),
        *_refused(account.book.refresh, CARDDAV_ADVICE),
    }
    yield from (Finding("credentials", False, advice) for advice in sorted(refused))
    if not refused:
        yield Finding("credentials", True, "no server refuses them")
    found: list[Finding] = []
    if JMAP_ADVICE not in refused:
        found += _examine("session", lambda: _session(account))
        if all(finding.is_right for finding in found):
            found += _examine("limits", lambda: _limits(account))
            found += _examine("mailboxes", lambda: _mailboxes(account, settings))
    if CARDDAV_ADVICE not in refused:
        found += _examine("groups", lambda: _groups(account, settings))
    if not refused and all(finding.is_right for finding in found):
        found += _examine("rules", lambda: _rules(account, settings))
    yield from found


def _refused(ask: Callable[[], object], advice: str) -> list[str]:
    """Return the advice where a server refuses the credentials."""
    try:
        ask()
    except AuthenticationError:
        return [advice]
    except ServerError:
        return []  # told under the subject that needs the server
    return []


def _examine(subject: str, look: Callable[[], str]) -> list[Finding]:
    """Turn what a look at one subject says, or how it fails, into findings."""
    try:
        return [Finding(subject, True, look())]
    except UserError as error:
        return [Finding(subject, False, problem) for problem in error.problems]
    except (AuthenticationError, ServerError) as error:
        return [Finding(subject, False, str(error))]


def _session(account: Account) -> str:
    return f"mail of account {account.jmap.session.account_id} at {account.jmap.session.api_url}"


def _limits(account: Account) -> str:
    limits = account.jmap.session.limits
    if limits.max_calls_in_request < LEAST_CALLS:
        raise UserError(
            [f"the server allows {limits.max_calls_in_request} calls a request; Mailroom needs {LEAST_CALLS}"]
        )
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


def _rules(account: Account, settings: Settings) -> str:
    """Judge the provider's rules, which no API tells, by what lies in Screener."""
    misplaced = account.triage.stragglers.look()
    screener = settings.scheme.screener
    problems = []
    unruled = {category.group for category in settings.scheme.categories if category.mailbox is None}
    for group in settings.scheme.groups:
        senders = [x for x, filing in misplaced.stragglers.items() if filing.decision.category.group == group]
        if senders:
            fault = (
                _fault_of(screener, "reaches too far") if group in unruled else _fault_of(group, "is missing")
            )
            mail = _mail_of(senders, misplaced)
            problems.append(f"{mail} in the group {group!r}: {fault}; `mailroom rescue` moves it")
    if misplaced.contacts:
        mail = _mail_of(sorted(misplaced.contacts), misplaced)
        problems.append(f"{mail} contacts in no triage group: {_fault_of(screener, 'reaches too far')}")
    problems += [
        f"{sender} is in more than one triage group ({', '.join(groups)}): take him out of all but one"
        for sender, groups in misplaced.torn.items()
    ]
    if problems:
        raise UserError(problems)
    return f"{screener} holds only senders that nobody decided on"


def _fault_of(rule: str, fault: str) -> str:
    return f"the rule for {rule!r} {fault} (see `mailroom rules`), or the mail is older than that"


def _mail_of(senders: Sequence[Address], misplaced: Misplaced) -> str:
    """Say how much mail of which senders is in Screener."""
    count = sum(misplaced.messages[sender] for sender in senders)
    shown = ", ".join(senders[:SHOWN_SENDERS]) + (", …" if len(senders) > SHOWN_SENDERS else "")
    return f"{count} {'message' if count == 1 else 'messages'} of senders ({shown}) who are"
