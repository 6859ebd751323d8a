"""Whatever an account looks like, triage keeps its promises, interrupted anywhere or not."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from attrs import evolve
from hypothesis import event, given
from hypothesis import strategies as st

from mailroom.model.address import Address, parse_address
from mailroom.model.contacts import Card, CardKind, CardUid, NewCard
from mailroom.model.mail import MailboxId, Message, MessageId, ThreadId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.scheme import Category, ContactGroup, Name, ReadMail, Scheme
from mailroom.model.sender import Correspondent, read_sender
from mailroom.model.whom import Whom
from mailroom.triage.cycle import Triage
from mailroom.triage.decisions import Decision
from tests.support.default_account import GROUPS, LABELS, MAILBOXES, MARKS, PLACES, SCHEME
from tests.support.memory import Book, CrashError, World

PROTECTED = {"Trash", "Sent"}
OWN = "me@home.example"
SENDERS = (
    "ann@a.example",
    "Bob@B.example",
    "news@xn--bcher-kva.example",
    "news@bücher.example",
    OWN,
    "mailto:ann@a.example",
    '"Bob"@B.example',
    "bob b@b.example",
    "nobody",
    "",
)

from_headers = st.lists(
    st.tuples(st.sampled_from(["", "Ann", "ANN ", "Bob"]), st.sampled_from(SENDERS)), min_size=0, max_size=2
) | st.builds(lambda email: [("Ann", email)], st.sampled_from(SENDERS[:4]))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """An account in any state, a half-finished one as likely as a tidy one."""
    messages = {}
    for number in range(draw(st.integers(1, 5))):
        places = draw(st.sets(st.sampled_from((*PLACES, *LABELS, *MARKS)), min_size=1, max_size=3))
        if draw(st.booleans()):
            places.add(draw(st.sampled_from(LABELS)))
        messages[MessageId(f"m{number}")] = Message(
            id=MessageId(f"m{number}"),
            mailbox_ids=frozenset(map(MailboxId, places)),
            is_read=draw(st.booleans()),
            sender=read_sender(draw(from_headers)),
            received_at=f"2026-01-01T00:00:0{number}Z",
            is_just_archived=draw(st.booleans()),
            is_warned=draw(st.booleans()),
            thread_id=draw(st.sampled_from([ThreadId(""), ThreadId("t1"), ThreadId("t2")])),
        )
    addresses = [address for text in SENDERS[:4] if (address := parse_address(text))]
    cards: dict[CardUid, tuple[Card, frozenset[Party]]] = {}
    made: dict[CardUid, NewCard] = {}
    for number in range(draw(st.integers(0, 3))):
        held = frozenset(draw(st.sets(st.sampled_from(addresses), min_size=1, max_size=2)))
        # Several cards for an address, or several addresses on a card. With both at once, which of a
        # sender's cards is taken may depend on how far another sender has got: harmless, but not the same.
        if any(len(held | other) > 1 and held & other for _, other in cards.values()):
            continue
        uid = CardUid(draw(st.sampled_from([f"card {number}", f"uid of {min(held)}"])))
        is_made = uid.startswith("uid of ")
        name = draw(st.sampled_from(["Ann", "Bob", ""]))
        cards[uid] = (Card(uid, name, created=number, is_made=is_made), held)
        if is_made:
            made[uid] = NewCard(min(held), min(held), draw(st.sampled_from([name, "Ann"])), CardKind.PERSON)
    uids = st.sampled_from([*cards, CardUid("gone"), *_lines_of_cards_to_come(messages.values())])
    groups = {name: frozenset(draw(st.sets(uids, max_size=2))) for name in (*GROUPS, "Friends")}
    return World(MAILBOXES, messages, cards, groups, own=(OWN,), made=made)


def _lines_of_cards_to_come(messages: Iterable[Message]) -> list[CardUid]:
    """Return whose line a group may hold although the card is gone.

    In a conversation a stranger with such a line is one who was decided on as soon as the card is there.
    Broken off in between, who else is meant depends on it: they are left to the person, or keep their place.
    """
    return [] if any(message.thread_id for message in messages) else [CardUid("uid of ann@a.example")]


@st.composite
def own_schemes(draw: st.DrawFn) -> Scheme:
    """Categories of one's own: shared groups, shared and further mailboxes, read mail that is kept."""
    mailboxes = st.sampled_from(("Feed", "Paper Trail", "Jail"))
    groups = []
    for name in GROUPS:
        mailbox = draw(st.none() | mailboxes)
        also = sorted(draw(st.sets(mailboxes, max_size=2)) - {mailbox})
        groups.append(
            ContactGroup(Name(name), None if mailbox is None else Name(mailbox), tuple(map(Name, also)))
        )
    categories = tuple(
        Category(
            each.title,
            each.label,
            draw(st.sampled_from(groups)),
            each.kind,
            read_mail=draw(st.sampled_from(ReadMail)),
        )
        for each in SCHEME.categories
    )
    return evolve(SCHEME, categories=categories)


