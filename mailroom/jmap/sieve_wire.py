"""The JSON objects of JMAP for Sieve Scripts (RFC 9661)."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from mailroom.jmap.wire import SetError


@frozen
class SieveScriptObject:
    """A script (RFC 9661 section 2)."""

    id: str
    blob_id: str
    name: str = ""
    is_active: bool = False


@frozen
class SieveScriptGet:
    """The answer of SieveScript/get (RFC 9661 section 2.3)."""

    state: str
    list_: list[SieveScriptObject]


@frozen
class SieveScriptSet:
    """The answer of SieveScript/set (RFC 9661 section 2.4)."""

    created: dict[str, Any] | None = None
    not_created: dict[str, SetError] | None = None
    not_updated: dict[str, SetError] | None = None
    not_destroyed: dict[str, SetError] | None = None


@frozen
class SieveScriptValidate:
    """The answer of SieveScript/validate (RFC 9661 section 2.6)."""

    error: SetError | None = None
