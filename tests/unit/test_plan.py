"""The plan's rules, one by one, on the smallest account that shows each."""

from __future__ import annotations

import pytest
from attrs import evolve

from mailroom.errors import UserError
from mailroom.model.address import Address, parse_address
from mailroom.model.contacts import Card, CardKind, CardUid
from mailroom.model.mail import Change, Mailbox, MailboxId, MailboxRights, MailLimits, Message, MessageId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.own import OwnAddresses
from mailroom.model.scheme import ContactGroup, Name, ReadMail
from mailroom.model.sender import HeaderEntry, read_sender
from mailroom.model.whom import Whom
from mailroom.triage.decisions import Decision, Rejection, read_decisions
from mailroom.triage.labels import conclude, forget, name_differs, release
from mailroom.triage.layout import Destination, find_layout, missing_groups
from mailroom.triage.plan import (
    NO_CHANGE,
    Filing,
    card_name,
    file_sender,
    fits,
    sweep,
)
from mailroom.triage.sharing import shared_card_conflicts
from tests.support.default_account import LABELS, MAILBOXES, MARKS, SCHEME

LAYOUT = find_layout(MAILBOXES, SCHEME)
ANN = Address("ann@a.example")
NOBODY = OwnAddresses()
CATEGORY = {str(category.title): category for category in SCHEME.categories}


def message(
    *mailboxes: str, read: bool = False, name: str = "Ann", email: str = ANN, at: str = "1"
) -> Message:
    ids = frozenset(map(MailboxId, mailboxes))
    return Message(MessageId(f"m{at}"), ids, read, read_sender([(name, email)]), at)


def filing(title: str, *groups: str) -> Filing:
    """Ann is filed into a category, and is in these contact groups now."""
    decision = Decision(Whom(ANN, ANN, "Ann"), CATEGORY[title])
    return file_sender(decision, [Card(CardUid("c"), "Ann")], lambda _: groups, LAYOUT)


def rejected(message: Message, rejection: Rejection = Rejection("so")) -> Change:  # noqa: B008 - frozen
    return conclude(message, None, LAYOUT, rejection=rejection, differs=False)


def swept(message: Message, filing: Filing) -> set[str]:
    change = sweep(message, filing, LAYOUT)
    return set((message.mailbox_ids - change.remove) | change.add)


class TestJudge:
    def test_the_newest_name_and_spelling_are_taken(self) -> None:
        """A new card shows the name that the sender has today."""
        messages = [
            message("@ToFeed", name="Old", email="Ann@a.example", at="1"),
            message("@ToFeed", name="  New   Name ", email="ANN@a.example", at="2"),
            message("@ToFeed", name="", at="3"),
        ]
        (decision,) = read_decisions(messages, LAYOUT, NOBODY).taken
        assert (decision.who.name, decision.who.email) == ("New Name", "ann@a.example")
        assert decision.message_ids == ("m3", "m2", "m1")

    def test_only_labelled_messages_are_read_as_decisions(self) -> None:
        """A mark of Mailroom's own is no decision, nor a cause to leave anything to the person."""
        marked = [message("Inbox", "@MailroomError"), message("Screener", at="2")]
        assert read_decisions(marked, LAYOUT, NOBODY) == read_decisions([], LAYOUT, NOBODY)

    def test_a_new_card_shows_the_name(self) -> None:
        """Where the sender has one."""
        (decision,) = read_decisions([message("@ToFeed", name="Ann Lee")], LAYOUT, NOBODY).taken
        assert (decision.new_card().name, decision.new_card().kind) == ("Ann Lee", CardKind.COMPANY)

    def test_outside_protected_mail_no_label_is_dropped(self) -> None:
        """There the error label says that the person is asked."""
        (rejection,) = read_decisions(
            [message("Inbox", "@ToFeed", "@ToJail")], LAYOUT, NOBODY
        ).rejected.values()
        assert not rejection.drops_label
        assert "taken off" not in rejection.reason

    def test_a_card_without_a_name_shows_the_address(self) -> None:
        """Who shows no name is called by their address."""
        (decision,) = read_decisions([message("@ToPerson", name="")], LAYOUT, NOBODY).taken
        card = decision.new_card()
        assert (card.name, card.kind) == (ANN, CardKind.PERSON)

    def test_imbox_and_person_are_two_categories(self) -> None:
        """They share a group, but they make different cards: the person has to say which."""
        decisions = read_decisions(
            [message("@ToImbox", at="1"), message("@ToPerson", at="2")], LAYOUT, NOBODY
        )
        assert decisions.taken == ()
        assert decisions.rejected.keys() == {"m1", "m2"}

    def test_the_own_address_is_not_filed(self) -> None:
        """Whoever labels their own message gets it back."""
        (rejection,) = read_decisions(
            [message("@ToFeed")], LAYOUT, OwnAddresses.read([ANN])
        ).rejected.values()
        assert "one of your own addresses" in rejection.reason

    def test_everybody_at_a_domain_of_the_persons_own_is_the_person(self) -> None:
        """An identity ``*@…`` may send as any address of that domain, though of no other."""
        own = OwnAddresses.read(["*@A.example"])
        assert not read_decisions([message("@ToFeed")], LAYOUT, own).taken
        assert read_decisions([message("@ToFeed", email="ann@below.a.example")], LAYOUT, own).taken

    def test_who_may_be_the_person_waits(self) -> None:
        """Nothing is decided about a sender at the user name's domain while the own aliases are unknown."""
        own = OwnAddresses.read(["me@a.example"], is_complete=False)
        decisions = read_decisions(
            [message("@ToFeed"), message("@ToJail", email="b@b.example", at="2")], LAYOUT, own
        )
        assert decisions.postponed.keys() == {ANN}
        assert [decision.party for decision in decisions.taken] == ["b@b.example"]
        assert not decisions.rejected

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ([], "no sender"),
            ([("A", ANN), ("B", "b@b.example")], "2 senders"),
            ([("A", "ann")], "not an address"),
            ([("A", "ann@")], "not an address"),
        ],
    )
    def test_an_unusable_from_is_told(self, header: list[HeaderEntry], said: str) -> None:
        """The reason says what is wrong with From."""
        unusable = evolve(message("@ToFeed"), sender=read_sender(header))
        assert said in read_decisions([unusable], LAYOUT, NOBODY).rejected[MessageId("m1")].reason


