"""`mailroom uninstall`, on the sandbox and on real Cyrus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from mailroom.account import Account
from mailroom.carddav.compose import compose_card
from mailroom.contacts.identity import card_uids
from mailroom.errors import ServerError
from mailroom.model.address import Address
from mailroom.model.contacts import Alteration, CardKind, NewCard
from mailroom.model.mail import MailboxId
from mailroom.model.notes import NewNote, NoteKind
from mailroom.triage.uninstall import remove_cards, remove_groups, remove_labels
from tests.conftest import ADDRESS_BOOK_SERVERS, DAV_KINDS, OVER_JMAP, open_account_on
from tests.support import harm, vcards
from tests.support.accounts import (
    DOMAIN_GROUPS,
    DOMAIN_LABEL,
    GROUPS,
    JOURNAL,
    LABELS,
    LIST_LABEL,
    PROTECTED,
    AccountUnderTest,
    add_contact,
    contacts,
    group_card_name,
    groups_of,
    join,
    members,
)
from tests.support.behind import behind
from tests.support.default_account import SCHEME
from tests.support.harm import Choice, Harm
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.proxy import Exchange
from tests.support.running import ONE_ATTEMPT, Done, opened, run_command, run_cycle

ANN = ("Ann Example", "ann@example.net")
ACME = ("Acme, Inc.; Söhne", "acme@example.net")
BOB = ("Bob", "bob@example.net")
EVERYTHING = ("--cards", "--groups", "--labels")


@pytest.fixture(params=["sandbox", OVER_JMAP, "cyrus", *ADDRESS_BOOK_SERVERS[-1:]])
def bare_account(request: pytest.FixtureRequest) -> Iterator[AccountUnderTest]:
    """An account with an Inbox, on each kind of server that has both mail and contacts."""
    with closing(open_account_on(request.param, request)) as account:
        yield account


@pytest.fixture
def account(bare_account: AccountUnderTest) -> AccountUnderTest:
    """An account on which `setup` made everything, and Mailroom has filed three senders."""
    return installed(bare_account)


def installed(account: AccountUnderTest) -> AccountUnderTest:
    account.add_mailboxes({"Archive": "archive", **PROTECTED, "Family": None})
    assert run_command(account.environment, "setup", "--apply").code == 0
    assert set(account.mailbox_names()) >= {"Screener", *LABELS}, "so the account knows them, too"
    account.put_card("Friends.vcf", vcards.group("Friends"))
    account.receive([ANN], "Screener", "@ToPerson")
    account.receive([ACME], "Screener", "@ToFeed")
    account.receive([BOB], "Screener", "@ToJail")
    run_cycle(account)
    return account


def uninstall(account: AccountUnderTest, *arguments: str) -> Done:
    """Take away what the arguments say."""
    return run_command(account.environment, "uninstall", "--apply", "--yes", *arguments)


def told(account: AccountUnderTest, *arguments: str) -> dict[str, dict[str, Any]]:
    """Return what is shown of what Mailroom made, by address or name."""
    shown = run_command(account.environment, "uninstall", "--json", *arguments).json()
    made = (each for kind in ("cards", "groups", "labels") for each in shown[kind])
    return {each.get("email") or each["name"]: each for each in made}


def card_of(address: str) -> str:
    """The name under which Mailroom puts a sender's card."""
    return f"{next(card_uids(Address(address)))}.vcf"


def alter(account: AccountUnderTest, address: str, line: bytes) -> None:
    """Let a person add a line to a sender's card."""
    name = card_of(address)
    account.put_card(name, account.cards()[name].replace(b"END:VCARD", line + b"\r\nEND:VCARD"))


def change_group_line(account: AccountUnderTest, group: str, line: bytes) -> None:
    name = group_card_name(account, group)
    account.put_card(name, account.cards()[name].replace(b"END:VCARD", line + b"\r\nEND:VCARD"))


