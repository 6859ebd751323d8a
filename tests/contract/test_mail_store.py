"""The mail store: the same answers on the sandbox and on real Cyrus."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailroom.model.mail import Change, MailboxId, MailboxRights, Message, MessageId, Snapshot
from mailroom.model.ports import MailStore
from mailroom.model.sender import NoSender, read_sender
from tests.support.accounts import AccountUnderTest, label, unlabel
from tests.support.cyrus.front import Front
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.on_james import AccountOnJames
from tests.support.on_memory import AccountOnMemory
from tests.support.running import opened

ANN = ("Ann", "ann@example.net")
BOB = ("Bob", "bob@example.net")
NO_CHANGE = Change()


@pytest.fixture
def store(account: AccountUnderTest) -> MailStore:
    return opened(account).mail


def _ids(account: AccountUnderTest, *names: str) -> frozenset[MailboxId]:
    return frozenset(MailboxId(account.mailbox_id(name)) for name in names)


def _read(store: MailStore, account: AccountUnderTest, *names: str) -> Snapshot:
    return store.read(_ids(account, *names)).snapshot


def _moving(account: AccountUnderTest, source: str, target: str) -> Callable[[Message], Change]:
    """A change that moves a message once, whatever it is asked."""
    removed, added = _ids(account, source), _ids(account, target)
    return lambda message: Change(add=added, remove=removed) if message.mailbox_ids & removed else NO_CHANGE


class TestReading:
    """`MailStore.read`."""

    def test_tells_every_mailbox_with_its_role(self, account: AccountUnderTest, store: MailStore) -> None:
        """The mailbox list is whole, and roles are those of RFC 8621."""
        found = {mailbox.id: mailbox.role for mailbox in store.read([]).mailboxes}
        wanted = ("Inbox", "Archive", "Trash", "Junk", "Sent", "Drafts")
        roles = {name: found[MailboxId(account.mailbox_id(name))] for name in wanted}
        assert roles == {name: name.lower() for name in wanted}
        assert found[MailboxId(account.mailbox_id("Screener"))] is None
        assert all(mailbox.parent_id is None for mailbox in store.read([]).mailboxes)

    def test_tells_what_may_be_done(self, account: AccountUnderTest, store: MailStore) -> None:
        """In an account of one's own everything may be read and changed, and the reading says so."""
        reading = store.read([])
        assert {mailbox.rights for mailbox in reading.mailboxes if mailbox.role is None} == {MailboxRights()}
        assert not reading.limits.is_read_only

    def test_counts_the_messages_of_a_mailbox(self, account: AccountUnderTest, store: MailStore) -> None:
        """A mailbox's total is the number of messages in it."""
        for _ in range(3):
            account.receive([ANN], "Screener")
        totals = {mailbox.name: mailbox.total_messages for mailbox in store.read([]).mailboxes}
        assert (totals["Screener"], totals["Feed"]) == (3, 0)

    def test_gives_each_message_once(self, account: AccountUnderTest, store: MailStore) -> None:
        """A message in two of the wanted mailboxes comes once, with all its mailboxes, wanted or not."""
        both = account.receive([ANN], "Screener", "Feed", "Family")
        one = account.receive([BOB], "Feed")
        account.receive([BOB], "Family")
        messages = _read(store, account, "Screener", "Feed").messages
        assert set(messages) == {both, one}
        assert messages[MessageId(both)].mailbox_ids == _ids(account, "Screener", "Feed", "Family")

    def test_gives_what_triage_needs_of_a_message(self, account: AccountUnderTest, store: MailStore) -> None:
        """Sender, read flag and time of arrival come as the server has them."""
        read = account.receive([ANN], "Screener", read=True, at="2026-01-02T03:04:05Z")
        unread = account.receive([BOB], "Screener")
        messages = _read(store, account, "Screener").messages
        assert messages[MessageId(read)].is_read
        assert not messages[MessageId(unread)].is_read
        assert messages[MessageId(read)].sender == read_sender([ANN])
        assert messages[MessageId(read)].received_at == "2026-01-02T03:04:05Z"

    @pytest.mark.parametrize(
        "senders",
        [
            pytest.param([("", "bare@example.net")], id="no name"),
            pytest.param([("Jörg Müller-Łukasz", "joerg@example.net")], id="encoded name"),
            pytest.param([("Acme, Inc. <sales>", "sales@example.net")], id="quoted name"),
            pytest.param([("Shop", "UPPER@Example.NET")], id="capitals"),
            pytest.param([("Bücher", "info@xn--bcher-kva.example")], id="IDN"),
            pytest.param([ANN, BOB], id="several"),
        ],
    )
    def test_gives_from_as_it_was_written(
        self, account: AccountUnderTest, store: MailStore, senders: list[tuple[str, str]]
    ) -> None:
        """Names are decoded, addresses are left alone, and of every entry of From is known."""
        message = account.receive(senders, "Screener")
        found = _read(store, account, "Screener").messages[MessageId(message)]
        assert found.sender == read_sender(senders)

    def test_gives_no_senders_where_from_is_missing(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """A message without From, or with an empty one, has no senders and is read all the same."""
        ids = {account.receive(None, "Screener"), account.receive([], "Screener")}
        messages = _read(store, account, "Screener").messages
        assert set(messages) == ids
        assert {message.sender for message in messages.values()} == {read_sender([])}

    def test_reads_more_messages_than_the_server_gives_at_once(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """The server's limits cut nothing off, and each message still comes once."""
        expected = {
            account.receive([ANN], "Screener", *(["Feed"] if n % 2 else []))
            for n in range(2 * account.max_objects + 3)
        }
        assert set(_read(store, account, "Screener", "Feed").messages) == expected
        assert set(_read(store, account, "Screener", "Feed").messages) == expected, "and a second time"

    def test_reads_exactly_as_many_as_the_limit(self, account: AccountUnderTest, store: MailStore) -> None:
        """A number of messages that fills the last page is no special case."""
        expected = {account.receive([ANN], "Screener") for _ in range(account.max_objects)}
        assert set(_read(store, account, "Screener").messages) == expected

    def test_is_one_request_where_the_messages_fit(self, account: AccountUnderTest, store: MailStore) -> None:
        """Once the session and the server's ways are known, mailbox list and messages come by one request."""
        account.receive([ANN], "Screener")
        _read(store, account, "Screener", "Feed")
        before = len(account.requests())
        _read(store, account, "Screener", "Feed")
        assert len(account.requests()) - before == 1

    def test_keeps_only_what_is_wanted(self, account: AccountUnderTest, store: MailStore) -> None:
        """Messages that `keep` does not want are left out."""
        wanted = account.receive([ANN], "Screener")
        account.receive([BOB], "Screener")
        reading = store.read(_ids(account, "Screener"), lambda m: m.sender == read_sender([ANN]))
        assert set(reading.snapshot.messages) == {wanted}

    def test_sees_mail_the_moment_it_has_arrived(self, account: AccountUnderTest, store: MailStore) -> None:
        """What arrives between two readings is in the second."""
        assert not _read(store, account, "Screener").messages
        message = account.receive([ANN], "Screener")
        assert set(_read(store, account, "Screener").messages) == {message}

    def test_gives_no_message_where_a_mailbox_is_unknown(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """With a mailbox that is not in the list, there is the list and no message."""
        account.receive([ANN], "Screener")
        reading = store.read({*_ids(account, "Screener"), MailboxId("no-such-mailbox")})
        assert not reading.snapshot.messages
        assert "Screener" in {mailbox.name for mailbox in reading.mailboxes}

    def test_gives_no_message_where_a_mailbox_has_gone(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """A mailbox that was deleted since its id was learnt is an unknown one."""
        account.receive([ANN], "Screener")
        wanted = _ids(account, "Screener", "Family")
        assert store.read(wanted).snapshot.messages
        account.remove_mailbox("Family")
        assert not store.read(wanted).snapshot.messages

    def test_offers_the_addresses_the_person_sends_from(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """The account's own address is among its identities."""
        assert account.address in store.own_addresses()

    @pytest.mark.parametrize(
        ("header", "sender"),
        [
            pytest.param("From: us: a@x.example, b@x.example;", "2 senders", id="group"),
            pytest.param("From: Team: Ann <ann@example.net>;", "ann@example.net", id="group of one"),
            pytest.param("From: undisclosed-recipients:;", "no sender", id="empty group"),
            pytest.param("From: Ann (at work) <ann@example.net> (Ann)", "ann@example.net", id="comments"),
            pytest.param("From: =?utf-8?Q?J=C3=B6rg?=\r\n <j@example.net>", "j@example.net", id="folded"),
            pytest.param("From: <>", "no sender", id="null address"),
            pytest.param("From: ann@example.net <ann@example.net>", "ann@example.net", id="twice"),
            pytest.param("From: ann@example.net, Ann <ANN@example.net>", "ann@example.net", id="again"),
            pytest.param("From: , Ann <ann@example.net>,,", "ann@example.net", id="empty entries"),
            pytest.param("From: Lee, Ann <ann@example.net>", "ann@example.net", id="bare comma"),
        ],
    )
    def test_copes_with_odd_from_headers(self, cyrus: Front, header: str, sender: str) -> None:
        """What a real server makes of a header from the wild is read; the sandbox parses none."""
        account = AccountOnCyrus(cyrus)
        raw = f"{header}\r\nSubject: Something\r\n\r\nText.\r\n".encode()
        message = account.receive_raw(raw, "Inbox")
        found = _read(opened(account).mail, account, "Inbox").messages[MessageId(message)]
        said = found.sender.reason if isinstance(found.sender, NoSender) else found.sender.address
        assert sender in said


class TestReadingAgain:
    """`MailStore.read`, of which a store remembers what it has read."""

    def test_sees_what_has_changed_as_a_first_look_does(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """Whatever came, went, was moved, labelled, read or deleted; with other mailboxes besides, too."""
        watched, besides = ("Screener", "@ToFeed"), ("Screener", "@ToFeed", "Feed", "Inbox")
        first, second, third = (account.receive([ANN], place) for place in ("Screener", "Inbox", "Family"))

        def look() -> None:
            for names in (watched, besides, watched):
                fresh = opened(account).mail
                fresh.read([])
                assert store.read(_ids(account, *names)) == fresh.read(_ids(account, *names))

        steps: tuple[Callable[[], object], ...] = (
            lambda: None,
            lambda: account.receive([BOB], "Screener"),
            lambda: label(account, second, "@ToFeed"),
            lambda: label(account, third, "@ToFeed"),
            lambda: account.mark_read(first),
            lambda: account.place(first, "Feed"),
            lambda: account.place(third, "Family"),
            lambda: account.place(first, "Screener", "Family"),
            lambda: account.destroy(second),
            lambda: account.rename_mailbox("Family", "Kin"),
        )
        for step in steps:
            step()
            look()

    def test_sees_its_own_changes(self, account: AccountUnderTest, store: MailStore) -> None:
        """What the store itself has moved is where it was moved to."""
        for _ in range(3):
            account.receive([ANN], "Screener")
        update = store.update(_read(store, account, "Screener"), _moving(account, "Screener", "Feed"))
        assert len(update.changed) == 3
        assert not _read(store, account, "Screener").messages
        assert _read(store, account, "Screener", "Feed").messages.keys() == update.changed


class TestUpdating:
    """`MailStore.update`."""

    def test_adds_and_removes_in_one_step(self, account: AccountUnderTest, store: MailStore) -> None:
        """A message goes from one mailbox to another and keeps its others."""
        message = MessageId(account.receive([ANN], "Screener", "Family"))
        update = store.update(_read(store, account, "Screener"), _moving(account, "Screener", "Feed"))
        assert account.mailboxes_of(message) == {"Feed", "Family"}
        assert update.changed == {message}
        assert not update.failed
        assert update.snapshot.messages[message].mailbox_ids == _ids(account, "Feed", "Family")

    def test_a_second_time_changes_nothing(self, account: AccountUnderTest, store: MailStore) -> None:
        """A change that is done already is not sent again."""
        account.receive([ANN], "Screener")
        move = _moving(account, "Screener", "Feed")
        update = store.update(_read(store, account, "Screener"), move)
        before, requests = account.state(), len(account.requests())
        again = store.update(update.snapshot, move)
        assert (again.changed, again.failed) == (frozenset(), {})
        assert account.state() == before
        assert len(account.requests()) == requests, "nothing to do needs no request"

    def test_finds_what_is_marked_wherever_it_is(self, account: AccountUnderTest, store: MailStore) -> None:
        """An earlier process may have left it anywhere; what bears no mark is not among it."""
        message = MessageId(account.receive([ANN], "Feed"))
        account.receive([ANN], "Feed", read=True)
        assert not store.just_archived().messages
        snapshot = _read(store, account, "Feed").only([message])
        store.update(snapshot, lambda _: Change(is_just_archived=True))
        found = store.just_archived()
        assert [(x.id, x.is_just_archived) for x in found.messages.values()] == [(message, True)]
        store.update(found, lambda _: Change(is_just_archived=False))
        assert not store.just_archived().messages

    def test_sets_the_mark_and_takes_it_off(self, account: AccountUnderTest, store: MailStore) -> None:
        """The mark is a keyword: it comes with the move, is read again, and goes with the next change."""
        message = account.receive([ANN], "Feed")
        (archive,) = _ids(account, "Archive")
        marking = Change(add=frozenset({archive}), is_just_archived=True)
        update = store.update(_read(store, account, "Feed"), lambda _: marking)
        assert update.changed == {message}
        assert account.mailboxes_of(message) == {"Feed", "Archive"}
        assert any("mailroom" in keyword for keyword in account.keywords_of(message))
        snapshot = _read(store, account, "Feed")
        assert snapshot.messages[MessageId(message)].is_just_archived
        update = store.update(snapshot, lambda _: Change(is_just_archived=False))
        assert update.changed == {message}
        assert not any("mailroom" in keyword for keyword in account.keywords_of(message))
        assert not _read(store, account, "Feed").messages[MessageId(message)].is_just_archived

    def test_adding_what_is_there_and_removing_what_is_not_is_no_change(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """Only a real difference is written."""
        account.receive([ANN], "Screener")
        snapshot = _read(store, account, "Screener")
        before = account.state()
        here, elsewhere = _ids(account, "Screener"), _ids(account, "Feed")
        update = store.update(snapshot, lambda _: Change(add=here, remove=elsewhere))
        assert not update.changed
        assert account.state() == before

    def test_asks_anew_after_a_concurrent_change(self, account: AccountUnderTest, store: MailStore) -> None:
        """A decision is made on the message as it is, not as it was when the update began."""
        moved_away = MessageId(account.receive([ANN], "Screener"))
        left_alone = MessageId(account.receive([BOB], "Screener"))
        move, asked = _moving(account, "Screener", "Feed"), list[MessageId]()

        def change(message: Message) -> Change:
            if not asked:
                account.place(moved_away, "Trash")
            asked.append(message.id)
            return move(message)

        update = store.update(_read(store, account, "Screener"), change)
        assert account.mailboxes_of(moved_away) == {"Trash"}, "what the person did meanwhile stands"
        assert account.mailboxes_of(left_alone) == {"Feed"}
        assert update.changed == {left_alone}
        assert update.snapshot.messages[moved_away].mailbox_ids == _ids(account, "Trash")

    def test_what_was_not_read_again_is_asked_anew_by_the_next_change(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """A message that needed nothing, and that the person has changed meanwhile, is not changed unseen."""
        kept = account.receive([ANN], "Feed", "@ToFeed", "Family")
        moved = account.receive([ANN], "Screener")
        snapshot = _read(store, account, "Screener", "Feed")
        unlabel(account, kept, "@ToFeed")
        update = store.update(snapshot, _moving(account, "Screener", "Feed"))
        assert account.mailboxes_of(moved) == {"Feed"}
        labelled, family = _ids(account, "@ToFeed"), _ids(account, "Family")

        def together(message: Message) -> Change:
            return Change(remove=labelled | family) if message.mailbox_ids & labelled else NO_CHANGE

        store.update(update.snapshot, together)
        assert account.mailboxes_of(kept) == {"Feed", "Family"}

    def test_leaves_out_what_is_gone(self, account: AccountUnderTest, store: MailStore) -> None:
        """A message that was deleted meanwhile is missing afterwards, and that is no failure."""
        gone = account.receive([ANN], "Screener")
        stays = account.receive([BOB], "Screener")
        snapshot = _read(store, account, "Screener")
        account.destroy(gone)
        update = store.update(snapshot, _moving(account, "Screener", "Feed"))
        assert set(update.snapshot.messages) == {stays}
        assert update.changed == {stays}
        assert not update.failed

    def test_never_leaves_a_message_nowhere(self, account: AccountUnderTest, store: MailStore) -> None:
        """A change that takes a message out of its last mailbox is refused; the message stays."""
        once_elsewhere = MessageId(account.receive([ANN], "Screener", "Feed"))
        account.place(once_elsewhere, "Screener")
        never_elsewhere = MessageId(account.receive([BOB], "Screener"))
        here, snapshot = _ids(account, "Screener"), _read(store, account, "Screener")
        before = len(account.requests())
        update = store.update(snapshot, lambda _: Change(remove=here))
        assert len(account.requests()) == before, (
            "it is not left to the server, which may destroy the message"
        )
        assert set(update.failed) == {once_elsewhere, never_elsewhere}
        assert all(update.failed.values()), "each with a reason"
        assert not update.changed
        assert account.mailboxes_of(once_elsewhere) == {"Screener"}
        assert account.mailboxes_of(never_elsewhere) == {"Screener"}

    def test_one_failure_does_not_touch_the_others(self, account: AccountUnderTest, store: MailStore) -> None:
        """What the server refuses of one message is told of that message; the others change."""
        refused = MessageId(account.receive([ANN], "Screener"))
        fine = MessageId(account.receive([BOB], "Screener"))
        nowhere, feed = frozenset({MailboxId("no-such-mailbox")}), _ids(account, "Feed")
        update = store.update(
            _read(store, account, "Screener"),
            lambda message: Change(add=nowhere if message.id == refused else feed),
        )
        assert set(update.failed) == {refused}
        assert update.changed == {fine}
        assert account.mailboxes_of(refused) == {"Screener"}
        assert account.mailboxes_of(fine) == {"Screener", "Feed"}

    def test_changes_more_messages_than_one_request_may(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """The server's limit only makes more requests, one for each batch."""
        messages = [account.receive([ANN], "Screener") for _ in range(2 * account.max_objects + 1)]
        snapshot = _read(store, account, "Screener")
        before = len(account.requests())
        update = store.update(snapshot, _moving(account, "Screener", "Feed"))
        assert update.changed == set(messages)
        assert len(account.requests()) - before == 3
        assert set(_read(store, account, "Feed").messages) == set(messages)
        assert not _read(store, account, "Screener").messages

    def test_goes_on_where_the_account_changes_between_batches(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """Mail that arrives, or is labelled, in the middle of a long update disturbs nothing."""
        messages = [account.receive([ANN], "Screener") for _ in range(account.max_objects + 1)]
        snapshot = _read(store, account, "Screener")
        move, asked = _moving(account, "Screener", "Feed"), list[MessageId]()

        def change(message: Message) -> Change:
            asked.append(message.id)
            if len(asked) in (2, account.max_objects + 2):
                account.receive([BOB], "Inbox")
                label(account, messages[-1], "Family")
            return move(message)

        update = store.update(snapshot, change)
        assert update.changed == set(messages)
        assert account.mailboxes_of(messages[-1]) == {"Feed", "Family"}
        assert not update.failed


class TestLists:
    """`MailStore.tell_lists`."""

    DEV = ("List-Id", "Dev list <Dev.Lists.Example.ORG>")
    POST = ("List-Post", "<mailto:dev@lists.example.org?subject=a%20b>, <https://lists.example.org/>")

    @staticmethod
    def lists(account: AccountUnderTest, store: MailStore, message: str) -> list[tuple[str, str, str | None]]:
        found = _read(store, account, "Screener").messages[MessageId(message)]
        return [(each.party, each.name, each.post) for each in found.lists]

    def test_are_told_with_name_and_posting_address(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """As RFC 2919 and RFC 2369 have them, in whatever case."""
        store.tell_lists(True)
        message = account.receive_with([self.DEV, self.POST], ANN, "Screener")
        assert self.lists(account, store, message) == [
            ("<dev.lists.example.org>", "Dev list", "dev@lists.example.org")
        ]

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            pytest.param(
                [("List-ID", "A long\r\n\tname\r\n <a.example>")], ["A long name <a.example>"], id="folded"
            ),
            pytest.param(
                [("List-Id", '"A <b.example>" <a.example>')], ["A <b.example> <a.example>"], id="quoted"
            ),
            pytest.param([("List-Id", "a.example")], ["a.example <a.example>"], id="no brackets"),
            pytest.param([("List-Id", "<a.example> (b)")], ["a.example <a.example>"], id="comment"),
            pytest.param([("List-Id", "Weekly news")], [], id="no identifier"),
            pytest.param([("List-Id", f"<{'a' * 300}.example>")], [], id="overlong"),
            pytest.param([("List-Unsubscribe", "<https://a.example>")], [], id="another header"),
            pytest.param(
                [("List-Id", "<a.example>"), ("List-Id", "<b.example>")],
                ["a.example <a.example>", "b.example <b.example>"],
                id="two",
            ),
        ],
    )
    def test_are_read_off_every_list_id(
        self,
        account: AccountUnderTest,
        store: MailStore,
        fields: list[tuple[str, str]],
        expected: list[str],
    ) -> None:
        """What is no identifier is no list."""
        store.tell_lists(True)
        message = account.receive_with(fields, ANN, "Screener")
        assert [f"{name} {party}" for party, name, _ in self.lists(account, store, message)] == expected

    def test_a_name_in_encoded_words_is_decoded(self, account: AccountUnderTest, store: MailStore) -> None:
        """The person reads it on the card (RFC 2047)."""
        if isinstance(account, AccountOnMemory):
            pytest.skip("the double has no messages as bytes")
        store.tell_lists(True)
        header = ("List-Id", "=?utf-8?q?Entwickler_=C3=A4?= <dev.lists.example.org>")
        message = account.receive_with([header], ANN, "Screener")
        assert self.lists(account, store, message) == [("<dev.lists.example.org>", "Entwickler ä", None)]

    def test_are_not_read_along_where_nobody_wants_them(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """They cost bytes, and what was read in the one form is not mixed with what is read in the other."""
        first = account.receive_with([self.DEV], ANN, "Screener")
        second = account.receive_with([self.DEV], ANN, "Screener", "Feed")
        for tells in (False, True, False, True):
            store.tell_lists(tells)
            messages = _read(store, account, "Screener").messages
            assert [len(messages[MessageId(x)].lists) for x in (first, second)] == [int(tells)] * 2
            assert [len(x.lists) for x in store.those([MessageId(first)]).messages.values()] == [int(tells)]
            account.mark_read(first)

    def test_are_told_of_what_was_changed_meanwhile(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """A change that is asked anew is asked of a message in the same form."""
        store.tell_lists(True)
        message = account.receive_with([self.DEV], ANN, "Screener")
        snapshot = _read(store, account, "Screener")
        account.mark_read(message)
        (added,) = _ids(account, "Feed")
        update = store.update(snapshot, lambda x: Change(add=frozenset({added}) if x.lists else frozenset()))
        assert (
            update.snapshot.messages[MessageId(message)].lists == snapshot.messages[MessageId(message)].lists
        )
        assert account.mailboxes_of(message) == {"Screener", "Feed"}


class TestConcluding:
    """`MailStore.update` with what comes last."""

    def test_what_is_concluded_comes_with_the_last_of_the_others(
        self, account: AccountUnderTest, store: MailStore
    ) -> None:
        """Move and label go together, in one request where the server keeps the order within it."""
        (label_id,) = _ids(account, "@ToFeed")
        counts = []
        for _ in range(3):  # the first time the server is asked whether it does
            waiting = account.receive([ANN], "Screener")
            labelled = account.receive([ANN], "Screener", "@ToFeed")
            snapshot = _read(store, account, "Screener")
            before = len(account.requests())
            update = store.update(
                snapshot, _moving(account, "Screener", "Feed"), _taking_off(account, "@ToFeed")
            )
            counts.append(len(account.requests()) - before)
            assert not update.failed
            assert update.changed == {waiting, labelled}
            assert update.is_seamless
            assert label_id not in update.snapshot.messages[MessageId(labelled)].mailbox_ids
            assert account.mailboxes_of(waiting) == account.mailboxes_of(labelled) == {"Feed"}
            assert update.snapshot.state == _read(store, account, "Feed").state
        assert counts[0] == 2
        # Apache James leaves out what RFC 8620 section 5.3 has as null, which nothing can refer to.
        assert counts[2] == (2 if isinstance(account, AccountOnJames) else 1)

    @pytest.mark.parametrize("times_before", [0, 2])
    def test_where_another_failed_nothing_is_concluded(
        self, account: AccountUnderTest, store: MailStore, times_before: int
    ) -> None:
        """The label is what leads back to it; the move itself is made."""
        conclude = _taking_off(account, "@ToFeed")
        for _ in range(times_before):
            account.receive([ANN], "Screener")
            account.receive([ANN], "Screener", "@ToFeed")
            store.update(_read(store, account, "Screener"), _moving(account, "Screener", "Feed"), conclude)
        refused = MessageId(account.receive([ANN], "Screener"))
        labelled = MessageId(account.receive([ANN], "Screener", "@ToFeed"))
        waiting = MessageId(account.receive([ANN], "Screener"))
        nowhere, move = (
            Change(add=frozenset({MailboxId("no-such-mailbox")})),
            _moving(account, "Screener", "Feed"),
        )
        update = store.update(
            _read(store, account, "Screener"), lambda x: nowhere if x.id == refused else move(x), conclude
        )
        assert set(update.failed) == {refused}
        assert update.changed == {labelled, waiting}
        assert account.mailboxes_of(refused) == {"Screener"}
        assert account.mailboxes_of(labelled) == {"Feed", "@ToFeed"}
        assert account.mailboxes_of(waiting) == {"Feed"}
        assert update.snapshot.messages[labelled].mailbox_ids == _ids(account, "Feed", "@ToFeed")

    def test_what_changed_meanwhile_is_asked_anew(self, account: AccountUnderTest, store: MailStore) -> None:
        """A label that the person takes off just before is not taken off, and the message not moved."""
        account.receive([ANN], "Screener")
        labelled = MessageId(account.receive([ANN], "Screener", "@ToFeed"))
        snapshot = _read(store, account, "Screener")
        unlabel(account, labelled, "@ToFeed")
        (label_id,), move = _ids(account, "@ToFeed"), _moving(account, "Screener", "Feed")
        update = store.update(
            snapshot,
            lambda x: move(x) if x.id != labelled or label_id in x.mailbox_ids else Change(),
            _taking_off(account, "@ToFeed"),
        )
        assert not update.failed
        assert labelled not in update.changed
        assert account.mailboxes_of(labelled) == {"Screener"}


def _taking_off(account: AccountUnderTest, label_name: str) -> Callable[[Message], Change]:
    labels = _ids(account, label_name)
    return lambda message: Change(remove=labels & message.mailbox_ids)
