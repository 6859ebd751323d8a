"""What earlier cycles have told, and is not told again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import define, evolve

from mailroom.model.mail import MessageId
from mailroom.triage.report import Report


@define
class Told:
    """Remembers it from cycle to cycle.

    Attributes:
        messages: Those of which it was told that they are left to the person, or cannot be read.
    """

    messages: frozenset[MessageId] = frozenset()
    _book: frozenset[str] = frozenset()

    def with_unreadable(
        self, report: Report, messages: Mapping[MessageId, str], book: Collection[str] | None
    ) -> Report:
        """Add to a report what could not be read, where that is new.

        Args:
            messages: Labelled messages that cannot be read, each with why.
            book: What of the contacts cannot be read; None where nobody has looked.
        """
        report = evolve(report, unreadable={x: why for x, why in messages.items() if x not in self.messages})
        if book is None:
            return report
        new, self._book = sorted({*book} - self._book), frozenset(book)
        return evolve(report, unreadable_contacts=tuple(new))