class TestShowing:
    """Without --apply."""

    def test_writes_nothing(self, account: AccountUnderTest) -> None:
        """Looking changes nothing, whatever is chosen."""
        before = account.state()
        assert run_command(account.environment, "uninstall", *EVERYTHING).code == 0
        assert account.state() == before

    def test_what_mailroom_made_is_known_and_nothing_else(self, account: AccountUnderTest) -> None:
        """Cards and groups are known by identifiers that nobody else makes, labels by the settings."""
        add_contact(account, "Carol", "carol@example.net", groups=["Imbox"])
        shown = told(account)
        labels = {*LABELS, DOMAIN_LABEL, LIST_LABEL, JOURNAL, "Screener"}
        assert shown.keys() == {ANN[1], ACME[1], BOB[1], *GROUPS, *DOMAIN_GROUPS, *labels}
        assert {name for name, each in shown.items() if not each["is_untouched"]} == {"Imbox", JOURNAL}
        assert shown[JOURNAL]["stays_because"] == "holds 1 message"

    @pytest.mark.parametrize(
        "name",
        [
            "Acme, Inc.; Söhne \\ Brüder",
            "Dr. Ann M. van Example",
            "Doe, Jane",
            "a name that is so long that a server has to fold it, äöü and all",
            "jane@other.example",
            "名前 姓",
        ],
    )
    def test_a_card_that_nobody_touched_is_known_as_such_whatever_its_name(
        self, account: AccountUnderTest, name: str
    ) -> None:
        """Servers fold, escape and sort anew what they are given, and that is no change."""
        for number, label in enumerate(("@ToFeed", "@ToPerson")):
            account.receive([(name, f"Sender{number}@Example.net")], "Screener", label)
        run_cycle(account)
        shown = told(account)
        assert [shown[f"sender{n}@example.net"]["stays_because"] for n in range(2)] == [None, None]

    def test_says_what_a_person_has_to_do_themselves(self, account: AccountUnderTest) -> None:
        """No API takes imported rules away, and a running service would miss its labels."""
        shown = " ".join(run_command(account.environment, "uninstall").output.split())
        rules = ("Sieve script",) if isinstance(account, AccountOnCyrus) else ("Mailroom:", "Filters & Rules")
        for words in ("Stop the service", *rules, "Revoke"):
            assert words in shown

    def test_fits_eighty_columns_in_a_pipe_but_for_tables(self, account: AccountUnderTest) -> None:
        """Sentences are wrapped; a table is whole, for whoever reads it by a program."""
        lines = run_command(account.environment, "uninstall").output.splitlines()
        assert all(len(line) <= 80 for line in lines)


