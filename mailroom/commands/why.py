"""`mailroom why`: what is known of a sender, domain or list, what was decided, and what comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.commands.history import lines_of, only_of, read_party, show_lines
from mailroom.commands.journaled import moment, open_entries, why_no_journal
from mailroom.commands.standing import Standing, counting, find_standing, in_order, say_new_mail, say_standing
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.journal.entry import Entry
from mailroom.journal.form import as_json as entry_as_json
from mailroom.model.address import Address, parse_address
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.mailing_list import list_in_brackets
from mailroom.model.party import Party, PartyKind, kind_of, shown, whole_domain
from mailroom.model.scheme import Scheme
from mailroom.model.sender import NoSender
from mailroom.output.terminal import Progress, Terminal
from mailroom.triage.report import Forecast
from mailroom.triage.ruling import parties_of, sender_of
from mailroom.triage.words import number_of

OWN = "one of your own addresses, which nobody files"

MOST_MESSAGES = 500
"""Among how many of a sender's newest messages it is told where they lie."""


@frozen
class Known:
    """What is known of whom somebody asks about.

    Attributes:
        asked: A sender, a whole domain or a mailing list.
        message: The message that was asked about; None where a party was.
        standings: Of all parties of their mail, in the order in which decisions count, `asked` among them.
        places: For each mailbox how many of the messages that a search finds lie there.
        messages: How many these are; None where nobody searched.
        entries: What the journal says of them, newest first; None where there is no journal.
        next_: What the next cycle does, in words.
    """

    asked: Standing
    message: Message | None
    standings: Sequence[Standing]
    is_own: bool
    places: Mapping[str, int]
    messages: int | None
    entries: Sequence[Entry] | None
    next_: Sequence[str]


def why(text: str, *, as_json: bool) -> Exit:
    """Tell what is known of a sender, a whole domain or a list; reads only.

    Args:
        text: An address; ``*@dom.example``; the List-Id of a list, ``<dev.lists.example>``; or a Message-ID
            as mail programs show it: ``<…@…>``.

    Raises:
        UserError: It is none of these, or there is no such message.
    """
    bare = text.strip()
    is_message_id = bare.startswith("<") and bare.endswith(">")
    asked: Party | None = None if is_message_id else read_party(bare)
    settings = configured()
    account = open_account(settings)
    terminal = Terminal()
    with Progress("reading the account"):
        account.check()
        paths = MailboxTree(account.mail.read(()).mailboxes).paths
        message = None
        if asked is None:
            message, asked = _find(account, bare)
        known = _read(account, settings.scheme, asked, message, paths) if asked else None
    if known is None:
        _tell_of_nobody(terminal, message, paths, as_json=as_json)
    elif as_json:
        terminal.json(_as_json(known, settings.scheme, paths))
    else:
        _show(terminal, known, settings.scheme, paths)
    return Exit.DONE


def _find(account: Account, text: str) -> tuple[Message | None, Party | None]:
    """Return the message with a Message-ID, and who wrote it; a list or address in brackets is it alone."""
    if named := list_in_brackets(text):
        return None, named
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
    account: Account, scheme: Scheme, asked: Party, message: Message | None, paths: Mapping[MailboxId, str]
) -> Known:
    forecast = account.triage.forecast()
    contacts = account.book.latest()
    parties = parties_of(message) if message else _parties_behind(asked)
    found = open_entries(account, scheme)
    entries = None if found is None else [each for x in found if (each := only_of(x, parties))]
    found_standings = (find_standing(each, contacts, scheme, entries or ()) for each in parties)
    standings = in_order(found_standings, scheme)
    is_sender = kind_of(asked) is PartyKind.SENDER
    messages = account.search.of_sender(Address(asked), MOST_MESSAGES) if is_sender else None
    places = Counter(paths.get(x, x) for each in messages or () for x in each.mailbox_ids)
    return Known(
        asked=next(each for each in standings if each.party == asked),
        message=message,
        standings=standings,
        is_own=asked in account.own_addresses(),
        places=dict(places.most_common()),
        messages=None if messages is None else len(messages),
        entries=entries,
        next_=list(_next(forecast, asked, parties)),
    )


def _parties_behind(asked: Party) -> tuple[Party, ...]:
    """Return whose decisions may count for mail of whom somebody asks about, in their order."""
    domain = whole_domain(Address(asked)) if kind_of(asked) is PartyKind.SENDER else None
    return (asked, domain) if domain else (asked,)


