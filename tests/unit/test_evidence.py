"""What mail tells of the provider's rules: a tick needs unread mail that came after all filing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count

import pytest
from attrs import Factory, evolve, frozen

from mailroom.model.address import Address
from mailroom.model.contacts import Card, CardKind, CardUid
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.mailing_list import read_lists
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.scheme import Category, ContactGroup, Name
from mailroom.model.sender import read_sender
from mailroom.triage.evidence import Evidence, judge_rules, mailboxes_to_look_at
from mailroom.triage.findings import Finding, Verdict
from mailroom.triage.layout import find_layout
from tests.support.default_account import MAILBOXES, SCHEME, WHOLE_SCHEME

SET_UP, FILED, EARLIER, LATER, LATEST = (f"2026-05-{day:02}T12:00:00Z" for day in (1, 10, 5, 15, 20))
RIGHT, WRONG, NOT_SEEN = Verdict.RIGHT, Verdict.WRONG, Verdict.NOT_SEEN
ANN, BOB, EVE, ZOE = "ann@x.example", "bob@x.example", "eve@x.example", "zoe@x.example"


def seconds(moment: str) -> int:
    """The seconds since 1970 of a moment."""
    return int(datetime.fromisoformat(moment).timestamp()) if moment else 0


@frozen
class People:
    """Contacts by their addresses: the groups of each, and when they were filed.

    Attributes:
        filed: Where not at the usual moment; empty for nobody knows.
        made_at: When the contact groups were made; empty for nobody knows.
        changed: When they were changed last; likewise.
    """

    members: Mapping[str, Collection[str]] = Factory(dict)
    filed: Mapping[str, str] = Factory(dict)
    made_at: str = SET_UP
    changed: str = FILED

    def cards(self, party: Party) -> Sequence[Card]:
        moment = self.filed.get(party, FILED)
        return [Card(CardUid(party), "", seconds(moment))] if party in self.members else []

    def addresses(self) -> Collection[Party]:
        return [Address(each) for each in self.members]

    def groups(self, uid: CardUid) -> Collection[str]:
        return self.members[uid]

    def knows_lists(self) -> bool:
        return True

    def group_names(self) -> Sequence[str]:
        return []

    def group_uids(self) -> Mapping[str, CardUid]:
        return {}

    def filed_by(self, party: Party, group: str) -> int:
        return seconds(self.filed.get(party, FILED))

    def changed_at(self, group: str) -> int:
        return seconds(self.changed)

    def renamed_groups(self, names: Collection[str]) -> Mapping[str, str]:
        return {}

    def groups_made_at(self, names: Collection[str]) -> int:
        return seconds(self.made_at)


IDS = map(str, count())


def mail(sender: str, *mailboxes: str, at: str = LATER, read: bool = False) -> Message:
    """A message of somebody."""
    ids = frozenset(map(MailboxId, mailboxes))
    return Message(MessageId(next(IDS)), ids, read, read_sender([("", sender)]), at)


def judged(people: People, *messages: Message) -> dict[str, Finding]:
    """The finding about each rule, by the name of its mailbox."""
    tree, layout = MailboxTree(MAILBOXES), find_layout(MAILBOXES, SCHEME)
    own = OwnAddresses.read(["me@x.example"])
    found: dict[str, Finding] = {}
    for each in judge_rules(Evidence(messages, people, own, tree, layout, SCHEME)):
        _, name, _ = each.says.split("'", 2)
        assert each.subject == "rules"
        assert name not in found
        found[name] = each
    return found


FEED_MEMBERS = People({ANN: ["Feed"], BOB: ["Feed"]})


def feed(*messages: Message, people: People = FEED_MEMBERS) -> Verdict:
    """The verdict on the rule for Feed."""
    return judged(people, *messages)["Feed"].verdict


def screener(*messages: Message, people: People = FEED_MEMBERS) -> Verdict:
    """The verdict on the rule for Screener."""
    return judged(people, *messages)["Screener"].verdict


def test_each_rule_has_its_line_and_without_mail_none_is_ticked() -> None:
    """What has no rule, like a group whose mail belongs in the Inbox, has no line."""
    found = judged(FEED_MEMBERS)
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(
        ("Feed", "Paper Trail", "Jail", "Screener"), NOT_SEEN
    )
    assert all("will show the rule" in each.says for each in found.values())


class TestGroups:
    """The rule of a contact group, by its members' mail."""

    def test_unread_mail_that_came_after_is_evidence(self) -> None:
        """It is the one thing that neither Mailroom nor the person has put there."""
        assert feed(mail(ANN, "Feed")) is RIGHT

    @pytest.mark.parametrize(
        "message",
        [
            pytest.param(mail(ANN, "Feed", at=EARLIER), id="moved there by the filing"),
            pytest.param(mail(ANN, "Feed", at=FILED), id="came at the very moment of the filing"),
            pytest.param(mail(ANN, "Feed", read=True), id="read, and so perhaps moved"),
            pytest.param(mail(ANN, "Feed", "Inbox"), id="in the Inbox as well"),
            pytest.param(mail(ANN, "Feed", "Screener"), id="in Screener as well"),
            pytest.param(mail(ANN, "Feed", "@ToFeed"), id="labelled, not worked off yet"),
            pytest.param(mail(ANN, "Feed", "@MailroomError"), id="left to the person"),
            pytest.param(mail(ANN, "Feed", "Trash"), id="thrown away"),
            pytest.param(mail(EVE, "Feed"), id="of a stranger"),
            pytest.param(mail("me@x.example", "Feed"), id="of the person's own"),
            pytest.param(mail(ANN, "Family"), id="put somewhere else by the person"),
            pytest.param(mail(ANN, "Inbox", at=EARLIER), id="in the Inbox since before"),
            pytest.param(mail(ANN, "Screener", at=EARLIER), id="in Screener since before"),
        ],
    )
    def test_what_anybody_may_have_put_there_is_none(self, message: Message) -> None:
        """No tick and no cross by mail that was filed, swept, moved or there before."""
        assert feed(message) is NOT_SEEN

    def test_nor_is_mail_of_which_nobody_knows_whether_it_came_after(self) -> None:
        """Where the server does not tell when somebody was filed, their mail tells nothing."""
        people = evolve(FEED_MEMBERS, filed={ANN: ""})
        assert feed(mail(ANN, "Feed"), people=people) is NOT_SEEN
        assert feed(mail(ANN, "Inbox"), people=people) is NOT_SEEN

    def test_nor_is_mail_from_before_the_group_was_changed_last(self) -> None:
        """Its sender may have been filed a second time, and Mailroom has moved it; in the Inbox it counts."""
        for changed in (LATEST, ""):
            people = evolve(FEED_MEMBERS, changed=changed)
            assert feed(mail(ANN, "Feed"), people=people) is NOT_SEEN
            assert feed(mail(ANN, "Inbox"), people=people) is WRONG

    def test_nor_is_mail_of_whoever_is_in_two_groups(self) -> None:
        """Which rule should have taken it, nobody can say."""
        assert feed(mail(ANN, "Inbox"), people=People({ANN: ["Feed", "Jail"]})) is NOT_SEEN

    @pytest.mark.parametrize("where", ["Inbox", "Screener"])
    @pytest.mark.parametrize("is_read", [False, True])
    def test_mail_that_came_elsewhere_after_the_filing_means_a_missing_rule(
        self, where: str, *, is_read: bool
    ) -> None:
        """It says whose rule, how much, of whom, since when, and what to do."""
        found = judged(FEED_MEMBERS, mail(ANN, where, read=is_read), mail(ANN, "Feed", at=EARLIER))["Feed"]
        assert found.verdict is WRONG
        assert found.says == (
            f"the rule for 'Feed' is missing: 1 message from its members ({ANN}) came after they were filed "
            "and went elsewhere, the last of 2026-05-15; import it or switch it on (`mailroom rules`), or if "
            "you just did, wait for new mail"
        )

    def test_of_many_senders_three_are_named(self) -> None:
        """A long list helps nobody."""
        senders = [f"a{number}@x.example" for number in range(5)]
        people = People({sender: ["Feed"] for sender in senders})
        says = judged(people, *(mail(sender, "Inbox") for sender in senders))["Feed"].says
        assert "5 messages" in says
        assert "(a0@x.example, a1@x.example, a2@x.example, …)" in says

    def test_the_newest_evidence_counts(self) -> None:
        """A rule that was missing may be there by now, and one that was there may be gone."""
        assert feed(mail(ANN, "Inbox"), mail(BOB, "Feed", at=LATEST)) is RIGHT
        assert feed(mail(ANN, "Feed"), mail(BOB, "Inbox", at=LATEST)) is WRONG
        assert feed(mail(ANN, "Feed"), mail(BOB, "Screener", at=LATEST)) is WRONG
        assert feed(mail(ANN, "Feed"), mail(BOB, "Inbox")) is NOT_SEEN, "neither is newer"

    def test_newer_mail_that_may_have_been_put_there_takes_the_cross_and_gives_no_tick(self) -> None:
        """Since then the rule may work."""
        assert feed(mail(ANN, "Inbox"), mail(BOB, "Feed", at=LATEST, read=True)) is NOT_SEEN

    def test_one_senders_read_mail_in_the_inbox_may_have_been_moved_there(self) -> None:
        """Where other mail shows the rule at work; unread mail, or several senders', nobody has moved."""
        seen = mail(ANN, "Feed")
        assert feed(seen, mail(BOB, "Inbox", at=LATEST, read=True)) is NOT_SEEN
        assert feed(seen, mail(BOB, "Inbox", at=LATEST)) is WRONG
        both = [mail(sender, "Inbox", at=LATEST, read=True) for sender in (ANN, BOB)]
        assert feed(seen, *both) is WRONG

    def test_where_screener_takes_contacts_mailroom_may_have_moved_it_from_there(self) -> None:
        """The service sweeps what members have in Screener: no tick as long as contacts' mail gets there."""
        people = People({ANN: ["Feed"], BOB: []})
        swept, held = mail(ANN, "Feed"), mail(BOB, "Screener")
        assert feed(swept, held, people=people) is NOT_SEEN
        assert feed(swept, held, mail(BOB, "Inbox", at=LATEST), people=people) is RIGHT

    def test_each_further_mailbox_has_a_rule_of_its_own(self) -> None:
        """A nested category's parent, say: its rule may be missing while the other is there."""
        receipts = ContactGroup(Name("Receipts"), Name("Feed"), (Name("Paper Trail"),))
        family = ContactGroup(Name("Family"), None, (Name("Jail"),))
        scheme = evolve(
            SCHEME,
            categories=(
                Category("Receipts", Name("@ToFeed"), receipts, CardKind.COMPANY),
                Category("Family", Name("@ToPerson"), family, CardKind.PERSON),
            ),
        )
        people = People({ANN: ["Receipts"], BOB: ["Family"]})

        def verdicts(*messages: Message) -> list[Verdict]:
            layout, own = find_layout(MAILBOXES, scheme), OwnAddresses.read([])
            evidence = Evidence(messages, people, own, MailboxTree(MAILBOXES), layout, scheme)
            return [each.verdict for each in judge_rules(evidence)][:-1]

        assert verdicts(mail(ANN, "Feed", "Paper Trail"), mail(BOB, "Inbox", "Jail")) == [RIGHT] * 3
        assert verdicts(mail(ANN, "Feed"), mail(BOB, "Inbox")) == [RIGHT, WRONG, WRONG]
        assert verdicts(mail(ANN, "Inbox")) == [WRONG, WRONG, NOT_SEEN]