class TestTakingAway:
    """With --apply."""

    def test_everything_goes_that_is_untouched_and_a_second_time_writes_nothing(
        self, account: AccountUnderTest
    ) -> None:
        """Mail and what was there before stay as they are."""
        add_contact(account, "Carol", "carol@example.net", groups=["Friends"])
        kept = {name: card for name, card in contacts(account).items() if b"Carol" in card}
        mail = {name: account.receive([BOB], name) for name in ("Inbox", "Feed", "Family")}
        done = uninstall(account, *EVERYTHING)
        assert done.code == 0, done.output + done.errors
        assert contacts(account) == kept
        assert groups_of(account, "carol@example.net") == ["Friends"]
        assert len(account.cards()) == 2
        stay = {"Inbox", "Archive", *PROTECTED, "Family", "Feed", "Paper Trail", "Jail"}
        assert set(account.mailbox_names()) >= stay
        assert not set(account.mailbox_names()) & {*LABELS, "Screener"}
        assert {name: account.mailboxes_of(message) for name, message in mail.items()} == {
            name: {name} for name in mail
        }
        before = account.state()
        again = uninstall(account, *EVERYTHING)
        assert (again.code, account.state()) == (0, before)
        assert "Nothing is left" in again.output

    def test_only_what_is_chosen(self, account: AccountUnderTest) -> None:
        """Cards alone leave their groups, which stay, and no line of them is left behind."""
        assert uninstall(account, "--cards").code == 0
        assert contacts(account) == {}
        assert {group: members(account, group) for group in GROUPS} == {x: [] for x in GROUPS}
        assert set(LABELS) <= set(account.mailbox_names())

    def test_a_choice_is_needed(self, account: AccountUnderTest) -> None:
        """--apply alone could mean anything."""
        before = account.state()
        done = uninstall(account)
        assert (done.code, account.state()) == (1, before)
        assert "--cards" in done.errors

    def test_a_journal_that_tells_of_something_stays_and_is_named(self, account: AccountUnderTest) -> None:
        """It is the person's history; one that is empty goes as the labels do."""
        notes = opened(account).notes
        notes.write(MailboxId(account.mailbox_id(JOURNAL)), [NewNote(NoteKind.ENTRY, "Filed", "Text")])
        done = uninstall(account, "--labels")
        assert JOURNAL in account.mailbox_names()
        assert f"The mailbox {JOURNAL!r} tells what was done" in done.output

    def test_without_a_yes_nothing_is_written(self, account: AccountUnderTest) -> None:
        """In a pipe there is nobody to ask; a program agrees by --yes."""
        before = account.state()
        for more in ((), ("--json",)):
            done = run_command(account.environment, "uninstall", "--apply", "--cards", *more)
            assert done.code == 1
            assert "--yes" in done.errors
        assert account.state() == before

    @pytest.mark.parametrize("line", [b"TEL:+49 30 1234", b"NOTE:my dentist", b"EMAIL:other@example.net"])
    def test_a_card_that_somebody_changed_stays_as_it_is(
        self, account: AccountUnderTest, line: bytes
    ) -> None:
        """With its place in the group, for it is a person's now."""
        alter(account, ANN[1], line)
        before = account.cards()[card_of(ANN[1])]
        assert "changed" in told(account)[ANN[1]]["stays_because"]
        assert uninstall(account, *EVERYTHING).code == 0
        assert contacts(account) == {card_of(ANN[1]): before}
        assert groups_of(account, ANN[1]) == ["Imbox"], "the group holds somebody, so it stays"
        assert len(account.cards()) == 3

    def test_a_card_of_another_address_is_no_longer_mailrooms(self, account: AccountUnderTest) -> None:
        """What it stands for cannot be told from its identifier any more."""
        name = card_of(ANN[1])
        account.put_card(name, account.cards()[name].replace(b"ann@", b"anna@"))
        assert ANN[1] not in told(account)
        uninstall(account, *EVERYTHING)
        assert set(contacts(account)) == {name}

    def test_a_card_in_another_group_stays(self, account: AccountUnderTest) -> None:
        """A person has put it there, and the group would lose a member."""
        join(account, "Friends", card_of(BOB[1]).removesuffix(".vcf"))
        assert "Friends" in told(account)[BOB[1]]["stays_because"]
        assert uninstall(account, "--cards").code == 0
        assert set(contacts(account)) == {card_of(BOB[1])}
        assert groups_of(account, BOB[1]) == ["Friends", "Jail"]

    def test_a_group_that_holds_somebody_stays_unless_it_is_named(self, account: AccountUnderTest) -> None:
        """Who is in a group is a decision, which would be lost with it; whoever is in it stays a contact."""
        before = contacts(account)
        done = uninstall(account, "--groups")
        assert done.code == 0
        assert all(group_card_name(account, group) for group in ("Imbox", "Feed", "Jail"))
        assert uninstall(account, "--groups", "Feed").code == 0
        assert contacts(account) == before
        assert groups_of(account, ACME[1]) == []
        assert groups_of(account, BOB[1]) == ["Jail"]

    def test_a_group_of_the_persons_own_is_never_deleted(self, account: AccountUnderTest) -> None:
        """Neither by its name nor because it is empty."""
        done = uninstall(account, "--groups", "Friends")
        assert done.code == 1
        assert "Friends" in done.errors
        assert group_card_name(account, "Friends")

    def test_a_group_that_somebody_changed_stays(self, account: AccountUnderTest) -> None:
        """Members alone are no change, whoever added them."""
        change_group_line(account, "Paper Trail", b"NOTE:receipts")
        assert uninstall(account, "--groups", "Paper Trail", "--cards").code == 0
        assert group_card_name(account, "Paper Trail")

    @pytest.mark.parametrize("label", ["@ToFeed", "Screener", "@MailroomError"])
    def test_a_label_that_holds_mail_stays(self, account: AccountUnderTest, label: str) -> None:
        """No message is deleted or moved to make room."""
        message = account.receive([("Eve", "eve@example.net")], label)
        assert "1 message" in told(account)[label]["stays_because"]
        assert uninstall(account, "--labels").code == 0
        assert account.mailboxes_of(message) == {label}
        assert set(account.mailbox_names()) & {*LABELS, "Screener"} == {label}

    def test_a_label_that_holds_mailboxes_stays(self, account: AccountUnderTest) -> None:
        """What a person has put below it stays where it is."""
        found = run_command(
            account.environment, "setup", "--apply", MAILROOM_LABEL_TO_FEED="Screener/Feed me"
        )
        assert found.code in {0, 1}
        done = uninstall(account, "--labels")
        assert (done.code, "holds other mailboxes" in " ".join(done.output.split())) == (1, True)
        assert "Screener" in account.mailbox_names()


