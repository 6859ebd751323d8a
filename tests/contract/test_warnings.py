"""A warning that the person took off by hand does not come back for the same name and address."""

from __future__ import annotations

import pytest

from mailroom.model.address import parse_address
from mailroom.model.mail import WARNED_KEYWORD
from mailroom.model.whom import Whom
from mailroom.triage.decisions import Decision
from tests.support import vcards
from tests.support.accounts import DOMAIN_LABEL, AccountUnderTest, add_contact, furnish_domains, unlabel
from tests.support.running import opened, run_cycle, settings_for

WARNING = "@MailroomWarning"
ANN, BANK = "ann@example.net", ("Your Bank", "ann@example.net")


def warned(account: AccountUnderTest, sender: tuple[str, str] = BANK) -> str:
    """Label a message of a contact that shows another name, let a cycle warn, and return the message."""
    message = account.receive([sender], "Screener", "@ToFeed")
    run_cycle(account)
    assert account.mailboxes_of(message) == {"Feed", WARNING}
    assert WARNED_KEYWORD in account.keywords_of(message)
    return message


def again(account: AccountUnderTest, sender: tuple[str, str] = BANK) -> bool:
    """Label another message of theirs, and say whether a cycle warns."""
    message = account.receive([sender], "Feed", "@ToImbox")
    report = run_cycle(account)
    assert bool(report.warned) == (WARNING in account.mailboxes_of(message))
    return bool(report.warned)


@pytest.fixture
def ann(account: AccountUnderTest) -> AccountUnderTest:
    """Return an account in which Ann has a card."""
    add_contact(account, "Ann Smith", ANN)
    return account


def test_taken_off_by_hand_it_does_not_come_back(ann: AccountUnderTest) -> None:
    """The person has seen that this address shows this name, and need not be told again."""
    unlabel(ann, warned(ann), WARNING)
    assert not again(ann)


def test_nor_onto_the_same_message(ann: AccountUnderTest) -> None:
    """A label of later on the very message brings no warning, either."""
    message = warned(ann)
    unlabel(ann, message, WARNING)
    ann.place(message, "Feed", "@ToImbox")
    run_cycle(ann)
    assert WARNING not in ann.mailboxes_of(message)


def test_left_on_it_comes_again(ann: AccountUnderTest) -> None:
    """Who has not taken it off has said nothing."""
    warned(ann)
    assert again(ann)


def test_another_name_or_address_is_another_thing(ann: AccountUnderTest) -> None:
    """What was taken off was about one name at one address; a form of that name is the same."""
    add_contact(ann, "Ben Brown", "ben@example.net")
    unlabel(ann, warned(ann), WARNING)
    assert not again(ann, ("BANK, your", ANN))
    assert again(ann, ("Your Other Bank", ANN))
    assert again(ann, ("Your Bank", "ben@example.net"))


def test_what_mailroom_took_off_itself_says_nothing(account: AccountUnderTest) -> None:
    """Where the card fits, the label goes by itself; when it differs once more, the person hears of it."""
    account.put_card("a.vcf", vcards.contact("a", "Ann Smith", ANN))
    message = warned(account)
    account.put_card("a.vcf", vcards.contact("a", "Your Bank", ANN))
    run_cycle(account)
    assert account.mailboxes_of(message) == {"Feed"}
    assert WARNED_KEYWORD not in account.keywords_of(message), "the mark goes with the label"
    account.put_card("a.vcf", vcards.contact("a", "Ann Smith", ANN))
    assert again(account)


@pytest.mark.parametrize("place", ["Trash", "Junk"])
def test_thrown_away_with_the_label_it_says_nothing(ann: AccountUnderTest, place: str) -> None:
    """The label went with the message: nobody can know what the person thinks of the name."""
    ann.place(warned(ann), place)
    assert again(ann)


def test_deleted_for_good_it_says_nothing(ann: AccountUnderTest) -> None:
    """What is gone cannot be asked."""
    ann.destroy(warned(ann))
    assert again(ann)


def test_the_look_is_one_request_and_only_before_a_warning(ann: AccountUnderTest) -> None:
    """Filing somebody whose name fits asks nothing more; where a warning is due, one request does.

    The label comes off after that, by a request of its own, and not with the move.
    """
    mailroom = opened(ann)
    mailroom.triage.run()

    def requests(name: str) -> int:
        ann.receive([(name, ANN)], "Screener", "@ToFeed")
        before = len(ann.requests())
        mailroom.triage.run()
        return len(ann.requests()) - before

    requests("Ann Smith")  # she joins her group
    assert requests("Your Bank") == requests("Ann Smith") + 2


def test_one_that_is_due_comes_beside_somebody_who_is_taken_back(ann: AccountUnderTest) -> None:
    """Mail is looked at once more where somebody waits again; that takes off no label without a warning."""
    add_contact(ann, "Bob", "bob@example.net", groups=["Feed"])
    message = ann.receive([BANK], "Screener", "@ToFeed")
    ann.receive([("Bob", "bob@example.net")], "Feed")
    mailroom, scheme = opened(ann), settings_for(ann, {}).scheme
    (feed,) = (each for each in scheme.categories if each.label == "@ToFeed")
    (filing,) = (filing for filing, _ in mailroom.triage.forecast().filings)
    bob = parse_address("bob@example.net")
    assert bob
    decisions = [Decision(filing.decision.who, feed), Decision(Whom.named(bob), scheme.undecided)]
    report = mailroom.triage.apply(decisions)
    assert (len(report.filed), report.failed) == (2, {})
    assert ann.mailboxes_of(message) == {"Feed", WARNING}


def test_a_label_that_comes_while_a_cycle_runs_comes_off_with_its_warning(account: AccountUnderTest) -> None:
    """What the cycle has not seen is left to the next, which knows the names of whoever wrote it."""
    furnish_domains(account)
    account.receive([("The Shop", "news@shop.example")], "Screener", "@ToFeed", DOMAIN_LABEL)
    add_contact(account, "Ann Smith", "ann@shop.example")
    mailroom = opened(account)
    mailroom.triage.run(mailroom.triage.look())
    account.receive([("The Shop", "other@shop.example")], "Screener", "@ToFeed", DOMAIN_LABEL)
    look = mailroom.triage.look()
    message = account.receive([("Your Bank", "ann@shop.example")], "Screener", "@ToFeed", DOMAIN_LABEL)
    mailroom.triage.run(look)
    mailroom.triage.run()
    assert account.mailboxes_of(message) == {"Feed", WARNING}
