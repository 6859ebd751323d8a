"""What is known of whom somebody asks about: read from the account, the contacts and the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from mailroom.account import Account
from mailroom.commands.history import only_of
from mailroom.commands.journaled import open_entries
from mailroom.commands.standing import Standing, find_standing, in_order
from mailroom.journal.entry import Entry
from mailroom.model.address import Address
from mailroom.model.mail import MailboxId, Message
from mailroom.model.party import Party, PartyKind, domain_behind, kind_of, shown
from mailroom.model.scheme import Scheme
from mailroom.triage.report import Forecast
from mailroom.triage.ruling import parties_of
from mailroom.triage.words import number_of

MOST_MESSAGES = 500
"""Among how many of a sender's newest messages it is told where they lie."""


@frozen
class Known:
    """What is known of whom somebody asks about.

    Attributes:
        asked: A sender, a whole domain or a mailing list.
        message: The message that was asked about; None where a party was.
        standings: Of all parties of that message, or else of `asked` and their domain, in the order in
            which decisions count, `asked` among them.
        lists: The mailing lists that are decided on and over which mail of theirs came, each with the number
            of messages for which it counts; most first.
        places: For each mailbox how many of the messages that a search finds lie there.
        messages: How many these are; None where nobody searched.
        entries: What the journal says of them, newest first; None where there is no journal.
        next_: What the next cycle does, in words.
    """

    asked: Standing
    message: Message | None
    standings: Sequence[Standing]
    is_own: bool
    lists: Sequence[tuple[Standing, int]]
    places: Mapping[str, int]
    messages: int | None
    entries: Sequence[Entry] | None
    next_: Sequence[str]


def read_known(
    account: Account,
    scheme: Scheme,
    forecast: Forecast,
    asked: Party,
    *,
    message: Message | None,
    paths: Mapping[MailboxId, str],
) -> Known:
    """Read what is known of a party; reads only.

    Args:
        forecast: What the next cycle would do.
        message: The message that was asked about, if one was; `asked` is its sender.
        paths: The full names of the mailboxes.

    Raises:
        ServerError: The account could not be read.
    """
    contacts = account.book.latest()
    parties = parties_of(message) if message else _parties_behind(asked)
    is_sender = kind_of(asked) is PartyKind.SENDER
    searched = account.search.of_sender(Address(asked), MOST_MESSAGES) if is_sender else None
    theirs = {each.id: each for each in (*(searched or ()), *([message] if message else []))}.values()
    concerned = frozenset((*parties, *(named.party for each in theirs for named in each.lists)))
    found = open_entries(account, scheme)
    # A journal may be large: of each entry only that is kept which may be told.
    entries = [each for x in found or () if (each := only_of(x, concerned))]

    def standing_of(party: Party) -> Standing:
        return find_standing(party, contacts, scheme, entries)

    standings = in_order(map(standing_of, parties), scheme)
    waiting = [each for each in theirs if scheme.screener in map(paths.get, each.mailbox_ids)]
    spoken_of = dict.fromkeys([*parties, *(named.party for each in waiting for named in each.lists)])
    places = Counter(paths.get(x, x) for each in searched or () for x in each.mailbox_ids)
    return Known(
        asked=next(each for each in standings if each.party == asked),
        message=message,
        standings=standings,
        is_own=asked in account.own_addresses(),
        lists=_over_lists(theirs, lambda lists: in_order(map(standing_of, lists), scheme)),
        places=dict(places.most_common()),
        messages=None if searched is None else len(searched),
        entries=None if found is None else [each for x in entries if (each := only_of(x, parties))],
        next_=list(_next(forecast, asked, tuple(spoken_of))),
    )


def _over_lists(
    messages: Collection[Message], standings_of: Callable[[Iterable[Party]], Iterable[Standing]]
) -> list[tuple[Standing, int]]:
    """Return for how many messages the decision about each list counts.

    Args:
        standings_of: Says how some lists stand, in the order in which decisions about them count.
    """
    names = dict.fromkeys(named.party for each in messages for named in each.lists)
    decided = [standing for standing in standings_of(names) if standing.groups]
    counts: Counter[Party] = Counter()
    for message in messages:
        over = {named.party for named in message.lists}
        counts.update([each.party for each in decided if each.party in over][:1])
    most_first = sorted(decided, key=lambda each: -counts[each.party])
    return [(each, counts[each.party]) for each in most_first if counts[each.party]]


def _parties_behind(asked: Party) -> tuple[Party, ...]:
    """Return whose decisions may count for mail of whom somebody asks about, in their order."""
    domain = domain_behind(asked)
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
        party = filing.decision.party
        if party in parties:
            whose = "" if kind_of(party) is PartyKind.SENDER or party == asked else f" of {shown(party)}"
            mail = number_of(messages, "message")
            yield f"moves {mail}{whose} out of Screener, to where {filing.group} belongs"
    messages_told = (
        *((x.message, f"lets a message out of Screener, to the Inbox: {x.reason}") for x in forecast.replies),
        *((message, f"takes a label off: {reason}") for message, reason in forecast.released),
        *((message, f"leaves a labelled message to you: {reason}") for message, reason in forecast.rejected),
    )
    yield from (says for message, says in messages_told if asked in parties_of(message))