class TestCards:
    def choose(self, *cards: Card, groups: dict[str, set[str]] | None = None) -> str:
        decision = Decision(Whom(ANN, ANN, "Ann"), CATEGORY["Feed"])
        card = file_sender(decision, cards, lambda uid: (groups or {}).get(uid, ()), LAYOUT).card
        assert card is not None
        return card.uid

    def test_the_card_in_a_triage_group_is_taken(self) -> None:
        """A card that the rules already look at goes before an older one; the target's before others'."""
        old, young, youngest = (
            Card(CardUid(x), "", created) for x, created in (("a", 1), ("b", 2), ("c", 3))
        )
        assert self.choose(old, young, groups={"b": {"Jail"}}) == "b"
        assert self.choose(old, young, youngest, groups={"b": {"Jail"}, "c": {"Feed"}}) == "c"
        assert self.choose(old, young, groups={"b": {"Friends"}}) == "a"

    def test_otherwise_the_oldest_is_taken(self) -> None:
        """Age decides; a card whose age the server does not tell is not taken for the oldest."""
        unknown, old, young = Card(CardUid("a"), ""), Card(CardUid("b"), "", 5), Card(CardUid("c"), "", 9)
        assert self.choose(young, unknown, old) == "b"
        assert self.choose(unknown, evolve(unknown, uid=CardUid("z"))) == "a"

    def test_all_their_cards_leave_other_triage_groups(self) -> None:
        """One sender is in one triage group, however many cards they have."""
        decision = Decision(Whom(ANN, ANN, "Ann"), CATEGORY["Feed"])
        cards = [Card(CardUid("a"), "", 1), Card(CardUid("b"), "", 2)]
        groups = {"a": ["Imbox", "Friends"], "b": ["Jail"]}
        filed = file_sender(decision, cards, lambda uid: groups[uid], LAYOUT)
        assert filed.departures == {("Imbox", "a"), ("Jail", "b")}
        assert filed.vacated_mailboxes == {"Inbox", "Jail"}


