"""The provider's rules: where new mail goes, by the contact group its sender is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailroom.sandbox.store.account import Rules, SandboxAccount


def by_contact_group(mailboxes: Mapping[str, str | Sequence[str]], screener: str) -> Rules:
    """Return rules as Fastmail's and HEY's users write them.

    Args:
        mailboxes: The destination of mail from each contact group, or all its destinations.
        screener: Where mail from people without a card waits; with a card in no such group, it is
            the Inbox. A card ``*@dom.example`` is everybody's at that domain who is in no such group.
    """

    def rules(account: SandboxAccount, sender: str) -> str | Sequence[str]:
        own = account.cards_of(sender)
        of_domain = account.cards_of(f"*@{sender.rpartition('@')[2]}")
        for cards in (own, of_domain):
            titles = {title for card in cards for title in account.group_titles(card.summary.uid or "")}
            for group, mailbox in mailboxes.items():
                if group in titles:
                    return mailbox
        return account.with_role("inbox") if own or of_domain else screener

    return rules
