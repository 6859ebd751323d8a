"""`mailroom why`: what is known of a sender or a message, what was decided, and what comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.commands.history import lines_of, only_of, read_address, show_lines
from mailroom.commands.journaled import moment, open_entries, why_no_journal
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.journal.entry import Entry
from mailroom.journal.form import as_json as entry_as_json
from mailroom.model.address import Address, parse_address
from mailroom.model.contacts import Card
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.scheme import ContactGroup, Scheme
from mailroom.model.sender import NoSender
from mailroom.output.terminal import Progress, Terminal
from mailroom.triage.plan import triage_groups_of
from mailroom.triage.report import Forecast
from mailroom.triage.ruling import sender_of
from mailroom.triage.words import number_of

MOST_MESSAGES = 500
"""Among how many of a sender's newest messages it is told where they lie."""


@frozen
class Known:
    """What is known of a sender.

    Attributes:
        message: The message that was asked about; None where the sender was.
        cards: Each of their cards with the triage groups that it is in.
        groups: These groups.
        places: For each mailbox how many of the messages that a search finds lie there.
        entries: What the journal says of them, newest first; None where there is no journal.
        next_: What the next cycle does, in words.
    """

    sender: Address
    message: Message | None
    cards: Sequence[tuple[Card, Sequence[str]]]
    groups: Sequence[ContactGroup]
    is_own: bool
    places: Mapping[str, int]
    messages: int
    entries: Sequence[Entry] | None
    next_: Sequence[str]


def why(text: str, *, as_json: bool) -> Exit:
    """Tell what is known of a sender; reads only.

    Args:
        text: Their address, or the Message-ID of a message as mail programs show it: ``<…@…>``.

    Raises:
        UserError: It is neither, or there is no such message.
    """
    bare = text.strip()
    is_message_id = bare.startswith("<") and bare.endswith(">")
    sender = None if is_message_id else read_address(bare)
    settings = configured()
    account = open_account(settings)
    terminal = Terminal()
    with Progress("reading the account"):
        account.check()
        paths = MailboxTree(account.mail.read(()).mailboxes).paths
        message = None
        if sender is None:
            message, sender = _find(account, bare)
        known = _read(account, settings.scheme, sender, message, paths) if sender else None
    if known is None:
        _tell_of_nobody(terminal, message, paths, as_json=as_json)
    elif as_json:
        terminal.json(_as_json(known, settings.scheme, paths))
    else:
        _show(terminal, known, settings.scheme, paths)
    return Exit.DONE


def _find(account: Account, text: str) -> tuple[Message | None, Address | None]:
    """Return the message with a Message-ID, and who wrote it; of an address in brackets the address alone."""
    found = account.search.named(text[1:-1].strip())
    if found:
        return found[0], sender_of(found[0])
    address = parse_address(text)
    if address and (account.book.latest().cards(address) or account.search.of_sender(address, 1)):
        return None, address
    raise UserError(
        [f"no message has the Message-ID {text}: copy it from the headers that your mail program shows"]
    )


def _read(
    account: Account,
    scheme: Scheme,
    sender: Address,
    message: Message | None,
    paths: Mapping[MailboxId, str],
) -> Known:
    forecast = account.triage.forecast()
    contacts = account.book.latest()
    cards = contacts.cards(sender)
    found = open_entries(account, scheme)
    entries = None if found is None else [each for x in found if (each := only_of(x, sender))]
    messages = account.search.of_sender(sender, MOST_MESSAGES)
    places = Counter(paths.get(x, x) for each in messages for x in each.mailbox_ids)
    return Known(
        sender=sender,
        message=message,
        cards=[(card, sorted(contacts.groups(card.uid))) for card in cards],
        groups=triage_groups_of(cards, contacts.groups, scheme),
        is_own=sender in account.own_addresses(),
        places=dict(places.most_common()),
        messages=len(messages),
        entries=entries,
        next_=list(_next(forecast, sender)),
    )


def _next(forecast: Forecast, sender: Address) -> Iterator[str]:
    """Say what the next cycle does about a sender."""
    for filing, messages in forecast.filings:
        if filing.decision.party == sender:
            category = filing.decision.category
            does = (
                "takes back what was decided" if category.is_undecided else f"files them as {category.title}"
            )
            yield f"{does}, by the label {category.label}, and moves {number_of(messages, 'message')}"
    for filing, messages in forecast.stragglers:
        if filing.decision.party == sender:
            yield f"moves {number_of(messages, 'message')} out of Screener, to where {filing.group} belongs"
    messages_told = (
        *((x.message, f"lets a message out of Screener, to the Inbox: {x.reason}") for x in forecast.replies),
        *((message, f"takes a label off: {reason}") for message, reason in forecast.released),
        *((message, f"leaves a labelled message to you: {reason}") for message, reason in forecast.rejected),
    )
    yield from (says for message, says in messages_told if sender_of(message) == sender)


