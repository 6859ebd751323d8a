"""Contacts over JMAP (RFC 9610): one write for all, and nobody worse off for what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from attrs import evolve

from mailroom.contacts.identity import card_uids
from mailroom.errors import ProtocolError
from mailroom.jmap.contact_cards import read_card
from mailroom.model.address import Address, parse_address
from mailroom.model.address_book import Joining, Refused
from mailroom.model.contacts import CardUid, Membership
from mailroom.settings.variables import CARDDAV_SECRETS
from tests.support import harm, vcards
from tests.support.accounts import add_contact, contacts, contacts_of, furnish, group_card_name, members
from tests.support.behind import Behind, behind
from tests.support.enrolling import enrol, new, uid_of
from tests.support.harm import Harm, cards_set, contacts_reading
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.proxy import Answer, Exchange, Plan
from tests.support.running import opened, run_cycle, settings_for

ANN, BOB = Address("ann@example.net"), Address("bob@example.net")
CONTACTS = "urn:ietf:params:jmap:contacts"
THEIRS = "theirs"
SURNAME_FIRST = [{"kind": "surname", "value": "Lee"}, {"kind": "given", "value": "Ann"}]
ODD_CARDS = ({"emails": [1]}, {"uid": 7}, {"name": "Ann"}, {"members": "x", "kind": "group"}, 5)


def altered(change: Callable[[str, dict[str, Any]], None]) -> Plan:
    """Let the server answer, and change what it says to each method call."""

    def plan(exchange: Exchange) -> None:
        answer = exchange.forward()
        value = json.loads(answer.body)
        for name, arguments, _ in value.get("methodResponses", ()):
            change(name, arguments)
        exchange.reply(evolve(answer, body=json.dumps(value).encode()))

    return plan


class TestWriting:
    """`AddressBook.enrol`."""

    @pytest.mark.parametrize("senders", [100, pytest.param(1_000, marks=pytest.mark.slow)])
    def test_new_senders_and_their_groups_are_one_write(
        self, account: AccountOnSandbox, senders: int
    ) -> None:
        """As many as the server takes at once; only groups are patched, and only in who comes."""
        account.store.limits = evolve(
            account.store.limits, max_objects_in_set=4_096, max_objects_in_get=4_096
        )
        for number in range(senders):
            label = "@ToFeed" if number % 2 else "@ToPerson"
            account.receive([(f"S {number}", f"s{number}@example.net")], "Screener", label)
        with behind(account) as hit:
            mailroom = hit.mailroom()
            mailroom.begin()
            before = len(hit.proxy.requests)
            assert len(mailroom.triage.run().filed) == senders
            asked = hit.proxy.requests[before:]
        writes = [x.json()["methodCalls"][0][1] for x in asked if cards_set(x)]
        assert len(writes) == -(-senders // 500)
        assert len(asked) <= (8 if senders == 100 else 20)
        for write in writes:
            assert len(write["update"]) == 2, "the two groups, and no card"
            assert all(key.startswith("members") for patch in write["update"].values() for key in patch)
        assert len(members(account, "Feed")) + len(members(account, "Imbox")) == senders

    def test_a_card_that_is_refused_comes_into_no_group(self, hit: Behind) -> None:
        """Its line is taken out again, and the other sender is filed all the same."""
        book = hit.mailroom().book
        book.refresh()
        hit.proxy.plan = Harm(_refuse_creation(ANN), cards_set, times=1)
        enrolled = enrol(book, ANN, BOB)
        assert isinstance(enrolled.cards[ANN], Refused)
        assert not enrolled.failed
        assert members(hit.account, "Feed") == [uid_of(enrolled, BOB)]
        assert book.latest().groups(CardUid(next(card_uids(ANN)))) == frozenset()

    def test_a_server_that_is_too_busy_for_some_is_waited_for(self, hit: Behind) -> None:
        """Nobody fails for it; where it stays busy, that is the reason, and nobody is half filed."""
        book = hit.mailroom().book
        book.refresh()
        hit.proxy.plan = Harm(_refuse_creation(ANN, "rateLimit"), cards_set, times=2)
        enrolled = enrol(book, ANN, BOB)
        assert hit.stop.seconds == [1.0, 4.0]
        assert members(hit.account, "Feed") == sorted(uid_of(enrolled, x) for x in (ANN, BOB))

    def test_one_that_stays_busy_is_given_up_without_a_trace(self, hit: Behind) -> None:
        """The sender it was too busy for is in no group, so that the next cycle begins anew."""
        book = hit.mailroom().book
        book.refresh()
        hit.proxy.plan = Harm(_refuse_creation(ANN, "rateLimit"), cards_set)
        enrolled = enrol(book, ANN, BOB)
        refused = enrolled.cards[ANN]
        assert isinstance(refused, Refused)
        assert "busy" in refused.reason
        assert members(hit.account, "Feed") == [uid_of(enrolled, BOB)]

    @pytest.mark.parametrize("plan", [harm.lose_answer, harm.reset_in_body], ids=["lost", "cut off"])
    def test_a_lost_answer_makes_no_second_card(self, hit: Behind, plan: Plan) -> None:
        """Asked again, the server says that the identifier is taken: by this very card."""
        book = hit.mailroom().book
        book.refresh()
        hit.proxy.plan = Harm(plan, cards_set, times=1)
        enrolled = enrol(book, ANN, BOB)
        assert len(contacts(hit.account)) == 2
        assert members(hit.account, "Feed") == sorted(uid_of(enrolled, x) for x in (ANN, BOB))

    def test_an_identifier_that_another_card_has_is_passed_over(self, hit: Behind) -> None:
        """Somebody may have given it another address a moment ago: it stays out of the group."""
        book = hit.mailroom().book
        book.refresh()
        first, second, *_ = card_uids(ANN)
        hit.account.put_card(f"{first}.vcf", vcards.contact(first, "Another", "another@example.net"))
        enrolled = enrol(book, ANN)
        assert uid_of(enrolled, ANN) == second
        assert members(hit.account, "Feed") == [second]

    def test_somebody_who_joins_an_empty_group_meanwhile_stays(self, hit: Behind) -> None:
        """Its members are written as a whole, so it has to be as it was seen."""
        book = hit.mailroom().book
        uid = add_contact(hit.account, "Bob", BOB)
        book.refresh()
        hit.account.put_card("Feed.vcf", vcards.group("Feed", [uid], uid="group-feed"))
        enrolled = enrol(book, ANN)
        assert members(hit.account, "Feed") == sorted([uid, uid_of(enrolled, ANN)])

    def test_a_request_that_is_too_large_is_halved(self, hit: Behind) -> None:
        """Whatever the session says of the limit."""
        book = hit.mailroom().book
        book.refresh()

        def at_most_three(exchange: Exchange) -> None:
            ((_, arguments, _),) = exchange.request.json()["methodCalls"]
            is_too_large = len(arguments.get("create", ())) + len(arguments.get("update", ())) > 3
            (harm.method_error("requestTooLarge") if is_too_large else Exchange.pass_on)(exchange)

        hit.proxy.plan = Harm(at_most_three, cards_set)
        senders = [Address(f"s{number}@example.net") for number in range(9)]
        enrolled = enrol(book, *senders)
        assert members(hit.account, "Feed") == sorted(uid_of(enrolled, x) for x in senders)


def _refuse_creation(address: str, kind: str = "forbidden") -> Plan:
    """Refuse to make the card of an address, and do all else."""

    def plan(exchange: Exchange) -> None:
        request = exchange.request.json()
        ((_, arguments, _),) = request["methodCalls"]
        unlucky = [x for x, card in arguments.get("create", {}).items() if address in json.dumps(card)]
        for each in unlucky:
            del arguments["create"][each]
        answer = exchange.forward(evolve(exchange.request, body=json.dumps(request).encode()))
        value = json.loads(answer.body)
        errors = {each: {"type": kind} for each in unlucky}
        value["methodResponses"][0][1]["notCreated"] = errors or None
        exchange.reply(Answer(200, {"content-type": "application/json"}, json.dumps(value).encode()))

    return plan


class TestReading:
    """`AddressBook.refresh`."""

    def test_a_second_time_only_changes_are_read(self, hit: Behind) -> None:
        """One request, whatever the size of the book."""
        for number in range(60):
            add_contact(hit.account, f"C {number}", f"c{number}@example.net")
        book = hit.mailroom().book
        book.refresh()
        add_contact(hit.account, "Ann", ANN)
        before = len(hit.proxy.requests)
        assert book.refresh().cards(ANN)
        (request,) = hit.proxy.requests[before:]
        assert "ContactCard/query" not in request.calls

    def test_a_state_of_another_life_of_the_server_leads_to_a_whole_reading(self, hit: Behind) -> None:
        """It tells of no change, since that lies in its future; what it calls the present betrays it."""
        uid = add_contact(hit.account, "Ann", ANN)
        book = hit.mailroom().book
        assert book.refresh().cards(ANN)
        hit.account.delete_card(f"{uid}.vcf")

        def nothing_new(name: str, arguments: dict[str, Any]) -> None:
            if name == "ContactCard/changes":
                arguments |= {"created": [], "updated": [], "destroyed": [], "newState": "1"}

        hit.proxy.plan = Harm(altered(nothing_new), contacts_reading, times=1)
        assert not book.refresh().cards(ANN)
        assert "ContactCard/query" in hit.proxy.requests[-1].calls

    def test_a_card_made_here_and_deleted_since_is_forgotten(self, hit: Behind) -> None:
        """The server says nothing of what came and went between two readings."""
        book = hit.mailroom().book
        book.refresh()
        uid = uid_of(enrol(book, ANN), ANN)
        assert book.latest().cards(ANN)
        hit.account.delete_card(f"{uid}.vcf")
        assert not book.refresh().cards(ANN)

    def test_only_what_is_needed_is_asked_for(self, hit: Behind) -> None:
        """No picture; but the notes, which say for which mailing lists a card stands."""
        hit.mailroom().book.refresh()
        gets = [
            arguments
            for request in hit.proxy.requests
            if request.is_jmap
            for name, arguments, _ in request.json()["methodCalls"]
            if name == "ContactCard/get"
        ]
        assert gets
        for each in gets:
            assert "media" not in each["properties"]
            assert "notes" in each["properties"]

    @pytest.mark.parametrize(
        ("card", "name"),
        [
            ({"name": {"full": "Ann Lee"}}, "Ann Lee"),
            ({"name": {"components": SURNAME_FIRST}}, "Ann Lee"),
            (
                {"name": {"isOrdered": True, "components": SURNAME_FIRST}},
                "Lee Ann",
            ),
            ({"organizations": {"x": {"name": "Acme"}}}, "Acme"),
            ({"name": None, "kind": "a kind of next year"}, ""),
            ({}, ""),
        ],
    )  # fmt: skip
    def test_a_card_is_read_tolerantly(self, card: dict[str, Any], name: str) -> None:
        """Addresses stand under whatever keys, and names in full or in parts."""
        emails = {"01": {"address": "Ann@Example.net", "pref": 1}, "odd": {"address": 5}, "odder": None}
        read = read_card({"id": "c1", "emails": emails, **card})
        assert (read.summary.name, read.summary.parties) == (name, (ANN,))
        assert not read.summary.is_group

    @pytest.mark.parametrize("odd", ODD_CARDS)
    def test_a_card_of_an_odd_form_stops_no_other(self, hit: Behind, odd: Any) -> None:
        """It is told as unreadable, and as long as it is, no card is made."""
        with pytest.raises(ProtocolError):
            read_card({"id": "c1", **odd} if isinstance(odd, dict) else odd)
        add_contact(hit.account, "Ann", ANN)

        def with_an_odd_one(name: str, arguments: dict[str, Any]) -> None:
            if name == "ContactCard/get" and "list" in arguments:
                arguments["list"].append({"id": "odd", **odd} if isinstance(odd, dict) else odd)

        hit.proxy.plan = altered(with_an_odd_one)
        book = hit.mailroom().book
        assert book.refresh().cards(ANN)
        assert "cannot be read" in book.left_out()[0]
        assert isinstance(enrol(book, BOB).cards[BOB], Refused)


class TestShares:
    """Groups that have members of another account, whose contacts the session offers too."""

    def shared(self, hit: Behind, *, has_them: bool) -> None:
        """Let the session offer another account's contacts, which have a member of the Feed, or have not."""
        group = vcards.group(
            "Feed", uid="group-feed", extra=[f"X-FM-OTHERACCOUNT-MEMBER;USERID=u1:urn:uuid:{THEIRS}"]
        )
        hit.account.put_card("Feed.vcf", group)

        def plan(exchange: Exchange) -> None:
            if exchange.request.is_session:
                answer = exchange.forward()
                session = json.loads(answer.body)
                session["accounts"]["other"] = {"name": "Other", "accountCapabilities": {CONTACTS: {}}}
                exchange.reply(evolve(answer, body=json.dumps(session).encode()))
            elif b'"other"' in exchange.request.body:
                calls = exchange.request.json()["methodCalls"]
                found = {"ids": [THEIRS] if has_them else [], "queryState": "1"}
                value = {"methodResponses": [[name, found, index] for name, _, index in calls]}
                exchange.reply(Answer(200, {"content-type": "application/json"}, json.dumps(value).encode()))
            else:
                exchange.pass_on()

        hit.proxy.plan = plan

    def test_is_not_patched_and_its_senders_are_told_why(self, hit: Behind) -> None:
        """They get no card either, and other groups are changed."""
        self.shared(hit, has_them=True)
        book = hit.mailroom().book
        book.refresh()
        enrolled = book.enrol({"Feed": Joining(new=(new(ANN),)), "Jail": Joining(new=(new(BOB),))})
        refused = enrolled.cards[ANN]
        assert isinstance(refused, Refused)
        assert "members of another account" in refused.reason
        assert set(enrolled.failed) == {"Feed"}
        assert members(hit.account, "Jail") == [uid_of(enrolled, BOB)]
        assert b"USERID=u1" in hit.account.cards()["Feed.vcf"]
        assert set(book.regroup({"Feed": Membership(add=frozenset({CardUid("x")}))})) == {"Feed"}

    def test_a_member_that_is_nobody_anywhere_is_no_share(self, hit: Behind) -> None:
        """It is left over from a card that is gone."""
        self.shared(hit, has_them=False)
        book = hit.mailroom().book
        book.refresh()
        enrolled = enrol(book, ANN)
        assert not enrolled.failed
        assert uid_of(enrolled, ANN) in members(hit.account, "Feed")

    def test_is_changed_over_carddav_where_that_is_possible(self, hit: Behind) -> None:
        """Then the line that says whose the member is stays as it is."""
        self.shared(hit, has_them=True)
        secrets = {x: hit.account.secrets[x] for x in CARDDAV_SECRETS}  # type: ignore[attr-defined]
        settings = {"MAILROOM_CONTACTS": "jmap", **secrets}
        environment = hit.proxy.environment(hit.account.environment)
        book = opened(hit.account, **{**environment, **settings}).book
        book.refresh()
        enrolled = enrol(book, ANN)
        assert not enrolled.failed
        card = hit.account.cards()["Feed.vcf"]
        assert b"X-FM-OTHERACCOUNT-MEMBER;USERID=u1:urn:uuid:theirs" in card
        assert uid_of(enrolled, ANN) in vcards.members(card)
        assert "Feed" in book.latest().groups(CardUid(uid_of(enrolled, ANN)))


