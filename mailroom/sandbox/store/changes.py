"""Which objects changed since a state: the memory behind JMAP states and WebDAV sync tokens."""

from __future__ import annotations

from attrs import frozen


class UnknownStateError(LookupError):
    """A state that was never given out, or one so old that its changes are forgotten."""


@frozen
class Changes:
    """What happened between two states.

    Attributes:
        new_state: The state reached by applying these changes.
        has_more: Whether `new_state` is an earlier one than the current, because of a limit.
    """

    new_state: str
    has_more: bool
    created: tuple[str, ...]
    updated: tuple[str, ...]
    destroyed: tuple[str, ...]


@frozen
class _Entry:
    at: int
    created_at: int
    destroyed: bool = False


class ChangeLog:
    """The latest change of every object of one kind, in order.

    Args:
        prefix: Begins every state, so that the state of one kind is never taken for another's.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._latest = 0
        self._oldest = 0
        self._entries: dict[str, _Entry] = {}  # the latest change stands last

    @property
    def state(self) -> str:
        """The name of the current state."""
        return f"{self._prefix}{self._latest}"

    def created(self, id: str) -> None:
        """Note that an object has come to be, or has come back under its old id."""
        self._latest += 1
        # What comes back counts as made at first: who knew it then must hear if it goes again.
        before = self._entries.pop(id, None)
        self._entries[id] = _Entry(self._latest, before.created_at if before else self._latest)

    def updated(self, id: str) -> None:
        """Note that an object has changed."""
        self._latest += 1
        self._entries[id] = _Entry(self._latest, self._entries.pop(id).created_at)

    def destroyed(self, id: str) -> None:
        """Note that an object is gone."""
        self._latest += 1
        self._entries[id] = _Entry(self._latest, self._entries.pop(id).created_at, destroyed=True)

    def number(self, state: str) -> int:
        """Return the position of `state` in time.

        Raises:
            UnknownStateError: It is not a state of this log, or a forgotten one.
        """
        digits = state.removeprefix(self._prefix)
        if not (state.startswith(self._prefix) and digits.isascii() and digits.isdigit()):
            raise UnknownStateError(state)
        number = int(digits)
        if not self._oldest <= number <= self._latest:
            raise UnknownStateError(state)
        return number

    def since(self, state: str | None, limit: int | None = None) -> Changes:
        """Return what happened after `state`, oldest first; None stands for before everything.

        Raises:
            UnknownStateError: As `number`.
        """
        start = self._oldest if state is None else self.number(state)
        recent = []
        for id, entry in reversed(self._entries.items()):
            if entry.at <= start:
                break
            if not (entry.destroyed and entry.created_at > start):
                recent.append((id, entry))
        recent.reverse()
        has_more = limit is not None and len(recent) > limit
        if has_more:
            recent = recent[:limit]
        reached = recent[-1][1].at if has_more else self._latest
        return Changes(
            new_state=f"{self._prefix}{reached}",
            has_more=has_more,
            created=tuple(id for id, e in recent if not e.destroyed and e.created_at > start),
            updated=tuple(id for id, e in recent if not e.destroyed and e.created_at <= start),
            destroyed=tuple(id for id, e in recent if e.destroyed),
        )

    def forget(self) -> None:
        """Make every state given out so far unknown, as a server does that has rebuilt its store."""
        living = [id for id, entry in self._entries.items() if not entry.destroyed]
        self._latest += 1
        self._oldest = self._latest
        self._entries.clear()
        for id in living:
            self.created(id)