TAKES_BACK = MailboxId("@ToScreener")

schemes = st.just(SCHEME) | own_schemes()


def run_cycle(world: World, scheme: Scheme, *, sweeps_stragglers: bool = False) -> World:
    Triage(world, Book(world), scheme, OwnAddresses.read([OWN]), sweeps_stragglers=sweeps_stragglers).run()
    return world


def sender(message: Message) -> Address | None:
    return message.sender.address if isinstance(message.sender, Correspondent) else None


@given(worlds(), schemes, st.booleans())
def test_interrupted_after_any_write_and_run_again_it_ends_the_same(
    world: World, scheme: Scheme, sweeps_stragglers: bool
) -> None:
    """A cycle that breaks off after any of its writes is finished by the next one, to the same end."""
    run = partial(run_cycle, scheme=scheme, sweeps_stragglers=sweeps_stragglers)
    undisturbed = run(world.copy())
    event(f"writes: {min(undisturbed.writes, 8)}")
    for writes in range(undisturbed.writes):
        interrupted = world.copy()
        interrupted.writes_left = writes
        try:
            run(interrupted)
        except CrashError:
            interrupted.writes_left = None
            run(interrupted)
        assert interrupted.state() == undisturbed.state(), f"after {writes} of {undisturbed.writes} writes"


@st.composite
def files(draw: st.DrawFn) -> tuple[Scheme, list[Decision]]:
    """What a file says of some senders, in some scheme."""
    scheme = draw(schemes)
    addresses = [address for text in SENDERS[:5] if (address := parse_address(text))]
    said = draw(st.dictionaries(st.sampled_from(addresses), st.sampled_from(scheme.categories), min_size=1))
    return scheme, [Decision(Whom(x, x, "Ann"), category) for x, category in said.items()]


def apply_file(world: World, file: tuple[Scheme, list[Decision]]) -> World:
    scheme, decisions = file
    Triage(world, Book(world), scheme, OwnAddresses.read([OWN])).apply(decisions)
    return world


@given(worlds(), files())
def test_a_file_interrupted_after_any_write_and_applied_again_ends_the_same(
    world: World, file: tuple[Scheme, list[Decision]]
) -> None:
    """No label leads back to it; the file does."""
    undisturbed = apply_file(world.copy(), file)
    event(f"writes: {min(undisturbed.writes, 8)}")
    for writes in range(undisturbed.writes):
        interrupted = world.copy()
        interrupted.writes_left = writes
        with suppress(CrashError):
            apply_file(interrupted, file)
        interrupted.writes_left = None
        apply_file(interrupted, file)
        assert interrupted.state() == undisturbed.state(), f"after {writes} of {undisturbed.writes} writes"


@given(worlds(), files())
def test_a_file_applied_again_writes_nothing_and_touches_nobody_else(
    world: World, file: tuple[Scheme, list[Decision]]
) -> None:
    """Each sender of it is filed or told, and mail of others stays as it is."""
    before = dict(world.messages)
    scheme, decisions = file
    named = {decision.party for decision in decisions}
    report = Triage(world, Book(world), scheme, OwnAddresses.read([OWN])).apply(decisions)
    assert {each.filing.decision.party for each in report.filed} | report.failed.keys() == named
    for message_id, message in before.items():
        now = world.messages[message_id]
        if message.mailbox_ids & PROTECTED:
            assert now.mailbox_ids - {*LABELS, *MARKS} == message.mailbox_ids - {*LABELS, *MARKS}
        assert sender(message) in named or now == message, "another sender's mail was touched"
    written = world.writes
    assert apply_file(world, file).writes == written


@given(worlds(), schemes, st.booleans())
def test_a_second_cycle_writes_nothing(world: World, scheme: Scheme, sweeps_stragglers: bool) -> None:
    """What one cycle has done leaves nothing for the next."""
    first = run_cycle(world, scheme, sweeps_stragglers=sweeps_stragglers)
    written = first.writes
    assert run_cycle(first, scheme, sweeps_stragglers=sweeps_stragglers).writes == written


