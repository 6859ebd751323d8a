"""The account's Sieve scripts."""

from __future__ import annotations

from attrs import define, frozen

from mailroom.sandbox.sieve.words import EXTENSIONS
from mailroom.sandbox.store.changes import ChangeLog

STANDARD = "urn:ietf:params:jmap:sieve"
DRAFT = "https://cyrusimap.org/ns/jmap/sieve"


@define
class StoredScript:
    """A script."""

    id: str
    name: str
    content: bytes


@frozen
class ScriptBounds:
    """What scripts can be there; the numbers are Cyrus's."""

    most: int = 5
    most_bytes: int = 32_768
    most_name_bytes: int = 1_013
    extensions: tuple[str, ...] = EXTENSIONS


class ScriptShelf:
    """The scripts of one account; whoever changes them holds the account's lock.

    Attributes:
        offered_as: Under which name the session offers them, `STANDARD` or `DRAFT`; None for not at all, as
            at Fastmail.
        active: The id of the one that is active.
        log: Their changes.
    """

    def __init__(self) -> None:
        self.offered_as: str | None = None
        self.bounds = ScriptBounds()
        self.all: dict[str, StoredScript] = {}
        self.active: str | None = None
        self.log = ChangeLog("s")
        self._last = 0

    def add(self, name: str, content: bytes) -> StoredScript:
        """Put a script there."""
        self._last += 1
        script = StoredScript(f"S{self._last}", name, content)
        self.all[script.id] = script
        self.log.created(script.id)
        return script

    def alter(self, id: str, *, name: str | None = None, content: bytes | None = None) -> None:
        """Change a script."""
        script = self.all[id]
        before = script.name, script.content
        script.name = script.name if name is None else name
        script.content = script.content if content is None else content
        if before != (script.name, script.content):
            self.log.updated(id)

    def remove(self, id: str) -> None:
        """Delete a script."""
        del self.all[id]
        self.log.destroyed(id)

    def activate(self, id: str | None) -> list[str]:
        """Let this one be active, or none; return those that are so or not so any more."""
        changed = [each for each in (self.active, id) if each and self.active != id]
        for each in changed:
            self.log.updated(each)
        self.active = id
        return changed
