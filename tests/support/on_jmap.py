"""What a person does with their mail on a real server, over JMAP as their mail program would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.accounts import AccountUnderTest
from tests.support.wire import RefusedError


class AccountOnJmap(AccountUnderTest):
    """An account whose mail is reached over JMAP (RFC 8621).

    Attributes:
        ids: The mailboxes' ids by the names that the tests use.
    """

    ids: dict[str, str]

    def jmap(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call one method as the person, and return its answer."""
        raise NotImplementedError

    def name_of(self, name: str) -> str:
        """Return how the tests call a mailbox that the server calls `name`."""
        return name

    def refresh_ids(self) -> list[str]:
        """Read which mailboxes there are, and return their names."""
        found = self.jmap("Mailbox/get", ids=None, properties=["name"])["list"]
        self.ids = {self.name_of(each["name"]): each["id"] for each in found}
        return [self.name_of(each["name"]) for each in found]

    def rename_mailbox(self, name: str, new_name: str) -> None:
        self.jmap("Mailbox/set", update={self.ids[name]: {"name": new_name}})
        self.refresh_ids()

    def mailbox_id(self, name: str) -> str:
        return self.ids[name]

    def mailbox_names(self) -> list[str]:
        return self.refresh_ids()

    def mailboxes_of(self, message: str) -> set[str]:
        found = self.jmap("Email/get", ids=[message], properties=["mailboxIds"])["list"]
        names = {mailbox_id: name for name, mailbox_id in self.ids.items()}
        return {names[mailbox_id] for each in found for mailbox_id in each["mailboxIds"]}

    def place(self, message: str, *mailboxes: str) -> None:
        self._update(message, {"mailboxIds": {self.ids[name]: True for name in mailboxes}})

    def mark_read(self, message: str) -> None:
        self._update(message, {"keywords/$seen": True})

    def keywords_of(self, message: str) -> set[str]:
        found = self.jmap("Email/get", ids=[message], properties=["keywords"])["list"]
        return {keyword for each in found for keyword in each["keywords"]}

    def destroy(self, message: str) -> None:
        self.jmap("Email/set", destroy=[message])

    def _update(self, message: str, patch: Mapping[str, object]) -> None:
        answer = self.jmap("Email/set", update={message: patch})
        if answer.get("notUpdated"):
            raise RefusedError(f"message {message}: {answer['notUpdated']}")