@given(worlds(), schemes, st.booleans())
def test_a_forecast_says_the_numbers_that_the_cycle_then_does(
    world: World, scheme: Scheme, sweeps_stragglers: bool
) -> None:
    """Who is filed, how many of their messages are moved, and who is swept after; nothing is written.

    But for a group with the line of a card that is gone: what comes back with the card shows only then.
    """
    for name, uids in world.groups.items():
        world.groups[name] = uids & world.cards.keys()
    before = world.copy().state()
    own = OwnAddresses.read([OWN])
    triage = Triage(world, Book(world), scheme, own, sweeps_stragglers=sweeps_stragglers)
    forecast = triage.forecast()
    assert world.state() == before
    report = triage.run()
    filed = {each.filing.decision.party: each.messages_moved for each in report.filed}
    assert filed == {filing.decision.party: messages for filing, messages in forecast.filings}
    swept = {filing.decision.party: messages for filing, messages in forecast.stragglers}
    event(f"stragglers: {len(swept)}")
    assert report.swept.moved == swept
    assert {each.message.id for each in report.rejected} <= {message.id for message, _ in forecast.rejected}


@given(worlds(), schemes)
def test_no_message_is_lost_and_no_other_message_is_touched(world: World, scheme: Scheme) -> None:
    """Each message stays in a mailbox; protected mail and the person's own mailboxes keep theirs."""
    before = dict(world.messages)
    after = run_cycle(world, scheme).messages
    labelled = {sender(m) for m in before.values() if m.mailbox_ids & set(LABELS)}
    marks = frozenset((*LABELS, *MARKS))
    for message_id, message in before.items():
        now = after[message_id].mailbox_ids
        assert now, "a message is in no mailbox"
        if message.mailbox_ids & PROTECTED:
            assert now - marks == message.mailbox_ids - marks, "protected mail was moved"
        if sender(message) not in labelled and not message.mailbox_ids & set(MARKS):
            assert now == message.mailbox_ids, "another sender's mail was touched"
        assert (now >= {"Family"}) == (message.mailbox_ids >= {"Family"}), "an own mailbox was changed"


@given(worlds(), schemes, st.booleans())
def test_the_mark_of_a_half_finished_message_never_survives_a_finished_cycle(
    world: World, scheme: Scheme, sweeps_stragglers: bool
) -> None:
    """Whatever bears a label of Mailroom's has no such mark afterwards, and nothing else gets one."""
    before = dict(world.messages)
    for message_id, message in run_cycle(world, scheme, sweeps_stragglers=sweeps_stragglers).messages.items():
        was = before[message_id]
        was_seen = bool(was.mailbox_ids & {*LABELS, *MARKS})
        assert message.is_just_archived == (was.is_just_archived and not was_seen)


@given(worlds(), schemes, st.data())
def test_a_label_taken_off_after_a_cycle_broke_off_takes_the_mark_along(
    world: World, scheme: Scheme, data: st.DataObject
) -> None:
    """Once a process has seen a message marked, the mark goes even though no label leads there any more."""
    writes = run_cycle(world.copy(), scheme).writes
    triage = Triage(world, Book(world), scheme, OwnAddresses.read([OWN]), sweeps_stragglers=False)
    labelled = {m.id for m in world.messages.values() if m.mailbox_ids & set(LABELS)}
    world.writes_left = data.draw(st.integers(0, max(0, writes - 1)))
    with suppress(CrashError):
        triage.run()
    world.writes_left = None
    for message_id in labelled:
        message = world.messages[message_id]
        places = message.mailbox_ids - set(map(MailboxId, LABELS))
        world.messages[message_id] = evolve(message, mailbox_ids=places or frozenset({MailboxId("Inbox")}))
    triage.run()
    assert not any(world.messages[x].is_just_archived for x in labelled)


@given(worlds(), schemes)
def test_only_screener_and_what_the_sender_leaves_are_taken_away(world: World, scheme: Scheme) -> None:
    """A message loses no mailbox but Screener, the mailboxes of groups that its sender was in, and labels."""
    before = dict(world.messages)
    destinations: dict[str, set[str]] = {
        group.name: {group.mailbox or "Inbox", *group.also} for group in scheme.groups
    }
    left: dict[Party, set[str]] = {}
    for uid, (_, addresses) in world.cards.items():
        for address in addresses:
            left.setdefault(address, set()).update(
                *(mailboxes for group, mailboxes in destinations.items() if uid in world.groups[group])
            )
    # A group may hold the line of a card that is gone, and that is made again.
    for group, mailboxes in destinations.items():
        for uid in world.groups[group]:
            left.setdefault(Address(uid.removeprefix("uid of ")), set()).update(mailboxes)
    elsewhere = {each.label for each in scheme.categories if each.group.mailbox is not None}
    from_inbox = {sender(m) for m in before.values() if m.mailbox_ids & elsewhere}
    after = run_cycle(world, scheme).messages
    for message_id, message in before.items():
        who = sender(message)
        lost = message.mailbox_ids - after[message_id].mailbox_ids
        allowed = {"Screener", *LABELS, *MARKS} | (left.get(who, set()) if who else set())
        if who in from_inbox or TAKES_BACK in message.mailbox_ids:
            allowed.add("Inbox")
        assert lost <= allowed, f"{message.mailbox_ids} lost {lost - allowed}"


