"""`mailroom uninstall`: what Mailroom made in the account, and taking it away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.commands.inspection import inspect
from mailroom.commands.installed_rules import (
    OR_ELSE,
    RULES,
    InstalledRules,
    read_installed_rules,
    show_taken_away,
)
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.model.contacts import Alteration, MadeCard
from mailroom.model.scheme import Scheme
from mailroom.output.question import agrees
from mailroom.output.terminal import GREEN, RED, YELLOW, Progress, Terminal
from mailroom.triage.alterations import WHY_ALTERED
from mailroom.triage.inventory import Choice, Inventory, take_inventory
from mailroom.triage.uninstall import Removal, Removals, take_away
from mailroom.triage.words import number_of

UNTOUCHED = "untouched"
MAYBE_CHANGED = "perhaps changed"
IMPORTED = (
    f"Delete the rules whose names begin with `Mailroom:` (Fastmail: Settings → Filters & Rules), {OR_ELSE}."
)
"""What is left to do about rules where the server lets none be installed."""
_COLOURS = {UNTOUCHED: GREEN}
_IN_SHORT = {"": UNTOUCHED, WHY_ALTERED[Alteration.UNKNOWN]: MAYBE_CHANGED}


def uninstall(
    *,
    cards: bool,
    groups: Sequence[str] | None,
    labels: bool,
    rules: bool,
    apply: bool,
    yes: bool,
    as_json: bool,
) -> Exit:
    """Show what Mailroom made, and after a yes take away what is chosen of it and still untouched.

    Args:
        groups: None for no groups; otherwise those that go even if they hold somebody, perhaps none.
        rules: Whether the rules go that were installed on the server.

    Returns:
        1 if something that was to go is still there.
    """
    choice = Choice(cards, groups is not None, tuple(groups or ()), labels)
    if apply and not (choice or rules):
        raise UserError(["say what to take away: --cards, --groups, --labels, --rules, or several of them"])
    if apply and as_json and not yes:
        raise UserError(["with --json there is no question: use --yes to confirm"])
    settings = configured()
    account = open_account(settings)
    terminal = Terminal()
    with Progress("reading the account"):
        inventory = _read(account, settings.scheme, choice)
        installed = read_installed_rules(account)
    if not as_json:
        _show(terminal, inventory, account.book.left_out(), installed)
    doomed_rules = installed if rules and installed and installed.plan.changes else None
    doomed = _in_words(inventory.chosen(choice), with_rules=doomed_rules is not None)
    removals = Removals()
    rules_staying: str | None = None
    if apply and doomed and (yes or agrees(f"Take away {doomed}?")):
        with Progress("taking it away") as progress:
            # First: they name contact groups and mailboxes.
            rules_staying = doomed_rules.take_away() if doomed_rules else None
            removals = take_away(
                account.book,
                account.mail,
                inventory,
                choice,
                scheme=settings.scheme,
                advance=progress.advance,
            )
    if as_json:
        made = _as_json(inventory, removals)
        terminal.json({**made, **({"rules": installed.as_json(rules_staying)} if installed else {})})
        return _exit(removals, rules_staying)
    if rules_staying is not None:
        show_taken_away(terminal, rules_staying)
    if not apply:
        _show_next_steps(terminal, doomed)
    elif rules_staying is None or choice:
        _show_done(terminal, inventory, removals, doomed)
    _show_left_to_the_person(
        terminal, inventory, installed.left_to_do(rules_staying) if installed else IMPORTED
    )
    return _exit(removals, rules_staying)


def _exit(removals: Removals, rules_staying: str | None) -> Exit:
    return Exit.FAILED if removals.has_failures or rules_staying else Exit.DONE


def _read(account: Account, scheme: Scheme, choice: Choice) -> Inventory:
    seen = inspect(account, scheme)
    if seen.tree is None or seen.contacts.value is None:
        raise UserError(seen.troubles)
    return take_inventory(account.book.made(), seen.tree, scheme, choice)


def _in_words(going: Inventory, *, with_rules: bool) -> str:
    """Say how much goes; nothing where nothing does."""
    counts = [
        (len(going.cards), "contact card", ""),
        (len(going.groups), "contact group", ""),
        (len(going.labels), "mailbox", "mailboxes"),
    ]
    return " and ".join([*([RULES] if with_rules else []), *(number_of(*x) for x in counts if x[0])])


def _show(
    terminal: Terminal, inventory: Inventory, left_out: Sequence[str], installed: InstalledRules | None
) -> None:
    if installed:
        installed.show(terminal)
    if not (inventory.cards or inventory.groups or inventory.labels):
        terminal.line("There is nothing in this account that Mailroom made.")
        return
    terminal.paragraph(
        "Stop the service first, if it runs: it would go on filing, and miss what is taken away.",
        "! ",
        YELLOW,
    )
    for each in left_out:
        terminal.paragraph(f"{each}: no card or group is deleted before it can be read", "✗ ", RED)
    if inventory.cards:
        terminal.heading("Contact cards that Mailroom made")
        rows = [
            (x.thing.address, x.thing.name, ", ".join(x.thing.groups) or "–", _state(x.stays))
            for x in inventory.cards
        ]
        header = ("ADDRESS", "NAME", "GROUPS", "STATE")
        terminal.table(header, rows, _COLOURS, yielding=("NAME", "GROUPS"))
        _explain_dates(terminal, [x.stays for x in inventory.cards])
    if inventory.groups:
        terminal.heading("Contact groups that Mailroom made")
        groups = [(x.thing.name, str(x.thing.members), _state(x.stays)) for x in inventory.groups]
        terminal.table(("GROUP", "MEMBERS", "STATE"), groups, _COLOURS)
    if inventory.labels or inventory.destinations:
        terminal.heading("Labels, Screener, and the mailboxes that mail was filed into")
        labels = [(x.key, str(x.thing.total_messages), _state(x.stays)) for x in inventory.labels]
        yours = [
            (name, str(mailbox.total_messages), "yours, and stays")
            for name, mailbox in inventory.destinations.items()
        ]
        terminal.table(("MAILBOX", "MESSAGES", "STATE"), [*labels, *yours], _COLOURS)
    terminal.line()


def _state(stays: str) -> str:
    return _IN_SHORT.get(stays, stays)


def _explain_dates(terminal: Terminal, reasons: Collection[str]) -> None:
    """Say once what keeps many cards: on some servers that is every card with a name."""
    if number := sum(_state(reason) == MAYBE_CHANGED for reason in reasons):
        stay = number_of(number, "card stays", "cards stay")
        terminal.paragraph(
            f"{stay}, {MAYBE_CHANGED}: your contacts server does not tell when they were changed, or not all "
            "that is in them, so nobody can know what in them is yours. Such cards are yours to delete."
        )


def _show_next_steps(terminal: Terminal, doomed: str) -> None:
    terminal.paragraph(
        "Nothing was changed. Only what is untouched can be taken away: `mailroom uninstall --apply` with "
        "--cards (they leave their groups, and their mail stays), --groups (those that hold nobody else; "
        "--groups Feed takes Feed with whoever is in it, and they stay as contacts in no group), --labels "
        "(those that hold no mail) and --rules (those that Mailroom installed on the server)."
    )
    if doomed:
        terminal.paragraph(f"What you have chosen would take away {doomed}.")


def _show_left_to_the_person(terminal: Terminal, inventory: Inventory, about_rules: str) -> None:
    terminal.heading("What is left for you to do")
    for step in filter(None, (about_rules, *_steps(inventory))):
        terminal.paragraph(step, "  • ")


def _steps(inventory: Inventory) -> Iterator[str]:
    yield (
        "Look for labels and renamed groups of earlier settings: Mailroom knows labels by your settings of "
        "today alone, and a contact group that was renamed counts as yours."
    )
    if inventory.earlier_labels:
        names = ", ".join(inventory.earlier_labels)
        yield f"No setting names {names}: delete what you do not use."
    if inventory.other_groups:
        names = ", ".join(inventory.other_groups)
        yield f"Cards that Mailroom made are in {names}: delete what is of earlier settings; members stay."
    if inventory.journal:
        yield (
            f"The mailbox {inventory.journal!r} tells what was done, which nothing else remembers: it stays. "
            "Delete it with its messages once you want that no more."
        )
    yield (
        "Revoke the API token, and the app password if you made one "
        "(Fastmail: Settings → Privacy & Security)."
    )


def _show_done(terminal: Terminal, inventory: Inventory, removals: Removals, doomed: str) -> None:
    by_kind = {
        ("contact card", ""): removals.cards,
        ("contact group", ""): removals.groups,
        ("mailbox", "mailboxes"): removals.labels,
    }
    done = {kind: removal for kind, removal in by_kind.items() if removal}
    names: dict[str, str] = {each.key: _title(each.thing) for each in inventory.cards}
    names |= {each.key: each.thing.name for each in inventory.groups}
    if not done:
        terminal.line("Nothing was changed." if doomed else "Nothing is left that can be taken away.")
    for kind, removal in done.items():
        if removal.removed:
            terminal.line(f"Taken away: {number_of(len(removal.removed), *kind)}.")
        by_reason: dict[str, list[str]] = defaultdict(list)
        for key, reason in removal.staying.items():
            by_reason[reason].append(names.get(key, key))
        for reason, those in by_reason.items():
            stay = "stays" if len(those) == 1 else "stay"
            terminal.paragraph(f"{', '.join(those)} {stay}: {reason}", "  ✗ ", RED)


def _title(card: MadeCard) -> str:
    """Name a card so that it is not taken for another one of the same address."""
    return card.address if card.name == card.address else f"{card.address} ({card.name})"


def _as_json(inventory: Inventory, removals: Removals) -> dict[str, object]:
    def state(key: str, stays: str, removal: Removal | None) -> dict[str, object]:
        is_removed = bool(removal and key in removal.removed)
        because = (removal.staying.get(key, stays) if removal else stays) or None
        return {"is_untouched": not stays, "removed": is_removed, "stays_because": because}

    return {
        "cards": [
            {
                "email": each.thing.address,
                "name": each.thing.name,
                "groups": list(each.thing.groups),
                **state(each.key, each.stays, removals.cards),
            }
            for each in inventory.cards
        ],
        "groups": [
            {
                "name": each.thing.name,
                "members": each.thing.members,
                **state(each.key, each.stays, removals.groups),
            }
            for each in inventory.groups
        ],
        "labels": [
            {
                "name": each.key,
                "messages": each.thing.total_messages,
                **state(each.key, each.stays, removals.labels),
            }
            for each in inventory.labels
        ],
        "destinations": [
            {"name": name, "messages": mailbox.total_messages}
            for name, mailbox in inventory.destinations.items()
        ],
        "perhaps_of_earlier_settings": [*inventory.earlier_labels, *inventory.other_groups],
    }
