"""Tells the person once of each cause that needs them, in the journal; and takes that away when it is over.

What was told is read off the account once after a start: by the notices there, which bear their causes'
keys. One that the person has deleted lies in Trash, and has been told too. One that Mailroom takes away is
no notice any more. So nobody is told twice as long as Trash keeps what was deleted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice

from attrs import frozen

from mailroom.errors import ServerError
from mailroom.journal.needs import Need, Needs
from mailroom.model.notes import NewNote, Note, NoteKind, Written
from mailroom.model.ports import Notes
from mailroom.output.logs import log
from mailroom.triage.batches import batches
from mailroom.triage.pauses import Pauses
from mailroom.triage.words import number_of

MOST_APART = 5
"""More needs than these, at once, are told in one notice."""

MOST_TOGETHER = 2_000
"""Of so many keys one notice tells."""

MAX_NOTICES = 500
"""So many are read after a start."""

SHOWN_TOGETHER = 30

END = "This message goes to Trash by itself once that is settled. Delete it if you like: you are told once."

_WRITING = "writing"


@frozen
class Telling:
    """What is to be told now, and what to be taken away.

    Attributes:
        notes: The new notices.
        keys: Of each of them the keys of what it tells.
        retiring: Notices of which everything is over.
        over: The keys that are over.
    """

    notes: tuple[NewNote, ...] = ()
    keys: tuple[Sequence[str], ...] = ()
    retiring: tuple[Note, ...] = ()
    over: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.notes or self.retiring)


NOTHING = Telling()


class Notices:
    """Remembers what the person was told of and still waits.

    Args:
        clock: Tells seconds; only differences count.
    """

    def __init__(self, notes: Notes, clock: Callable[[], float] = time.monotonic) -> None:
        self._notes = notes
        self._pauses: Pauses[str] = Pauses(clock)
        self._told: frozenset[str] | None = None

    def plan(self, needs: Needs) -> Telling:
        """Say what is to be told and taken away; reads after a start, and where something is over.

        Nothing, after a pause again, where the account cannot be read: nobody knows what was told.
        """
        if self._pauses.holds(_WRITING):
            return NOTHING
        retiring: tuple[Note, ...] = ()
        if self._told is None or any(map(needs.is_over, self._told)):
            # Also what was read before: the person may have put a notice elsewhere since.
            try:
                there = self._read()
            except ServerError as error:
                log(logging.WARNING, "journal_failed", reason=str(error))
                self.forget()
                return NOTHING
            doubled = _doubled(there)
            retiring = tuple(
                note for note, keys in there.items() if note in doubled or all(map(needs.is_over, keys))
            )
            self._told = frozenset().union(self._told or (), *there.values())
        over = frozenset(filter(needs.is_over, self._told))
        new = [need for key, need in needs.found.items() if key not in self._told]
        tellings = list(batches(new, 1 if len(new) <= MOST_APART else MOST_TOGETHER))
        if not (tellings or retiring):
            self._told -= over
            return NOTHING
        keys = tuple([need.key for need in telling] for telling in tellings)
        return Telling(tuple(map(_notice, tellings)), keys, retiring, over)

    def settle(self, telling: Telling, written: Written, ids: Sequence[object]) -> None:
        """Note what became of it.

        Args:
            ids: Of each new notice its id; None where it was not written.
        """
        if not telling:
            return
        done = {key for keys, made in zip(telling.keys, ids, strict=True) if made for key in keys}
        is_stuck = any(note.id not in written.retired for note in telling.retiring)
        self._told = (self._told or frozenset()) - (frozenset() if is_stuck else telling.over) | done
        self._pauses.settle([_WRITING] if is_stuck or not all(ids) else [], [])

    def forget(self) -> None:
        """Read anew before the next notice, after a pause: nobody knows what became of the last ones."""
        self._told = None
        self._pauses.settle([_WRITING], [])

    def _read(self) -> dict[Note, frozenset[str]]:
        """Read the notices wherever they are, each with its keys; one that says none is left alone."""
        pages = self._notes.read(None, NoteKind.NOTICE)
        notes = islice((note for page in pages for note in page), MAX_NOTICES)
        return {note: keys for note in notes if (keys := keys_of(note))}


def _doubled(notes: Iterable[Note]) -> frozenset[Note]:
    """Return the notes that are there already: the answer to a request was lost, and it was sent again."""
    seen: set[str] = set()
    doubled = []
    for note in notes:
        if note.message_id in seen:
            doubled.append(note)
        elif note.message_id:
            seen.add(note.message_id)
    return frozenset(doubled)


def keys_of(note: Note) -> frozenset[str]:
    """Return what a notice tells of; nothing where it does not say so."""
    try:
        keys = json.loads(note.data)["keys"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return frozenset()
    return frozenset(filter(_is_key, keys)) if isinstance(keys, list) else frozenset()


def _is_key(value: object) -> bool:
    return isinstance(value, str)


def _notice(needs: Sequence[Need]) -> NewNote:
    data = json.dumps({"version": 1, "keys": [need.key for need in needs]})
    if len(needs) == 1:
        (need,) = needs
        return NewNote(NoteKind.NOTICE, need.subject, f"{need.text}\n\n{END}", data, is_read=False)
    subject = f"{number_of(len(needs), 'thing needs', 'things need')} you"
    return NewNote(NoteKind.NOTICE, subject, f"{_list(needs)}\n\n{END}", data, is_read=False)


def _list(needs: Collection[Need]) -> str:
    shown = [f"* {need.subject}" for need in islice(needs, SHOWN_TOGETHER)]
    more = len(needs) - len(shown)
    return "\n".join([*shown, *([f"and {more} more"] if more else [])])