@given(worlds(), schemes)
def test_a_filed_sender_is_in_exactly_one_triage_group_and_nothing_of_their_waits(
    world: World, scheme: Scheme
) -> None:
    """When a sender's label is off, all their cards together are in one triage group: the label's.

    Unless the label did not speak of them: in a conversation it may mean others.
    """
    before = dict(world.messages)
    foreign = world.groups["Friends"]
    cards_before = dict(world.cards)
    own = OwnAddresses.read([OWN])
    report = Triage(world, Book(world), scheme, own, sweeps_stragglers=False).run()
    not_meant = {sender(message) for message, _ in report.released}
    after = world
    assert after.groups["Friends"] == foreign, "a group that is no triage group was touched"
    for uid, card in cards_before.items():
        is_taken_back = (
            any(sender(m) in card[1] for m in before.values() if TAKES_BACK in m.mailbox_ids)
            and uid in world.made
        )
        assert after.cards.get(uid) == card or (is_taken_back and uid not in after.cards), (
            "a card was changed"
        )
    decidable = (*scheme.categories, SCHEME.undecided)
    wanted: dict[Address, set[str]] = {}
    for message in before.values():
        if who := sender(message):
            wanted.setdefault(who, set()).update(
                c.title for c in decidable if MailboxId(c.label) in message.mailbox_ids
            )
    for who, titles in wanted.items():
        theirs = [m for m in after.messages.values() if sender(m) == who]
        is_open = any(m.mailbox_ids & set(LABELS) for m in theirs)
        if len(titles) != 1 or who == OWN or who in not_meant or is_open:
            continue
        (category,) = (c for c in decidable if c.title in titles)
        uids = {uid for uid, (_, addresses) in after.cards.items() if who in addresses}
        groups = [group.name for group in scheme.groups if after.groups[group.name] & uids]
        assert groups == ([] if category.is_undecided else [category.group.name])
        if category.is_undecided:
            continue
        waiting = [m for m in theirs if "Screener" in m.mailbox_ids and not m.mailbox_ids & PROTECTED]
        assert not waiting, "mail of a filed sender waits in Screener"


@given(worlds(), schemes)
def test_a_label_stays_only_with_a_reason(world: World, scheme: Scheme) -> None:
    """A triage label that is still on belongs to a conflict, an unusable sender or the own address.

    Protected mail bears no error label; its label stays only in a conflict with another message.
    """
    messages = run_cycle(world, scheme).messages.values()
    marked = {m.id for m in messages if "@MailroomError" in m.mailbox_ids}
    for message in messages:
        is_labelled = bool(message.mailbox_ids & set(LABELS))
        if not message.mailbox_ids & PROTECTED:
            assert is_labelled == (message.id in marked)
            continue
        assert message.id not in marked
        assert not is_labelled or sum(bool(m.mailbox_ids & set(LABELS)) for m in messages) > 1


@given(worlds(), schemes, st.data())
def test_filing_and_taking_back_leave_an_account_as_it_was(
    world: World, scheme: Scheme, data: st.DataObject
) -> None:
    """Where nobody else acts, a stranger who is filed and taken back leaves no trace.

    Whatever else the account holds; of what waited in the Inbox only what is unread comes back.
    """
    run_cycle(world, scheme)
    held = {address for _, addresses in world.cards.values() for address in addresses}
    stranger = "eve@e.example"
    assert stranger not in held
    category = data.draw(st.sampled_from(scheme.categories))
    waiting = {}
    for number in range(data.draw(st.integers(1, 3))):
        message_id = MessageId(f"new {number}")
        waiting[message_id] = Message(
            id=message_id,
            mailbox_ids=frozenset({MailboxId("Screener")}),
            is_read=data.draw(st.booleans()) and category.group.mailbox is not None,
            sender=read_sender([("Eve", stranger)]),
            received_at=f"2026-01-02T00:00:0{number}Z",
        )
    world.messages.update(waiting)
    before = world.copy().state()
    for label in (category.label, TAKES_BACK):
        message = world.messages[MessageId("new 0")]
        world.messages[message.id] = evolve(message, mailbox_ids=message.mailbox_ids | {MailboxId(label)})
        run_cycle(world, scheme)
    assert world.state() == before
