"""What the journal remembers, for taking it back: who was filed last, and how all was before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from mailroom.journal.entry import Cause, Decided, Entry, count_moves
from mailroom.model.contacts import NewCard
from mailroom.model.mail import MailboxId, MessageId
from mailroom.model.party import Party
from mailroom.model.scheme import Category, Scheme
from mailroom.model.whom import Whom
from mailroom.triage.decisions import Decision
from mailroom.triage.former import Former, Way
from mailroom.triage.moves import Move, Place


@frozen
class TakingBack:
    """What is to be taken back.

    Attributes:
        decisions: What is to be so again, for triage to carry out.
        entries: For each sender the entries whose work on them this takes back, by their ids.
        entry: The one entry that is meant; None where senders were named.
    """

    decisions: tuple[Decision, ...]
    entries: Mapping[Party, tuple[str, ...]]
    entry: Entry | None = None


def take_back_last(entries: Iterable[Entry], scheme: Scheme) -> TakingBack | None:
    """Return what takes back the newest entry that changed a sender and is not taken back yet.

    Args:
        entries: Newest first; no more of them are looked at than it takes.
    """
    done: set[tuple[str, Party]] = set()
    for entry in entries:
        done |= _taken_back_by(entry)
        if entry.cause is Cause.UNDO:
            continue
        standing = [x for x in entry.decided if x.has_changed and (entry.id, x.address) not in done]
        if standing:
            return TakingBack(
                tuple(_as_before(each, entry, scheme) for each in standing),
                {each.address: (entry.id,) for each in standing},
                entry,
            )
    return None


def take_back_senders(addresses: Sequence[Party], entries: Iterable[Entry], scheme: Scheme) -> TakingBack:
    """Return what makes senders undecided, their mail as before as far as the journal remembers it.

    Args:
        entries: Newest first.
    """
    done: set[tuple[str, Party]] = set()
    wanted = frozenset(addresses)
    open_ = set(wanted)
    ways: dict[Party, dict[MessageId, Way]] = {each: {} for each in wanted}
    ids: dict[Party, list[str]] = {each: [] for each in wanted}
    for entry in entries if wanted else ():
        done |= _taken_back_by(entry)
        if entry.cause is Cause.UNDO:
            continue
        decisions_in = {each.address: each for each in entry.decided}
        named = decisions_in.keys() | {each.address for each in entry.swept}
        for address in sorted(open_ & named):
            decided = decisions_in.get(address)
            if (entry.id, address) in done:
                continue
            ways[address] = _joined(_ways(entry, address), ways[address])
            if decided:
                ids[address].append(entry.id)
            if decided and not decided.former_groups:
                open_.discard(address)  # before, nothing was decided
        if not open_:
            break
    decisions = (Decision(Whom.named(x), scheme.undecided, former=Former(ways=ways[x])) for x in addresses)
    return TakingBack(tuple(decisions), {x: tuple(ids[x]) for x in addresses})


def _taken_back_by(entry: Entry) -> set[tuple[str, Party]]:
    """Return which entries an entry takes back, each with the sender."""
    decided = {(x, each.address) for each in entry.decided for x in each.takes_back}
    return decided | {(x, each.address) for each in entry.set_aside for x in each.takes_back}


def _as_before(decided: Decided, entry: Entry, scheme: Scheme) -> Decision:
    gone = decided.gone_card
    is_known = count_moves(decided.moves) == decided.messages_moved
    former = Former(
        groups=frozenset(decided.former_groups),
        later_groups=frozenset({decided.group} if decided.group else ()),
        joined=frozenset(decided.joined),
        left=frozenset(decided.left),
        gone_cards=frozenset(decided.gone_cards),
        gone_text=NewCard(decided.address, gone.email, gone.name, gone.kind) if gone else None,
        made_cards=frozenset({decided.card_uid} if decided.is_card_new else ()),
        ways=_ways(entry, decided.address),
        # What came while they were filed may lie where the server puts mail of the group's members.
        until=f"{(entry.began or entry.at)[:19]}Z" if is_known else "",
        is_whole=True,
    )
    who = Whom.named(decided.address, decided.card_name or decided.name)
    return Decision(who, _category(decided.former_groups, scheme), is_old=True, former=former)


def _category(groups: Sequence[str], scheme: Scheme) -> Category:
    """Return what being in these groups stands for."""
    known = (group for group in scheme.all_groups if group.name in groups)
    return next((scheme.category_of(group) for group in known), scheme.undecided)


def _ways(entry: Entry, address: Party) -> dict[MessageId, Way]:
    """Return where an entry found a sender's messages, and where it left them."""
    decided = (move for each in entry.decided if each.address == address for move in each.moves)
    swept = (move for each in entry.swept if each.address == address for move in each.moves)
    return _joined(_read(decided), _read(swept))


def _joined(earlier: Mapping[MessageId, Way], later: Mapping[MessageId, Way]) -> dict[MessageId, Way]:
    """Return the way from where earlier work found messages to where later work left them."""
    both = {x: _one_way(earlier[x], later[x]) for x in earlier.keys() & later.keys()}
    return {**earlier, **later, **both}


def _one_way(earlier: Way, later: Way) -> Way:
    """Return the way of a message that moved twice; what somebody did with it in between stays done.

    One that they have taken away from where it was put goes back to where they put it, and no further.
    """
    if not earlier.after <= later.before:
        return later
    added = later.before - earlier.after if earlier.before else frozenset()
    return Way(earlier.before | added, later.after)


def _read(moves: Iterable[Move]) -> dict[MessageId, Way]:
    return {
        message_id: Way(_ids(move.before), _ids(move.after))
        for move in moves
        for message_id in move.message_ids
    }


def _ids(places: Iterable[Place]) -> frozenset[MailboxId]:
    return frozenset(place.id for place in places)
