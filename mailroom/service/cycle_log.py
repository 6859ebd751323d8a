"""Tells of cycles: what a report says becomes lines of the log. Running a cycle is another matter."""

from __future__ import annotations

import logging
from itertools import islice

from mailroom.errors import MailroomError, UserError
from mailroom.model.mail import Message
from mailroom.output.logs import log
from mailroom.triage.conversations import OWN_BESIDE, PROTECTED_BESIDE
from mailroom.triage.pointer import point_to
from mailroom.triage.report import Filed, RepliesReport, Report, SweepReport

SHOWN_MESSAGES = 10
"""In one line of the log; there may be very many."""


def log_report(report: Report, *, is_awaited: bool = False) -> None:
    """Write what a cycle did into the log.

    Args:
        is_awaited: Whether somebody waits to hear of it even where it found nothing: at debug otherwise.
    """
    for filed in report.filed:
        filing = filed.filing
        if filing.decision.category.is_undecided:
            _log_taken_back(filed)
            continue
        log(
            logging.INFO,
            "sender_filed",
            sender=filing.decision.party,
            category=filing.decision.category.title,
            card="created" if filing.created else "found",
            messages_moved=filed.messages_moved,
            left_groups=filing.left_groups,
        )
        if len(filing.all_cards) > 1 and filing.card:
            log(
                logging.WARNING,
                "several_cards",
                sender=filing.decision.party,
                cards=len(filing.all_cards),
                taken=filing.card.uid,
            )
    for rejected in report.rejected:
        level = logging.WARNING if rejected.is_new else logging.DEBUG
        log(level, "message_rejected", **_told_of(rejected.message, rejected.reason))
    _log_released(report)
    if report.unreadable:
        shown = dict(islice(report.unreadable.items(), SHOWN_MESSAGES))
        log(logging.WARNING, "messages_unreadable", count=len(report.unreadable), reasons=shown)
    for left_out in report.unreadable_contacts:
        log(logging.WARNING, "contacts_unreadable", reason=left_out)
    for warned in report.warned:
        fields = point_to(warned.message).as_fields()
        log(logging.WARNING, "name_differs", **fields, name_on_card=warned.name_on_card)
    for sender, reason in report.failed.items():
        log(logging.ERROR, "sender_failed", sender=sender, reason=reason)
    for unmarked in report.unmarked:
        log(logging.ERROR, "message_failed", **_told_of(unmarked.message, unmarked.reason))
    _log_sweep(report.swept)
    _log_replies(report.replies)
    log(
        logging.INFO if is_awaited or not report.says_nothing_new else logging.DEBUG,
        "poll_complete",
        senders_filed=sum(not each.filing.decision.category.is_undecided for each in report.filed),
        messages_moved=sum(filed.messages_moved for filed in report.filed),
        stragglers_swept=report.swept.messages_moved,
        replies_passed=len(report.replies.passed),
        messages_rejected=len(report.rejected),
        senders_failed=len(report.failed),
    )


def _told_of(message: Message, reason: str) -> dict[str, object]:
    """Say whose a message is, why it is told, and by what it is found: in the order of reading."""
    fields = point_to(message).as_fields()
    sender = {"sender": fields["sender"]} if "sender" in fields else {}
    return {**sender, "reason": reason, **fields}


def _log_released(report: Report) -> None:
    for message, reason in report.released:
        level = logging.DEBUG if reason in {OWN_BESIDE, PROTECTED_BESIDE} else logging.INFO
        log(level, "label_taken_off", **_told_of(message, reason))


def _log_taken_back(filed: Filed) -> None:
    fields = {"card": "kept", "reason": filed.card_kept} if filed.card_kept else {"card": "none"}
    log(
        logging.WARNING if filed.card_kept else logging.INFO,
        "decision_taken_back",
        sender=filed.filing.decision.party,
        messages_moved=filed.messages_moved,
        left_groups=filed.filing.left_groups,
        **fields,
    )


def _log_sweep(sweep: SweepReport) -> None:
    if sweep.moved:
        log(logging.INFO, "stragglers_swept", messages=sweep.messages_moved, senders=sweep.moved)
    if sweep.postponed:
        log(logging.WARNING, "sweep_postponed", reason=sweep.postponed)
    for sender, reason in sweep.failed.items():
        log(logging.WARNING, "straggler_failed", sender=sender, reason=reason)


def _log_replies(replies: RepliesReport) -> None:
    for passed in replies.passed:
        log(logging.INFO, "reply_passed", **_told_of(passed.message, passed.reason))
    for failed in replies.failed:
        log(logging.WARNING, "reply_failed", **_told_of(failed.message, failed.reason))
    if replies.postponed:
        log(logging.WARNING, "replies_postponed", reason=replies.postponed)
    if replies.left:
        log(logging.INFO, "replies_looked_for", messages_left=replies.left)


def log_failure(error: Exception, **fields: object) -> None:
    """Log why a cycle failed: in one line what the world did, with a traceback what is our bug."""
    why: dict[str, object] = {"reason": str(error) or type(error).__name__}
    if isinstance(error, UserError):
        why = {"problems": list(error.problems)}
    fields = why | fields
    if isinstance(error, MailroomError):
        log(logging.ERROR, "poll_failed", **fields)
    else:
        logging.getLogger("mailroom").exception("poll_failed", extra={"fields": fields})
