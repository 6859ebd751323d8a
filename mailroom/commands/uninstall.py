"""`mailroom uninstall`: what Mailroom made in the account, and taking it away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from attrs import define, frozen

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.commands.inspection import inspect
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.model.contacts import Made, MadeCard
from mailroom.model.mail import Mailbox
from mailroom.model.scheme import Scheme
from mailroom.output.question import agrees
from mailroom.output.terminal import GREEN, RED, Progress, Terminal
from mailroom.triage.uninstall import (
    Removal,
    labels_in,
    members_leaving,
    remove_cards,
    remove_groups,
    remove_labels,
    why_card_stays,
    why_group_stays,
    why_label_stays,
)

UNTOUCHED = "untouched"
_COLOURS = {UNTOUCHED: GREEN}


@frozen
class Choice:
    """What the person wants taken away.

    Attributes:
        cards: Whether the contact cards that nobody has changed.
        groups: Whether the contact groups that hold nobody else.
        named_groups: Those that go even if they hold somebody.
        labels: Whether the labels and Screener.
    """

    cards: bool = False
    groups: bool = False
    named_groups: tuple[str, ...] = ()
    labels: bool = False

    def __bool__(self) -> bool:
        return self.cards or self.groups or self.labels


@frozen
class Found:
    """What is there, and for each thing why it stays; empty where it may go."""

    made: Made
    labels: Mapping[str, Mailbox]
    cards_staying: Sequence[str]
    groups_staying: Sequence[str]
    labels_staying: Mapping[str, str]


@define
class Removals:
    """What has been taken away; None of what was not chosen."""

    cards: Removal | None = None
    groups: Removal | None = None
    labels: Removal | None = None


def uninstall(choice: Choice, *, apply: bool, yes: bool, as_json: bool) -> Exit:
    """Show what Mailroom made, and after a yes take away what is chosen of it and still untouched.

    Returns:
        1 if something that was to go is still there.
    """
    if apply and not choice:
        raise UserError(["say what to take away: --cards, --groups, --labels, or several of them"])
    if apply and as_json and not yes:
        raise UserError(["with --json there is no question: use --yes to confirm"])
    settings = configured()
    account = open_account(settings)
    terminal = Terminal()
    with Progress("reading the account"):
        found = _look(account, settings.scheme, choice)
    if not as_json:
        _show(terminal, found, account.book.left_out())
    doomed = _doomed(found, choice)
    outcome = Removals()
    if apply and doomed and (yes or agrees(f"Take away {doomed}?")):
        outcome = _take_away(account, found, choice, settings.scheme)
    if as_json:
        terminal.json(_as_json(found, outcome))
    elif apply:
        _show_done(terminal, found, outcome, doomed)
    else:
        _show_next_steps(terminal, doomed)
    removals = (outcome.cards, outcome.groups, outcome.labels)
    return Exit.FAILED if any(each and each.staying for each in removals) else Exit.DONE


def _look(account: Account, scheme: Scheme, choice: Choice) -> Found:
    seen = inspect(account, scheme)
    if seen.tree is None or seen.contacts.value is None:
        raise UserError(seen.troubles)
    made = account.book.made()
    labels = labels_in(seen.tree, scheme)
    names = {group.name for group in made.groups}
    if unknown := [name for name in choice.named_groups if name not in names]:
        raise UserError([f"there is no contact group {name!r} that Mailroom made" for name in unknown])
    leaving = members_leaving(made.cards, scheme) if choice.cards or not choice else {}
    return Found(
        made,
        labels,
        [why_card_stays(card, scheme) for card in made.cards],
        [
            why_group_stays(group, choice.named_groups, scheme, leaving.get(group.name, 0))
            for group in made.groups
        ],
        {name: why_label_stays(mailbox) for name, mailbox in labels.items()},
    )


def _doomed(found: Found, choice: Choice) -> str:
    """Say what goes; nothing where nothing is there that may."""
    counts = [
        _count(found.cards_staying, "contact card") if choice.cards else "",
        _count(found.groups_staying, "contact group") if choice.groups else "",
        _count(found.labels_staying.values(), "mailbox", "mailboxes") if choice.labels else "",
    ]
    return " and ".join(filter(None, counts))


def _count(reasons: Collection[str], one: str, several: str = "") -> str:
    number = sum(not reason for reason in reasons)
    return f"{number} {one if number == 1 else several or f'{one}s'}" if number else ""


def _take_away(account: Account, found: Found, choice: Choice, scheme: Scheme) -> Removals:
    outcome = Removals()
    if choice.cards:
        cards = [x for x, reason in zip(found.made.cards, found.cards_staying, strict=True) if not reason]
        with Progress("deleting contact cards") as progress:
            outcome.cards = remove_cards(account.book, cards, scheme, progress.advance)
    if choice.groups:
        groups = [x for x, reason in zip(found.made.groups, found.groups_staying, strict=True) if not reason]
        outcome.groups = remove_groups(account.book, groups, choice.named_groups, scheme)
    if choice.labels:
        names = [name for name, reason in found.labels_staying.items() if not reason]
        outcome.labels = remove_labels(account.mail, names)
    return outcome


def _show(terminal: Terminal, found: Found, left_out: Sequence[str]) -> None:
    if not (found.made.cards or found.made.groups or found.labels):
        terminal.line("There is nothing in this account that Mailroom made.")
        return
    for each in left_out:
        terminal.paragraph(f"{each}: no card or group is deleted before it can be read", "✗ ", RED)
    if found.made.cards:
        terminal.heading("Contact cards that Mailroom made")
        rows = [
            (card.address, card.name, ", ".join(card.groups) or "–", reason or UNTOUCHED)
            for card, reason in zip(found.made.cards, found.cards_staying, strict=True)
        ]
        header = ("ADDRESS", "NAME", "GROUPS", "STATE")
        terminal.table(header, rows, _COLOURS, yielding=("NAME", "GROUPS"))
    if found.made.groups:
        terminal.heading("Contact groups that Mailroom made")
        rows_of_groups = [
            (group.name, str(group.members), reason or UNTOUCHED)
            for group, reason in zip(found.made.groups, found.groups_staying, strict=True)
        ]
        terminal.table(("GROUP", "MEMBERS", "STATE"), rows_of_groups, _COLOURS)
    if found.labels:
        terminal.heading("Labels, and Screener")
        labels = [(name, reason or UNTOUCHED) for name, reason in found.labels_staying.items()]
        terminal.table(("MAILBOX", "STATE"), labels, _COLOURS)
    terminal.line()


def _show_next_steps(terminal: Terminal, doomed: str) -> None:
    terminal.paragraph(
        "Nothing was changed. Only what is untouched can be taken away: `mailroom uninstall --apply` with "
        "--cards (they leave their groups, and their mail stays), --groups (those that hold nobody else; "
        "--groups Feed takes Feed with whoever is in it, and they stay as contacts in no group) and --labels "
        "(those that hold no mail)."
    )
    if doomed:
        terminal.paragraph(f"What you have chosen would take away {doomed}.")
    _show_left_to_you(terminal)


def _show_left_to_you(terminal: Terminal) -> None:
    terminal.heading("What is left for you to do")
    for step in (
        "Stop the service first.",
        "Delete the rules whose names begin with `Mailroom:` (Fastmail: Settings → Filters & Rules), or mail "
        "goes on being filed by groups, and new senders to Screener.",
        "The mailboxes that mail was filed into (Feed and so on) are yours, with all their mail.",
        "Revoke the API token and the app password (Fastmail: Settings → Privacy & Security).",
    ):
        terminal.paragraph(step, "  • ")


def _show_done(terminal: Terminal, found: Found, outcome: Removals, doomed: str) -> None:
    removals = {"contact cards": outcome.cards, "contact groups": outcome.groups, "mailboxes": outcome.labels}
    done = {kind: removal for kind, removal in removals.items() if removal}
    names: dict[str, str] = {card.uid: _title(card) for card in found.made.cards}
    names |= {group.uid: group.name for group in found.made.groups}
    if not done:
        terminal.line("Nothing was changed." if doomed else "Nothing is left that can be taken away.")
    for kind, removal in done.items():
        if removal.removed:
            terminal.line(f"Taken away: {len(removal.removed)} {kind}.")
        by_reason: dict[str, list[str]] = defaultdict(list)
        for key, reason in removal.staying.items():
            by_reason[reason].append(names.get(key, key))
        for reason, those in by_reason.items():
            stay = "stays" if len(those) == 1 else "stay"
            terminal.paragraph(f"{', '.join(those)} {stay}: {reason}", "  ✗ ", RED)
    _show_left_to_you(terminal)


def _title(card: MadeCard) -> str:
    """Name a card so that it is not taken for another one of the same address."""
    return card.address if card.name == card.address else f"{card.address} ({card.name})"


def _as_json(found: Found, outcome: Removals) -> dict[str, object]:
    def state(key: str, reason: str, removal: Removal | None) -> dict[str, object]:
        is_removed = bool(removal and key in removal.removed)
        stays = (removal.staying.get(key, reason) if removal else reason) or None
        return {"is_untouched": not reason, "removed": is_removed, "stays_because": stays}

    return {
        "cards": [
            {
                "email": card.address,
                "name": card.name,
                "groups": list(card.groups),
                **state(card.uid, reason, outcome.cards),
            }
            for card, reason in zip(found.made.cards, found.cards_staying, strict=True)
        ],
        "groups": [
            {"name": group.name, "members": group.members, **state(group.uid, reason, outcome.groups)}
            for group, reason in zip(found.made.groups, found.groups_staying, strict=True)
        ],
        "labels": [
            {
                "name": name,
                "messages": found.labels[name].total_messages,
                **state(name, reason, outcome.labels),
            }
            for name, reason in found.labels_staying.items()
        ],
    }
