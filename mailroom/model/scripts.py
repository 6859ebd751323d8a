"""A person's Sieve scripts (RFC 5228) on their mail server, and the port to them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NewType, Protocol

from attrs import frozen

ScriptId = NewType("ScriptId", str)


@frozen
class Script:
    """A script as it is on the server; at most one of an account's is active.

    Attributes:
        content: Its bytes; kept as they are, whatever their line ends and encoding.
    """

    id: ScriptId
    name: str
    content: bytes
    is_active: bool = False


@frozen
class ScriptLimits:
    """What scripts can be there.

    Attributes:
        extensions: What a script may require (RFC 5228 section 6.1).
        most_scripts: How many there may be; None for any number.
        most_bytes: How large each may be; None for any size.
    """

    extensions: frozenset[str] = frozenset()
    most_scripts: int | None = None
    most_bytes: int | None = None
    is_read_only: bool = False


@frozen
class Scripts:
    """All scripts of an account, as of one moment.

    Attributes:
        state: Names that moment for the server.
    """

    state: str
    all: tuple[Script, ...] = ()

    @property
    def active(self) -> Script | None:
        """The script that mail goes through; None where there is none."""
        return next((script for script in self.all if script.is_active), None)

    def named(self, name: str) -> Script | None:
        """Return the script of a name; None where there is none."""
        return next((script for script in self.all if script.name == name), None)


@frozen
class ScriptChange:
    """What is to become of an account's scripts, in one request.

    Attributes:
        new: Scripts to be made, by name.
        contents: Scripts to have another content, by id.
        activated: The name of a new script, or of one that is there, to be the active one once all of that
            is done; None to leave it as it is. Whether another one may be active is for `state` to guard.
        deactivates: Whether no script is to be active any more.
        removed: Scripts to be deleted; an active one is refused.
    """

    new: Mapping[str, bytes] = MappingProxyType({})
    contents: Mapping[ScriptId, bytes] = MappingProxyType({})
    activated: str | None = None
    deactivates: bool = False
    removed: tuple[ScriptId, ...] = ()


class SieveScripts(Protocol):
    """A person's Sieve scripts. Every method raises `ServerError` when the server fails or refuses."""

    def limits(self) -> ScriptLimits | None:
        """Return what scripts can be there; None where the server offers none to this token."""
        ...

    def read(self) -> Scripts:
        """Read all scripts, with their contents."""
        ...

    def why_invalid(self, content: bytes) -> str:
        """Return what the server says against a script; empty where it takes it. Changes nothing."""
        ...

    def change(self, scripts: Scripts, change: ScriptChange) -> None:
        """Change scripts, in one request besides what carries contents there.

        Raises:
            PreconditionFailedError: They are not any more as in `scripts`; nothing was done.
            ServerError: The server refuses some of it; what it has done of the rest, `read` tells. No script
                becomes active then, and none is left half written.
        """
        ...
