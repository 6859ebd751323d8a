"""The JSON objects of the session: what the server offers, and what it can take at once."""

from __future__ import annotations

from attrs import Factory, field, frozen, validators

from mailroom.jmap.wire import Json


@frozen
class CoreCapability:
    """What the server can take at once (RFC 8620 section 2)."""

    # What a server leaves out is as large as RFC 8620 suggests at the least.
    max_size_request: int = field(default=10_000_000, validator=validators.ge(1))
    max_calls_in_request: int = field(default=16, validator=validators.ge(1))
    max_objects_in_get: int = field(default=500, validator=validators.ge(1))
    max_objects_in_set: int = field(default=500, validator=validators.ge(1))


@frozen
class AccountObject:
    """An account that the session offers (RFC 8620 section 2)."""

    account_capabilities: Json = Factory(dict)
    name: str = ""
    is_read_only: bool = False


@frozen
class MailCapability:
    """What the account's mail can take (RFC 8621 section 1.3.1)."""

    max_mailboxes_per_email: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    max_mailbox_depth: int | None = None
    max_size_mailbox_name: int | None = None
    may_create_top_level_mailbox: bool = True


@frozen
class SieveCapability:
    """What the account's Sieve scripts can be (RFC 9661 section 1.3.1); what is not said has no bound.

    Attributes:
        sieve_extensions: What a script may require.
    """

    max_size_script: int | None = None
    max_number_scripts: int | None = None
    sieve_extensions: list[str] = Factory(list)


@frozen
class SessionObject:
    """The session resource (RFC 8620 section 2)."""

    api_url: str
    capabilities: Json
    primary_accounts: dict[str, str]
    accounts: dict[str, AccountObject]
    username: str = ""
    upload_url: str | None = None
    download_url: str | None = None
    event_source_url: str | None = None
