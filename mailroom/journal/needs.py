"""What needs the person, as a cycle shows it: each with a key that stays as long as its cause. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import islice

from attrs import Factory, evolve, frozen

from mailroom.errors import UserError, refusal_behind
from mailroom.model.mail import Message
from mailroom.model.party import Party, PartyKind, domain_of, kind_of, shown
from mailroom.triage.decisions import MAY_BE_OWN, OWN
from mailroom.triage.pointer import Pointer, point_to
from mailroom.triage.report import ADDRESS_BOOK, Rejected, Report
from mailroom.triage.ruling import sender_of
from mailroom.triage.words import number_of

CREDENTIALS = "credentials"
RULES_INSTALLED = "installed"
RULES_OUT_OF_FORCE = "in force"
SHOWN_MESSAGES = 5
SHOWN_REASONS = 10
MAX_SHORT_CHARACTERS = 120

_TRIED_AGAIN = "Mailroom tries it again by itself, after pauses of up to fifteen minutes."
_STANDS_STILL = "Until then nobody is filed; the labels that you put on stay, and count."


class NeedKind(Enum):
    """What kind of cause it is; the value begins the key."""

    LABEL = "label"
    """A label that nobody can be filed by: a conflict, or a message without a sender."""

    WRITE = "write"
    """Something of a sender or a message that a server refuses."""

    SWEEP = "sweep"
    """Mail of somebody decided on before that a server refuses to move."""

    MAIL = "mail"
    """Messages that cannot be read."""

    RULES = "rules"
    """The provider's rules are not those that would be written now, or not in force."""

    ACCOUNT = "account"
    """Something about the account as a whole: a mailbox that is gone, contacts that cannot be read."""


@frozen
class Need:
    """Something that waits for the person.

    Attributes:
        key: Names the cause; the same after a restart, and however it is worded.
        subject: One line that says it.
        text: What it is, which message, why, and what to do.
    """

    key: str
    subject: str
    text: str


@frozen
class RulesTrouble:
    """The provider's rules are not those that would be written now, or not in force.

    Attributes:
        key: `RULES_INSTALLED` or `RULES_OUT_OF_FORCE`, or what names the rules that would be imported.
        says: What it is, and what is to be done.
    """

    key: str
    says: str


@frozen
class Needs:
    """All that a cycle shows to wait for the person.

    Attributes:
        found: By their keys.
        report: What the cycle did; None where it failed as a whole.
        knows_rules: Whether the rules on the server were compared with those that would be written.
    """

    found: dict[str, Need] = Factory(dict)
    report: Report | None = None
    knows_rules: bool = False

    def with_rules(self, trouble: RulesTrouble | None) -> Needs:
        """Return them with what is known of the provider's rules; None where those are as they should be."""
        need = trouble and _need_of_rules(trouble)
        found = {**self.found, need.key: need} if need else self.found
        return evolve(self, found=found, knows_rules=True)

    def is_over(self, key: str) -> bool:
        """Whether a cause of earlier is gone, rather than only not looked at."""
        kind, _, subject = key.partition(" ")
        if key in self.found:
            return False
        if kind == NeedKind.RULES.value:  # what was imported no server tells: that stays for the person
            return self.knows_rules and subject in {RULES_INSTALLED, RULES_OUT_OF_FORCE}
        return self._is_over(kind, subject)

    def _is_over(self, kind: str, subject: str) -> bool:
        is_of_contacts = kind == NeedKind.ACCOUNT.value and subject in {ADDRESS_BOOK, CREDENTIALS}
        if self.report is None:  # the mailboxes are looked at before the contacts
            return kind == NeedKind.ACCOUNT.value and not is_of_contacts
        standing = self.report.standing
        if standing is None or subject in standing.resting:
            return False
        if is_of_contacts:
            return standing.contacts is not None
        if kind == NeedKind.SWEEP.value:
            return subject not in standing.unswept and not self.report.swept.postponed
        return True


def needs_of(report: Report) -> Needs:
    """Return what a cycle that ended well leaves to the person."""
    return Needs({need.key: need for need in _found(report)}, report)


def needs_of_failure(error: BaseException) -> Needs | None:
    """Return what a cycle, or the start, failed for; None where no person can mend it."""
    problems = error.problems if isinstance(error, UserError) else ()
    text = _paragraphs(*(f"* {problem}" for problem in _shown(problems)), _STANDS_STILL)
    if refusal := refusal_behind(error):
        text = text if problems else _paragraphs(f"{refusal.advice}.", _STANDS_STILL)
        return _only(Need(_key(NeedKind.ACCOUNT, CREDENTIALS), "Credentials are refused", text))
    if not (isinstance(error, UserError) and error.about):
        return None
    subject = f"Nobody is filed: look at {error.about}"
    return _only(Need(_key(NeedKind.ACCOUNT, error.about), subject, text))


