"""What a person can decide about a sender, and the names their account uses for it."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import Self

from attrs import evolve, field, frozen

from mailroom.model.contacts import CardKind
from mailroom.model.party import Party, PartyKind, kind_of


class Name(str):
    """What the person calls something in their account: a text like any other, that knows where it was said.

    Attributes:
        setting: The setting that names it; empty where none does. Equal texts are equal names all the same.
    """

    __slots__ = ("setting",)
    setting: str

    def __new__(cls, text: str, setting: str = "") -> Self:
        """Name something."""
        name = super().__new__(cls, text)
        name.setting = setting
        return name


def as_name(text: str) -> Name:
    """Return a text as a name; one that is a name already keeps its setting."""
    return text if isinstance(text, Name) else Name(text)


@frozen
class ContactGroup:
    """A contact group that the provider's rules look at, and where its members' mail belongs.

    Attributes:
        mailbox: The destination's full name; None for the Inbox.
        also: Further mailboxes that their mail is in besides, such as the one that the first lies in.
    """

    name: Name
    mailbox: Name | None
    also: tuple[Name, ...] = ()

    @property
    def mailboxes(self) -> tuple[Name, ...]:
        """Every mailbox besides the Inbox that their mail is put into."""
        return (*((self.mailbox,) if self.mailbox is not None else ()), *self.also)


def default_domain_group(name: str) -> str:
    """Return what the contact group for domains is called beside that of senders."""
    return f"{name} domains"


class ReadMail(Enum):
    """What becomes of the read mail of a sender whose mail now belongs in the Inbox, and did not before."""

    ARCHIVE = "archive"
    """It goes to the Archive: it would flood the Inbox."""

    KEEP = "keep"
    """It stays where it is."""


@frozen
class Category:
    """One thing a person can decide about a sender; data, so that there can be more of them.

    Attributes:
        title: Its name for people and logs.
        label: The triage label, a mailbox's full name.
        group: The contact group that its senders are in; categories may share one.
        kind: What kind of card a new sender gets.
        read_mail: What becomes of a sender's read mail when they change to it; only of note where the
            Inbox is its destination.
        approves: Whether it is what people are to whom the person has written.
        domain_group: The contact group of the domains that are decided on as a whole, with the destination
            of `group`; called after it by default.
        is_unwanted: Whether it is for what the person does not want to see at all.
    """

    title: Name = field(converter=as_name)
    label: Name
    group: ContactGroup
    kind: CardKind
    read_mail: ReadMail = ReadMail.ARCHIVE
    approves: bool = False
    domain_group: ContactGroup = field()
    is_unwanted: bool = False

    @domain_group.default
    def _after_group(self) -> ContactGroup:
        return evolve(self.group, name=Name(default_domain_group(self.group.name)))

    def group_for(self, party: Party) -> ContactGroup:
        """Return the contact group that stands for this decision about a party."""
        return self.domain_group if kind_of(party) is PartyKind.DOMAIN else self.group

    @property
    def is_undecided(self) -> bool:
        """Whether it is `Scheme.undecided`: the person takes their decision back."""
        return not self.group.name


@frozen
class Scheme:
    """The names a person's account uses for everything Mailroom works with.

    Attributes:
        categories: What can be decided; labels are distinct, groups may be shared.
        screener: The mailbox in which unknown senders wait.
        error_label: Marks a message whose triage needs the person.
        warning_label: Marks a message whose display name differs from its card's; None turns warnings off.
        screener_label: Takes a decision back; None where there is no such label.
        journal: The mailbox that tells what was done; None where no journal is kept.
        domain_label: Makes of a decision about a sender one about everybody at their domain; None where there
            is no such label. What is decided about a domain stands all the same.
        list_label: Makes of it one about the mailing list over which the message came; likewise.
    """

    categories: tuple[Category, ...]
    screener: Name
    error_label: Name
    warning_label: Name | None
    screener_label: Name | None = None
    journal: Name | None = None
    domain_label: Name | None = None
    list_label: Name | None = None

    @cached_property
    def groups(self) -> tuple[ContactGroup, ...]:
        """The triage groups, each once, in the order of the categories."""
        return tuple(dict.fromkeys(category.group for category in self.categories))

    @cached_property
    def domain_groups(self) -> tuple[ContactGroup, ...]:
        """The contact groups of domains, likewise."""
        return tuple(dict.fromkeys(category.domain_group for category in self.categories))

    @cached_property
    def all_groups(self) -> tuple[ContactGroup, ...]:
        """Every contact group that stands for a decision: those of senders, then those of domains."""
        return (*self.groups, *self.domain_groups)

    @cached_property
    def undecided(self) -> Category:
        """What it is to be decided on by nobody: in no contact group, with mail in Screener."""
        nobody = ContactGroup(Name(""), self.screener)
        label = self.screener_label or Name("")
        return Category("Undecided", label, nobody, CardKind.COMPANY, domain_group=nobody)

    @property
    def approving(self) -> Category | None:
        """What people are to whom the person has written; None where no category is for them."""
        return next((category for category in self.categories if category.approves), None)

    @property
    def labels(self) -> tuple[Name, ...]:
        """The triage labels."""
        return tuple(category.label for category in self.categories)

    @property
    def marks(self) -> tuple[Name, ...]:
        """The mailboxes besides them that are Mailroom's own: what it marks, tells and is told by."""
        names = (
            self.error_label,
            self.warning_label,
            self.screener_label,
            self.journal,
            self.domain_label,
            self.list_label,
        )
        return tuple(name for name in names if name)

    @property
    def destinations(self) -> tuple[Name, ...]:
        """The mailboxes besides the Inbox that senders' mail belongs in, each once."""
        return tuple(dict.fromkeys(name for group in self.groups for name in group.mailboxes))

    def category_of(self, group: ContactGroup) -> Category:
        """Return what being in a contact group stands for: the first of the categories that share it."""
        return next(each for each in self.categories if group in (each.group, each.domain_group))

    def with_setting(self, setting: str, text: str) -> Scheme:
        """Return the scheme as it is where that setting says `text`."""

        def now(name: Name) -> Name:
            return Name(text, setting) if name.setting == setting else name

        def group(each: ContactGroup) -> ContactGroup:
            return ContactGroup(
                now(each.name), each.mailbox and now(each.mailbox), tuple(map(now, each.also))
            )

        def category(each: Category) -> Category:
            return evolve(
                each,
                label=now(each.label),
                group=group(each.group),
                domain_group=group(each.domain_group),
            )

        return Scheme(
            categories=tuple(map(category, self.categories)),
            screener=now(self.screener),
            error_label=now(self.error_label),
            warning_label=self.warning_label and now(self.warning_label),
            screener_label=self.screener_label and now(self.screener_label),
            journal=self.journal and now(self.journal),
            domain_label=self.domain_label and now(self.domain_label),
            list_label=self.list_label and now(self.list_label),
        )
