"""The account on the sandbox, looked at while it is written to: what is seen was so at one moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest

from tests.support.accounts import furnish, group_card_name
from tests.support.on_sandbox import AccountOnSandbox

TO_FINISH_SECONDS = 0.2
"""How long a look that waits for nobody may take at the most."""


@pytest.fixture
def account() -> Iterator[AccountOnSandbox]:
    with closing(AccountOnSandbox()) as made:
        furnish(made)
        yield made


def test_a_card_that_is_being_written_is_never_missing(
    account: AccountOnSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks in the middle of a write sees the card, as on a server that writes it in one step."""
    name = group_card_name(account, "Paper Trail")
    written = account.cards()[name]
    seen: list[Mapping[str, bytes]] = []
    onlooker = threading.Thread(target=lambda: seen.append(account.cards()))

    def look_meanwhile(_: str) -> None:
        assert name not in account.store.book.cards, "not the middle of a write"
        onlooker.start()
        onlooker.join(TO_FINISH_SECONDS)

    monkeypatch.setattr(account.store.book.log, "updated", look_meanwhile)
    account.put_card(name, written)
    onlooker.join()
    assert [each.get(name) for each in seen] == [written]


def test_nobody_writes_while_a_moment_is_looked_at(account: AccountOnSandbox) -> None:
    """Cards and mail that are read at one moment belong together: a write waits until all is read."""
    name = group_card_name(account, "Paper Trail")
    before = account.cards()
    writer = threading.Thread(target=account.delete_card, args=(name,))
    with account.at_one_moment():
        writer.start()
        writer.join(TO_FINISH_SECONDS)
        assert account.cards() == before
    writer.join()
    assert name not in account.cards()