class TestSweep:
    def test_waiting_mail_goes_to_the_destination(self) -> None:
        """A new sender's mail leaves Screener, and keeps what other mailboxes it is in."""
        assert swept(message("Screener"), filing("Feed")) == {"Feed"}
        assert swept(message("Screener", "Family"), filing("Imbox")) == {"Inbox", "Family"}

    def test_a_new_senders_read_mail_goes_to_the_inbox_too(self) -> None:
        """Only who changes category has old mail that could flood the Inbox."""
        assert swept(message("Screener", read=True), filing("Imbox")) == {"Inbox"}

    def test_who_changes_takes_their_mail_along(self) -> None:
        """Their mail in the mailbox they leave moves as that in Screener does."""
        assert swept(message("Feed"), filing("Jail", "Feed")) == {"Jail"}
        assert swept(message("Inbox", read=True), filing("Feed", "Imbox")) == {"Feed"}
        assert swept(message("Screener"), filing("Jail", "Feed")) == {"Jail"}

    def test_between_groups_of_one_mailbox_mail_stays_there(self) -> None:
        """What is where it belongs is not taken away because another group has its mail there too."""
        shared = evolve(
            LAYOUT, destinations={**LAYOUT.destinations, "Paper Trail": LAYOUT.destinations["Feed"]}
        )
        decision = Decision(Whom(ANN, ANN, "Ann"), CATEGORY["Feed"])
        moving = file_sender(decision, [Card(CardUid("c"), "Ann")], lambda _: ["Paper Trail"], shared)
        assert moving.departures == {("Paper Trail", CardUid("c"))}
        assert sweep(message("Feed"), moving, shared).applied_to(message("Feed")) == message("Feed")

    def test_read_mail_that_stays_in_a_further_mailbox_is_archived_too(self) -> None:
        """Nothing is taken away from it, and it floods the Inbox no more than the rest."""
        feed = MailboxId("Feed")
        imbox = Destination(LAYOUT.inbox, frozenset({feed}))
        layout = evolve(LAYOUT, destinations={**LAYOUT.destinations, "Imbox": imbox})
        moving = file_sender(
            Decision(Whom(ANN, ANN, "Ann"), CATEGORY["Imbox"]),
            [Card(CardUid("c"), "Ann")],
            lambda _: ["Feed"],
            layout,
        )
        for read, besides in ((True, "Archive"), (False, "Inbox")):
            lying = message("Feed", read=read)
            assert sweep(lying, moving, layout).applied_to(lying).mailbox_ids == {"Feed", besides}

    def test_kept_read_mail_that_would_be_nowhere_goes_to_the_destination(self) -> None:
        """What lies under a mark alone has no place that it could keep."""
        keep = evolve(CATEGORY["Imbox"], read_mail=ReadMail.KEEP)
        moving = file_sender(
            Decision(Whom(ANN, ANN, "Ann"), keep),
            [Card(CardUid("c"), "Ann")],
            lambda _: ["Feed"],
            LAYOUT,
        )
        for place, expected in (("Feed", "Feed"), ("@MailroomError", "Inbox")):
            lying = message(place, read=True)
            after = sweep(lying, moving, LAYOUT).applied_to(lying).mailbox_ids
            assert after - LAYOUT.watched == {expected}

    def test_read_mail_goes_to_the_archive_instead_of_the_inbox(self) -> None:
        """Old newsletters do not flood the Inbox."""
        assert swept(message("Feed", read=True), filing("Imbox", "Feed")) == {"Archive"}
        assert swept(message("Feed"), filing("Imbox", "Feed")) == {"Inbox"}
        assert swept(message("Inbox", "Feed", read=True), filing("Imbox", "Feed")) == {"Inbox"}

    def test_without_an_archive_the_inbox_takes_read_mail(self) -> None:
        """An account that has no Archive loses nothing."""
        change = sweep(message("Feed", read=True), filing("Imbox", "Feed"), evolve(LAYOUT, archive=None))
        assert change == Change(frozenset({MailboxId("Inbox")}), frozenset({MailboxId("Feed")}))

    def test_only_who_goes_over_to_the_inbox_has_read_mail_archived(self) -> None:
        """Between other categories, and for a new sender, what was read moves like the rest."""
        assert swept(message("Feed", read=True), filing("Jail", "Feed")) == {"Jail"}
        assert swept(message("Inbox", read=True), filing("Paper Trail", "Imbox")) == {"Paper Trail"}
        assert swept(message("Family", "@ToImbox", read=True), filing("Imbox", "Feed")) == {
            "Family", "Inbox", "@ToImbox",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("places", "groups", "ends_in"),
        [
            ({"Archive", "Paper Trail"}, [], {"Archive", "Paper Trail", "Inbox"}),
            ({"Archive", "Paper Trail"}, ["Feed"], {"Archive", "Paper Trail", "Inbox"}),
            ({"Feed", "Paper Trail"}, ["Feed"], {"Archive", "Paper Trail"}),
            ({"Feed", "Paper Trail"}, [], {"Feed", "Paper Trail", "Inbox"}),
            ({"Archive", "Screener", "Jail"}, [], {"Archive", "Jail", "Inbox"}),
            ({"Archive", "Feed"}, ["Feed"], {"Archive"}),
            ({"Archive"}, [], {"Archive", "Inbox"}),
            ({"Family"}, [], {"Family", "Inbox"}),
            ({"Family"}, ["Feed"], {"Family", "Inbox"}),
            ({"Inbox", "Archive"}, [], {"Inbox", "Archive"}),
        ],
    )
    @pytest.mark.parametrize("is_cut_off", [False, True], ids=["in one go", "cut off"])
    def test_a_read_labelled_message_loses_only_screener_and_what_the_sender_leaves(
        self, places: set[str], groups: list[str], ends_in: set[str], is_cut_off: bool
    ) -> None:
        """A mailbox that the person put it into is kept, the Archive too, and the destination comes besides.

        And it ends there, too, where the process died after the sender had left the old group. The mark
        that tells the two apart is gone when the label is.
        """
        labelled = message(*places, "@ToImbox", read=True)
        there = sweep(labelled, filing("Imbox", *groups), LAYOUT).applied_to(labelled)
        if is_cut_off:
            there = sweep(there, filing("Imbox"), LAYOUT).applied_to(there)
        done = conclude(there, filing("Imbox"), LAYOUT, rejection=None, differs=False).applied_to(there)
        assert done.mailbox_ids == ends_in
        assert not done.is_just_archived

    def test_a_mark_that_was_left_behind_holds_nothing_up(self) -> None:
        """Another label than before, or a new place, and the message goes like any other."""
        marked = evolve(message("Archive", "@ToFeed", read=True), is_just_archived=True)
        assert sweep(marked, filing("Feed"), LAYOUT).add == {"Feed"}
        assert conclude(marked, filing("Feed"), LAYOUT, rejection=None, differs=False) == Change(
            remove=frozenset({MailboxId("@ToFeed")}), is_just_archived=False
        )
        waiting = evolve(message("Archive", "Screener", "@ToImbox"), is_just_archived=True)
        assert sweep(waiting, filing("Imbox"), LAYOUT).add == {"Inbox"}

    @pytest.mark.parametrize("places", [{"Family"}, {"Paper Trail"}, set()])
    def test_a_marked_message_that_the_person_took_out_of_the_archive_goes_like_any_other(
        self, places: set[str]
    ) -> None:
        """The mark tells only of a message that is still where Mailroom put it."""
        marked = evolve(message("@ToImbox", *places, read=True), is_just_archived=True)
        there = sweep(marked, filing("Imbox"), LAYOUT).applied_to(marked)
        done = conclude(there, filing("Imbox"), LAYOUT, rejection=None, differs=False).applied_to(there)
        assert done.mailbox_ids == {"Inbox", *places}

    def test_the_mark_is_set_only_where_the_archive_takes_the_inboxs_place(self) -> None:
        """A message without a label needs none, nor does one that any other place takes."""
        assert sweep(message("Feed", read=True), filing("Imbox", "Feed"), LAYOUT).is_just_archived is None
        for labelled, groups, marked in (
            (message("Feed", "@ToImbox", read=True), ["Feed"], True),
            (message("Feed", "@ToImbox"), ["Feed"], None),
            (message("Feed", "Inbox", "@ToImbox", read=True), ["Feed"], None),
            (message("Screener", "@ToImbox", read=True), [], None),
            (message("Archive", "@ToImbox", read=True), ["Feed"], None),
        ):
            assert sweep(labelled, filing("Imbox", *groups), LAYOUT).is_just_archived is marked

    @pytest.mark.parametrize("place", ["Trash", "Sent"])
    def test_protected_mail_stays(self, place: str) -> None:
        """Trash, Junk, Sent and Drafts are never touched, whatever else the message is in."""
        assert swept(message(place, "Screener"), filing("Feed")) == {place, "Screener"}

    def test_mail_in_own_mailboxes_stays(self) -> None:
        """What the person put away stays where it is."""
        assert swept(message("Family"), filing("Feed", "Jail")) == {"Family"}

    def test_a_labelled_message_elsewhere_gets_the_destination_besides(self) -> None:
        """It keeps its place."""
        assert swept(message("Family", "@ToFeed"), filing("Feed")) == {"Family", "Feed", "@ToFeed"}
        assert swept(message("Archive", "@ToImbox"), filing("Imbox")) == {"Archive", "Inbox", "@ToImbox"}
        assert swept(message("@ToFeed"), filing("Feed")) == {"Feed", "@ToFeed"}

    def test_a_message_that_has_nothing_but_marks_goes_along(self) -> None:
        """When they come off it must not be nowhere; with a place of its own it stays there."""
        assert swept(message("@MailroomError"), filing("Feed")) == {"@MailroomError", "Feed"}
        assert swept(message("@MailroomError", "Family"), filing("Feed")) == {"@MailroomError", "Family"}


