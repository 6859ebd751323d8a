"""What is found about an account, as far as there is evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from attrs import frozen

from mailroom.model.address import Address
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.scheme import Scheme
from mailroom.triage.screener import MisplacedMail

SHOWN_SENDERS = 3


class Verdict(Enum):
    """How something is, as far as there is evidence."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_SEEN = "not seen"


@frozen
class Finding:
    """What was found about one subject.

    Attributes:
        says: What is there; what is wrong and what to do; or why nothing can be said.
    """

    subject: str
    verdict: Verdict
    says: str


def judge_rules(misplaced: MisplacedMail, tree: MailboxTree, scheme: Scheme) -> list[Finding]:
    """Judge the provider's rules, which no API tells, by what lies in Screener.

    Args:
        tree: The account's mailboxes, to tell a Screener that is right from one that is empty.
    """
    screener = scheme.screener
    if problems := [*_faults(misplaced, scheme)]:
        return [Finding("rules", Verdict.WRONG, problem) for problem in problems]
    if not any(each.total_messages for each in tree.named(screener)):
        says = f"{screener} is empty, and no API shows the rules: new mail will show whether they work"
        return [Finding("rules", Verdict.NOT_SEEN, says)]
    return [
        Finding("rules", Verdict.RIGHT, f"{screener} holds only mail from senders you have not decided on")
    ]


def _faults(misplaced: MisplacedMail, scheme: Scheme) -> Iterator[str]:
    for group in scheme.groups:
        senders = [x for x, filing in misplaced.stragglers.items() if filing.group == group.name]
        if senders:
            has_rule = group.mailbox is not None
            fault = _missing_rule(group.name) if has_rule else _greedy_rule(scheme.screener)
            mail = _mail_of(senders, f"members of the group {group.name!r}", misplaced)
            yield f"{scheme.screener} holds {mail}: {fault}; `mailroom rescue` moves them"
    if misplaced.in_no_group:
        mail = _mail_of(sorted(misplaced.in_no_group), "contacts in no triage group", misplaced)
        yield f"{scheme.screener} holds {mail}: {_greedy_rule(scheme.screener)}"
    for sender, groups in misplaced.in_several_groups.items():
        yield f"{sender} is in more than one triage group ({', '.join(groups)}): take them out of all but one"


def _missing_rule(rule: str) -> str:
    return f"the rule for {rule!r} is missing {_OR_OLDER}"


def _greedy_rule(rule: str) -> str:
    return f"the rule for {rule!r} catches too much {_OR_OLDER}"


def _mail_of(senders: Sequence[Address], who: str, misplaced: MisplacedMail) -> str:
    """Say how much mail of which senders is in Screener, and who they are."""
    count = sum(misplaced.message_counts[sender] for sender in senders)
    shown = ", ".join(senders[:SHOWN_SENDERS]) + (", …" if len(senders) > SHOWN_SENDERS else "")
    return f"{count} {'message' if count == 1 else 'messages'} from {who} ({shown})"


_OR_OLDER = "(see `mailroom rules`), or they arrived before it did"
