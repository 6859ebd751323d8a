"""What an account needs before triage can begin, what of it is there, and what a person can do. Pure.

Advice is followed here before it is given: on a copy of what was seen, where it must fix what it is
for and spoil nothing else. So it works, and no second piece of advice leads back to where the first began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from mailroom.model.mailboxes import MailboxTree
from mailroom.model.names import fold_name
from mailroom.model.scheme import ContactGroup, Name, Scheme
from mailroom.triage.items import GROUPS, NOTHING_RENAMED, OPTIONAL, Item, Kind, Obstacle, Renamed, State


def survey(
    tree: MailboxTree | None,
    group_names: Sequence[str] | None,
    scheme: Scheme,
    renamed: Renamed = NOTHING_RENAMED,
) -> list[Item]:
    """Say of each thing that the scheme names whether it is there.

    Args:
        tree: The account's mailboxes; None where they are not known: then nothing is said of them.
        group_names: The names of its contact groups, each as often as it occurs; None likewise.
        renamed: What of it was there under its name, and is called otherwise now.
    """
    account = _Survey(tree, group_names, scheme, renamed)
    items = account.items()
    return [
        evolve(item, remedy=_remedy(account, items, number)) if item.state is State.TAKEN else item
        for number, item in enumerate(items)
    ]


def problems_of(items: Sequence[Item]) -> list[str]:
    """Say what is wrong, in sentences that say how to fix it; nothing of what triage works without."""
    items = [item for item in items if item.kind not in OPTIONAL]
    missing = [item for item in items if item.state is State.MISSING]
    return [
        *_missing("mailbox", "mailboxes", [item.name for item in missing if item.kind not in GROUPS]),
        *_missing("contact group", "contact groups", [x.name for x in missing if x.kind in GROUPS]),
        *(f"{item.kind.value} {item.name!r}: {item.remedy}" for item in items if item.remedy),
    ]


def about(items: Sequence[Item]) -> str:
    """Say which mailboxes and contact groups are not as triage needs them, by their names alone."""
    there = {State.PRESENT, State.MADE}
    return ", ".join(sorted({x.name for x in items if x.state not in there and x.kind not in OPTIONAL}))


def _missing(one: str, several: str, names: Sequence[str]) -> list[str]:
    shown = ", ".join(map(repr, names))
    match len(names):
        case 0:
            return []
        case 1:
            return [f"the {one} {shown} is missing: `mailroom setup --apply` makes it"]
        case _:
            return [f"the {several} {shown} are missing: `mailroom setup --apply` makes them"]


@frozen
class _Survey:
    """What is there, and what is wanted."""

    tree: MailboxTree | None
    group_names: Sequence[str] | None
    scheme: Scheme
    renamed: Renamed

    def items(self) -> list[Item]:
        """Look for each thing; without remedies."""
        items: list[Item] = []
        if self.tree is not None:
            wanted = _wanted_mailboxes(self.scheme)
            there = _MailboxFinder(self.tree, frozenset(name for _, name in wanted))
            items += [self._renamed_mailbox(there.find(kind, name), self.tree) for kind, name in wanted]
        if self.group_names is not None:
            found = Counter(self.group_names)
            groups = [
                _renamed(_find_group(kind, group.name, found), self.renamed.groups, found)
                for kind, group in _wanted_groups(self.scheme)
            ]
            items += [each for each in groups if not self._goes_without(each)]
        return items

    def _goes_without(self, item: Item) -> bool:
        """Whether nobody needs what is missing: without the label, nothing new is put into it."""
        is_for_domains = item.kind is Kind.DOMAIN_GROUP
        return is_for_domains and item.state is State.MISSING and not self.scheme.domain_label

    def _renamed_mailbox(self, item: Item, tree: MailboxTree) -> Item:
        item = _renamed(item, self.renamed.mailboxes, tree.ids)
        return _renamed(item, self.renamed.likely, tree.ids, Obstacle.LIKELY)

    def role_of(self, path: str) -> str | None:
        """Return what a mailbox is for; None where it is for nothing."""
        return self.tree.role_of(path) if self.tree else None

    def count_of(self, item: Item) -> int:
        """Return how many things have an item's name."""
        if item.kind in GROUPS:
            return (self.group_names or ()).count(item.name)
        return len(self.tree.named(item.name)) if self.tree else 0

    def with_mailbox_named(self, path: str, new_path: str) -> _Survey:
        """Rename or move a mailbox, and with it what lies in it."""
        tree = self.tree or MailboxTree(())
        changed = []
        for mailbox in tree.mailboxes:
            if tree.paths[mailbox.id] == path:
                # A name may hold a slash itself.
                parts = new_path.rsplit("/", mailbox.name.count("/") + 1)
                parent = "/".join(parts[: -1 - mailbox.name.count("/")])
                name = new_path[len(parent) :].removeprefix("/")
                mailbox = evolve(mailbox, name=name, parent_id=tree.ids.get(parent))  # noqa: PLW2901
            changed.append(mailbox)
        return evolve(self, tree=MailboxTree(changed))

    def with_group_named(self, name: str, new_name: str) -> _Survey:
        """Rename a contact group."""
        names = [new_name if each == name else each for each in self.group_names or ()]
        return evolve(self, group_names=names)

    def names_both(self, setting: str) -> bool:
        """Whether a setting names a contact group as well as its mailbox."""
        return any(
            x.mailbox is not None and x.name.setting == x.mailbox.setting == setting
            for x in self.scheme.groups
        )

    def with_setting(self, setting: str, text: str) -> _Survey:
        """Let a setting name something else."""
        return evolve(self, scheme=self.scheme.with_setting(setting, text))