class TestConclude:
    def test_the_labels_come_off(self) -> None:
        """Its own triage label, and an error label that no longer holds."""
        change = conclude(
            message("Feed", "@ToFeed", "@MailroomError"),
            filing("Feed"),
            LAYOUT,
            rejection=None,
            differs=False,
        )
        assert change.remove == {"@ToFeed", "@MailroomError"}

    def test_a_label_put_on_meanwhile_stays(self) -> None:
        """It is a new decision, for the next cycle."""
        change = conclude(
            message("Feed", "@ToFeed", "@ToJail"), filing("Feed"), LAYOUT, rejection=None, differs=False
        )
        assert change.remove == {"@ToFeed"}

    def test_a_rejected_message_is_marked_and_keeps_its_label(self) -> None:
        """The person sees which message it is."""
        change = rejected(message("Screener", "@ToFeed"))
        assert change == Change(add=frozenset({MailboxId("@MailroomError")}))

    def test_a_rejected_message_loses_the_mark_of_the_decision_before(self) -> None:
        """What the person decides next is another decision, on a message that lies in the Archive."""
        marked = evolve(message("Archive", "@ToImbox", "@ToFeed"), is_just_archived=True)
        assert rejected(marked) == Change(
            add=frozenset({MailboxId("@MailroomError")}), is_just_archived=False
        )

    def test_the_label_taken_off_meanwhile_takes_the_mark_along(self) -> None:
        """A label of later finds an ordinary message."""
        marked = evolve(message("Archive"), is_just_archived=True)
        change = conclude(marked, filing("Imbox"), LAYOUT, rejection=None, differs=False)
        assert change == forget(marked, LAYOUT) == Change(is_just_archived=False)
        assert forget(evolve(marked, mailbox_ids=frozenset({MailboxId("@ToImbox")})), LAYOUT) == NO_CHANGE
        assert forget(message("Archive"), LAYOUT) == NO_CHANGE

    @pytest.mark.parametrize("place", ["Trash", "Sent"])
    def test_in_protected_mail_the_label_just_comes_off(self, place: str) -> None:
        """No error label goes onto it, and one that is there goes."""
        labelled = message(place, "@ToFeed", "@ToJail", "@MailroomError")
        (rejection,) = read_decisions([labelled], LAYOUT, NOBODY).rejected.values()
        assert "only the label is taken off" in rejection.reason
        change = conclude(labelled, None, LAYOUT, rejection=rejection, differs=False)
        assert change == Change(remove=labelled.mailbox_ids - {place})

    @pytest.mark.parametrize(("place", "marks"), [("Screener", {"@MailroomError"}), ("Sent", set())])
    def test_a_conflict_with_another_message_keeps_its_label_in_protected_mail(
        self, place: str, marks: set[str]
    ) -> None:
        """Without it, the label on the other message would be a decision that nobody has taken."""
        thrown_away, other = message("Trash", "@ToJail", at="1"), message(place, "@ToFeed", at="2")
        rejections = read_decisions([thrown_away, other], LAYOUT, NOBODY).rejected
        assert rejected(thrown_away, rejections[thrown_away.id]) == NO_CHANGE
        assert rejected(other, rejections[other.id]) == Change(add=frozenset(map(MailboxId, marks)))

    def test_thrown_away_meanwhile_it_gets_no_mark_and_keeps_its_label(self) -> None:
        """The next cycle decides about the message as it is then."""
        assert rejected(message("Trash", "@ToFeed"), Rejection("so")) == NO_CHANGE
        assert rejected(message("Inbox", "@ToFeed"), Rejection("so", drops_label=True)).remove == set()

    def test_a_mark_that_would_be_one_mailbox_too_many_is_not_put_on(self) -> None:
        """Where the server allows no more mailboxes for a message, the log alone tells."""
        layout = evolve(LAYOUT, max_mailboxes=2)
        labelled = message("Screener", "@ToFeed")
        change = conclude(labelled, None, layout, rejection=Rejection("so"), differs=False)
        assert change == NO_CHANGE


