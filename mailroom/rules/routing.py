"""How the provider's own rules route mail by mailing list and contact group, as data. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from attrs import frozen

from mailroom.model.address_book import Contacts
from mailroom.model.party import MailingList, PartyKind, kind_of
from mailroom.model.scheme import ContactGroup, Scheme

MAX_CONDITIONS = 50
"""So many mailing lists are in one rule; more of them are several rules."""


@frozen(order=True)
class ListRoute:
    """A mailing list that is decided on.

    Attributes:
        group: The name of the contact group that its card is in.
    """

    list: MailingList
    group: str


@frozen
class Rule:
    """Where one kind of mail goes. Rules are tried in order, and each lets the others apply unless it stops.

    Attributes:
        group: The contact group whose members it is about; None for a rule of mailing lists, and for
            everybody who is no contact.
        mailbox: The full name of where their mail is filed; None for nowhere besides the Inbox.
        keeps_inbox: Whether it is in the Inbox as well.
        unless_in: The contact groups whose members it leaves out.
        lists: The mailing lists that it is about, whoever writes.
        stops: Whether no rule after it applies. A rule of lists that does not stop is followed by others
            of the same lists, the last of which does.
    """

    name: str
    group: str | None
    mailbox: str | None
    keeps_inbox: bool = False
    unless_in: tuple[str, ...] = ()
    lists: tuple[MailingList, ...] = ()
    stops: bool = False


def routing_rules(
    scheme: Scheme, lists: Iterable[ListRoute] = (), *, there: Collection[str] | None = None
) -> tuple[Rule, ...]:
    """Return the rules of a scheme: mailing lists first, then senders, then domains, Screener last.

    What decides about a message stands first: a list before its sender, a sender before their domain. Of
    the lists those of the first group do, which so decides about a message of several.
    Mail of all other contacts, those of a group whose destination is the Inbox among them, is left in
    the Inbox by having no rule; a list with that destination has one, for those who write to it are
    mostly no contacts. Each further mailbox of a group has a rule of its own.

    Args:
        there: The names of the account's contact groups. A group for domains that is not among them
            routes nothing; None where all are there.
    """
    senders = tuple(group.name for group in scheme.groups)
    domains = [group for group in scheme.domain_groups if there is None or group.name in there]
    return (
        *_rules_of_lists(scheme, lists),
        *chain.from_iterable(_rules_of(group) for group in scheme.groups),
        *chain.from_iterable(_rules_of(group, senders) for group in domains),
        Rule("Mailroom: Screener", None, scheme.screener),
    )


def rules_of(contacts: Contacts, scheme: Scheme) -> tuple[Rule, ...]:
    """Return the rules for the contact groups that are there and the mailing lists that are decided on."""
    return routing_rules(scheme, list_routes(contacts, scheme), there=contacts.group_names())


def list_routes(contacts: Contacts, scheme: Scheme) -> tuple[ListRoute, ...]:
    """Return which mailing lists are decided on, by their cards in the triage groups; sorted."""
    names = {group.name for group in scheme.all_groups}
    lists = (MailingList(each) for each in contacts.addresses() if kind_of(each) is PartyKind.LIST)
    return tuple(
        sorted(
            {
                ListRoute(each, group)
                for each in lists
                for card in contacts.cards(each)
                for group in names.intersection(contacts.groups(card.uid))
            }
        )
    )


def _rules_of(group: ContactGroup, unless_in: tuple[str, ...] = ()) -> Iterator[Rule]:
    name = f"Mailroom: {group.name}"
    if group.mailbox is not None:
        yield Rule(name, group.name, group.mailbox, unless_in=unless_in)
    for each in group.also:
        in_inbox = group.mailbox is None
        yield Rule(f"{name} also in {each}", group.name, each, keeps_inbox=in_inbox, unless_in=unless_in)


def _rules_of_lists(scheme: Scheme, lists: Iterable[ListRoute]) -> Iterator[Rule]:
    routes = sorted(set(lists))
    for group in scheme.all_groups:
        decided = [route.list for route in routes if route.group == group.name]
        for number, start in enumerate(range(0, len(decided), MAX_CONDITIONS), 1):
            some = tuple(decided[start : start + MAX_CONDITIONS])
            name = f"Mailroom: lists in {group.name}" + (f" ({number})" if number > 1 else "")
            in_inbox = group.mailbox is None
            for each in group.also:
                yield Rule(f"{name} also in {each}", None, each, keeps_inbox=in_inbox, lists=some)
            yield Rule(name, None, group.mailbox, keeps_inbox=in_inbox, lists=some, stops=True)
