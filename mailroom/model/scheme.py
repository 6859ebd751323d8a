"""What a person can decide about a sender, and the names their account uses for it."""

from __future__ import annotations

from attrs import field, frozen

from mailroom.model.contacts import CardKind


@frozen
class Category:
    """One thing a person can decide about a sender; data, so that there can be more of them.

    Attributes:
        title: Its name for people and logs.
        label: The triage label, a mailbox's name.
        group: The contact group that the provider's rules look at.
        mailbox: The destination's name, or None for the Inbox.
        kind: What kind of card a new sender gets.
        label_variable: The setting that names the label.
        group_variable: The setting that names the contact group, and with it the destination.
    """

    title: str
    label: str
    group: str
    mailbox: str | None
    kind: CardKind
    label_variable: str = field(default="", eq=False)
    group_variable: str = field(default="", eq=False)


@frozen
class Scheme:
    """The names a person's account uses for everything Mailroom works with.

    Attributes:
        categories: What can be decided; labels are distinct, groups may be shared.
        screener: The mailbox in which unknown senders wait.
        error_label: Marks a message whose triage needs the person.
        warning_label: Marks a message whose display name differs from its card's; None turns warnings off.
        screener_variable: The setting that names Screener; the others likewise.
    """

    categories: tuple[Category, ...]
    screener: str
    error_label: str
    warning_label: str | None
    screener_variable: str = field(default="", eq=False)
    error_variable: str = field(default="", eq=False)
    warning_variable: str = field(default="", eq=False)

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the triage groups, each once, in the order of the categories."""
        return tuple(dict.fromkeys(category.group for category in self.categories))
