"""The methods the sandbox answers to, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mailroom.sandbox.jmap.arguments import Arguments, Json
from mailroom.sandbox.jmap.contact_set import contact_card_set
from mailroom.sandbox.jmap.contacts import (
    address_book_get,
    contact_card_get,
    contact_card_query,
    contact_changes,
)
from mailroom.sandbox.jmap.core import Context, Method
from mailroom.sandbox.jmap.email_set import email_set
from mailroom.sandbox.jmap.mailbox_set import mailbox_set
from mailroom.sandbox.jmap.objects import changes, email_get, identity_get, mailbox_get, thread_get
from mailroom.sandbox.jmap.query import email_query, mailbox_query, query_changes
from mailroom.sandbox.jmap.session import CONTACTS, CORE, MAIL, SIEVE, SUBMISSION
from mailroom.sandbox.jmap.sieve import (
    sieve_script_get,
    sieve_script_query,
    sieve_script_set,
    sieve_script_validate,
)


def _echo(_: Context, arguments: Arguments) -> Json:
    return arguments.rest()


METHODS: Final[Mapping[str, Method]] = {
    "Core/echo": Method(CORE, _echo),
    "Mailbox/get": Method(MAIL, mailbox_get),
    "Mailbox/changes": Method(MAIL, changes("Mailbox")),
    "Mailbox/query": Method(MAIL, mailbox_query),
    "Mailbox/queryChanges": Method(MAIL, query_changes),
    "Mailbox/set": Method(MAIL, mailbox_set),
    "Thread/get": Method(MAIL, thread_get),
    "Thread/changes": Method(MAIL, changes("Thread")),
    "Email/get": Method(MAIL, email_get),
    "Email/changes": Method(MAIL, changes("Email")),
    "Email/query": Method(MAIL, email_query),
    "Email/queryChanges": Method(MAIL, query_changes),
    "Email/set": Method(MAIL, email_set),
    "Identity/get": Method(SUBMISSION, identity_get),
    "AddressBook/get": Method(CONTACTS, address_book_get),
    "AddressBook/changes": Method(CONTACTS, contact_changes("AddressBook")),
    "ContactCard/get": Method(CONTACTS, contact_card_get),
    "ContactCard/changes": Method(CONTACTS, contact_changes("ContactCard")),
    "ContactCard/query": Method(CONTACTS, contact_card_query),
    "ContactCard/queryChanges": Method(CONTACTS, query_changes),
    "ContactCard/set": Method(CONTACTS, contact_card_set),
    "SieveScript/get": Method(SIEVE, sieve_script_get),
    "SieveScript/query": Method(SIEVE, sieve_script_query),
    "SieveScript/set": Method(SIEVE, sieve_script_set),
    "SieveScript/validate": Method(SIEVE, sieve_script_validate),
}