def _wanted_mailboxes(scheme: Scheme) -> list[tuple[Kind, Name]]:
    """Return what each mailbox is for, and its name."""
    return [
        (Kind.SCREENER, scheme.screener),
        *((Kind.DESTINATION, name) for name in scheme.destinations),
        *((Kind.TRIAGE_LABEL, name) for name in scheme.labels),
        *([(Kind.SCREENER_LABEL, scheme.screener_label)] if scheme.screener_label else []),
        (Kind.ERROR_LABEL, scheme.error_label),
        *([(Kind.WARNING_LABEL, scheme.warning_label)] if scheme.warning_label else []),
        *([(Kind.JOURNAL, scheme.journal)] if scheme.journal else []),
        *([(Kind.DOMAIN_LABEL, scheme.domain_label)] if scheme.domain_label else []),
        *([(Kind.LIST_LABEL, scheme.list_label)] if scheme.list_label else []),
    ]


def _wanted_groups(scheme: Scheme) -> list[tuple[Kind, ContactGroup]]:
    """Return what each contact group is for, and the group; one that is for both, for senders."""
    wanted = dict.fromkeys(scheme.domain_groups, Kind.DOMAIN_GROUP) | dict.fromkeys(scheme.groups, Kind.GROUP)
    groups = dict.fromkeys(scheme.all_groups)
    return [(wanted[group], group) for group in groups]


@frozen
class _MailboxFinder:
    """The mailboxes that are there.

    Attributes:
        wanted: The full names that the scheme uses: none of them stands in the place of another.
    """

    tree: MailboxTree
    wanted: frozenset[str]

    def find(self, kind: Kind, name: Name) -> Item:
        """Say whether a mailbox is there."""
        match self.tree.named(name):
            case [mailbox] if mailbox.role:
                return Item(kind, name, State.TAKEN, Obstacle.ROLE, name)
            case [_]:
                return Item(kind, name, State.PRESENT)
            case [_, *_]:
                return Item(kind, name, State.TAKEN, Obstacle.DOUBLED, name)
        for obstacle, found, instead in (*self._in_another_case(name), *self._at_another_level(name)):
            # Its own place in the account: what has a role is for something else.
            has_role = found == instead and self.tree.role_of(found)
            return Item(kind, name, State.TAKEN, Obstacle.ROLE if has_role else obstacle, found, instead)
        return Item(kind, name, State.MISSING)

    def _in_another_case(self, name: str) -> Iterator[tuple[Obstacle, str, str]]:
        """Find the mailbox, or else one that it lies in: made beside it, that would be there twice."""
        like = {fold_name(path): path for path in self.tree.ids if path not in self.wanted}
        parts = name.split("/")
        for depth in range(len(parts), 0, -1):
            ancestor = "/".join(parts[:depth])
            if ancestor in self.tree.ids:
                return
            if found := like.get(fold_name(ancestor)):
                yield Obstacle.CASE, found, "/".join([found, *parts[depth:]])
                return

    def _at_another_level(self, name: str) -> Iterator[tuple[Obstacle, str, str]]:
        last = fold_name(name.rpartition("/")[2])
        for path in self.tree.ids:
            is_like = fold_name(path.rpartition("/")[2]) == last
            if is_like and path not in self.wanted and not self.tree.role_of(path):
                yield Obstacle.LEVEL, path, path


