"""Rules as a Sieve script (RFC 5228) for Cyrus, whose ``jmapquery`` test knows contact groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import groupby

from attrs import field, frozen

from mailroom.model.contacts import CardUid
from mailroom.model.mail import MailboxId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import MailingList
from mailroom.output.programs import json_line
from mailroom.rules.routing import Rule


class GroupTest(Enum):
    """How the server's ``jmapquery`` names a contact group: the older form, and that of RFC 9610's cards."""

    GROUP_ID = "fromContactGroupId"
    CARD_UID = "fromContactCardUid"


@frozen
class SieveContext:
    """What a script names besides the rules.

    Attributes:
        mailbox_ids: Where mail is filed, by full name; a script finds a mailbox again after it was renamed.
        group_uids: The identifiers of the contact groups, by name.
        own: The account's own addresses; the person's own mail is not screened.
        reply_domains: What stands behind the @ in the Message-ID of mail that the person sends: a
            message that refers to such a one is a reply, and not screened.
    """

    mailbox_ids: Mapping[str, MailboxId]
    group_uids: Mapping[str, CardUid]
    group_test: GroupTest
    own: OwnAddresses = field(factory=OwnAddresses)
    reply_domains: Sequence[str] = ()


def render_sieve(rules: Iterable[Rule], context: SieveContext) -> str:
    """Write the rules as a script: equal rules and an equal context give the same, byte for byte.

    What follows the rules of mailing lists is the other branch of theirs. So nothing needs to stop the
    script, and it can be a part of a larger one.
    """
    listed = tuple(rules)
    of_lists = [rule for rule in listed if rule.lists]
    blocks = "\n".join(_block(rule, context) for rule in listed if not rule.lists)
    if of_lists:
        branches = groupby(of_lists, key=lambda rule: rule.lists)
        chain = " els".join(_branch(lists, tuple(filing), context) for lists, filing in branches)
        blocks = f"{chain} else {{\n\n{blocks}\n}}\n"
    return f'require ["fileinto", "mailboxid", "vnd.cyrus.jmapquery"];\n\n{blocks}'


def _branch(lists: Sequence[MailingList], rules: Sequence[Rule], context: SieveContext) -> str:
    """Write where the mail of lists goes; by several rules where that is into several mailboxes."""
    filing = "".join(_filing(rule, context) for rule in rules)
    keep = "  keep;\n" if filing and rules[0].keeps_inbox else ""
    return f"if {_is_of(lists)} {{\n  # {rules[-1].name}\n{filing}{keep}}}"


def _is_of(lists: Sequence[MailingList]) -> str:
    """Write the test whether a message is of one of some lists.

    An identifier is what stands between the last brackets of a List-Id, or alone in it. So it ends the
    header; where something stands behind it, such as a comment, no further bracket may. What looks
    otherwise is read by Mailroom alone.
    """
    literals = list(map(_literal, lists))
    ends = _list_id(key for each in literals for key in (f"*{each}", each.strip("<>")))
    has_more = _list_id(["*>*<*"])
    holds = _list_id(f"*{each}*" for each in literals)
    return f"anyof(\n{ends},\nallof(not {has_more},\n{holds}))"


def _list_id(patterns: Iterable[str]) -> str:
    return f'header :matches "list-id" {_strings(patterns)}'


def _literal(party: MailingList) -> str:
    """Write a list's identifier as a pattern that means it and nothing else."""
    # `${` begins a variable where a larger script requires them (RFC 5229 section 3).
    return re.sub(r"[*?]", r"\\\g<0>", party).replace("${", "?{")


def _block(rule: Rule, context: SieveContext) -> str:
    keep = "  keep;\n" if rule.keeps_inbox else ""
    return f"# {rule.name}\nif {_test(rule, context)}{{\n{_filing(rule, context)}{keep}}}\n"


def _test(rule: Rule, context: SieveContext) -> str:
    if rule.group is None:
        stranger = _jmapquery({"operator": "NOT", "conditions": [{"fromAnyContact": True}]})
        return _all_of([*_not_own(context), *_no_reply(context), stranger])
    is_member = _is_member(rule.group, context)
    if not rule.unless_in:
        return is_member
    # One test each: where a group is not there any more, a query that names it is false as a whole.
    others = [f"not {_is_member(group, context)}" for group in rule.unless_in]
    return _all_of([*_not_own(context), is_member, *others])


def _is_member(group: str, context: SieveContext) -> str:
    return _jmapquery({context.group_test.value: context.group_uids[group]})


def _all_of(tests: Sequence[str]) -> str:
    listed = ",\n".join(tests)
    return f"allof(\n{listed})\n"


def _not_own(context: SieveContext) -> Iterator[str]:
    if context.own.addresses:
        yield f'not address :is "from" {_strings(sorted(context.own.addresses))}'
    if context.own.domains:
        yield f'not address :domain :is "from" {_strings(sorted(context.own.domains))}'


def _no_reply(context: SieveContext) -> Iterator[str]:
    if context.reply_domains:
        ends = _strings([f"@{domain}>" for domain in sorted(context.reply_domains)])
        yield f'not header :contains ["in-reply-to", "references"] {ends}'


def _filing(rule: Rule, context: SieveContext) -> str:
    """Write where mail is filed; what is filed is kept nowhere else (RFC 5228 section 2.10.2)."""
    if rule.mailbox is None:
        return ""
    mailbox_id = context.mailbox_ids[rule.mailbox]
    return f"  fileinto :mailboxid {_string(mailbox_id)} {_string(rule.mailbox)};\n"


def _jmapquery(condition: Mapping[str, object]) -> str:
    """Write a test; its filter is one line that begins with a brace, so that no dot needs stuffing."""
    return f"jmapquery text:\n{json_line(condition)}\n.\n"


def _strings(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_string, values))}]"


def _string(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