class TestScreener:
    """The rule for everybody who is no contact, from both sides."""

    def test_a_strangers_unread_mail_there_is_evidence(self) -> None:
        """Nobody else puts it there, but for a decision that is taken back, and that changes a group."""
        assert screener(mail(EVE, "Screener")) is RIGHT
        assert screener(mail(EVE, "Screener"), people=evolve(FEED_MEMBERS, changed=LATEST)) is NOT_SEEN
        assert screener(mail(EVE, "Screener"), people=evolve(FEED_MEMBERS, changed="")) is NOT_SEEN

    @pytest.mark.parametrize(
        "message",
        [
            pytest.param(mail(EVE, "Screener", read=True), id="read"),
            pytest.param(mail(EVE, "Screener", "Inbox"), id="in the Inbox as well"),
            pytest.param(mail(EVE, "Inbox", at="2026-04-30T12:00:00Z"), id="in the Inbox since before setup"),
            pytest.param(mail(EVE, "Inbox", at=SET_UP), id="in the Inbox at that very moment"),
            pytest.param(mail(EVE, "Inbox", "@ToJail"), id="labelled"),
            pytest.param(mail(EVE, "Family"), id="somewhere else"),
            pytest.param(mail("me@x.example", "Inbox"), id="of the person's own"),
        ],
    )
    def test_what_anybody_may_have_put_there_is_none(self, message: Message) -> None:
        """Neither for nor against."""
        assert screener(message) is NOT_SEEN

    def test_a_strangers_mail_in_the_inbox_since_setup_means_a_missing_rule(self) -> None:
        """Where nothing has come to Screener, and everybody knows since when it could."""
        found = judged(FEED_MEMBERS, mail(EVE, "Inbox"), mail(ZOE, "Inbox", at=LATEST))["Screener"]
        assert found.verdict is WRONG
        assert f"2 messages from strangers ({EVE}, {ZOE}) came after setup and went" in found.says

    def test_read_mail_counts_only_where_it_came_after_every_decision(self) -> None:
        """That of a sender whom the person has taken back stays in the Inbox."""
        read = mail(EVE, "Inbox", read=True)
        assert screener(read) is WRONG
        assert screener(read, people=evolve(FEED_MEMBERS, changed=LATEST)) is NOT_SEEN
        assert screener(mail(EVE, "Inbox"), people=evolve(FEED_MEMBERS, changed=LATEST)) is WRONG

    def test_or_since_screener_last_got_any(self) -> None:
        """Whenever it was set up: the rule was there, and is gone."""
        unknown = evolve(FEED_MEMBERS, made_at="")
        assert screener(mail(EVE, "Inbox"), people=unknown) is NOT_SEEN
        gone = [mail(EVE, "Screener"), mail(ZOE, "Inbox", at=LATEST)]
        assert screener(*gone, people=unknown) is WRONG
        assert "after the last that it took, of 2026-05-15," in judged(unknown, *gone)["Screener"].says
        assert screener(mail(ZOE, "Inbox"), mail(EVE, "Screener", at=LATEST)) is RIGHT

    def test_who_was_filed_out_of_screener_may_have_been_screened(self) -> None:
        """A person who keeps Screener empty is not told for that that the rule is missing."""
        filed_later = evolve(FEED_MEMBERS, filed={ANN: LATEST})
        assert screener(mail(EVE, "Inbox", at=EARLIER), mail(ANN, "Feed"), people=filed_later) is NOT_SEEN

    @pytest.mark.parametrize("groups", [[], ["Imbox"], ["Feed"]])
    def test_a_contacts_mail_there_means_that_it_catches_too_much(self, groups: list[str]) -> None:
        """Whoever it is: a contact is no stranger, and then strangers' mail there is no tick either."""
        found = judged(People({ANN: groups}), mail(ANN, "Screener"), mail(EVE, "Screener"))["Screener"]
        assert found.verdict is WRONG
        assert f"catches too much: 1 message from contacts ({ANN}) came" in found.says

    def test_but_not_where_a_decision_about_them_may_have_been_taken_back(self) -> None:
        """Then Mailroom has moved their mail there."""
        people = People({ANN: []}, changed=LATEST)
        assert screener(mail(ANN, "Screener"), people=people) is NOT_SEEN

    def test_but_not_where_they_became_one_afterwards_or_nobody_knows_when(self) -> None:
        """Then the rule took a stranger's mail."""
        for filed in (LATEST, ""):
            people = People({ANN: []}, filed={ANN: filed})
            assert screener(mail(ANN, "Screener"), people=people) is not WRONG

    def test_nor_where_contacts_mail_has_come_to_the_inbox_since(self) -> None:
        """The newest evidence counts here as well; a member's mail may have been swept there."""
        held, spared = mail(ANN, "Screener"), mail(BOB, "Inbox", at=LATEST)
        assert screener(held, spared, people=People({ANN: [], BOB: []})) is NOT_SEEN
        assert screener(held, spared, people=People({ANN: [], BOB: ["Imbox"]})) is WRONG