class TestWords:
    """What a person reads."""

    def test_the_service_is_to_be_stopped_before_anything_else(self, account: AccountUnderTest) -> None:
        """Whoever reads it last has taken away by then what a running service needs."""
        for arguments in ((), ("--apply", "--yes", "--labels")):
            done = run_command(account.environment, "uninstall", *arguments)
            assert done.output.startswith("! Stop the service first")

    def test_mailboxes_of_destinations_are_listed_and_stay(self, account: AccountUnderTest) -> None:
        """They hold the person's mail, however empty they are."""
        shown = run_command(account.environment, "uninstall", "--json").json()
        assert shown["destinations"] == [
            {"name": "Feed", "messages": 1},
            {"name": "Paper Trail", "messages": 0},
            {"name": "Jail", "messages": 1},
        ]
        shown = " ".join(uninstall(account, "--labels").output.split())
        assert "Paper Trail 0 yours, and stays" in shown
        assert "Paper Trail" in account.mailbox_names()

    def test_what_earlier_settings_named_is_told(self, account: AccountUnderTest) -> None:
        """A label that no setting names any more stays; a contact group that Mailroom made is known."""
        settings = {"MAILROOM_LABEL_TO_FEED": "", "MAILROOM_LABEL_TO_JAIL": "@ToNowhere"}
        assert run_command(account.environment, "setup", "--apply", **settings).code == 0
        arguments = ("uninstall", "--apply", "--yes", *EVERYTHING)
        done = run_command(account.environment, *arguments, **settings)
        shown = " ".join(done.output.split())
        assert done.code == 0
        assert "No setting names @ToFeed, @ToJail: delete what you do not use." in shown
        assert {"@ToFeed", "@ToJail"} <= set(account.mailbox_names())
        assert contacts(account) == {}
        assert len(account.cards()) == 1, "Friends: the group Feed was made by Mailroom, too"

    def test_a_group_that_was_renamed_is_named_with_its_cards(self, account: AccountUnderTest) -> None:
        """Its identifier does not follow from its new name: it is the person's, and so is who is in it."""
        name = group_card_name(account, "Feed")
        account.put_card(name, account.cards()[name].replace(b"Feed", b"News"))
        shown = run_command(account.environment, "uninstall")
        assert "Cards that Mailroom made are in News" in " ".join(shown.output.split())
        assert "News" in told(account)[ACME[1]]["stays_because"]


