"""What the live test leaves in an account for a while, and how it takes just that away again."""

from __future__ import annotations

import secrets
from typing import Any

from mailroom.account import Account
from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.reading import read_cards
from mailroom.carddav.vcard import summarize
from mailroom.http import HttpClient
from mailroom.jmap.calls import Call
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
        self._settings = settings
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
        count = self._remove_over_carddav() if self._settings.uses_carddav else self._remove_over_jmap()
        return removed + ["the contact card"] * count

    def _remove_over_carddav(self) -> int:
        """Delete the sender's cards; return how many that were."""
        http = HttpClient(self._settings.carddav_url, self._settings.carddav_credentials)
        carddav = CardDavClient(http, self._settings.carddav_url)
        urls = [
            book.url + card.name
            for book in carddav.discover()
            for card in read_cards(carddav, book, tuple(carddav.changes(book, "").changed), whole=False)
            if isinstance(card, StoredCard) and summarize(card.octets).parties == (self.sender,)
        ]
        for url in urls:
            http.request("DELETE", url)
        return len(urls)

    def _remove_over_jmap(self) -> int:
        """Likewise; what the server finds is looked at, since it searches for words."""
        contacts = self._account.jmap.session.contacts
        assert contacts is not None
        place = {"account_id": contacts.id}
        found = self._call("ContactCard/query", **place, filter={"email": self.sender})["ids"]
        cards = self._call("ContactCard/get", **place, ids=found, properties=["emails"])["list"]
        theirs = [
            card["id"]
            for card in cards
            if [each["address"] for each in card.get("emails", {}).values()] == [self.sender]
        ]
        return len(self._call("ContactCard/set", **place, destroy=theirs).get("destroyed") or ())

    def _call(self, method: str, account_id: str = "", **arguments: Any) -> dict[str, Any]:
        account_id = account_id or self._account.jmap.session.account_id
        (answer,) = self._account.jmap.call([Call(method, {"accountId": account_id, **arguments})])
        assert answer.name == method, answer.arguments
        return dict(answer.arguments)