def test_what_is_looked_at_is_where_rules_leave_mail() -> None:
    """The Inbox, Screener and each destination, each once."""
    found = mailboxes_to_look_at(find_layout(MAILBOXES, SCHEME))
    assert sorted(found) == ["Feed", "Inbox", "Jail", "Paper Trail", "Screener"]


def test_moments_are_compared_in_utc() -> None:
    """A card's seconds and a message's text mean the same clock."""
    assert seconds(FILED) == datetime(2026, 5, 10, 12, tzinfo=UTC).timestamp()


EVERYBODY = "*@x.example"
DOMAIN = People({EVERYBODY: ["Feed domains"], BOB: ["Jail"]})


def domain(
    *messages: Message, people: People = DOMAIN, moved: Collection[MessageId] | None = frozenset()
) -> Finding:
    """What is found about the domains in Feed, where Mailroom has moved some of these messages."""
    tree, layout = MailboxTree(MAILBOXES), find_layout(MAILBOXES, WHOLE_SCHEME)
    own = OwnAddresses.read(["me@home.example"])
    evidence = Evidence(messages, people, own, tree, layout, WHOLE_SCHEME, moved)
    (found,) = (
        x for x in judge_rules(evidence) if x.says.startswith(("'Feed domains'", "the rule for 'Feed d"))
    )
    return found