class TestMeanwhile:
    """A person, or another program, acts between the question and the write."""

    def act_before(
        self, account: AccountUnderTest, choice: Choice, act: Callable[[], None], *arguments: str
    ) -> Done:
        """Let somebody act right before the first of those requests is done."""

        def plan(exchange: Exchange) -> None:
            act()
            exchange.pass_on()

        with behind(account) as hit:
            hit.proxy.plan = Harm(plan, choice, times=1)
            environment = hit.proxy.environment(account.environment)
            return run_command(environment, "uninstall", "--apply", "--yes", "--json", *arguments)

    def test_a_card_changed_at_the_last_moment_stays_with_its_group(self, account: AccountUnderTest) -> None:
        """It goes only in the version that was looked at, and what it had left is given back."""
        senders = (ANN[1], ACME[1], BOB[1])

        def change_all() -> None:
            for sender in senders:
                alter(account, sender, b"TEL:1")

        assert self.act_before(account, harm.card_deletion, change_all, "--cards").code == 1
        assert len(contacts(account)) == 3
        assert [groups_of(account, sender) for sender in senders] == [["Imbox"], ["Feed"], ["Jail"]]

    def test_a_card_put_into_a_group_after_the_question_stays(self, account: AccountUnderTest) -> None:
        """Nobody is taken out of a group that they were just put into."""
        uid = card_of(BOB[1]).removesuffix(".vcf")
        done = self.act_before(account, harm.group_change, lambda: join(account, "Friends", uid), "--cards")
        assert done.code == 1
        assert set(contacts(account)) == {card_of(BOB[1])}
        assert groups_of(account, BOB[1]) == ["Friends", "Jail"]

    def test_somebody_put_into_a_group_at_the_last_moment_keeps_it(self, account: AccountUnderTest) -> None:
        """A group that is not empty any more stays."""
        uid = add_contact(account, "Carol", "carol@example.net")
        done = self.act_before(
            account, harm.card_deletion, lambda: join(account, "Paper Trail", uid), "--groups"
        )
        assert done.code == 1
        assert groups_of(account, "carol@example.net") == ["Paper Trail"]

    def test_mail_that_comes_at_the_last_moment_keeps_its_mailbox(self, account: AccountUnderTest) -> None:
        """The server is told to delete no mail, and looks last of all."""
        messages: list[str] = []

        def plan(exchange: Exchange) -> None:
            messages.append(account.receive([("Eve", "eve@example.net")], "Screener"))
            exchange.pass_on()

        with behind(account) as hit:
            hit.proxy.plan = Harm(plan, lambda request: "Mailbox/set" in request.calls, times=1)
            environment = hit.proxy.environment(account.environment)
            done = run_command(environment, "uninstall", "--apply", "--yes", "--labels")
        assert done.code == 1
        assert "Screener stays: it holds mail" in done.output, done.output + done.errors
        assert account.mailboxes_of(messages[0]) == {"Screener"}
        assert set(account.mailbox_names()) & {*LABELS, "Screener"} == {"Screener"}

    def test_a_card_of_another_address_after_the_question_is_not_told_as_removed(
        self, account: AccountUnderTest
    ) -> None:
        """It is not known as Mailroom's any more, and stays; one that is gone by itself is no failure."""
        book = opened(account).book
        cards = {card.address: card for card in book.made().cards}
        name = card_of(ANN[1])
        account.put_card(name, account.cards()[name].replace(b"ann@", b"anna@"))
        account.delete_card(card_of(BOB[1]))
        done = remove_cards(book, list(cards.values()), SCHEME, no_advance)
        assert done.staying.keys() == {cards[Address(ANN[1])].uid}
        assert set(done.removed) == {cards[Address(address)].uid for address in (ACME[1], BOB[1])}
        assert set(contacts(account)) == {name}

    def test_of_two_cards_of_an_address_each_is_told(self, account: AccountUnderTest) -> None:
        """One goes, the other was changed after the question."""
        _, second, *_ = card_uids(Address(ANN[1]))
        new = NewCard(Address(ANN[1]), ANN[1], "Ann Again", CardKind.PERSON)
        account.put_card(f"{second}.vcf", compose_card(new, second))
        done = self.act_before(
            account, harm.card_deletion, lambda: alter(account, ANN[1], b"TEL:1"), "--cards"
        )
        removed = {card["name"]: card["removed"] for card in done.json()["cards"] if card["email"] == ANN[1]}
        there = {name: any(name.encode() in card for card in contacts(account).values()) for name in removed}
        # Of a card that was made over CardDAV, nobody can know over JMAP that it was not renamed.
        goes = not account.is_over_jmap
        assert removed == {"Ann Example": False, "Ann Again": goes}
        assert there == {"Ann Example": True, "Ann Again": not goes}


