"""The JMAP session (RFC 8620 section 2): what a server offers, and what it takes at once."""

from __future__ import annotations

from attrs import Factory, frozen

from mailroom.errors import ProtocolError, ServerError
from mailroom.http import Response, resolve
from mailroom.jmap.session_wire import (
    AccountObject,
    CoreCapability,
    MailCapability,
    SessionObject,
    SieveCapability,
)
from mailroom.jmap.structuring import parse_json, structure
from mailroom.model.mail import MailLimits

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
CONTACTS = "urn:ietf:params:jmap:contacts"
SIEVE = "urn:ietf:params:jmap:sieve"
SIEVE_BEFORE_RFC = "https://cyrusimap.org/ns/jmap/sieve"
"""Under this name Cyrus offers a draft of RFC 9661."""

_NOT_OF_MAIL = {
    "AddressBook": CONTACTS,
    "ContactCard": CONTACTS,
    "Identity": SUBMISSION,
    "SieveScript": SIEVE,
}
"""Which capability a type of data needs besides those that every request uses, or instead of them."""


def capability_of(method: str) -> str:
    """Return the capability that offers a method, by the type of data before the slash."""
    return _NOT_OF_MAIL.get(method.partition("/")[0], MAIL)


@frozen
class ContactsAccount:
    """The account that a person's contacts are in (RFC 9610); not always the one that their mail is in.

    Attributes:
        is_read_only: Whether nothing may be changed in it.
        others: Further accounts whose contacts the session offers, such as those that are shared.
    """

    id: str
    is_read_only: bool = False
    others: tuple[str, ...] = ()


@frozen
class SieveAccount:
    """The account that a person's Sieve scripts are in (RFC 9661 section 1.3).

    Attributes:
        capability: The name under which they are offered: the RFC's, or that of the draft before it.
    """

    id: str
    capability: str
    offered: SieveCapability
    is_read_only: bool = False


@frozen
class Session:
    """What the server told of itself and of the account (RFC 8620 section 2).

    Attributes:
        account_id: The person's mail account.
        upload_url: Where blobs are left, a URI template; None where there is no such place.
        download_url: Where blobs are had again, a URI template; None where there is no such place.
        event_source_url: Where events are pushed, perhaps a URI template; None where there is no push.
        limits: What the server takes at once.
        mail_limits: What the account lets nobody do with its mail.
        names: The user name and the account's name; on most servers addresses of the person.
        contacts: Where the person's contacts are; None where the session does not offer them.
        sieve: Where the person's Sieve scripts are; None where the session does not offer them.
    """

    api_url: str
    account_id: str
    capabilities: frozenset[str]
    limits: CoreCapability
    upload_url: str | None = None
    event_source_url: str | None = None
    mail_limits: MailLimits = Factory(MailLimits)
    names: tuple[str, ...] = ()
    contacts: ContactsAccount | None = None
    sieve: SieveAccount | None = None
    download_url: str | None = None

    def account_of(self, method: str) -> str:
        """Return the account that a method is called on.

        Raises:
            ServerError: It is one of contacts or of scripts, and the session offers none.
        """
        capability = capability_of(method)
        if capability == SIEVE:
            return self.require_sieve().id
        return self.require_contacts().id if capability == CONTACTS else self.account_id

    def capability_of(self, method: str) -> str:
        """Return the capability that offers a method, by the name that this session has for it.

        Raises:
            ServerError: It is one of scripts, and the session offers none.
        """
        capability = capability_of(method)
        return self.require_sieve().capability if capability == SIEVE else capability

    def require_sieve(self) -> SieveAccount:
        """Return the account with the Sieve scripts.

        Raises:
            ServerError: The session offers none.
        """
        if self.sieve is None:
            raise ServerError("the JMAP session offers no Sieve scripts")
        return self.sieve

    def require_contacts(self) -> ContactsAccount:
        """Return the account with the contacts.

        Raises:
            ServerError: The session offers none.
        """
        if self.contacts is None:
            raise ServerError(
                "the JMAP session offers no contacts: make an API token with access to Contacts"
            )
        return self.contacts


def read_session(response: Response) -> Session:
    """Read the session out of the answer that it came in.

    Raises:
        ProtocolError: It is none.
        ServerError: It offers no mail account.
    """
    check_json(response)
    what = f"the JMAP session at {response.url}"
    value = structure(parse_json(response.body, what), SessionObject, what)
    account_id = value.primary_accounts.get(MAIL)
    if account_id is None or CORE not in value.capabilities:
        raise ServerError(f"{what} offers no mail account: make an API token with access to Email")
    account = value.accounts.get(account_id, AccountObject())
    mail = structure(account.account_capabilities.get(MAIL, {}), MailCapability, what)
    return Session(
        # Cyrus gives relative URLs, Fastmail those of another host for each region.
        api_url=resolve(response.url, value.api_url),
        account_id=account_id,
        # An account may lack what the server offers to others, as one behind a token of few scopes does.
        capabilities=frozenset(value.capabilities) & {CORE, *account.account_capabilities},
        limits=structure(value.capabilities[CORE], CoreCapability, what),
        upload_url=resolve(response.url, value.upload_url) if value.upload_url else None,
        download_url=resolve(response.url, value.download_url) if value.download_url else None,
        event_source_url=resolve(response.url, value.event_source_url) if value.event_source_url else None,
        mail_limits=MailLimits(
            is_read_only=account.is_read_only,
            max_mailboxes_per_message=mail.max_mailboxes_per_email,
            max_mailbox_depth=mail.max_mailbox_depth,
            max_name_bytes=mail.max_size_mailbox_name,
            may_make_at_top=mail.may_create_top_level_mailbox,
        ),
        names=(value.username, account.name),
        contacts=_contacts(value),
        sieve=_sieve(value, what),
    )


def _contacts(value: SessionObject) -> ContactsAccount | None:
    """Return the account with the person's contacts; None where there is none, or only others' are shared."""
    account_id = value.primary_accounts.get(CONTACTS)
    if account_id is None or CONTACTS not in value.capabilities:
        return None
    account = value.accounts.get(account_id, AccountObject())
    others = sorted(
        key
        for key, each in value.accounts.items()
        if key != account_id and CONTACTS in each.account_capabilities
    )
    return ContactsAccount(account_id, account.is_read_only, tuple(others))


def _sieve(value: SessionObject, what: str) -> SieveAccount | None:
    """Return the account with the person's Sieve scripts; None where there is none."""
    for capability in (SIEVE, SIEVE_BEFORE_RFC):
        account_id = value.primary_accounts.get(capability)
        account = value.accounts.get(account_id or "", AccountObject())
        if account_id and capability in value.capabilities and capability in account.account_capabilities:
            offered = structure(account.account_capabilities[capability], SieveCapability, what)
            return SieveAccount(account_id, capability, offered, account.is_read_only)
    return None


def check_json(response: Response) -> None:
    """Raise unless an answer says that it is JSON: a page of a proxy is none.

    Raises:
        ProtocolError: It says something else.
    """
    if response.media_type != "application/json":
        raise ProtocolError(
            f"{response.url} answered with {response.media_type or 'no content type'}, "
            f"not application/json: {response.excerpt()}"
        )
