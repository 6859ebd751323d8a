"""Accounts whose contacts are on another CardDAV server, and whose mail is on the sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.support.dav_servers import PASSWORD, USER, DavServer
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.wire import Wire


class AccountOnDavServer(AccountOnSandbox):
    """A new account with a server of its own for contacts.

    Args:
        kind: See `DavServer`.
    """

    describes_cards = False

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.keeps_card_bytes = kind == "xandikos"
        self._kind = kind
        self._dav = DavServer(kind)
        self._wire = Wire(self._dav.address, USER, self._dav.authorization, self._dav.book_path)
        self.environment = {
            **self.environment,
            "MAILROOM_CARDDAV_URL": f"{self._dav.url}/",
            "MAILROOM_CARDDAV_USERNAME": USER,
            "MAILROOM_CARDDAV_PASSWORD": PASSWORD,
        }

    def close(self) -> None:
        self._dav.close()
        super().close()

    def put_card(self, name: str, data: bytes, book: str = "") -> None:
        self._wire.put_card(name, data, book)

    def add_address_book(self, name: str) -> None:
        self._wire.make_book(name)

    def protect_address_book(self) -> None:
        pytest.skip(f"{self._kind} is set up for one user, who may do everything")

    def delete_card(self, name: str) -> None:
        self._wire.delete_card(name)

    def cards(self) -> Mapping[str, bytes]:
        return self._wire.cards()

    def forget_changes(self) -> None:
        if not self._dav.forget_changes():
            pytest.skip(f"{self._kind} never forgets a sync token")

    def state(self) -> tuple[str, ...]:
        return (*super().state(), self._wire.sync_token())

    def requests(self) -> Sequence[str]:
        return [*super().requests(), *self._dav.requests]
