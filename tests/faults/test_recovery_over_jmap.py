"""What a server says of contacts over JMAP; `test_recovery` asks the same of CardDAV and of mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from attrs import evolve

from mailroom.errors import AuthenticationError, MailroomError
from tests.faults.test_recovery import EVERYTHING, TIMES, labels_of, two_new_senders
from tests.support import harm, vcards
from tests.support.accounts import add_contact, group_card_name, groups_of, members
from tests.support.harm import Harm
from tests.support.interrupted import rig
from tests.support.proxy import Answer, Exchange, Plan, Request
from tests.support.scenarios import ANN, BOB, FaultyAccountOnSandbox


@pytest.fixture
def account() -> Iterator[FaultyAccountOnSandbox]:
    """A new account, not yet furnished, with its contacts over JMAP."""
    with closing(FaultyAccountOnSandbox(is_over_jmap=True)) as account:
        yield account


def changes_of_contacts(request: Request) -> bool:
    """Choose questions for what has changed in the contacts."""
    return "ContactCard/changes" in request.calls


def card_reading(request: Request) -> bool:
    """Choose the reading of cards."""
    return "ContactCard/get" in request.calls


def test_a_card_that_cannot_be_written_fails_its_sender_alone(account: FaultyAccountOnSandbox) -> None:
    """Where the server refuses one new card, the other senders of the request are filed all the same."""
    with rig(account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = Harm(harm.refuse_cards(ANN[1]), harm.cards_set)
        assert list(hit.run(mailroom).failed) == [ANN[1]]
        assert groups_of(account, BOB[1]) == ["Feed"]
        assert (labels_of(hit, "Ann's, labelled"), labels_of(hit, "Bob's, labelled")) == ({"@ToFeed"}, set())
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        assert groups_of(account, ANN[1]) == ["Feed"]
        hit.final()


def test_a_group_that_others_edit_again_and_again_keeps_every_edit(account: FaultyAccountOnSandbox) -> None:
    """A patch names its own members alone: what comes between reading and writing stays, and ours comes."""
    with rig(account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        name = group_card_name(account, "Feed")
        added: list[str] = []

        def edit_first(exchange: Exchange) -> None:
            uid = add_contact(account, "Other", f"other{len(added)}@example.net")
            added.append(uid)
            everybody = [*vcards.members(account.cards()[name]), uid]
            (own,) = vcards.values(account.cards()[name], "UID")
            account.put_card(name, vcards.group("Feed", everybody, uid=own))
            exchange.pass_on()

        hit.proxy.watch = lambda: None  # the group's other lines are the other editor's business now
        hit.proxy.plan = Harm(edit_first, harm.cards_set, times=4)
        assert not hit.run(mailroom).failed
        assert added
        assert set(added) <= set(members(account, "Feed"))
        assert (groups_of(account, ANN[1]), groups_of(account, BOB[1])) == (["Feed"], ["Feed"])


def test_changes_that_cannot_be_told_lead_to_a_whole_reading(account: FaultyAccountOnSandbox) -> None:
    """Whether the refusal is made up or the server has really forgotten, all is read anew at once."""
    with rig(account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = refused = Harm(harm.forget_changes_of_contacts, changes_of_contacts)
        for _ in range(TIMES):
            account.receive([ANN], "Screener", "@ToFeed")
            hits = refused.hits
            assert not hit.run(mailroom).failed
            assert refused.hits > hits
        hit.proxy.plan = Exchange.pass_on
        account.forget_changes()
        later = account.receive([ANN], "Screener", "@ToJail")
        assert not hit.run(mailroom).failed
        assert groups_of(account, ANN[1]) == ["Jail"]
        assert account.mailboxes_of(later) == {"Jail"}


@pytest.mark.parametrize("plan", [harm.cut_text, harm.web_page], ids=["half of the cards", "a web page"])
def test_what_is_no_whole_answer_is_not_believed(account: FaultyAccountOnSandbox, plan: Plan) -> None:
    """Where cards arrive in part, the account is not taken for one in which the rest is missing."""
    with rig(account, EVERYTHING) as hit:
        mailroom = hit.mailroom()
        hit.proxy.plan = spoilt = Harm(plan, card_reading)
        with pytest.raises(MailroomError) as refused:
            mailroom.begin()
        assert spoilt.hits
        # What was not read is not said to be missing: nobody is to make it a second time.
        assert "is missing" not in str(refused.value)
        hit.proxy.plan = Exchange.pass_on
        mailroom.begin()
        assert not hit.run(mailroom).failed
        hit.final()


@pytest.mark.parametrize("plan", [harm.cut_text, harm.web_page], ids=["half of the cards", "a web page"])
def test_cards_whose_writing_was_not_heard_of_are_not_made_twice(
    account: FaultyAccountOnSandbox, plan: Plan
) -> None:
    """The answer is lost, and what is read to see what became of it is spoilt: no second card is made."""
    with rig(account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        lost = Harm(harm.lose_answer, harm.cards_set, times=1)
        spoilt = Harm(plan, lambda x: lost.hits == 1 and (card_reading(x) or changes_of_contacts(x)), times=3)
        hit.proxy.plan = lambda x: (lost if harm.cards_set(x.request) else spoilt)(x)
        hit.attempt(mailroom)
        assert lost.hits == 1
        assert spoilt.hits
        hit.observer.check()
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        hit.final()


@pytest.mark.parametrize("code", [404, 410, 421])
def test_a_session_whose_urls_moved_is_asked_for_again(account: FaultyAccountOnSandbox, code: int) -> None:
    """Where the API has moved once the cards are made, the cycle goes on at its new place."""
    with rig(account, two_new_senders) as hit:
        home = {"is": "/old"}

        def moving(exchange: Exchange) -> None:
            request = exchange.request
            if request.is_session:
                answer = exchange.forward()
                session = json.loads(answer.body)
                session["apiUrl"] = session["apiUrl"].replace(hit.proxy.url, hit.proxy.url + home["is"])
                exchange.reply(evolve(answer, body=json.dumps(session).encode()))
            elif not request.target.startswith(home["is"]):
                exchange.reply(Answer(code))
            else:
                exchange.reply(
                    exchange.forward(evolve(request, target=request.target.removeprefix(home["is"])))
                )
                if harm.cards_set(request):
                    home["is"] = "/new"

        hit.proxy.plan = moving
        mailroom = hit.mailroom()
        mailroom.begin()
        assert not hit.run(mailroom).failed
        assert any(x.target.startswith("/new") for x in hit.proxy.requests)
        assert labels_of(hit, "Ann's, labelled") == set()
        hit.final()


def test_a_token_revoked_while_running_ends_the_cycle_and_nothing_else(
    account: FaultyAccountOnSandbox,
) -> None:
    """At the very change of contacts, too: no second try; when it is over, the work goes on."""
    with rig(account, EVERYTHING) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        for choice in (harm.cards_set, harm.jmap):
            hit.proxy.plan = revoked = Harm(harm.status(401), choice)
            for times in range(1, TIMES + 1):
                assert isinstance(hit.attempt(mailroom), AuthenticationError)
                assert revoked.hits == times
            hit.observer.check()
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        hit.final()
