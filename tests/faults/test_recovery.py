"""What a server says of states, limits, ETags, tokens and URLs: Mailroom takes it as it is meant."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from attrs import evolve

from mailroom.errors import AuthenticationError, MailroomError
from tests.support import harm, vcards
from tests.support.accounts import AccountUnderTest, add_contact, group_card_name, groups_of, members
from tests.support.harm import Harm
from tests.support.interrupted import Rig, rig
from tests.support.proxy import Answer, Exchange, Plan, Request
from tests.support.scenarios import ANN, BOB, SCENARIOS, Stage

TIMES = 20
"""What is recovered from once is recovered from as often in a row."""

EVERYTHING, NEW = SCENARIOS["everything"], SCENARIOS["new senders"]


def labels_of(hit: Rig, name: str) -> set[str]:
    """Return the triage labels that a message carries."""
    where = hit.stage.account.mailboxes_of(hit.stage.messages[name].id)
    return {mailbox for mailbox in where if mailbox.startswith("@To")}


def two_new_senders(stage: Stage) -> None:
    """Two new senders, each with a labelled message and one that waits."""
    for sender in (ANN, BOB):
        stage.mail(f"{sender[0]}'s, labelled", [sender], "Screener", "@ToFeed")
        stage.mail(f"{sender[0]}'s, waiting", [sender], "Screener")


def test_messages_the_server_refuses_keep_their_senders_label_and_no_others(
    faulty_account: AccountUnderTest,
) -> None:
    """`notUpdated` for one sender's message fails that sender alone; the next cycle finishes them."""
    with rig(faulty_account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        unlucky = hit.stage.messages["Ann's, waiting"].id
        hit.proxy.plan = Harm(harm.refuse_messages([unlucky]), harm.mail_write)
        report = hit.run(mailroom)
        assert list(report.failed) == [ANN[1]]
        assert labels_of(hit, "Ann's, labelled") == {"@ToFeed"}
        assert faulty_account.mailboxes_of(unlucky) == {"Screener"}
        assert faulty_account.mailboxes_of(hit.stage.messages["Bob's, labelled"].id) == {"Feed"}
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        assert faulty_account.mailboxes_of(unlucky) == {"Feed"}
        hit.final()


def fail_ann(account: AccountUnderTest, plan: Plan) -> None:
    """Let Ann's new card not get through: Bob, in the same cycle, is filed all the same, and Ann later."""
    with rig(account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = Harm(plan, lambda x: harm.card_write(x) and ANN[1].encode() in x.body)
        assert list(hit.run(mailroom).failed) == [ANN[1]]
        assert groups_of(account, BOB[1]) == ["Feed"]
        assert (labels_of(hit, "Ann's, labelled"), labels_of(hit, "Bob's, labelled")) == ({"@ToFeed"}, set())
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        assert (groups_of(account, ANN[1]), groups_of(account, BOB[1])) == (["Feed"], ["Feed"])
        hit.final()


def test_a_card_that_is_refused_fails_its_sender_alone(faulty_account: AccountUnderTest) -> None:
    """The other senders are filed all the same, also by the same request."""
    fail_ann(faulty_account, harm.refuse_cards(ANN[1]))


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(harm.status(500), id="refused"),
        pytest.param(harm.lose_answer, id="answers lost"),
        pytest.param(harm.lose_request, id="requests lost"),
    ],
)
def test_a_card_that_does_not_get_through_fails_its_sender_alone(
    carddav_account: AccountUnderTest, plan: Plan
) -> None:
    """Where each card is a request of its own, nor does that of one affect the others."""
    fail_ann(carddav_account, plan)


def test_a_group_that_cannot_be_written_fails_only_who_was_to_join_it(
    carddav_account: AccountUnderTest,
) -> None:
    """An ETag refused again and again is given up for that group; senders for other groups are filed."""
    with rig(carddav_account, EVERYTHING) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = Harm(harm.status(412), lambda x: harm.group_write(x) and b"FN:Feed" in x.body)
        report = hit.run(mailroom)
        assert set(report.failed) == {ANN[1], BOB[1]}
        assert all("Feed" in reason for reason in report.failed.values())
        assert {filed.filing.decision.party for filed in report.filed} >= {
            "dan@example.net",
            "zoe@example.net",
        }
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        assert groups_of(carddav_account, ANN[1]) == ["Feed"]
        hit.final()


