"""What a cycle or a file of decisions did, or would do, as the work under way shows it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mailroom.model.mail import MailboxId, MessageId, Snapshot
from mailroom.model.party import Party
from mailroom.model.ports import Update
from mailroom.triage.conversations import Released
from mailroom.triage.layout import Layout
from mailroom.triage.plan import Filing
from mailroom.triage.report import Answer, Forecast, Rejected, Report, Unmarked, Warned
from mailroom.triage.ruling import sender_of, subject_of
from mailroom.triage.view import MailView
from mailroom.triage.work import Work


def report_of_cycle(
    work: Work,
    layout: Layout,
    before: Snapshot,
    update: Update,
    *,
    told: Collection[MessageId],
    names: Mapping[Party, str],
) -> Report:
    """Say what the cycle did.

    Args:
        before: The labelled messages before its last step, which was `update`.
        told: Messages whose rejection an earlier cycle has told. Not all of them bear the error label.
        names: What senders are called on their cards.
    """

    def got(message_id: MessageId, label: MailboxId | None) -> bool:
        was, now = before.messages.get(message_id), update.snapshot.messages.get(message_id)
        return bool(was and now and label in now.mailbox_ids - was.mailbox_ids)

    def is_new(message_id: MessageId) -> bool:
        was = before.messages.get(message_id)
        is_marked = was is not None and layout.error in was.mailbox_ids
        return got(message_id, layout.error) or not (is_marked or message_id in told)

    return Report(
        filed=work.filed(before),
        rejected=tuple(
            Rejected(before.messages[message_id], rejection.reason, is_new(message_id))
            for message_id, rejection in work.rejected.items()
            # Else it needs nobody, or was deleted meanwhile.
            if not rejection.drops_label and message_id in before.messages
        ),
        released=all_released(work, before),
        failed=work.postponed | work.failed,
        unmarked=tuple(
            Unmarked(before.messages[x], reason) for x, reason in work.refused.items() if x in before.messages
        ),
        warned=tuple(
            Warned(message, names.get(sender, ""))
            for message in map(before.messages.__getitem__, update.changed)
            if got(message.id, layout.warning) and (sender := sender_of(message))
        ),
    )


def report_of_file(work: Work, marked: Snapshot, layout: Layout) -> Report:
    """Say what became of it."""
    failed = _not_filed(work, marked, layout)
    return Report(filed=work.filed(marked), failed=failed, set_aside=work.set_aside)


def forecast_of_cycle(
    work: Work, view: MailView, stragglers: tuple[tuple[Filing, int], ...], replies: tuple[Answer, ...]
) -> Forecast:
    """Say what the next cycle would do.

    Args:
        stragglers: How mail of senders decided on before would be swept after it, and how much.
        replies: What would be let out of Screener because it answers the person.
    """
    marked = view.marked
    left = left_to_the_person(work, marked, view.layout).items()
    return Forecast(
        work.foreseen(),
        tuple((marked.messages[message_id], reason) for message_id, reason in left),
        view.left_out,
        stragglers,
        released=all_released(work, marked),
        replies=replies,
    )


def forecast_of_file(work: Work, marked: Snapshot, layout: Layout) -> Forecast:
    """Say what would become of what a person says otherwise than by labels."""
    left = _not_filed(work, marked, layout)
    return Forecast(work.foreseen(), (), left=left, set_aside=work.set_aside, staying=work.staying)


def _not_filed(work: Work, marked: Snapshot, layout: Layout) -> dict[Party, str]:
    """Return why parties are not filed, those included whose labelled messages are left to the person."""
    rejected = {
        party: each.reason
        for message_id, each in work.rejected.items()
        if (party := subject_of(marked.messages[message_id], layout))
    }
    return rejected | work.postponed | work.set_aside | work.failed


def left_to_the_person(work: Work, marked: Snapshot, layout: Layout) -> dict[MessageId, str]:
    """Return why labelled messages are not worked off, where that needs the person."""
    left = {x: rejection.reason for x, rejection in work.rejected.items() if not rejection.drops_label}
    reasons = work.postponed | work.failed
    coming_off = {message.id for message, _ in all_released(work, marked)}
    for message in marked.messages.values():
        if message.id in coming_off:
            continue
        if layout.is_labelled(message) and (party := subject_of(message, layout)) in reasons:
            left[message.id] = reasons[party]
    return left


def all_released(work: Work, marked: Snapshot) -> tuple[Released, ...]:
    """Return the messages of which the label just comes off, alone or in a conversation."""
    dropped = (
        (marked.messages[message_id], rejection.reason)
        for message_id, rejection in work.rejected.items()
        if rejection.drops_label and message_id in marked.messages
    )
    return (*work.coming_off.values(), *dropped)