def _next(forecast: Forecast, asked: Party, parties: Sequence[Party]) -> Iterator[str]:
    """Say what the next cycle does about a party, and about those whose decisions may count instead."""
    for filing, messages in forecast.filings:
        category, party = filing.decision.category, filing.decision.party
        if party in parties:
            whom = "them" if kind_of(party) is PartyKind.SENDER else shown(party)
            does = f"files {whom} as {category.title}"
            if category.is_undecided:
                does = "takes back what was decided" + ("" if party == asked else f" about {whom}")
            yield f"{does}, by the label {category.label}, and moves {number_of(messages, 'message')}"
    for filing, messages in forecast.stragglers:
        if filing.decision.party in parties:
            yield f"moves {number_of(messages, 'message')} out of Screener, to where {filing.group} belongs"
    messages_told = (
        *((x.message, f"lets a message out of Screener, to the Inbox: {x.reason}") for x in forecast.replies),
        *((message, f"takes a label off: {reason}") for message, reason in forecast.released),
        *((message, f"leaves a labelled message to you: {reason}") for message, reason in forecast.rejected),
    )
    yield from (says for message, says in messages_told if asked in parties_of(message))


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
    terminal.line(shown(known.asked.party))
    for label, says in (
        ("is", OWN if known.is_own else say_standing(known.asked, known.standings)),
        ("card", _cards(known.asked)),
        ("mail", _mail(known)),
        ("new mail", _new_mail(known, scheme)),
        ("next", "; ".join(known.next_) or "the next cycle does nothing about them"),
    ):
        if says:
            terminal.paragraph(says, f"  {label:<10}")
    terminal.line()
    if known.entries is None:
        terminal.paragraph(f"What was decided when, nobody knows: {why_no_journal(scheme)}.")
        return
    lines = [line for entry in known.entries for line in lines_of(entry)]
    is_of_one = all(line.sender == known.asked.party for line in lines)
    if not show_lines(terminal, lines, of_one=is_of_one):
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


def _cards(standing: Standing) -> str:
    if not standing.cards:
        return "none"
    said = []
    for card, groups in standing.cards:
        made = " (made by Mailroom)" if card.is_made else ""
        said.append(f"{card.name or card.uid}{made}, in {', '.join(groups) or 'no triage group'}")
    return "; ".join(said)


def _mail(known: Known) -> str:
    if known.messages is None:
        return ""
    if not known.messages:
        return "a search finds none"
    among = "the newest " if known.messages >= MOST_MESSAGES else ""
    where = ", ".join(f"{count} in {place}" for place, count in known.places.items())
    return f"of {among}{number_of(known.messages, 'message')} {where}"


def _new_mail(known: Known, scheme: Scheme) -> str:
    if known.is_own:
        return "goes where your provider's rules put it"
    return say_new_mail(known.asked, known.standings, scheme)


def _message_as_json(message: Message | None, paths: Mapping[MailboxId, str]) -> dict[str, object] | None:
    if message is None:
        return None
    places = sorted(paths.get(x, x) for x in message.mailbox_ids)
    return {"id": message.id, "date": message.received_at, "mailboxes": places}


def _as_json(known: Known, scheme: Scheme, paths: Mapping[MailboxId, str]) -> dict[str, object]:
    counts = None if known.is_own else counting(known.standings)
    return {
        "sender": known.asked.party,
        "message": _message_as_json(known.message, paths),
        "is_own": known.is_own,
        "cards": [
            {"uid": card.uid, "name": card.name, "made_by_mailroom": card.is_made, "groups": list(groups)}
            for card, groups in known.asked.cards
        ],
        "filed_as": [scheme.category_of(group).title for group in known.asked.groups],
        "groups": [group.name for group in known.asked.groups],
        "counts": {
            "party": counts.party,
            "filed_as": [scheme.category_of(group).title for group in counts.groups],
            "groups": [group.name for group in counts.groups],
            "since": counts.since or None,
        }
        if counts
        else None,
        "messages": known.messages,
        "mailboxes": dict(known.places),
        "new_mail": _new_mail(known, scheme),
        "next_cycle": list(known.next_),
        "journal": None if known.entries is None else [entry_as_json(each) for each in known.entries],
    }
