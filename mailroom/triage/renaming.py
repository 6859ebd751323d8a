"""What a destination that is gone may be called now, by whose mail lies where. Pure.

Nothing remembers a mailbox's id from one command to the next. But a destination's mail stays in it, whatever
it is called: where the newest mail of some mailbox is mostly of a group's members, it is hardly another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mailroom.model.address_book import Contacts
from mailroom.model.mail import MailboxId, Message
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.scheme import ContactGroup, Scheme
from mailroom.triage.items import GROUPS, Item, Kind, State
from mailroom.triage.plan import triage_groups_of
from mailroom.triage.ruling import sender_of

MOST_MAILBOXES = 20
MOST_MESSAGES = 30
LEAST_MESSAGES = 2
"""One message that somebody has put somewhere says nothing of what a mailbox is for."""


def suspects(items: Iterable[Item], tree: MailboxTree) -> list[MailboxId]:
    """Return the mailboxes to look into, the fullest of those that have no known use.

    None where no destination is missing.
    """
    listed = tuple(items)
    if not any(item.kind is Kind.DESTINATION and item.state is State.MISSING for item in listed):
        return []
    wanted = {item.name for item in listed if item.kind not in GROUPS}
    unused = [x for x in tree.mailboxes if not x.role and x.total_messages and tree.paths[x.id] not in wanted]
    fullest_first = sorted(unused, key=lambda x: x.total_messages, reverse=True)
    return [mailbox.id for mailbox in fullest_first[:MOST_MAILBOXES]]


def find_destinations(
    places: Sequence[MailboxId],
    messages: Iterable[Message],
    contacts: Contacts,
    tree: MailboxTree,
    scheme: Scheme,
) -> Mapping[str, str]:
    """Return which of the places may be a destination, by that one's full name.

    Args:
        messages: The newest of each place.
    """
    groups_in: dict[MailboxId, list[Sequence[ContactGroup]]] = defaultdict(list)
    for message in messages:
        sender = sender_of(message)
        groups = triage_groups_of(contacts.cards(sender), contacts.groups, scheme) if sender else ()
        for place in message.mailbox_ids.intersection(places):
            groups_in[place].append(groups)
    found: dict[str, str] = {}
    for group in scheme.groups:
        if group.mailbox is None:
            continue
        shares = {x: sum(group in groups for groups in of_each) for x, of_each in groups_in.items()}
        best = max(shares, key=lambda x: shares[x], default=None)
        if best and shares[best] >= LEAST_MESSAGES and 2 * shares[best] > len(groups_in[best]):
            found[group.mailbox] = tree.paths[best]
    return found