def test_a_server_without_contacts_says_what_to_make(hit: Behind) -> None:
    """Two ways on: another token, or the two secrets of CardDAV."""

    def without(exchange: Exchange) -> None:
        answer = exchange.forward()
        if exchange.request.is_session:
            answer = evolve(answer, body=answer.body.replace(CONTACTS.encode(), b"urn:nothing"))
        exchange.reply(answer)

    hit.proxy.plan = without
    with pytest.raises(
        Exception, match=r"offers no contacts over JMAP.*Email and Contacts.*CARDDAV_PASSWORD"
    ):
        hit.mailroom().begin()


def test_what_only_the_other_way_needs_is_not_loaded(account: AccountOnSandbox) -> None:
    """Neither vobject nor XML where contacts go over JMAP."""
    account.receive([("Ann", ANN)], "Screener", "@ToFeed")
    code = (
        "import sys; from mailroom.cli import main; code = main(['run', '--once']);"
        "print([x for x in sys.modules if x.startswith(('vobject', 'mailroom.carddav'))]); sys.exit(code)"
    )
    environment = settings_environment(account)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert len(contacts_of(account, ANN)) == 1


def settings_environment(account: AccountOnSandbox) -> dict[str, str]:
    import os

    return {**os.environ, **account.environment, "MAILROOM_HEALTH_PORT": "0"}


