"""What the engine makes of cards and groups that were written over JMAP, seen over CardDAV.

``tests/corpus/jmap_contacts.json`` is a transcript of Cyrus 3.13.7; see `test_sandbox_contacts_replay`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailroom.carddav.cards import StoredCard
from mailroom.carddav.unchanged import alteration_of_card, is_group_unchanged
from mailroom.contacts.writing import address_keys
from mailroom.jmap.contact_compose import compose_card, compose_group
from mailroom.model.address import Address
from mailroom.model.contacts import Alteration, CardKind, CardUid, NewCard

STEPS: dict[str, dict[str, Any]] = {
    step["step"]: step
    for step in json.loads((Path(__file__).parents[1] / "corpus" / "jmap_contacts.json").read_text())
}
SHOP = Address("shop@example.net")
UID, GROUP_UID = (
    CardUid("11111111-2222-5333-8444-555555555555"),
    CardUid("22222222-2222-5333-8444-555555555555"),
)
(KEY,) = (key for key, _ in zip(address_keys("Shop"), range(1), strict=False))


def stored(text: str) -> StoredCard:
    """A card as the server hands it out; the dates of CardDAV say nothing of it."""
    return StoredCard("x.vcf", '"1"', text.encode(), is_exact=False, created=0)


def created(step: str) -> dict[str, Any]:
    """What the engine was given to make."""
    ((_, arguments, _),) = STEPS[step]["methodCalls"]
    (card,) = arguments["create"].values()
    return dict(card)


def of_company() -> str:
    """What the engine shows of a company's card, with the key that Mailroom gives the address."""
    text: str = STEPS["the new card by CardDAV"]["answer"]
    assert "PROP-ID=e:" in text
    return text.replace("PROP-ID=e:", f"PROP-ID={KEY}:")


def of_person(name: str, structured: str) -> str:
    """Likewise of a person's, in the form that the engine gives to a person's N and kind."""
    (key, *_) = (key for key, _ in zip(address_keys(name), range(1), strict=False))
    lines = of_company().replace("o.ORG;PROP-ID=o:Shop\r\n", "").replace(KEY, key)
    return (
        lines.replace("KIND:ORG", "KIND:INDIVIDUAL")
        .replace("FN:Shop", f"FN:{name}")
        .replace("N:;;;;", f"N:{structured}")
    )


def test_the_engine_was_given_what_mailroom_writes() -> None:
    """But for the key of the address; so what it made of that is what it makes of Mailroom's."""
    new = NewCard(SHOP, SHOP, "Shop", CardKind.COMPANY)
    given = created("one card made and put into a group, in one call")
    given["emails"] = {KEY: given["emails"]["e"]}
    assert compose_card(new, UID, "Default") == given
    group = created("a group made")
    del group["members"]
    assert compose_group("Paper Trail", GROUP_UID, "Default") == group


def test_a_card_that_was_made_over_jmap_is_untouched() -> None:
    """In whatever order its lines stand; a date of change says nothing where nothing differs."""
    for text in (
        of_company(),
        of_company().replace("FN:Shop\r\n", "REV:20261126T175523Z\r\nFN:Shop\r\n"),
        of_company().replace("FN:Shop\r\n", "").replace("END:", "FN:Shop\r\nEND:"),
    ):
        assert alteration_of_card(UID, SHOP, stored(text)) is Alteration.NONE
    for structured in ("Example;Ann;M.;Dr.;", "Example;Ann;M.;Dr."):
        text = of_person("Dr. Ann M. Example", structured)
        assert alteration_of_card(UID, SHOP, stored(text)) is Alteration.NONE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("END:", "TEL:1\r\nEND:"),
        ("END:", "X-OWN:kept\r\nEND:"),
        ("END:", "EMAIL:other@example.net\r\nEND:"),
        ("END:", "EMAIL:Shop@example.net\r\nEND:"),
        ("END:", "b.ORG:Second\r\nEND:"),
        ("END:", "what is this\r\nEND:"),
        ("FN:Shop", "FN:Corner shop"),
        ("o:Shop", "o:Corner shop"),
        ("N:;;;;", "N:Shop;Corner;;;"),
        ("shop@example.net", "other@example.net"),
        (KEY, "m0123456789abcdef"),
        (UID, GROUP_UID),
    ],
)
def test_what_somebody_changed_in_it_is_seen(old: str, new: str) -> None:
    """The key of the address is made of the name, so that another name is told from the first."""
    assert old in of_company()
    altered = stored(of_company().replace(old, new, 1))
    assert alteration_of_card(UID, SHOP, altered) is Alteration.SEEN


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"PROP-ID={KEY}", f"PROP-ID={KEY};PREF=1"),
        ("o.ORG;PROP-ID=o", "ORG"),
        ("X-ADDRESSBOOKSERVER-KIND:ORG", "X-ADDRESSBOOKSERVER-KIND:org"),
        ("N:;;;;", 'N;JSCOMPS=";":;;;;;;'),
    ],
)
def test_where_only_the_form_differs_nobody_knows(old: str, new: str) -> None:
    """Another release may write it so: that is no change that was seen, and no proof that there is none."""
    assert old in of_company()
    altered = stored(of_company().replace(old, new, 1))
    assert alteration_of_card(UID, SHOP, altered) is Alteration.UNKNOWN


def test_a_key_that_is_not_mailrooms_proves_nothing() -> None:
    """Such a card was made by another program, or written anew by one."""
    assert alteration_of_card(UID, SHOP, stored(of_company().replace(KEY, "e"))) is Alteration.SEEN


def test_a_group_that_was_made_over_jmap_is_unchanged() -> None:
    """So it is after a patch, whoever is in it; a line of a person's own is theirs."""
    text: str = STEPS["that group by CardDAV"]["answer"]
    assert is_group_unchanged(GROUP_UID, "Paper Trail", stored(text))
    own = text.replace("END:", "NOTE:mine\r\nEND:")
    assert not is_group_unchanged(GROUP_UID, "Paper Trail", stored(own))


@pytest.mark.parametrize(
    ("step", "uid", "name"),
    [
        ("the 3.0 group afterwards: rewritten, USERID lost", "g-feed", "Feed"),
        ("that group by CardDAV, default", "g-jail", "Jail"),
    ],
)
def test_a_patch_over_jmap_is_no_change_of_a_group(step: str, uid: str, name: str) -> None:
    """The engine writes the whole group anew, whichever version it had before."""
    assert is_group_unchanged(CardUid(uid), name, stored(STEPS[step]["answer"]))
