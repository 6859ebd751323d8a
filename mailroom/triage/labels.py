"""Which labels and marks come off a message, and which go on, once all else is done. Pure."""

from __future__ import annotations

from collections.abc import Collection

from mailroom.model.mail import Change, MailboxId, Message
from mailroom.model.names import is_form_of
from mailroom.model.sender import Correspondent
from mailroom.triage.decisions import Rejection
from mailroom.triage.layout import Layout
from mailroom.triage.plan import NO_CHANGE, Filing


def conclude(
    message: Message,
    filing: Filing | None,
    layout: Layout,
    *,
    rejection: Rejection | None,
    differs: bool,
    is_accepted: bool = False,
) -> Change:
    """Say which labels come off a message, and which go on, now that all else is done.

    Args:
        filing: How the message's sender was filed in this cycle, if they were.
        rejection: Why its triage is left to the person, if it is.
        differs: Whether its display name differs from the sender's card.
        is_accepted: Whether the person has taken a warning off before that was of the same name and address.
    """
    here = message.mailbox_ids
    add: set[MailboxId] = set()
    remove: set[MailboxId] = set()
    is_protected = layout.is_protected(message)
    drops_label = rejection is not None and rejection.drops_label and is_protected
    if rejection and not drops_label:
        (remove if is_protected else add).add(layout.error)
    else:
        remove.add(layout.error)
        done = {
            label for label in layout.labels if filing and layout.labels[label] == filing.decision.category
        }
        remove |= layout.speaking if drops_label else done
        if here & done and here.isdisjoint(layout.labels.keys() - remove):
            remove |= layout.scopes.keys()  # unless another label is there by now, which it goes with
        if layout.warning and not differs:
            remove.add(layout.warning)
        elif layout.warning and here & done and not (is_protected or is_accepted):
            add.add(layout.warning)
    if not layout.has_room(len((here - remove) | add)):
        add.clear()  # a mark is told in the log as well
    if not here - remove:
        add.add(layout.screener)  # its only mailbox was a label: it waits again rather than being nowhere
    return Change(
        add=frozenset(add) - here,
        remove=frozenset(remove) & here,
        # The label is off, or another decision is open now: no mark stands for more than one decision.
        is_just_archived=False if message.is_just_archived else None,
        is_warned=_warned_mark(message, add, remove, layout),
        is_settled=any(layout.labels[x].is_undecided for x in here & remove & layout.labels.keys()),
    )


def _warned_mark(
    message: Message, add: Collection[MailboxId], remove: Collection[MailboxId], layout: Layout
) -> bool | None:
    """Say what becomes of the mark that goes with a warning label of ours.

    Where the label is gone and the mark is not, the person took the label off.
    """
    if layout.warning in add:
        return None if message.is_warned or layout.warning in message.mailbox_ids else True
    is_taken_off = layout.warning in message.mailbox_ids and layout.warning in remove
    return False if message.is_warned and is_taken_off else None


def release(message: Message, labels: Collection[MailboxId], layout: Layout, *, is_decided: bool) -> Change:
    """Take triage labels off a message of which they do not speak, and the error label with them.

    Args:
        labels: Those that were looked at; another one that has been put on since stays.
        is_decided: Whether its sender is in a triage group. One who has moved it to the label has left it
            in no other mailbox: then it goes to Screener, from where it is swept, or else to the Inbox.
    """
    here = message.mailbox_ids
    remove = here & {*labels, layout.error}
    home = layout.screener if is_decided else layout.inbox
    return Change(
        add=frozenset() if here - remove else frozenset({home}),
        remove=remove,
        is_just_archived=False if message.is_just_archived else None,
    )


def forget(message: Message, layout: Layout) -> Change:
    """Take the mark off a message whose triage label the person has taken off."""
    is_stale = message.is_just_archived and not layout.is_labelled(message)
    return Change(is_just_archived=False) if is_stale else NO_CHANGE


def name_differs(message: Message, name_on_card: str) -> bool:
    """Whether the sender's name is none that their card may mean; see `is_form_of`."""
    shown = message.sender.name if isinstance(message.sender, Correspondent) else ""
    return bool(shown and name_on_card) and not is_form_of(shown, name_on_card)