class TestRefusedCredentials:
    """The app password is revoked in the middle of it."""

    @pytest.mark.parametrize("writes_left", range(8))
    def test_what_was_done_is_told_all_the_same(self, account: AccountUnderTest, writes_left: int) -> None:
        """Of each thing that was shown: it is gone, or it stays, and why."""
        with behind(account) as hit:
            hit.proxy.plan = harm.refused_after_writes(writes_left)
            environment = hit.proxy.environment(account.environment)
            done = run_command(environment, "uninstall", "--apply", "--yes", "--json", *EVERYTHING)
            refusals = len(hit.writes()) - writes_left
        # Over JMAP a request writes much, so that there may be none left to be refused.
        assert refusals > 0 or account.is_over_jmap
        assert done.code == (1 if refusals > 0 else 0), done.errors
        shown = done.json()
        there = contacts(account).keys()
        for card in shown["cards"]:
            assert card["removed"] == (card_of(card["email"]) not in there), card
            assert card["removed"] or "refuses" in card["stays_because"], card
            if not card["removed"] and not groups_of(account, card["email"]):
                assert all(group in card["stays_because"] for group in card["groups"]), card
        names = [vcards.value(card, "FN") for card in account.cards().values() if vcards.is_group(card)]
        assert all(group["removed"] == (group["name"] not in names) for group in shown["groups"])
        assert all(
            each["removed"] == (each["name"] not in account.mailbox_names()) for each in shown["labels"]
        )
        assert refusals <= len(GROUPS), "nobody goes on knocking"

    def test_one_reason_of_many_things_is_told_once(self, account: AccountUnderTest) -> None:
        """The same advice under each of a thousand cards would hide what else there is to read."""
        with behind(account) as hit:
            hit.proxy.plan = harm.refused_after_writes(0)
            environment = hit.proxy.environment(account.environment)
            done = run_command(environment, "uninstall", "--apply", "--yes", "--labels")
        shown = " ".join(done.output.split())
        assert done.code == 1
        assert shown.count("refuses the token") == 1
        told = shown[: shown.index("refuses the token")]
        assert all(name in told[told.index("✗") :] for name in (*LABELS, "Screener")), shown

    @pytest.mark.parametrize("choice", [harm.group_change, harm.card_deletion])
    def test_whoever_was_taken_out_of_a_group_is_put_back(
        self, account: AccountUnderTest, choice: Choice
    ) -> None:
        """Where the server refuses once only, as some do under load."""
        with behind(account) as hit:
            refuse = harm.status(401)
            hit.proxy.plan = Harm(refuse, choice, times=1)
            environment = hit.proxy.environment(account.environment)
            done = run_command(environment, "uninstall", "--apply", "--yes", "--json", "--cards")
        assert done.code == 1
        staying = [card["email"] for card in done.json()["cards"] if not card["removed"]]
        assert {address: groups_of(account, address) for address in staying} == {
            address: [group]
            for (_, address), group in ((ANN, "Imbox"), (ACME, "Feed"), (BOB, "Jail"))
            if address in staying
        }
        assert len(contacts(account)) == len(staying) > 0