def _need_of_rules(trouble: RulesTrouble) -> Need:
    subject = "Your provider's rules are out of date"
    until_then = "Until then Mailroom itself moves that mail, a moment after it has come."
    if trouble.key == RULES_OUT_OF_FORCE:
        subject = "Mailroom's rules are not in force on the server"
        until_then = "Until then new mail goes where it goes without them: strangers may be in your Inbox."
    text = _paragraphs(_sentence(trouble.says), until_then)
    return Need(_key(NeedKind.RULES, trouble.key), subject, text)


def _only(need: Need) -> Needs:
    return Needs({need.key: need})


def _found(report: Report) -> Iterator[Need]:
    yield from _rejected(report.rejected)
    for sender, reason in report.failed.items():
        if reason != MAY_BE_OWN:  # that waits for the server
            subject = f"{shown(sender)} is not filed yet: {_in_short(reason)}"
            text = _paragraphs(_sentence(reason), _mail_of(sender), _TRIED_AGAIN)
            yield Need(_key(NeedKind.WRITE, sender), subject, text)
    for unmarked in report.unmarked:
        message = unmarked.message
        subject = f"A label of a {point_to(message)} cannot be changed"
        text = _paragraphs(_sentence(unmarked.reason), _which([message]), _TRIED_AGAIN)
        yield Need(_key(NeedKind.WRITE, message.id), subject, text)
    for sender, reason in report.swept.failed.items():
        subject = f"Mail of {shown(sender)} stays in Screener: {_in_short(reason)}"
        text = _paragraphs(
            f"You have decided on {shown(sender)}, and mail of theirs cannot be moved to where it belongs.",
            _sentence(reason),
            _mail_of(sender),
            _TRIED_AGAIN,
        )
        yield Need(_key(NeedKind.SWEEP, sender), subject, text)
    if report.standing and (unreadable := report.standing.unreadable):
        reasons = (f"* {message_id}: {reason}" for message_id, reason in unreadable.items())
        text = _paragraphs(
            "The server gives them in no form that Mailroom can read, so no label on them counts: take it "
            "off, and move them yourself.",
            *islice(reasons, SHOWN_REASONS),
        )
        subject = f"{number_of(len(unreadable), 'message')} cannot be read"
        yield Need(_key(NeedKind.MAIL, "unreadable"), subject, text)
    if report.standing and report.standing.contacts:
        text = _paragraphs(
            "No card is made while one cannot be read, since it may be the sender's: so nobody new is filed.",
            *(f"* {reason}" for reason in _shown(report.standing.contacts)),
            "Open such a card in your contacts and save it again, or delete it.",
        )
        yield Need(_key(NeedKind.ACCOUNT, ADDRESS_BOOK), "Some contacts cannot be read or written", text)


def _rejected(rejected: Iterable[Rejected]) -> Iterator[Need]:
    """Return what is left to the person of each sender, or of each message without one."""
    by_subject: dict[str, list[Rejected]] = defaultdict(list)
    for each in rejected:
        by_subject[sender_of(each.message) or each.message.id].append(each)
    for subject, theirs in by_subject.items():
        messages = [each.message for each in theirs]
        reasons = list(dict.fromkeys(each.reason for each in theirs))
        sender = sender_of(messages[0])
        who = f"{sender} is not filed" if sender else f"A {point_to(messages[0])} is not filed"
        what_to_do = (
            "Nothing of theirs is moved until then; once the labels say one thing, they are filed by it."
            if sender and OWN not in reasons
            else "Nobody can be filed by it: take the label off, and move the message yourself."
        )
        yield Need(
            _key(NeedKind.LABEL, subject),
            f"{who}: {_in_short(reasons[0])}",
            _paragraphs(*map(_sentence, reasons), _which(messages), what_to_do),
        )


def _which(messages: Sequence[Message]) -> str:
    """Say which messages they are, newest first, and how each is found."""
    newest = sorted(messages, key=lambda x: (x.received_at, x.id), reverse=True)
    lines = [_shown_pointer(point_to(message)) for message in newest[:SHOWN_MESSAGES]]
    if len(newest) > SHOWN_MESSAGES:
        lines.append(f"and {number_of(len(newest) - SHOWN_MESSAGES, 'more', 'more')}")
    return "\n".join(lines)


def _shown_pointer(pointer: Pointer) -> str:
    search = f"\n  Search: {pointer.search}" if pointer.search else ""
    return f"* {pointer}{search}"


def _mail_of(party: Party) -> str:
    searched = domain_of(party) if kind_of(party) is PartyKind.DOMAIN else party
    return f"* mail of {shown(party)}\n  Search: from:{searched}"


def _in_short(reason: str) -> str:
    """Return what a reason says first, for one line; the text has the rest."""
    said = reason.partition(": ")[0]
    return said if len(said) <= MAX_SHORT_CHARACTERS else f"{said[:MAX_SHORT_CHARACTERS].rstrip()}…"


def _shown(reasons: Sequence[str]) -> list[str]:
    more = len(reasons) - SHOWN_REASONS
    return [*reasons[:SHOWN_REASONS], *([f"and {more} more"] if more > 0 else [])]


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:] + ("" if reason.endswith((".", "!", "?")) else ".")


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(parts)


def _key(kind: NeedKind, subject: str) -> str:
    return f"{kind.value} {subject}"
