"""Reading many cards: in batches that fit, as little of each as will do, and no card hides another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import evolve

from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.discovery import Collection
from mailroom.carddav.reading import CARDS_PER_REQUEST, LEAST, NEEDED, WHOLE, Unreadable, read_cards
from mailroom.carddav.vcard import content_lines, summarize
from mailroom.errors import StatusError
from mailroom.http import DEFAULT_BOUNDS, Bounds, Credentials, HttpClient
from mailroom.sandbox import Reply, Request, Sandbox, SandboxAccount
from mailroom.sandbox.dav import server as carddav
from mailroom.sandbox.dav.server import basic_authorization
from mailroom.sandbox.store.addressbook import contact_card, group_card

PHOTO_OCTETS = 100_000
CORPUS = Path(__file__).parents[1] / "corpus/cards"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxAccount()) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> CardDavClient:
    return connect(sandbox)


@pytest.fixture
def narrow_client(sandbox: Sandbox) -> CardDavClient:
    """A client that has room for four photos."""
    return connect(sandbox, Bounds(answer_bytes=4 * PHOTO_OCTETS))


def connect(sandbox: Sandbox, bounds: Bounds = DEFAULT_BOUNDS) -> CardDavClient:
    http = HttpClient(sandbox.carddav_url, Credentials(basic_authorization(sandbox.account)), bounds=bounds)
    return CardDavClient(http, sandbox.carddav_url)


@pytest.fixture
def book(client: CardDavClient) -> Collection:
    (book,) = client.discover()
    return book


def put_cards(sandbox: Sandbox, count: int, photo_octets: int = 0) -> list[str]:
    names = []
    for number in range(count):
        uid, card = contact_card(f"N{number}", f"n{number}@x.example")
        if photo_octets:
            photo = b"PHOTO;ENCODING=b;TYPE=JPEG:" + b"A" * photo_octets
            card = card.replace(b"END:VCARD", photo + b"\r\nEND:VCARD")
        sandbox.account.put_card(f"{uid}.vcf", card)
        names.append(f"{uid}.vcf")
    return names


def read_whole(client: CardDavClient, book: Collection, names: list[str]) -> list[StoredCard]:
    found = list(read_cards(client, book, names, whole=True))
    read = [card for card in found if isinstance(card, StoredCard)]
    assert len(read) == len(found)
    return read


def spoiling(names: list[str], reply: Reply) -> Callable[[Request], Reply | None]:
    """An interceptor that gives `reply` to every request that has to do with one of the cards."""
    marks = [name.encode() for name in names]

    def intercept(request: Request) -> Reply | None:
        text = request.path.encode() + request.body
        return reply if any(mark in text for mark in marks) else None

    return intercept


def test_cards_are_read_in_batches(sandbox: Sandbox, client: CardDavClient, book: Collection) -> None:
    """As many requests as there are batches, and a card that is gone costs nothing."""
    names = put_cards(sandbox, 2 * CARDS_PER_REQUEST + 1)
    sandbox.account.delete_card(names[7])
    sandbox.reset_requests()
    found = read_whole(client, book, names)
    assert [entry.method for entry in sandbox.requests] == ["REPORT"] * 3
    assert [card.name for card in found] == [name for name in names if name != names[7]]
    assert all(card.octets == sandbox.account.card(card.name).data and card.is_whole for card in found)


def test_photos_are_not_asked_for(sandbox: Sandbox, client: CardDavClient, book: Collection) -> None:
    """In part, a card is what is needed of it, and says that it is a part."""
    names = put_cards(sandbox, 5, PHOTO_OCTETS)
    for card in read_cards(client, book, names, whole=False):
        assert isinstance(card, StoredCard)
        assert not card.is_whole
        assert len(card.octets) < 1_000
        assert summarize(card.octets) == summarize(sandbox.account.card(card.name).data)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.vcf")), ids=lambda path: path.stem)
def test_a_part_says_as_much_as_the_whole(path: Path) -> None:
    """What is asked for is all that is looked at, but for the members of a group."""
    whole = path.read_bytes()
    asked = {"BEGIN", "END", *(part.partition('"')[0] for part in NEEDED.split('name="')[1:])}
    part = summarize(b"".join(line.raw for line in content_lines(whole) if line.name in asked))
    full = summarize(whole)
    assert (part.uid, part.name, part.parties, part.is_group) == (
        full.uid,
        full.name,
        full.parties,
        full.is_group,
    )


def test_what_is_too_large_together_is_read_apart(
    sandbox: Sandbox, narrow_client: CardDavClient, book: Collection
) -> None:
    """Batches are halved until they fit, and stay about so large: not each begins with a failure."""
    names = put_cards(sandbox, 60, PHOTO_OCTETS)
    sandbox.reset_requests()
    assert sorted(card.name for card in read_whole(narrow_client, book, names)) == sorted(names)
    assert len(sandbox.requests) < 60


def test_a_card_that_is_too_large_alone_is_read_in_part(
    sandbox: Sandbox, narrow_client: CardDavClient, book: Collection
) -> None:
    """Its photo is not what anybody asks for here; the others are read as they were wanted."""
    names = put_cards(sandbox, 3)
    large = put_cards(sandbox, 1, 5 * PHOTO_OCTETS)
    found = {card.name: card for card in read_cards(narrow_client, book, [*names[1:], *large], whole=True)}
    assert set(found) == {*names[1:], *large}
    card = found[large[0]]
    assert isinstance(card, StoredCard)
    assert not card.is_whole
    assert summarize(card.octets).parties == ("n0@x.example",)


@pytest.mark.parametrize("whole", [True, False])
def test_a_card_that_is_too_large_in_any_way_is_told(
    sandbox: Sandbox, narrow_client: CardDavClient, book: Collection, whole: bool
) -> None:
    """Not every server gives a part of a card (Radicale does not); it is left out, and the rest is read."""

    def give_whole_cards(request: Request) -> Reply:
        body = request.body
        for part in (NEEDED, LEAST):
            body = body.replace(part.encode(), WHOLE.encode())
        asked = evolve(request, body=body)
        return carddav.answer(sandbox.account, asked)

    sandbox.interceptor = give_whole_cards
    names = put_cards(sandbox, 20)
    large = put_cards(sandbox, 1, 5 * PHOTO_OCTETS)
    found = list(read_cards(narrow_client, book, [*names[1:10], *large, *names[10:]], whole=whole))
    assert [card.name for card in found if isinstance(card, StoredCard)] == names[1:]
    assert [card for card in found if isinstance(card, Unreadable)] == [
        Unreadable(large[0], "it is too large")
    ]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(500), id="500"),
        pytest.param(Reply(507), id="507"),
        pytest.param(
            Reply(207, {}, b'<multistatus xmlns="DAV:"><response>' + b"<a>" * 5_000), id="a deep tree"
        ),
        pytest.param(Reply(207, {}, b'<multistatus xmlns="DAV:">\x01'), id="not XML"),
    ],
)
def test_a_card_that_the_server_stumbles_over_keeps_no_other_from_being_read(
    sandbox: Sandbox, client: CardDavClient, book: Collection, reply: Reply
) -> None:
    """It is narrowed down, tried alone, and told; that costs a few requests, not one for each card."""
    names = put_cards(sandbox, 300)
    odd = [names[0], names[150], names[299]]
    sandbox.interceptor = spoiling(odd, reply)
    sandbox.reset_requests()
    found = list(read_cards(client, book, names, whole=False))
    assert sorted(card.name for card in found if isinstance(card, Unreadable)) == sorted(odd)
    assert len([card for card in found if isinstance(card, StoredCard)]) == 297
    assert len(sandbox.requests) < 80


def test_a_server_that_refuses_is_not_asked_for_each_card(
    sandbox: Sandbox, client: CardDavClient, book: Collection
) -> None:
    """A refusal that has nothing to do with the cards is an error at once."""
    names = put_cards(sandbox, 10)
    sandbox.interceptor = lambda _: Reply(403)
    with pytest.raises(StatusError):
        list(read_cards(client, book, names, whole=True))


def test_a_group_is_no_group_without_its_members(
    sandbox: Sandbox, client: CardDavClient, book: Collection
) -> None:
    """In part, a group shows that it is one, under its name; its members are not among what is asked for."""
    uid, card = group_card("Feed", ("a", "b"))
    sandbox.account.put_card(f"{uid}.vcf", card)
    (part,) = read_cards(client, book, [f"{uid}.vcf"], whole=False)
    assert isinstance(part, StoredCard)
    summary = summarize(part.octets)
    assert (summary.is_group, summary.name, summary.members) == (True, "Feed", frozenset())