@pytest.mark.servers
@pytest.mark.parametrize("kind", DAV_KINDS)
class TestWithoutDates:
    """On servers that tell neither when a card was made nor when it was changed."""

    def test_of_cards_of_version_1_only_those_that_were_never_named_go(
        self, kind: str, request: pytest.FixtureRequest
    ) -> None:
        """Whether somebody renamed one cannot be seen, and that is said before the question.

        One that was made since tells the name that it was made with.
        """
        with closing(open_account_on(kind, request)) as bare:
            assert not bare.describes_cards
            account = installed(bare)
            eve, dan = "eve@example.net", "dan@example.net"
            account.receive([("", dan)], "Screener", "@ToFeed")
            account.receive([("Eve", eve)], "Screener", "@ToFeed")
            run_cycle(account)
            for address in (ANN[1], ACME[1], dan):
                name = card_of(address)
                account.put_card(name, vcards.without_product(account.cards()[name]))
            for address, old, new in ((ANN[1], b"Ann", b"Aunt"), (BOB[1], b"FN:Bob", b"FN:Rob")):
                name = card_of(address)
                card = account.cards()[name]
                assert old in card
                account.put_card(name, card.replace(old, new))
            shown = told(account)
            assert shown[dan]["is_untouched"]
            assert shown[eve]["is_untouched"]
            assert all(
                "does not tell enough of it to know whether somebody changed it"
                in shown[address]["stays_because"]
                for _, address in (ANN, ACME)
            )
            assert shown[BOB[1]]["stays_because"] == "changed since it was made"
            done = uninstall(account, *EVERYTHING)
            assert done.code == 0
            assert "2 cards stay, perhaps changed: your contacts server" in " ".join(done.output.split())
            assert set(contacts(account)) == {card_of(address) for _, address in (ANN, ACME, BOB)}
            assert groups_of(account, ANN[1]) == ["Imbox"]


class TestInterrupted:
    """Cut off anywhere, and run again."""

    @pytest.mark.parametrize(
        "is_done",
        [
            pytest.param(False, id="before the server acts", marks=pytest.mark.slow),
            pytest.param(True, id="before the answer", marks=pytest.mark.slow),
        ],
    )
    def test_run_again_it_ends_the_same(
        self, new_account: Callable[[], AccountUnderTest], is_done: bool
    ) -> None:
        """Wherever it ends, the next run takes away what is left, and a changed card keeps its group."""
        for writes_left in range(30):
            account = installed(new_account())
            alter(account, BOB[1], b"TEL:1")
            with behind(account) as hit:
                hit.proxy.plan = harm.dead_after_writes(writes_left, is_done=is_done)
                with suppress(ServerError):
                    take_everything_away(hit.mailroom(ONE_ATTEMPT))
                is_whole = len(hit.writes()) <= writes_left
            assert groups_of(account, BOB[1]) == ["Jail"]
            assert uninstall(account, *EVERYTHING).code == 0
            assert set(contacts(account)) == {card_of(BOB[1])}
            assert groups_of(account, BOB[1]) == ["Jail"]
            assert len(account.cards()) == 3
            assert not set(account.mailbox_names()) & {*LABELS, "Screener"}
            if is_whole:
                assert writes_left == 12, "two groups left, two cards, seven groups and the mailboxes"
                return
        pytest.fail("it never ends")


def no_advance(done: int, total: int) -> None:
    """Tell nobody."""


def take_everything_away(mailroom: Account) -> None:
    """Do what the command does after a yes."""
    cards = [card for card in mailroom.book.made().cards if card.alteration is Alteration.NONE]
    remove_cards(mailroom.book, cards, SCHEME, no_advance)
    remove_groups(mailroom.book, mailroom.book.made().groups, ())
    remove_labels(mailroom.mail, [*LABELS, "Screener"])