def test_a_group_that_others_edit_again_and_again_keeps_every_edit(faulty_account: AccountUnderTest) -> None:
    """Where a group changes between reading and writing, four times even, each edit stays, and ours comes."""
    account = faulty_account
    with rig(account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        name = group_card_name(account, "Feed")
        added: list[str] = []

        def edit_first(exchange: Exchange) -> None:
            added.append(add_contact(account, "Other", f"other{len(added)}@example.net"))
            everybody = [*vcards.members(account.cards()[name]), added[-1]]
            (own,) = vcards.values(account.cards()[name], "UID")
            account.put_card(name, vcards.group("Feed", everybody, uid=own))
            exchange.pass_on()

        hit.proxy.watch = lambda: None  # the group's other lines are the other editor's business now
        hit.proxy.plan = Harm(edit_first, harm.group_change, times=4)
        assert not hit.run(mailroom).failed
        # Over JMAP a patch names its own members alone, and meets no other version.
        assert len(added) == (1 if account.is_over_jmap else 4)
        assert set(added) <= set(members(account, "Feed"))
        assert (groups_of(account, ANN[1]), groups_of(account, BOB[1])) == (["Feed"], ["Feed"])


def test_mail_that_changes_before_every_write_is_looked_at_anew_each_time(
    faulty_account: AccountUnderTest,
) -> None:
    """`stateMismatch` makes the decision fall on the mail as it is; without end it fails this cycle only."""
    with rig(faulty_account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        arrivals: list[str] = []

        def arrive_first(exchange: Exchange) -> None:
            arrivals.append(faulty_account.receive([("Eve", "eve@example.net")], "Screener"))
            exchange.pass_on()

        hit.proxy.plan = Harm(arrive_first, harm.mail_write, times=4)
        assert not hit.run(mailroom).failed
        assert len(arrivals) == 4
        assert labels_of(hit, "Ann's, labelled") == set()
        more = faulty_account.receive([ANN], "Screener", "@ToJail")
        hit.proxy.plan = Harm(arrive_first, harm.mail_write)
        assert list(hit.run(mailroom).failed) == [ANN[1]]
        assert "@ToJail" in faulty_account.mailboxes_of(more)
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        assert faulty_account.mailboxes_of(more) == {"Jail"}
        assert groups_of(faulty_account, ANN[1]) == ["Jail"]


def test_a_server_that_takes_less_than_it_says_gets_smaller_batches(faulty_account: AccountUnderTest) -> None:
    """`requestTooLarge` halves the batches, down to one message, within the same cycle."""
    with rig(faulty_account, EVERYTHING) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = Harm(harm.too_large(1), harm.mail_write)
        assert not hit.run(mailroom).failed
        hit.proxy.plan = Exchange.pass_on
        assert hit.writes_of(lambda: hit.run(mailroom)) == []
        hit.final()


def forget_changes(exchange: Exchange) -> None:
    """Say, over either protocol, that nobody knows what has changed in the contacts since."""
    (harm.forget_changes_of_contacts if exchange.request.is_jmap else harm.refuse_sync_token)(exchange)


def changes_of_contacts(request: Request) -> bool:
    """Choose questions for what has changed in the contacts since the last time, over either protocol."""
    return harm.with_sync_token(request) or "ContactCard/changes" in request.calls


def card_reading(request: Request) -> bool:
    """Choose the reading of cards, over either protocol."""
    return harm.card_reading(request) or b"multiget" in request.body or "ContactCard/get" in request.calls


def test_changes_that_cannot_be_told_lead_to_a_whole_reading(faulty_account: AccountUnderTest) -> None:
    """Whether the refusal is made up or the server has really forgotten, all is read anew at once."""
    account = faulty_account
    with rig(account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = refused = Harm(forget_changes, changes_of_contacts)
        for times in range(1, TIMES + 1):
            account.receive([ANN], "Screener", "@ToFeed")
            hits = refused.hits
            assert not hit.run(mailroom).failed
            assert refused.hits > hits if account.is_over_jmap else refused.hits == times
        hit.proxy.plan = Exchange.pass_on
        account.forget_changes()
        later = account.receive([ANN], "Screener", "@ToJail")
        assert not hit.run(mailroom).failed
        assert groups_of(account, ANN[1]) == ["Jail"]
        assert account.mailboxes_of(later) == {"Jail"}


@pytest.mark.parametrize("plan", [harm.cut_text, harm.web_page], ids=["half of the cards", "a web page"])
def test_what_is_no_whole_card_is_not_believed(faulty_account: AccountUnderTest, plan: Plan) -> None:
    """Where cards arrive in part, the book is not taken for one in which the rest is missing."""
    with rig(faulty_account, EVERYTHING) as hit:
        mailroom = hit.mailroom()
        hit.proxy.plan = spoilt = Harm(plan, card_reading)
        with pytest.raises(MailroomError) as refused:
            mailroom.begin()
        assert spoilt.hits
        # What was not read is not said to be missing: nobody is to make it a second time.
        assert faulty_account.is_over_jmap or "cannot be read" in str(refused.value)
        assert "is missing" not in str(refused.value)
        hit.proxy.plan = Exchange.pass_on
        mailroom.begin()
        assert not hit.run(mailroom).failed
        hit.final()


@pytest.mark.parametrize("plan", [harm.cut_text, harm.web_page], ids=["half of the cards", "a web page"])
def test_cards_whose_writing_was_not_heard_of_are_not_made_twice(
    faulty_account: AccountUnderTest, plan: Plan
) -> None:
    """The answer is lost, and what is read to see what became of it is spoilt: no second card is made."""
    with rig(faulty_account, two_new_senders) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        lost = Harm(harm.lose_answer, harm.card_write, times=1)
        spoilt = Harm(plan, lambda x: lost.hits == 1 and (card_reading(x) or changes_of_contacts(x)), times=3)
        hit.proxy.plan = lambda x: (lost if harm.card_write(x.request) else spoilt)(x)
        hit.attempt(mailroom)
        assert lost.hits == 1
        assert spoilt.hits
        hit.observer.check()
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        hit.final()


@pytest.mark.parametrize("code", [404, 410, 421])
def test_a_session_whose_urls_moved_is_asked_for_again(faulty_account: AccountUnderTest, code: int) -> None:
    """Where the API has moved once contacts are written, the cycle goes on at its new place."""
    with rig(faulty_account, two_new_senders) as hit:
        home = {"is": "/old"}

        def moving(exchange: Exchange) -> None:
            request = exchange.request
            if request.is_session:
                answer = exchange.forward()
                session = json.loads(answer.body)
                session["apiUrl"] = session["apiUrl"].replace(hit.proxy.url, hit.proxy.url + home["is"])
                exchange.reply(evolve(answer, body=json.dumps(session).encode()))
            elif request.is_jmap and not request.target.startswith(home["is"]):
                exchange.reply(Answer(code))
            else:
                target = request.target.removeprefix(home["is"])
                exchange.reply(exchange.forward(evolve(request, target=target)))
                if harm.card_write(request):
                    home["is"] = "/new"

        hit.proxy.plan = moving
        mailroom = hit.mailroom()
        mailroom.begin()
        assert not hit.run(mailroom).failed
        assert any(x.target.startswith("/new") for x in hit.proxy.requests)
        assert labels_of(hit, "Ann's, labelled") == set()
        hit.final()


def of_contacts(request: Request) -> bool:
    """Choose CardDAV's requests, and changes of contacts over JMAP."""
    return request.is_carddav or harm.cards_set(request)


@pytest.mark.parametrize("choice", [harm.jmap, of_contacts], ids=["the whole API", "contacts alone"])
def test_credentials_revoked_while_running_end_the_cycle_and_nothing_else(
    faulty_account: AccountUnderTest, choice: Callable[[Request], bool]
) -> None:
    """A 401 is an AuthenticationError at once, without a second try; when it is over, the work goes on."""
    with rig(faulty_account, EVERYTHING) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = revoked = Harm(harm.status(401), choice)
        for times in range(1, TIMES + 1):
            assert isinstance(hit.attempt(mailroom), AuthenticationError)
            assert revoked.hits == times
        hit.observer.check()
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        hit.final()


def one_new_and_one_who_changes(stage: Stage) -> None:
    """A new sender, and one who leaves a group: that is done when the label of the first is off."""
    add_contact(stage.account, *BOB, groups=["Imbox"])
    for sender in (ANN, BOB):
        stage.mail(f"{sender[0]}'s, labelled", [sender], "Screener", "@ToFeed")


def test_who_was_filed_when_a_cycle_broke_off_is_told_by_the_next(
    faulty_account: AccountUnderTest,
) -> None:
    """Whose label came off with the last move is not hidden by what fails after that."""
    with rig(faulty_account, one_new_and_one_who_changes) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        moves = Harm(Exchange.pass_on, harm.mail_write, times=2)

        def cut_off_then(exchange: Exchange) -> None:
            is_over = moves.hits == moves.times and harm.mail_write(exchange.request)
            (Exchange.reset if is_over else moves)(exchange)

        hit.proxy.plan = cut_off_then
        assert hit.attempt(mailroom)
        assert (labels_of(hit, "Ann's, labelled"), labels_of(hit, "Bob's, labelled")) == (set(), {"@ToFeed"})
        hit.proxy.plan = Exchange.pass_on
        report = hit.run(mailroom)
        told = {each.filing.decision.party: each.messages_moved for each in report.filed}
        assert told == {ANN[1]: 1, BOB[1]: 1}
        assert not hit.run(mailroom).filed
        hit.final()
