"""What the live test leaves in an account for a while, and how it takes just that away again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from mailroom.account import Account
from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.reading import read_cards
from mailroom.carddav.vcard import summarize
from mailroom.http import HttpClient
from mailroom.jmap.client import Call
from mailroom.model.address import Address, parse_address
from mailroom.model.contacts import Membership
from mailroom.model.scheme import Category
from mailroom.settings.settings import Settings
from mailroom.triage.layout import find_layout


class Traces:
    """One message from an invented sender, and what Mailroom makes of it.

    Attributes:
        sender: The invented address, at a domain where nobody gets mail.
    """

    def __init__(self, account: Account, settings: Settings, category: Category) -> None:
        address = parse_address(f"mailroom-live-{secrets.token_hex(6)}@example.com")
        assert address is not None
        self.sender: Address = address
        self._account = account
        self._category = category
        self._http = HttpClient(settings.carddav_url, settings.carddav_credentials)
        self._carddav = CardDavClient(self._http, settings.carddav_url)
        self._layout = find_layout(account.mail.read(()).mailboxes, settings.scheme)
        self._message_id = ""

    def put_message(self) -> None:
        """Put a message of the sender into Screener, as if it had arrived, with the label on it."""
        (label,) = (key for key, each in self._layout.labels.items() if each == self._category)
        message = {
            "mailboxIds": {self._layout.screener: True, label: True},
            "from": [{"name": "Mailroom Live Test", "email": self.sender}],
            "subject": "Mailroom's live test (may be deleted)",
            "textBody": [{"partId": "1", "type": "text/plain"}],
            "bodyValues": {"1": {"value": "Put here by `pytest -m live`, which deletes it again.\n"}},
        }
        answer = self._call("Email/set", create={"message": message})
        assert answer.get("created"), f"the server did not take the message: {answer.get('notCreated')}"
        self._message_id = str(answer["created"]["message"]["id"])

    def is_filed(self) -> bool:
        """Return whether message and sender are where the label sends them."""
        got = self._call("Email/get", ids=[self._message_id], properties=["mailboxIds"])
        places = {place for message in got["list"] for place in message["mailboxIds"]}
        contacts = self._account.book.refresh()
        groups = [group for card in contacts.cards(self.sender) for group in contacts.groups(card.uid)]
        group = self._category.group.name
        return places == self._layout.destinations[group].mailboxes and groups == [group]

    def remove(self) -> list[str]:
        """Take away what is there of message, membership and card; return what that was."""
        removed = []
        if self._message_id and self._call("Email/set", destroy=[self._message_id]).get("destroyed"):
            removed.append("the message")
        contacts = self._account.book.refresh()
        for card in contacts.cards(self.sender):
            for group in contacts.groups(card.uid):
                failed = self._account.book.regroup({group: Membership(remove=frozenset({card.uid}))})
                assert not failed, failed
                removed.append(f"the contact group's line ({group})")
        for url in self._card_urls():
            self._http.request("DELETE", url)
            removed.append("the contact card")
        return removed

    def _card_urls(self) -> Iterator[str]:
        for book in self._carddav.discover():
            names = tuple(self._carddav.changes(book, "").changed)
            for card in read_cards(self._carddav, book, names, whole=False):
                if isinstance(card, StoredCard) and summarize(card.octets).addresses == (self.sender,):
                    yield book.url + card.name

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        account_id = self._account.jmap.session.account_id
        (answer,) = self._account.jmap.call([Call(method, {"accountId": account_id, **arguments})])
        assert answer.name == method, answer.arguments
        return dict(answer.arguments)
