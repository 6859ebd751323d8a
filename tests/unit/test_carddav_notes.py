"""Notes of contact cards over CardDAV: read for the mailing lists they name, whatever else is on the card."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailroom.carddav import CardDavAddressBook
from mailroom.http import Bounds, Credentials, HttpClient
from mailroom.model.address import Address
from mailroom.model.contacts import CardKind, NewCard
from mailroom.model.party import MailingList
from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.dav.server import basic_authorization
from tests.support import vcards

DEV = MailingList("<dev.lists.example.org>")
LITTLE_ROOM = Bounds(answer_bytes=100_000)
GIANT = "x" * LITTLE_ROOM.answer_bytes
PHOTO = f"PHOTO;ENCODING=b;TYPE=JPEG:{'A' * LITTLE_ROOM.answer_bytes}"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    account = SandboxAccount()
    account.add_group("Feed")
    with Sandbox(account) as sandbox:
        yield sandbox


@pytest.fixture
def book(sandbox: Sandbox) -> CardDavAddressBook:
    """One that has room for no large answer."""
    credentials = Credentials(basic_authorization(sandbox.account))
    http = HttpClient(sandbox.carddav_url, credentials, bounds=LITTLE_ROOM)
    return CardDavAddressBook(http, sandbox.carddav_url, ["Feed"])


def put(sandbox: Sandbox, *extra: str) -> None:
    card = vcards.contact("dev", "Dev list", "dev@lists.example.org", extra=list(extra))
    sandbox.account.put_card("dev.vcf", card)


def test_a_large_photo_takes_no_list_off_its_card(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Whoever gives the card of a list a picture has not taken their decision back."""
    put(sandbox, f"NOTE:List-Id: {DEV}")
    assert [card.uid for card in book.refresh().cards(DEV)] == ["dev"]
    put(sandbox, f"NOTE:List-Id: {DEV}", PHOTO)
    seen = book.refresh()
    assert [card.uid for card in seen.cards(DEV)] == ["dev"]
    assert seen.knows_lists()
    assert not book.left_out()


def test_a_note_larger_than_any_answer_is_told(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """The card is read without it, others are made, and which lists it names is known to be unknown."""
    put(sandbox, f"NOTE:{GIANT}")
    seen = book.refresh()
    assert seen.cards(Address("dev@lists.example.org"))
    assert not seen.knows_lists()
    (said,) = book.left_out()
    assert "'Dev list'; shorten the notes" in said
    ann = Address("ann@example.net")
    made = book.create([NewCard(ann, ann, "Ann", CardKind.COMPANY)])
    assert book.latest().cards(ann) == [made[ann]]


@pytest.mark.parametrize("extra", [[f"NOTE:List-Id: {DEV}"], []], ids=["shorter", "gone"])
def test_it_is_known_as_soon_as_the_note_is_shorter(
    sandbox: Sandbox, book: CardDavAddressBook, extra: list[str]
) -> None:
    """Without a restart."""
    put(sandbox, f"NOTE:{GIANT}")
    book.refresh()
    put(sandbox, *extra)
    seen = book.refresh()
    assert [card.uid for card in seen.cards(DEV)] == ["dev"] * len(extra)
    assert seen.knows_lists()
    assert not book.left_out()