@pytest.mark.parametrize(("is_decided", "home"), [(True, "Screener"), (False, "Inbox")])
def test_only_a_label_that_was_looked_at_just_comes_off(is_decided: bool, home: str) -> None:
    """One that the person has put on since is a decision, which the next cycle carries out."""
    labels = {MailboxId("@ToFeed")}
    anew = message("Family", "@ToFeed", "@ToJail", "@MailroomError")
    change = release(anew, labels, LAYOUT, is_decided=is_decided)
    assert change.applied_to(anew).mailbox_ids == {"Family", "@ToJail"}
    homeless = message("@ToFeed")
    change = release(homeless, labels, LAYOUT, is_decided=is_decided)
    assert change.applied_to(homeless).mailbox_ids == {home}


class TestConflicts:
    def shared(self, *titles: str) -> set[str]:
        """Senders who share a card are labelled so; return those in conflict."""
        filings = [
            file_sender(
                Decision(Whom(Address(f"{n}@a.example"), "", ""), CATEGORY[title]),
                [Card(CardUid("c"), "")],
                lambda _: (),
                LAYOUT,
            )
            for n, title in enumerate(titles)
        ]
        return set(shared_card_conflicts(filings))

    def test_senders_of_one_card_agree_on_a_group_or_are_left_to_the_person(self) -> None:
        """A card can be in one triage group only; whoever shares it is in the conflict."""
        assert self.shared("Feed") == set()
        assert self.shared("Feed", "Feed") == set()
        assert self.shared("Imbox", "Person") == set(), "two categories, one group"
        assert self.shared("Feed", "Jail") == {"0@a.example", "1@a.example"}
        assert self.shared("Feed", "Jail", "Jail") == {"0@a.example", "1@a.example", "2@a.example"}

    def test_other_cards_are_not_in_it(self) -> None:
        """Who shares no card with another is filed."""
        cards = [[Card(CardUid(uid), "") for uid in uids] for uids in ("ab", "b", "c")]
        filings = [
            file_sender(
                Decision(Whom(Address(str(n)), "", ""), CATEGORY[title]),
                theirs,
                lambda _: (),
                LAYOUT,
            )
            for n, (theirs, title) in enumerate(zip(cards, ("Feed", "Jail", "Imbox"), strict=True))
        ]
        conflicts = shared_card_conflicts(filings)
        assert set(conflicts) == {"0", "1"}
        assert "0 and 1 share a contact card" in conflicts[Address("0")]


