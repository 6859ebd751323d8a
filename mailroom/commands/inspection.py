"""What the servers say of an account, asked once; `check` and `setup` say the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import evolve, frozen

from mailroom.account import Account
from mailroom.errors import AuthenticationError, ServerError, UserError
from mailroom.jmap.session import Session
from mailroom.model.address_book import Contacts
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.ports import Reading
from mailroom.model.scheme import Scheme
from mailroom.triage.items import NOTHING_RENAMED, Item, renamed_groups
from mailroom.triage.renaming import MOST_MESSAGES, find_destinations, suspects
from mailroom.triage.survey import survey

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


@frozen
class Told(Generic[T_co]):
    """What a server said.

    Attributes:
        value: What was asked for; None where it did not come.
        trouble: Why it did not come, and what to do.
        is_refused: Whether that is because the server refuses the credentials.
    """

    value: T_co | None = None
    trouble: str = ""
    is_refused: bool = False


@frozen
class Inspection:
    """What an account has, as far as its servers answer.

    Attributes:
        reading: The mailboxes; no message.
        tree: These mailboxes by their full names; None where they could not be read.
        items: What the scheme names, of that side of the account that could be seen.
    """

    session: Told[Session]
    reading: Told[Reading]
    contacts: Told[Contacts]
    tree: MailboxTree | None
    items: tuple[Item, ...]

    @property
    def troubles(self) -> list[str]:
        """Why something could not be seen, each reason once."""
        told = (self.session, self.reading, self.contacts)
        return list(dict.fromkeys(each.trouble for each in told if each.trouble))


def inspect(account: Account, scheme: Scheme) -> Inspection:
    """Ask both servers, whatever the other answers. Reads only."""
    session = _ask(lambda: account.jmap.session)
    reading: Told[Reading] = Told(trouble=session.trouble, is_refused=session.is_refused)
    if session.value:
        reading = _ask(lambda: account.mail.read([]))
    contacts: Told[Contacts] = _ask(account.book.refresh)
    tree = MailboxTree(reading.value.mailboxes) if reading.value else None
    known = contacts.value
    renamed = renamed_groups(known, scheme) if known else NOTHING_RENAMED
    group_names = known.group_names() if known else None
    items = survey(tree, group_names, scheme, renamed)
    if tree and known and (places := suspects(items, tree)):
        newest = _ask(lambda: account.history.newest(places, "", MOST_MESSAGES)).value or {}
        likely = find_destinations(places, newest.values(), known, tree, scheme)
        items = survey(tree, group_names, scheme, evolve(renamed, likely=likely))
    return Inspection(session, reading, contacts, tree, tuple(items))


def _ask(question: Callable[[], T]) -> Told[T]:
    try:
        return Told(question())
    except AuthenticationError as error:
        return Told(trouble=str(error), is_refused=True)
    except (UserError, ServerError) as error:
        return Told(trouble=str(error))