@pytest.mark.parametrize("senders", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_changing_the_way_and_back_makes_nothing_twice(senders: int) -> None:
    """Whoever was filed over the one is found over the other, in the same groups; no line is lost."""
    with closing(AccountOnSandbox()) as account:
        furnish(account)
        own = add_contact(account, "Friend", "friend@example.org", groups=["Feed", "Friends"])
        group = group_card_name(account, "Feed")
        more = b"NOTE:my own words\r\nX-OWN:kept\r\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:gone\r\nEND:"
        account.put_card(group, account.cards()[group].replace(b"END:", more))
        said = vcards.said_of_group(account.cards()[group])
        friends = account.cards()[group_card_name(account, "Friends")]
        over_jmap = {"MAILROOM_CONTACTS": "jmap"}

        def file(names: range, **variables: str) -> None:
            for number in names:
                account.receive([(f"S {number}", f"s{number}@example.net")], "Screener", "@ToFeed")
            report = run_cycle(account, **variables)
            assert not report.failed
            assert len(report.filed) == len(names)

        file(range(senders))
        first = contacts(account)
        file(range(senders // 2, senders + 10), **over_jmap)
        assert len(contacts(account)) == len(first) + 10
        assert contacts(account).items() >= first.items()
        file(range(senders, senders + 20))
        file(range(senders + 30), **over_jmap)
        file(range(senders + 30))
        assert len(contacts(account)) == senders + 30 + 1
        assert contacts(account).items() >= first.items()
        for number in range(senders + 30):
            assert len(contacts_of(account, f"s{number}@example.net")) == 1
        feed = vcards.members(account.cards()[group_card_name(account, "Feed")])
        assert len(feed) == len(set(feed)) == senders + 30 + 2
        assert {own, "gone"} <= set(feed)
        assert vcards.said_of_group(account.cards()[group]) >= said
        assert account.cards()[group_card_name(account, "Friends")] == friends
        assert members(account, "Friends") == [own]


def test_settings_of_an_account_over_jmap_have_one_secret(account: AccountOnSandbox) -> None:
    """The token; that is what the other tests of this way stand on."""
    assert not settings_for(account, {}).uses_carddav
    assert parse_address(account.address)
