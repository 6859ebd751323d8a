"""`mailroom plan` says beforehand how many messages the next cycle moves, and the cycle moves as many.

On the sandbox and on real Cyrus, in accounts in which a cycle has much to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from mailroom.triage.ruling import sender_of
from tests.support.accounts import DOMAIN_LABEL, LABELS, LIST_LABEL, AccountUnderTest, add_contact
from tests.support.observer import TRIAGE_LABELS, triage_groups_of
from tests.support.running import run_command, run_cycle
from tests.support.scenarios import (
    ANN,
    BOB,
    DAN,
    EVE,
    SCENARIOS,
    STRAGGLER,
    Scenario,
    Stage,
    everybody_at,
    set_up,
)


def in_the_inbox(stage: Stage) -> None:
    """Labels put on mail in the Inbox: of a stranger, of known persons, of somebody who is filed already."""
    account = stage.account
    add_contact(account, BOB[0], BOB[1])
    add_contact(account, DAN[0], DAN[1], groups=["Feed"])
    add_contact(account, EVE[0], EVE[1], groups=["Friends"])
    add_contact(account, STRAGGLER[0], STRAGGLER[1], groups=["Feed"])
    for name, sender, label in (
        ("Ann's", ANN, "@ToFeed"),
        ("Bob's", BOB, "@ToPaperTrail"),
        ("Dan's", DAN, "@ToJail"),
        ("Eve's", EVE, "@ToPerson"),
    ):
        stage.mail(f"{name}, labelled", [sender], "Inbox", label)
        for number in range(3):
            stage.mail(f"{name} {number}", [sender], "Inbox", read=bool(number))
        stage.mail(f"{name}, waiting", [sender], "Screener")
        stage.mail(f"{name}, kept", [sender], "Family")
        stage.mail(f"{name}, kept in both", [sender], "Inbox", "Family")
        stage.mail(f"{name}, thrown away", [sender], "Trash")
    stage.mail("a straggler", [STRAGGLER], "Screener")
    stage.mail("a straggler that is kept, too", [STRAGGLER], "Screener", "Family")


def places(stage: Stage) -> dict[str, set[str]]:
    """Where each message is, labels apart."""
    return {
        name: stage.account.mailboxes_of(message.id) - {*LABELS, DOMAIN_LABEL, LIST_LABEL}
        for name, message in stage.messages.items()
    }


def whose(stage: Stage) -> dict[str, str]:
    """Whose decision counts for each message, by the account as it is; its sender where nobody's does.

    Worked out from the labels and the contact cards alone, with none of Mailroom's own code.
    """
    messages, cards = stage.messages, list(stage.account.cards().values())
    labelled = {each.party for each in messages.values() if each.mailboxes & TRIAGE_LABELS}
    counting = {}
    for name, message in messages.items():
        parties = filter(None, (message.list_id, message.sender, everybody_at(message.sender)))
        decided = (x for x in parties if x in labelled or triage_groups_of(cards, x))
        counting[name] = next(decided, message.sender)
    return counting


@pytest.mark.parametrize("scenario", [in_the_inbox, *SCENARIOS.values()], ids=["in the inbox", *SCENARIOS])
def test_the_numbers_are_those_of_the_cycle(
    new_account: Callable[[], AccountUnderTest], scenario: Scenario
) -> None:
    """Party by party, of those who are filed and of those who are swept after; the plan writes nothing.

    A party is a sender, everybody at a domain, or a mailing list: whoever's decision counts for a message.
    """
    stage = set_up(new_account(), scenario)
    account = stage.account
    state, before, counting = account.state(), places(stage), whose(stage)
    planned = run_command(account.environment, "plan", "--json").json()
    assert account.state() == state
    said = {
        kind: {each["sender"]: each["messages_to_move"] for each in planned[kind]}
        for kind in ("senders", "stragglers")
    }
    answering = Counter(each["sender"] for each in planned["replies"])
    report = run_cycle(account)
    assert answering == Counter(str(sender_of(each.message)) for each in report.replies.passed)
    filed = {each.filing.decision.party: each.messages_moved for each in report.filed}
    assert (filed, report.swept.moved) == (said["senders"], said["stragglers"])
    after = places(stage)
    moved = Counter(counting[name] for name, where in after.items() if where != before[name])
    told = Counter(said["senders"]) + Counter(said["stragglers"]) + answering
    assert moved == told, "and as many have another place"


def test_a_label_in_the_inbox_says_how_many_go_with_it(account: AccountUnderTest) -> None:
    """Of a newsletter all twelve messages there, the labelled one too; not what is kept elsewhere."""
    for _ in range(11):
        account.receive([ANN], "Inbox")
    labelled = account.receive([ANN], "Inbox", "@ToFeed")
    kept = account.receive([ANN], "Family")
    shown = run_command(account.environment, "plan").output
    assert "12" in shown.splitlines()[1].split()
    run_cycle(account)
    assert account.mailboxes_of(labelled) == {"Feed"}
    assert account.mailboxes_of(kept) == {"Family"}
