"""Rules as a Sieve script (RFC 5228) for Cyrus, whose ``jmapquery`` test knows contact groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from attrs import field, frozen

from mailroom.model.contacts import CardUid
from mailroom.model.mail import MailboxId
from mailroom.model.own import OwnAddresses
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
    """Write the rules as a script."""
    blocks = "\n".join(_block(rule, context) for rule in rules)
    return f'require ["fileinto", "mailboxid", "vnd.cyrus.jmapquery"];\n\n{blocks}'


def _block(rule: Rule, context: SieveContext) -> str:
    if rule.group is not None:
        test = _jmapquery({context.group_test.value: context.group_uids[rule.group]})
        return f"# {rule.name}\nif {test}{_filing(rule, context)}"
    stranger = _jmapquery({"operator": "NOT", "conditions": [{"fromAnyContact": True}]})
    tests = []
    if context.own.addresses:
        tests.append(f'not address :is "from" {_strings(sorted(context.own.addresses))}')
    if context.own.domains:
        tests.append(f'not address :domain :is "from" {_strings(sorted(context.own.domains))}')
    if context.reply_domains:
        ends = _strings([f"@{domain}>" for domain in context.reply_domains])
        tests.append(f'not header :contains ["in-reply-to", "references"] {ends}')
    listed = ",\n".join([*tests, stranger])
    return f"# {rule.name}\nif allof(\n{listed})\n{_filing(rule, context)}"


def _filing(rule: Rule, context: SieveContext) -> str:
    mailbox_id = context.mailbox_ids[rule.mailbox]
    keep = (
        "  keep;\n" if rule.keeps_inbox else ""
    )  # what is filed is kept nowhere else (RFC 5228 section 2.10.2)
    return f"{{\n  fileinto :mailboxid {_string(mailbox_id)} {_string(rule.mailbox)};\n{keep}}}\n"


def _jmapquery(condition: Mapping[str, object]) -> str:
    """Write a test; its filter is one line that begins with a brace, so that no dot needs stuffing."""
    return f"jmapquery text:\n{json_line(condition)}\n.\n"


def _strings(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_string, values))}]"


def _string(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