def _find_group(kind: Kind, name: Name, found: Counter[str]) -> Item:
    if found[name] > 1:
        return Item(kind, name, State.TAKEN, Obstacle.DOUBLED, name)
    if found[name]:
        return Item(kind, name, State.PRESENT)
    for other in found:
        if fold_name(other) == fold_name(name):
            return Item(kind, name, State.TAKEN, Obstacle.CASE, other, other)
    return Item(kind, name, State.MISSING)


def _renamed(
    item: Item, renamed: Mapping[str, str], there: Container[str], obstacle: Obstacle = Obstacle.RENAMED
) -> Item:
    """Say of what is missing that it is there under another name, where it is."""
    now = renamed.get(item.name, "")
    if item.state is not State.MISSING or now not in there:
        return item
    return evolve(item, state=State.TAKEN, obstacle=obstacle, found=now, instead=now)


_SAYS = {
    Obstacle.RENAMED: "it is called {!r} now",
    Obstacle.LIKELY: "{!r} holds the mail of its senders",
}


def _remedy(account: _Survey, items: Sequence[Item], number: int) -> str:
    """Say what the person can do about a name that is taken."""
    item = items[number]
    another = f"set {item.name.setting or 'the setting'} to another name"
    match item.obstacle:
        case Obstacle.ROLE:
            return f"{item.found!r} is the account's {account.role_of(item.found)}: {another}"
        case Obstacle.DOUBLED:
            return f"{account.count_of(item)} have this name: rename or delete all but one"
        case _:
            ways = [way for way, after in _ways(account, item) if _helps(after, items, number)]
            if item.obstacle in {Obstacle.LEVEL, Obstacle.LIKELY}:
                ways.append(f"make {item.name!r} yourself if that is something else")
            is_now = _SAYS.get(item.obstacle or Obstacle.CASE, "{!r} exists").format(item.found)
            return f"{is_now}: {', or '.join(ways or [another])}"


def _ways(account: _Survey, item: Item) -> Iterator[tuple[str, _Survey]]:
    """Yield what could be done, and the account as it would be then."""
    # What lies in the mailbox that was found does not change its name.
    target = item.name.removesuffix(item.instead.removeprefix(item.found))
    if item.kind in GROUPS:
        yield f"rename it to {target!r}", account.with_group_named(item.found, target)
    elif not account.role_of(item.found):
        act = "move" if item.obstacle is Obstacle.LEVEL else "rename"
        yield f"{act} it to {target!r}", account.with_mailbox_named(item.found, target)
    is_shared = account.names_both(item.name.setting)
    if is_shared and None in (account.tree, account.group_names):
        return  # what the setting would do to the other of the two, nobody can say
    if is_shared and "/" in item.instead and "/" not in item.name:
        return  # the name of a contact group is no path, unless the person wants it so
    if setting := item.name.setting:
        yield f"set {setting}={item.instead}", account.with_setting(setting, item.instead)


def _helps(after: _Survey, items: Sequence[Item], number: int) -> bool:
    """Whether less stands in the way of the item than before, and nothing else is worse off."""
    names = [fold_name(name) for _, name in _wanted_mailboxes(after.scheme)]
    now = after.items()
    return (
        len(set(names)) == len(names)
        and len(now) == len(items)
        and _badness(now[number]) < _badness(items[number])
        and all(_badness(new) <= _badness(old) for new, old in zip(now, items, strict=True))
    )


def _badness(item: Item) -> int:
    """Return a number that falls with each piece of advice that is followed, so that there is a last one."""
    if item.obstacle is None:
        return 0 if item.state is State.PRESENT else 1
    return {
        Obstacle.LEVEL: 2,
        Obstacle.LIKELY: 2,
        Obstacle.CASE: 3,
        Obstacle.RENAMED: 3,
        Obstacle.ROLE: 4,
        Obstacle.DOUBLED: 4,
    }[item.obstacle]