class TestRoom:
    def test_a_labelled_message_must_have_room_for_the_destination(self) -> None:
        """A message that moves needs no more room than before; one that lies elsewhere needs one more."""
        for most, fits_in in ((2, False), (3, True), (None, True)):
            layout = evolve(LAYOUT, max_mailboxes=most)
            assert fits(message("Family", "@ToFeed"), filing("Feed"), layout) is fits_in
            assert fits(message("Screener", "@ToFeed"), filing("Feed"), layout)

    def test_an_account_that_may_only_be_read_is_told_so(self) -> None:
        """That is the one thing to say, and it is said before anything is written."""
        with pytest.raises(UserError) as caught:
            find_layout(MAILBOXES, SCHEME, MailLimits(is_read_only=True))
        (problem,) = caught.value.problems
        assert "only read mail" in problem

    def test_mailboxes_that_may_not_be_changed_are_named(self) -> None:
        """All in one sentence, those that triage does not work with left out."""
        shut = MailboxRights(may_add=False, may_remove=False)
        mailboxes = [
            evolve(x, rights=shut) if x.name in {"Feed", "@ToJail", "Family", "Trash"} else x
            for x in MAILBOXES
        ]
        with pytest.raises(UserError) as caught:
            find_layout(mailboxes, SCHEME)
        (problem,) = caught.value.problems
        assert "'Feed', '@ToJail'" in problem
        assert "Family" not in problem
        assert "Trash" not in problem

    @pytest.mark.parametrize("right", ["may_read", "may_add", "may_remove", "may_set_keywords"])
    @pytest.mark.parametrize("name", ["Inbox", "Archive", "Screener", "Feed", "@ToFeed", "@MailroomError"])
    def test_each_right_counts_where_mail_goes_and_comes_from(self, right: str, name: str) -> None:
        """One right that is missing in one of them would leave a filing half done."""
        rights = evolve(MailboxRights(), **{right: False})
        mailboxes = [evolve(x, rights=rights) if x.name == name else x for x in MAILBOXES]
        with pytest.raises(UserError, match=name):
            find_layout(mailboxes, SCHEME)

    def test_where_nothing_is_archived_no_keyword_is_set(self) -> None:
        """An account without an Archive needs no right to set keywords."""
        rights = MailboxRights(may_set_keywords=False)
        mailboxes = [evolve(x, rights=rights) for x in MAILBOXES if x.name != "Archive"]
        assert find_layout(mailboxes, SCHEME).archive is None

    def test_a_server_of_folders_is_told_so(self) -> None:
        """Where a message can be in one mailbox only, it cannot bear a label."""
        further = ContactGroup(Name("Feed"), Name("Feed"), (Name("Paper Trail"),))
        own = evolve(SCHEME, categories=(evolve(SCHEME.categories[1], group=further),))
        with pytest.raises(UserError, match=r"at most 2 mailboxes .* need 3"):
            find_layout(MAILBOXES, own, MailLimits(max_mailboxes_per_message=2))
        with pytest.raises(UserError, match="at most 1 mailboxes"):
            find_layout(MAILBOXES, SCHEME, MailLimits(max_mailboxes_per_message=1))
        assert find_layout(MAILBOXES, SCHEME, MailLimits(max_mailboxes_per_message=2))