def _tell_of_nobody(
    terminal: Terminal, message: Message | None, paths: Mapping[MailboxId, str], *, as_json: bool
) -> None:
    """Say of a message why nobody can be decided on by it."""
    reason = message.sender.reason if message and isinstance(message.sender, NoSender) else ""
    if as_json:
        terminal.json({"sender": None, "reason": reason, "message": _message_as_json(message, paths)})
    else:
        if message:
            terminal.line(_of_message(message, paths))
        terminal.paragraph(f"Nobody is decided on by it: {reason}.")


def _show(terminal: Terminal, known: Known, scheme: Scheme, paths: Mapping[MailboxId, str]) -> None:
    if known.message:
        terminal.line(_of_message(known.message, paths))
        for says in _moves_of(known.message.id, known.entries or ()):
            terminal.paragraph(says, "  ")
        terminal.line()
    terminal.line(known.sender)
    for label, says in (
        ("is", _stands(known)),
        ("card", _cards(known)),
        ("mail", _mail(known)),
        ("new mail", _new_mail(known, scheme)),
        ("next", "; ".join(known.next_) or "the next cycle does nothing about them"),
    ):
        terminal.paragraph(says, f"  {label:<10}")
    terminal.line()
    if known.entries is None:
        terminal.paragraph(f"What was decided when, nobody knows: {why_no_journal(scheme)}.")
    elif not show_lines(terminal, (x for entry in known.entries for x in lines_of(entry)), of_one=True):
        terminal.paragraph(f"The journal (mailbox {scheme.journal!r}) holds nothing of them.")


def _of_message(message: Message, paths: Mapping[MailboxId, str]) -> str:
    places = ", ".join(sorted(paths.get(x, x) for x in message.mailbox_ids))
    return f"Message of {moment(message.received_at)}, in {places}"


def _moves_of(message_id: MessageId, entries: Sequence[Entry]) -> Iterator[str]:
    """Say which entries moved a message, newest first."""
    for entry in entries:
        decided = [move for each in entry.decided for move in each.moves]
        for move in [*decided, *(move for each in entry.swept for move in each.moves)]:
            if message_id in move.message_ids:
                before, after = (", ".join(place.name for place in x) for x in (move.before, move.after))
                yield f"{moment(entry.at)}: moved from {before or 'a label alone'} to {after or 'nowhere'}"


def _stands(known: Known) -> str:
    if known.is_own:
        return "one of your own addresses, which nobody files"
    match [group.name for group in known.groups]:
        case [group]:
            return f"decided on: in the contact group {group}"
        case []:
            return "a contact in no triage group" if known.cards else "undecided"
        case groups:
            return f"in several triage groups: {', '.join(groups)}"


def _cards(known: Known) -> str:
    if not known.cards:
        return "none"
    said = []
    for card, groups in known.cards:
        made = " (made by Mailroom)" if card.is_made else ""
        said.append(f"{card.name or card.uid}{made}, in {', '.join(groups) or 'no triage group'}")
    return "; ".join(said)


def _mail(known: Known) -> str:
    if not known.messages:
        return "a search finds none"
    among = "the newest " if known.messages >= MOST_MESSAGES else ""
    where = ", ".join(f"{count} in {place}" for place, count in known.places.items())
    return f"of {among}{number_of(known.messages, 'message')} {where}"


def _new_mail(known: Known, scheme: Scheme) -> str:
    if known.is_own:
        return "goes where your provider's rules put it"
    match known.groups:
        case [group]:
            places = ", ".join(dict.fromkeys((group.mailbox or "the Inbox", *group.also)))
            return f"goes to {places}, by your rule for the contact group {group.name}"
        case []:
            to = "the Inbox: they are a contact" if known.cards else f"{scheme.screener}: nothing is decided"
            return f"goes to {to}"
        case _:
            return "goes where the first of your rules puts it: leave them in one of these groups"


def _message_as_json(message: Message | None, paths: Mapping[MailboxId, str]) -> dict[str, object] | None:
    if message is None:
        return None
    places = sorted(paths.get(x, x) for x in message.mailbox_ids)
    return {"id": message.id, "date": message.received_at, "mailboxes": places}


def _as_json(known: Known, scheme: Scheme, paths: Mapping[MailboxId, str]) -> dict[str, object]:
    return {
        "sender": known.sender,
        "message": _message_as_json(known.message, paths),
        "is_own": known.is_own,
        "cards": [
            {"uid": card.uid, "name": card.name, "made_by_mailroom": card.is_made, "groups": list(groups)}
            for card, groups in known.cards
        ],
        "filed_as": [scheme.category_of(group).title for group in known.groups],
        "groups": [group.name for group in known.groups],
        "messages": known.messages,
        "mailboxes": dict(known.places),
        "new_mail": _new_mail(known, scheme),
        "next_cycle": list(known.next_),
        "journal": None if known.entries is None else [entry_as_json(each) for each in known.entries],
    }