class TestDomains:
    """Who takes mail of a whole domain to its place: the server's rules, or Mailroom."""

    def test_without_new_mail_neither_is_said(self) -> None:
        """What came before the decision, and what was moved by it, tells nothing; nor does read mail."""
        for messages in ((), (mail(ANN, "Feed", at=EARLIER),), (mail(ANN, "Feed", read=True),)):
            found = domain(*messages)
            assert found.verdict is NOT_SEEN
            assert "no new mail from everyone at x.example yet" in found.says

    def test_what_came_there_and_nobody_moved_was_routed(self) -> None:
        """So the server knows contacts that stand for whole domains."""
        found = domain(mail(ANN, "Feed"), mail(EVE, "Feed", at=LATEST))
        assert found.verdict is RIGHT
        assert "the server's rules know whole domains: 2 messages" in found.says
        assert "the last of 2026-05-20" in found.says

    def test_what_mailroom_moved_there_was_not(self) -> None:
        """It is right as well: it works everywhere, and that is said."""
        message = mail(ANN, "Feed")
        found = domain(message, moved={message.id})
        assert found.verdict is RIGHT
        assert (
            "1 message from everyone at x.example (ann@x.example) landed in Screener, and Mailroom"
            in found.says
        )

    def test_the_newest_counts(self) -> None:
        """Rules that were imported since, and such as are gone."""
        older, newer = mail(ANN, "Feed"), mail(ANN, "Feed", at=LATEST)
        assert "rules know whole domains" in domain(older, newer, moved={older.id}).says
        assert "Mailroom moved it" in domain(older, newer, moved={newer.id}).says

    def test_without_the_whole_journal_nobody_can_tell(self) -> None:
        """Mail that Mailroom swept lies there as untouched as routed mail."""
        found = domain(mail(ANN, "Feed"), moved=None)
        assert found.verdict is NOT_SEEN
        assert "without all of the journal nobody can tell" in found.says

    def test_mail_that_waits_for_the_next_cycle_is_no_fault(self) -> None:
        """A second later it is not there any more."""
        found = domain(mail(ANN, "Screener"))
        assert found.verdict is NOT_SEEN
        assert "the next cycle moves it" in found.says

    def test_mail_that_went_to_the_inbox_shows_that_the_rule_is_missing(self) -> None:
        """Neither the server nor Mailroom takes it from there."""
        found = domain(mail(ANN, "Feed"), mail(EVE, "Inbox", at=LATEST))
        assert found.verdict is WRONG
        assert "the rule for 'Feed domains' is missing: 1 message" in found.says

    def test_who_is_decided_on_by_themselves_tells_of_their_own_rule(self) -> None:
        """Their mail goes elsewhere, and rightly."""
        assert domain(mail(BOB, "Jail")).verdict is NOT_SEEN

    def test_senders_of_a_decided_domain_are_no_strangers(self) -> None:
        """In the Inbox, where it is their destination, they do not show that Screener lets mail through."""
        people = People({EVERYBODY: ["Imbox domains"]})
        tree, layout = MailboxTree(MAILBOXES), find_layout(MAILBOXES, WHOLE_SCHEME)
        seen = [mail(ANN, "Inbox"), mail("zoe@other.example", "Screener", at=EARLIER)]
        found = judge_rules(Evidence(seen, people, OwnAddresses.read([]), tree, layout, WHOLE_SCHEME))
        assert WRONG not in {each.verdict for each in found}


