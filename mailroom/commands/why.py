"""`mailroom why`: what is known of a sender, domain or list, what was decided, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.commands.history import lines_of, read_party, show_lines
from mailroom.commands.journaled import moment, why_no_journal
from mailroom.commands.known import MOST_MESSAGES, Known, read_known
from mailroom.commands.standing import Standing, counting, say_decided, say_new_mail, say_standing
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.journal.entry import Entry
from mailroom.journal.form import as_json as entry_as_json
from mailroom.model.address import parse_address
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.mailing_list import list_in_brackets
from mailroom.model.party import Party, shown
from mailroom.model.scheme import Scheme
from mailroom.model.sender import NoSender
from mailroom.output.terminal import Progress, Terminal
from mailroom.triage.plan import triage_groups_of
from mailroom.triage.ruling import sender_of
from mailroom.triage.words import number_of

SHOWN_LISTS = 5
OWN = "one of your own addresses, which nobody files"


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
        forecast = account.triage.forecast()  # from then on messages tell their lists, where those matter
        paths = MailboxTree(account.mail.read(()).mailboxes).paths
        message, known = None, None
        if asked is None:
            message, asked = _find(account, settings.scheme, bare)
        if asked:
            known = read_known(account, settings.scheme, forecast, asked, message=message, paths=paths)
    if known is None:
        _tell_of_nobody(terminal, message, paths, as_json=as_json)
    elif as_json:
        terminal.json(_as_json(known, settings.scheme, paths))
    else:
        _show(terminal, known, settings.scheme, paths)
    return Exit.DONE


def _find(account: Account, scheme: Scheme, text: str) -> tuple[Message | None, Party | None]:
    """Return the message with a Message-ID, and who wrote it; a list or address in brackets is it alone.

    A message without a usable sender may be of a list that is decided on.
    """
    contacts = account.book.latest()
    if named := list_in_brackets(text):
        return None, named
    found = account.search.named(text[1:-1].strip())
    if found:
        lists = (named.party for named in found[0].lists)
        decided = (x for x in lists if triage_groups_of(contacts.cards(x), contacts.groups, scheme))
        return found[0], sender_of(found[0]) or next(decided, None)
    address = parse_address(text)
    if address and (contacts.cards(address) or account.search.of_sender(address, 1)):
        return None, address
    raise UserError(
        [f"no message has the Message-ID {text}: copy it from the headers that your mail program shows"]
    )


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
        ("lists", _lists(known)),
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


def _lists(known: Known) -> str:
    said = [
        f"{count} of their messages came over {shown(each.party)}, {say_decided(each)}"
        for each, count in known.lists[:SHOWN_LISTS]
    ]
    return "; ".join([*said, *(["…"] if len(known.lists) > SHOWN_LISTS else [])])


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
        "counts": _standing_as_json(counts, scheme) if counts else None,
        "lists": [{**_standing_as_json(each, scheme), "messages": count} for each, count in known.lists],
        "messages": known.messages,
        "mailboxes": dict(known.places),
        "new_mail": _new_mail(known, scheme),
        "next_cycle": list(known.next_),
        "journal": None if known.entries is None else [entry_as_json(each) for each in known.entries],
    }


def _standing_as_json(standing: Standing, scheme: Scheme) -> dict[str, object]:
    return {
        "party": standing.party,
        "filed_as": [scheme.category_of(group).title for group in standing.groups],
        "groups": [group.name for group in standing.groups],
        "since": standing.since or None,
    }
