"""Which warnings are not due: the person has taken one off before that was of the same name and address.

The memory is in the account: with the warning label a message gets a mark, and with the label Mailroom
takes it off, in the same patch. A message that bears the mark and not the label has lost that by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from mailroom.model.address import Address
from mailroom.model.mail import Message, MessageId, Snapshot
from mailroom.model.names import is_form_of
from mailroom.model.party import Party
from mailroom.model.ports import MailStore
from mailroom.model.sender import Correspondent
from mailroom.triage.layout import Layout
from mailroom.triage.work import Work


def find_accepted(
    mail: MailStore, work: Work, snapshot: Snapshot, layout: Layout, names: Mapping[Party, str]
) -> frozenset[MessageId]:
    """Look which of the warnings that are about to be put on the person has taken off before.

    One request where there is one to be put on, and none else.

    Args:
        names: What senders are called on their cards.

    Raises:
        ServerError: The server could not be asked.
    """
    due = [x for x in snapshot.messages.values() if layout.warning in work.concluded(x, layout, names).add]
    return accepted_among(due, mail.warned().messages.values(), layout) if due else frozenset()


def accepted_among(
    due: Collection[Message], warned: Iterable[Message], layout: Layout
) -> frozenset[MessageId]:
    """Return of which messages a warning is due that the person has taken off before. Pure.

    Of a message in Trash or Junk nobody can know why the label is off: it went with the message.

    Args:
        warned: Messages onto which Mailroom has put the label, and not taken it off.
    """
    accepted: dict[Address, set[str]] = defaultdict(set)
    for message in warned:
        if layout.warning in message.mailbox_ids or layout.is_protected(message):
            continue
        if isinstance(message.sender, Correspondent):
            accepted[message.sender.address].add(message.sender.name)
    return frozenset(
        message.id
        for message in due
        if isinstance(message.sender, Correspondent)
        and any(is_form_of(message.sender.name, name) for name in accepted.get(message.sender.address, ()))
    )