class TestWarnings:
    """The warning label goes onto labelled messages of senders who are filed."""

    def marks(self, before: set[str], *, differs: bool, files: bool = True, read: bool = False) -> set[str]:
        """Return what marks a message has when the cycle is over."""
        filed = filing("Feed") if files else None
        change = conclude(message(*before, read=read), filed, LAYOUT, rejection=None, differs=differs)
        return ({*before} - change.remove | change.add) & {"@MailroomWarning", "@MailroomError", "@ToFeed"}

    def test_another_name_is_marked_as_long_as_it_is_another(self) -> None:
        """It is put on once, stays, and comes off by itself."""
        assert self.marks({"Feed", "@ToFeed"}, differs=True) == {"@MailroomWarning"}
        assert self.marks({"Feed", "@MailroomWarning"}, differs=True) == {"@MailroomWarning"}
        assert self.marks({"Feed", "@MailroomWarning"}, differs=False) == set()
        assert self.marks({"Feed", "@MailroomWarning"}, differs=False, files=False) == set()

    def test_only_a_labelled_message_of_a_filed_sender_is_marked(self) -> None:
        """What the person did not point at bears no mark, nor does protected mail."""
        assert self.marks({"Feed"}, differs=True) == set()
        assert self.marks({"Feed", "@MailroomError"}, differs=True) == set()
        assert self.marks({"Feed"}, differs=True, files=False) == set()
        assert self.marks({"Trash", "@ToFeed"}, differs=True) == set()

    def test_where_warnings_are_off_there_is_none(self) -> None:
        """The scheme has no such label then."""
        layout = evolve(LAYOUT, warning=None)
        for differs in (True, False):
            change = conclude(
                message("Feed", "@ToFeed"), filing("Feed"), layout, rejection=None, differs=differs
            )
            assert change == Change(remove=frozenset({MailboxId("@ToFeed")}))

    def test_a_label_of_somebody_who_is_not_filed_stays(self) -> None:
        """Of a sender who is not filed in this cycle, only marks without a cause come off."""
        assert self.marks({"Inbox", "@ToFeed", "@MailroomError"}, differs=False, files=False) == {"@ToFeed"}

    def test_a_message_that_was_nowhere_else_waits_again(self) -> None:
        """Taking the last mailbox off would be losing it; whatever stays is enough."""
        alone = conclude(message("@MailroomError"), None, LAYOUT, rejection=None, differs=False)
        assert alone == Change(frozenset({MailboxId("Screener")}), frozenset({MailboxId("@MailroomError")}))
        late = conclude(message("@ToFeed"), filing("Feed"), LAYOUT, rejection=None, differs=True)
        assert late.add == {"Screener", "@MailroomWarning"}, "a mark is no place to be"
        kept = conclude(message("Feed", "@MailroomError"), None, LAYOUT, rejection=None, differs=False)
        assert not kept.add

    def test_no_room_for_a_mark_is_no_reason_to_keep_a_label(self) -> None:
        """What comes off makes room; only a mark that really is one too many is left out."""
        layout = evolve(LAYOUT, max_mailboxes=2)
        change = conclude(message("Feed", "@ToFeed"), filing("Feed"), layout, rejection=None, differs=True)
        assert change == Change(
            frozenset({MailboxId("@MailroomWarning")}), frozenset({MailboxId("@ToFeed")}), is_warned=True
        )


