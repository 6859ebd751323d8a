"""The session object: what the server offers, and where everything lies (RFC 8620 section 2)."""

from __future__ import annotations

import hashlib
import json

from mailroom.sandbox.jmap.arguments import Json
from mailroom.sandbox.jmap.blobs import TEMPLATES
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.scripts import ScriptBounds

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
CONTACTS = "urn:ietf:params:jmap:contacts"
SIEVE = "sieve"
"""Stands for the name under which the account's scripts are offered."""


def capabilities(account: SandboxAccount) -> Json:
    """Return what the session offers."""
    limits = account.limits
    core: Json = {
        "maxSizeUpload": limits.max_size_upload,
        "maxConcurrentUpload": limits.max_concurrent_upload,
        "maxSizeRequest": limits.max_size_request,
        "maxConcurrentRequests": limits.max_concurrent_requests,
        "maxCallsInRequest": limits.max_calls_in_request,
        "maxObjectsInGet": limits.max_objects_in_get,
        "maxObjectsInSet": limits.max_objects_in_set,
        "collationAlgorithms": ["i;ascii-casemap", "i;unicode-casemap"],
    }
    more = {SUBMISSION: account.offers_submission, CONTACTS: account.offers_contacts}
    names = [name for name, is_offered in more.items() if is_offered]
    names += [account.scripts.offered_as] if account.scripts.offered_as else []
    return {CORE: core, MAIL: {}, **{name: {} for name in names}}


def session_state(account: SandboxAccount) -> str:
    """Return a name for what the session says."""
    described = json.dumps(
        [account.username, account.is_read_only, capabilities(account), account_capabilities(account)]
    )
    return hashlib.sha1(described.encode()).hexdigest()[:12]  # noqa: S324


def account_capabilities(account: SandboxAccount) -> dict[str, Json]:
    """Return by the id of each account what it has: the person's, and those of others' contacts."""
    mail: Json = {
        "maxMailboxesPerEmail": None,
        "maxMailboxDepth": None,
        "maxSizeMailboxName": 490,
        "maxSizeAttachmentsPerEmail": 50_000_000,
        "emailQuerySortOptions": ["receivedAt", "sentAt", "size", "from", "subject"],
        "mayCreateTopLevelMailbox": True,
    }
    found: dict[str, Json] = {account.id: {CORE: {}, MAIL: mail}}
    if account.offers_submission:
        found[account.id][SUBMISSION] = {"maxDelayedSend": 0, "submissionExtensions": {}}
    if account.scripts.offered_as:
        found[account.id][account.scripts.offered_as] = _sieve(account.scripts.bounds)
    if account.offers_contacts:
        for id in (account.contacts_id, *account.shared_contacts):
            offered = {"maxAddressBooksPerCard": 1, "mayCreateAddressBook": False}
            found.setdefault(id, {CORE: {}})[CONTACTS] = offered
    return found


def _sieve(bounds: ScriptBounds) -> Json:
    """RFC 9661 section 1.3.1."""
    return {
        "maxSizeScriptName": bounds.most_name_bytes,
        "maxSizeScript": bounds.most_bytes,
        "maxNumberScripts": bounds.most,
        "maxNumberRedirects": None,
        "sieveExtensions": list(bounds.extensions),
        "notificationMethods": None,
        "externalLists": None,
    }


def _account(account: SandboxAccount, id: str, offered: Json) -> Json:
    shared = account.shared_contacts.get(id)
    return {
        "name": id if shared else account.username,
        "isPersonal": shared is None,
        "isReadOnly": (shared or account).is_read_only,
        "accountCapabilities": offered,
    }


def session(account: SandboxAccount, base_url: str) -> Json:
    """Return the session object (RFC 8620 section 2)."""
    offered = capabilities(account)
    primary = {CONTACTS: account.contacts_id}
    return {
        "capabilities": offered,
        "accounts": {id: _account(account, id, what) for id, what in account_capabilities(account).items()},
        "primaryAccounts": {name: primary.get(name, account.id) for name in offered if name != CORE},
        "username": account.username,
        "apiUrl": f"{base_url}/jmap/api/",
        **{name: base_url + template for name, template in TEMPLATES.items()},
        "eventSourceUrl": f"{base_url}/jmap/event/?types={{types}}&closeafter={{closeafter}}&ping={{ping}}",
        "state": session_state(account),
    }
