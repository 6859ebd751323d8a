"""What lies in Screener as evidence of the provider's rules."""

from __future__ import annotations

from collections import Counter

from attrs import evolve

from mailroom.model.address import Address
from mailroom.model.contacts import Card, CardUid
from mailroom.model.mail import Mailbox
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.sender import Correspondent
from mailroom.triage.decisions import Decision
from mailroom.triage.findings import Finding, Verdict, judge_rules
from mailroom.triage.layout import find_layout
from mailroom.triage.plan import Filing, file_sender
from mailroom.triage.screener import MisplacedMail
from tests.support.default_account import FEED, IMBOX, MAILBOXES, SCHEME

LAYOUT = find_layout(MAILBOXES, SCHEME)
ANN, BOB = Address("ann@x.example"), Address("bob@x.example")
NOTHING = MisplacedMail({}, {}, frozenset(), Counter())


def filed(sender: Address, group: str) -> Filing:
    """How somebody in a contact group is filed."""
    (found,) = (each for each in SCHEME.groups if each.name == group)
    decision = Decision(Correspondent(sender, sender, ""), SCHEME.category_of(found))
    return file_sender(decision, [Card(CardUid("c"), "")], lambda _: [group], LAYOUT)


def judged(misplaced: MisplacedMail, *, in_screener: int = 1) -> list[Finding]:
    def counted(mailbox: Mailbox) -> Mailbox:
        return evolve(mailbox, total_messages=in_screener) if mailbox.name == "Screener" else mailbox

    return judge_rules(misplaced, MailboxTree(map(counted, MAILBOXES)), SCHEME)


def test_mail_of_a_groups_member_means_that_its_rule_is_missing() -> None:
    """Where the destination is the Inbox there is no rule to be missing: then Screener's catches too much."""
    for group, fault in ((FEED, "'Feed' is missing"), (IMBOX, "'Screener' catches too much")):
        stragglers = {ANN: filed(ANN, group.name), BOB: filed(BOB, group.name)}
        (finding,) = judged(evolve(NOTHING, stragglers=stragglers, message_counts=Counter({ANN: 2, BOB: 1})))
        assert finding.verdict is Verdict.WRONG
        assert (
            f"Screener holds 3 messages from members of the group '{group.name}' ({ANN}, {BOB})"
            in finding.says
        )
        assert fault in finding.says


def test_mail_of_contacts_means_that_screeners_rule_catches_too_much() -> None:
    """Who is a contact in no triage group is known, and not screened."""
    (finding,) = judged(evolve(NOTHING, in_no_group=frozenset({ANN}), message_counts=Counter({ANN: 1})))
    assert finding.verdict is Verdict.WRONG
    assert f"Screener holds 1 message from contacts in no triage group ({ANN})" in finding.says
    assert "'Screener' catches too much" in finding.says


def test_who_is_in_several_groups_is_told_to_the_person() -> None:
    """Which of them is meant, nobody else can tell."""
    (finding,) = judged(evolve(NOTHING, in_several_groups={ANN: ("Feed", "Jail")}))
    assert finding.verdict is Verdict.WRONG
    assert f"{ANN} is in more than one triage group (Feed, Jail)" in finding.says


def test_without_mail_there_is_no_evidence() -> None:
    """An empty Screener proves nothing; one that holds only undecided senders does."""
    (finding,) = judged(NOTHING, in_screener=0)
    assert finding.verdict is Verdict.NOT_SEEN
    (finding,) = judged(NOTHING)
    assert finding.verdict is Verdict.RIGHT
