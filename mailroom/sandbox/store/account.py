"""The account: one person's mail and contacts in memory, behind one lock. It speaks no protocol."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence

from attrs import frozen

from mailroom.sandbox.store.contacts import Contacts
from mailroom.sandbox.store.mail import Mail
from mailroom.sandbox.store.messages import Identity
from mailroom.sandbox.store.scripts import ScriptShelf


@frozen
class Limits:
    """What the server grants (RFC 8620 section 2); the defaults are those seen at Fastmail.

    Attributes:
        max_query_results: How many ids a query answers with at most; None for no limit.
        max_sync_results: How many members a sync-collection answers with at most; None for no limit.
    """

    max_size_upload: int = 250_000_000
    max_concurrent_upload: int = 10
    max_size_request: int = 10_000_000
    max_concurrent_requests: int = 10
    max_calls_in_request: int = 50
    max_objects_in_get: int = 4096
    max_objects_in_set: int = 4096
    max_query_results: int | None = None
    max_sync_results: int | None = None


Rules = Callable[["SandboxAccount", str], str | Sequence[str]]
"""The provider's rules: from the account and a sender's address to the name of a mailbox, or of several."""


class SandboxAccount(Mail, Contacts):
    """One person's account.

    Every public method may be called from any thread. A mailbox may be named by its id, by its
    name, or by the path of names from the top ("Inbox/Screener").

    Args:
        username: The address the person has, and the user name for CardDAV.
        token: The Bearer token for JMAP; changing the attribute revokes it.
        password: The password for CardDAV; likewise.
        offers_contacts: Whether the token's scope lets the session offer contacts.
        offers_submission: Whether the token's scope lets the session offer submission and Identity/get.
        rewrites_cards: Whether PUT stores another serialisation and tells no ETag, as on Cyrus.
        ids_are_uids: Whether JMAP calls a card by its UID, as a plain Cyrus does and Fastmail does not.
        announces_state: Whether an event stream begins with the current state, as at Fastmail.
        rules: Where `deliver` puts a message that names no mailboxes; the Inbox where there are none.

    Attributes:
        is_read_only: Whether the token may only read; of shared contacts, each has it for itself.
        contacts_id: The JMAP account that their contacts are in, where it is not that of their mail.
        shared_contacts: Contacts of other people that the session offers too, by their JMAP accounts.
        scripts: Their Sieve scripts; offered only where it says under which name.
        contact_writes_left: How many cards may still be written over JMAP before the server refuses more
            for a time, by ``rateLimit``; None for any number.
    """

    def __init__(
        self,
        username: str = "alex@mailroom.example",
        token: str = "fmu1-sandbox-token",  # noqa: S107 - it opens nothing but this
        password: str = "sandbox-app-password",  # noqa: S107 - likewise
        *,
        limits: Limits = Limits(),
        offers_contacts: bool = True,
        offers_submission: bool = True,
        rewrites_cards: bool = False,
        ids_are_uids: bool = False,
        announces_state: bool = False,
        rules: Rules | None = None,
    ) -> None:
        lock = threading.RLock()
        Mail.__init__(self, username, lock)
        Contacts.__init__(self, self.changed, lock, rewrites_cards=rewrites_cards, ids_are_uids=ids_are_uids)
        self.logs |= self.contact_logs
        self.id = f"u{hashlib.sha1(username.encode()).hexdigest()[:8]}"  # noqa: S324 - a name, not a secret
        self.username = username
        self.token = token
        self.password = password
        self.limits = limits
        self.offers_contacts = offers_contacts
        self.offers_submission = offers_submission
        self.announces_state = announces_state
        self.rules = rules
        self.contacts_id = self.id
        self.shared_contacts: dict[str, Contacts] = {}
        self.contact_writes_left: int | None = None
        self.identities: list[Identity] = []
        self.scripts = ScriptShelf()
        self.blobs: dict[str, bytes] = {}
        self.add_identity("", username)

    def share_contacts(self, id: str) -> Contacts:
        """Let the session offer another person's contacts too, as an account of this id; return them."""
        with self.lock:
            contacts = Contacts(self.changed, self.lock, rewrites_cards=False, ids_are_uids=self.ids_are_uids)
            self.shared_contacts[id] = contacts
            return contacts

    def contacts_in(self, id: str) -> Contacts | None:
        """Return the contacts of a JMAP account; None where it has none."""
        return self if id == self.contacts_id else self.shared_contacts.get(id)

    def states(self) -> dict[tuple[str, str], str]:
        """Return the state of each data type in each JMAP account."""
        found = {
            (self.contacts_id if type in self.contact_logs else self.id, type): log.state
            for type, log in self.logs.items()
        }
        for id, contacts in self.shared_contacts.items():
            found |= {(id, type): log.state for type, log in contacts.contact_logs.items()}
        return found

    def add_identity(self, name: str, email: str) -> str:
        """Let the person send from one more address; return the identity's id."""
        with self.lock:
            identity = Identity(f"I{len(self.identities) + 1}", name, email)
            self.identities.append(identity)
            return identity.id

    def route(self, from_: Sequence[tuple[str, str]] | None) -> Sequence[str]:
        """Return the mailboxes that the provider's rules choose for a message."""
        if self.rules is None or not from_:
            return super().route(from_)
        chosen = self.rules(self, from_[0][1])
        return [chosen] if isinstance(chosen, str) else chosen

    def forget_changes(self) -> None:
        """Make every state and sync token given out so far unknown."""
        with self.lock:
            for log in (*self.logs.values(), *(book.log for book in self.books.values())):
                log.forget()
