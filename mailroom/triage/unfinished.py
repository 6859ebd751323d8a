"""What was done for senders whose filing broke off: told together with what completes it.

Else nobody would tell what the earlier cycle did, and `undo --last` would take back half of it. It is known
as long as the process lives, and the same label stands for the same party.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from attrs import evolve

from mailroom.model.party import Party
from mailroom.triage.plan import Filing
from mailroom.triage.report import Filed, Report
from mailroom.triage.work import Task, Work, task_of


class Unfinished:
    """Remembers it from one cycle to the next."""

    def __init__(self) -> None:
        self._begun: dict[Task, Filed] = {}
        self._untold: tuple[Filed, ...] = ()

    @contextmanager
    def watched(self, work: Work) -> Iterator[None]:
        """Remember what was begun if the cycle breaks off as a whole."""
        try:
            yield
        except BaseException:
            # No label leads the next cycle back to them.
            self._untold += tuple(map(self._completed, work.ended))
            self._note(work, {each.filing.decision.party for each in work.ended})
            raise

    def complete(self, report: Report, work: Work) -> Report:
        """Add what cycles that broke off did before, and who was filed for good by them; each once."""
        filed = (*self._untold, *map(self._completed, report.filed))
        self._untold = ()
        self._note(work, work.filings.keys())
        return evolve(report, filed=filed)

    def _note(self, work: Work, ended: Collection[Party] = ()) -> None:
        """Remember what was begun, and forget what has ended or is not wanted any more.

        Args:
            ended: The senders who are filed.
        """
        begun = {
            task_of(filing.decision): self._completed(
                Filed(
                    filing,
                    work.moved[party],
                    gone_cards=work.gone_cards.get(party, frozenset()),
                    moves=work.moves.get(party, ()),
                    gone_text=work.gone_texts.get(party),
                )
            )
            for party, filing in (*work.broken_off.items(), *work.filings.items())
        }
        wanted = {task_of(each) for each in work.decisions if each.party not in ended}
        self._begun = {task: each for task, each in (self._begun | begun).items() if task in wanted}

    def _completed(self, filed: Filed) -> Filed:
        """Return how a sender was filed, with all that was done for it before."""
        earlier = self._begun.get(task_of(filed.filing.decision))
        if earlier is None:
            return filed
        return evolve(
            filed,
            filing=_together(earlier.filing, filed.filing),
            messages_moved=earlier.messages_moved + filed.messages_moved,
            gone_cards=earlier.gone_cards | filed.gone_cards,
            moves=(*earlier.moves, *filed.moves),
            gone_text=filed.gone_text or earlier.gone_text,
        )


def _together(earlier: Filing, later: Filing) -> Filing:
    return evolve(
        later,
        created=earlier.created or later.created,
        joins=earlier.joins or later.joins,
        departures=earlier.departures | later.departures,
    )