LIST = "<dev.lists.example.org>"


def of_list(
    group: str,
    *messages: Message,
    moved: Collection[MessageId] | None = frozenset(),
    names_lists: bool = False,
) -> Finding:
    """What is found about a list that is decided on, whose mail these messages are."""
    tree, layout = MailboxTree(MAILBOXES), find_layout(MAILBOXES, WHOLE_SCHEME)
    over_it = [evolve(each, lists=read_lists([LIST])) for each in messages]
    people, own = People({LIST: [group]}), OwnAddresses.read([])
    evidence = Evidence(over_it, people, own, tree, layout, WHOLE_SCHEME, moved, names_lists)
    findings = judge_rules(evidence)
    assert [x.says for x in findings if x.verdict is WRONG and f"lists in {group!r}" not in x.says] == []
    (found,) = (x for x in findings if f"lists in {group!r}" in x.says)
    return found


class TestLists:
    """Who takes mail of a mailing list to its place: the server's rules, or Mailroom."""

    def test_rules_that_are_in_force_and_name_it_are_evidence(self) -> None:
        """Where they can be read; imported ones no API shows, so without new mail nobody knows."""
        for group in ("Feed", "Imbox"):
            seen = of_list(group, names_lists=True)
            assert (seen.verdict, seen.says) == (
                RIGHT,
                f"lists in {group!r}: the rules in force on the server name the list dev.lists.example.org",
            )
            assert of_list(group).verdict is NOT_SEEN

    def test_what_went_elsewhere_all_the_same_counts_more(self) -> None:
        """Whatever stands before them in a script, or was not yet there."""
        assert of_list("Feed", mail(ANN, "Inbox"), names_lists=True).verdict is WRONG
        assert of_list("Feed", mail(ANN, "Screener"), names_lists=True).verdict is NOT_SEEN
        swept = mail(ANN, "Feed")
        found = of_list("Feed", swept, moved={swept.id}, names_lists=True)
        assert found.verdict is RIGHT
        assert found.says.endswith("where the server's rules do not know lists; those in force now do")

    def test_mail_in_the_inbox_shows_no_rule_for_it(self) -> None:
        """It lies there without one as well, unless Mailroom had to move it there."""
        message = mail(ANN, "Inbox")
        assert of_list("Imbox", message).verdict is NOT_SEEN
        assert "landed in Screener" in of_list("Imbox", message, moved={message.id}).says
