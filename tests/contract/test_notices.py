"""What needs the person: told once, unread, in the journal; taken away when it is over."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.policy import default

import pytest

from mailroom.account import Account
from mailroom.errors import UserError
from mailroom.journal.notices import MOST_APART
from mailroom.model.mail import MailboxId
from mailroom.model.notes import Note, NoteKind
from tests.support import harm
from tests.support.accounts import JOURNAL, AccountUnderTest, unlabel
from tests.support.behind import Behind, behind
from tests.support.harm import Harm
from tests.support.proxy import Exchange
from tests.support.running import opened

ANN, BEN = ("Ann", "ann@example.net"), ("Ben", "ben@example.net")
PLACE = JOURNAL


class Teller:
    """A process that runs cycles and tells what needs the person."""

    def __init__(self, account: AccountUnderTest, mailroom: Account | None = None) -> None:
        self.mailroom = mailroom or opened(account)

    def cycle(self) -> None:
        try:
            self.mailroom.journal.tell(self.mailroom.triage.run())
        except UserError as error:
            self.mailroom.journal.tell_failure(error)


@pytest.fixture
def hit(account: AccountUnderTest) -> Iterator[Behind]:
    """An account with everything that triage needs, behind a proxy."""
    with behind(account) as made:
        yield made


def notices(account: AccountUnderTest) -> list[Note]:
    """Return the notices that lie in the journal."""
    place = MailboxId(account.mailbox_id(PLACE))
    return [note for page in opened(account).notes.read(place, NoteKind.NOTICE) for note in page]


def conflict(account: AccountUnderTest, sender: tuple[str, str] = ANN) -> str:
    """Put two labels on a message."""
    return account.receive([sender], "Screener", "@ToFeed", "@ToJail")


class TestOnce:
    """Once per cause."""

    def test_a_conflict_is_told_unread_and_once(self, account: AccountUnderTest) -> None:
        """Further cycles write nothing, and ask nothing but to look."""
        conflict(account)
        teller = Teller(account)
        teller.cycle()
        (notice,) = notices(account)
        assert "ann@example.net" in notice.subject
        assert not notice.is_read
        before = account.state()
        teller.cycle()
        requests = len(account.requests())
        teller.cycle()
        assert account.state() == before
        assert len(account.requests()) == requests + 1

    def test_it_says_what_which_message_why_and_what_to_do(self, account: AccountUnderTest) -> None:
        """On a phone nobody looks at a log."""
        conflict(account)
        Teller(account).cycle()
        (notice,) = notices(account)
        read = email.message_from_bytes(account.download(notice.id), policy=default)
        first, _ = read.iter_parts()
        text = first.get_content()
        assert "take off all labels but one" in text
        assert "from Ann <ann@example.net>" in text
        assert "from:ann@example.net after:" in text
        assert "goes to Trash by itself" in text
        assert max(map(len, text.splitlines())) < 300

    def test_a_second_message_of_the_same_sender_is_no_second_cause(self, account: AccountUnderTest) -> None:
        """It is the sender who is not filed."""
        teller = Teller(account)
        for _ in range(2):
            conflict(account)
            teller.cycle()
        assert len(notices(account)) == 1

    def test_another_sender_is_another_cause(self, account: AccountUnderTest) -> None:
        """Each has a notice of their own."""
        teller = Teller(account)
        for sender in (ANN, BEN):
            conflict(account, sender)
            teller.cycle()
        assert len(notices(account)) == 2

    def test_after_a_restart_it_is_not_told_again(self, account: AccountUnderTest) -> None:
        """The next process reads what was told, once."""
        conflict(account)
        for _ in range(3):
            Teller(account).cycle()
        assert len(notices(account)) == 1

    def test_a_thousand_at_once_are_one_notice(self, account: AccountUnderTest) -> None:
        """Many single ones would be noise; it lists them."""
        for number in range(MOST_APART + 1):
            conflict(account, (f"P{number}", f"p{number}@example.net"))
        Teller(account).cycle()
        (notice,) = notices(account)
        assert notice.subject == f"{MOST_APART + 1} things need you"
        Teller(account).cycle()
        assert len(notices(account)) == 1


class TestThePersonsHand:
    """A person who has seen it is not told again."""

    @pytest.mark.parametrize("restarts", [False, True], ids=["the same process", "a restart"])
    @pytest.mark.parametrize("place", ["Trash", "Archive"])
    def test_put_away_it_stays_away(self, account: AccountUnderTest, place: str, *, restarts: bool) -> None:
        """Deleted or filed, it is known wherever it lies as long as its cause lasts."""
        conflict(account)
        teller = Teller(account)
        teller.cycle()
        (notice,) = notices(account)
        account.place(notice.id, place)
        teller = Teller(account) if restarts else teller
        for _ in range(2):
            teller.cycle()
        assert not notices(account)
        assert account.mailboxes_of(notice.id) == {place}

    def test_read_it_stays_read(self, account: AccountUnderTest) -> None:
        """Nobody marks it as unread again."""
        conflict(account)
        Teller(account).cycle()
        (notice,) = notices(account)
        account.mark_read(notice.id)
        Teller(account).cycle()
        assert [note.is_read for note in notices(account)] == [True]

    def test_a_cause_that_comes_again_is_told_again(self, account: AccountUnderTest) -> None:
        """What was deleted told of the first time, and not of the second."""
        message = conflict(account)
        teller = Teller(account)
        teller.cycle()
        (notice,) = notices(account)
        account.place(notice.id, "Trash")
        unlabel(account, message, "@ToFeed", "@ToJail")
        teller.cycle()
        conflict(account)
        Teller(account).cycle()
        assert len(notices(account)) == 1


class TestOver:
    """What is over is taken away."""

    @pytest.mark.parametrize("restarts", [False, True], ids=["the same process", "a restart"])
    def test_with_the_conflict_goes_the_notice(self, account: AccountUnderTest, *, restarts: bool) -> None:
        """It lies in Trash, and is none any more."""
        message = conflict(account)
        teller = Teller(account)
        teller.cycle()
        (notice,) = notices(account)
        unlabel(account, message, "@ToJail")
        (Teller(account) if restarts else teller).cycle()
        assert not notices(account)
        assert account.mailboxes_of(notice.id) == {"Trash"}
        assert account.mailboxes_of(message) == {"Feed"}

    def test_where_the_person_has_filed_it_it_stays(self, account: AccountUnderTest) -> None:
        """What they keep elsewhere is theirs."""
        message = conflict(account)
        teller = Teller(account)
        teller.cycle()
        (notice,) = notices(account)
        account.place(notice.id, "Archive")
        unlabel(account, message, "@ToFeed", "@ToJail")
        teller.cycle()
        assert account.mailboxes_of(notice.id) == {"Archive"}

    def test_one_notice_of_many_goes_with_the_last_of_them(self, account: AccountUnderTest) -> None:
        """As long as one waits, it stays."""
        messages = [conflict(account, (f"P{n}", f"p{n}@example.net")) for n in range(MOST_APART + 1)]
        teller = Teller(account)
        teller.cycle()
        for message in messages[1:]:
            unlabel(account, message, "@ToFeed", "@ToJail")
        teller.cycle()
        assert len(notices(account)) == 1
        unlabel(account, messages[0], "@ToFeed", "@ToJail")
        teller.cycle()
        assert not notices(account)

    def test_mail_of_others_is_never_taken_away(self, account: AccountUnderTest) -> None:
        """What lies beside a notice stays, whatever it calls itself."""
        message = conflict(account)
        other = account.receive([("Mailroom", account.address)], PLACE)
        teller = Teller(account)
        teller.cycle()
        unlabel(account, message, "@ToFeed", "@ToJail")
        teller.cycle()
        assert account.mailboxes_of(other) == {PLACE}


class TestCauses:
    """What the causes are."""

    def test_a_message_without_a_sender(self, account: AccountUnderTest) -> None:
        """Nobody can be filed by it: told until the label is off."""
        message = account.receive(None, "Screener", "@ToFeed")
        teller = Teller(account)
        teller.cycle()
        (notice,) = notices(account)
        assert "no sender" in notice.subject
        unlabel(account, message, "@ToFeed")
        teller.cycle()
        assert not notices(account)

    def test_a_refused_write_until_it_is_done(self, hit: Behind) -> None:
        """Also while the server is left alone, the notice stays: it is not over, only not tried."""
        mailroom = hit.mailroom()
        teller = Teller(hit.account, mailroom)
        hit.proxy.plan = Harm(harm.status(403), harm.card_write)
        hit.account.receive([ANN], "Screener", "@ToFeed")
        for _ in range(3):
            teller.cycle()
            (notice,) = notices(hit.account)
            assert notice.subject.startswith("ann@example.net is not filed yet: ")
        hit.proxy.plan = Exchange.pass_on
        hit.now += 1_000
        teller.cycle()
        assert not notices(hit.account)

    def test_a_mailbox_that_is_gone_until_it_is_back(self, account: AccountUnderTest) -> None:
        """While every cycle fails, it is told once."""
        teller = Teller(account)
        teller.cycle()
        account.remove_mailbox("@ToFeed")
        for _ in range(3):
            teller.cycle()
        (notice,) = notices(account)
        assert "@ToFeed" in notice.subject
        account.add_mailboxes({"@ToFeed": None})
        teller.cycle()
        assert not notices(account)

    def test_what_the_start_fails_for(self, account: AccountUnderTest) -> None:
        """A service that cannot start is restarted again and again, and tells once."""
        account.remove_mailbox("@ToFeed")
        for _ in range(2):
            teller = Teller(account)
            with pytest.raises(UserError) as failure:
                teller.mailroom.begin()
            teller.mailroom.journal.tell_failure(failure.value)
        (notice,) = notices(account)
        assert "@ToFeed" in notice.subject
        account.add_mailboxes({"@ToFeed": None})
        Teller(account).cycle()
        assert not notices(account)


class TestWithout:
    """Where it cannot be told."""

    def test_without_a_mailbox_for_it_all_else_goes_on(self, account: AccountUnderTest) -> None:
        """No cycle fails, and no request is made for it."""
        account.remove_mailbox(PLACE)
        conflict(account)
        teller = Teller(account)
        teller.cycle()
        before = len(account.requests())
        teller.cycle()
        assert len(account.requests()) == before + 1

    def test_without_trash_it_stays(self, account: AccountUnderTest) -> None:
        """Nothing is destroyed: what cannot go to Trash is left where it is, and no cycle fails."""
        account.remove_mailbox("Trash")
        message = conflict(account)
        teller = Teller(account)
        teller.cycle()
        unlabel(account, message, "@ToFeed", "@ToJail")
        for _ in range(3):
            teller.cycle()
        assert len(notices(account)) == 1