class TestNames:
    def test_the_name_is_that_of_the_card_a_sender_is_filed_under(self) -> None:
        """The card in a triage group goes first, then the oldest; without a card there is no name."""
        cards = [Card(CardUid("a"), "Old", 1), Card(CardUid("b"), "Filed", 2), Card(CardUid("c"), "Young", 3)]
        assert card_name(cards, lambda uid: ["Feed"] if uid == "b" else ["Friends"], LAYOUT) == "Filed"
        assert card_name(cards, lambda _: ["Friends"], LAYOUT) == "Old"
        assert card_name(cards, lambda _: (), LAYOUT) == "Old"
        assert card_name([], lambda _: (), LAYOUT) == ""

    @pytest.mark.parametrize(
        ("shown", "on_card", "differs"),
        [
            ("Ann", "Ann", False),
            ("ANN  lee", " Ann Lee", False),
            ("Ａｎｎ", "Ann", False),
            ("", "Ann", False),
            ("Ann", "", False),
            ("ANN@a.example", "Somebody", False),
            ("Ann", "Anna", True),
            ("Bank of Ann", "Ann", True),
        ],
    )
    def test_when_names_differ(self, shown: str, on_card: str, differs: bool) -> None:
        """Case, white space and width do not count, nor does a name that is no name."""
        assert name_differs(message("Inbox", name=shown), on_card) is differs


class TestLayout:
    def test_a_nested_mailbox_is_found_by_its_path(self) -> None:
        """`Inbox/Screener` names the mailbox below the Inbox."""
        nested = [m for m in MAILBOXES if m.name != "Screener"]
        nested.append(Mailbox(MailboxId("s"), "Screener", parent_id=MailboxId("Inbox")))
        assert find_layout(nested, evolve(SCHEME, screener=Name("Inbox/Screener"))).screener == "s"
        with pytest.raises(UserError, match="'Screener'"):
            find_layout(nested, SCHEME)

    def test_every_mailbox_with_such_a_role_is_protected(self) -> None:
        """A server may have two of a kind, one of which it calls spam."""
        junk = [Mailbox(MailboxId(name), name, role="junk") for name in ("Junk", "Spam")]
        assert find_layout([*MAILBOXES, *junk], SCHEME).protected == {"Junk", "Spam", "Trash", "Sent"}

    def test_a_cycle_begins_with_all_labels_and_marks(self) -> None:
        """A mark is watched as well as a label, and what triage writes to is all of them and the places."""
        assert LAYOUT.watched == {*LABELS, *MARKS}
        assert evolve(LAYOUT, warning=None).watched == {*LABELS, "@MailroomError"}
        places = {"Inbox", "Archive", "Screener", "Feed", "Paper Trail", "Jail"}
        assert LAYOUT.written == LAYOUT.watched | places
        assert evolve(LAYOUT, archive=None).written == LAYOUT.watched | places - {"Archive"}

    def test_mailboxes_in_a_circle_have_names_too(self) -> None:
        """A server's nonsense does not hang the client."""
        circle = [Mailbox(MailboxId(x), x, parent_id=MailboxId(y)) for x, y in ("ab", "ba")]
        assert len(MailboxTree(circle).paths) == 2

    def test_every_missing_name_is_told(self) -> None:
        """All at once, and the Inbox too; not the label without which only nothing can be taken back."""
        with pytest.raises(UserError) as caught:
            find_layout([], SCHEME)
        told = " ".join(caught.value.problems)
        assert "Inbox" in told
        names = [m.name for m in MAILBOXES if m.role is None and m.name not in {"Family", "@ToScreener"}]
        assert [name for name in names if f"'{name}'" not in told] == []
        assert "@ToScreener" not in told

    def test_a_group_that_is_there_twice_is_a_problem(self) -> None:
        """Nobody could say which of the two the rules look at."""
        told = missing_groups(["Imbox", "Feed", "Feed", "Jail"], SCHEME)
        assert len(told) == 2
        assert any("contact group 'Feed': 2 have this name" in problem for problem in told)


def test_parse_address_gives_the_addresses_used_here() -> None:
    """The tests' own shorthand is a comparable address."""
    assert parse_address(ANN) == ANN
