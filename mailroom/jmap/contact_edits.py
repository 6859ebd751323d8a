"""Which contact groups a change patches over JMAP, and which it must not."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, define

from mailroom.contacts.identity import bare_uid
from mailroom.jmap.client import JmapClient
from mailroom.jmap.contact_groups import Group
from mailroom.jmap.contact_replica import ContactReplica
from mailroom.jmap.contact_shares import why_not_patched
from mailroom.model.contacts import Membership

WAY_ON = "their share would be damaged over JMAP; with a CardDAV app password it is changed over CardDAV"


@define
class Edits:
    """What is to be done to contact groups.

    Attributes:
        ids: What the server calls those that may be patched, by their names.
        patches: Which identifiers come into them (true), and which go, by the groups' ids.
        beside: What is to be done to others over another protocol, by their names.
        failed: Why others are not changed, by their names.
    """

    ids: dict[str, str] = Factory(dict)
    patches: dict[str, dict[str, bool]] = Factory(dict)
    beside: dict[str, Membership] = Factory(dict)
    failed: dict[str, str] = Factory(dict)

    def by_name(self, failed: Mapping[str, str]) -> dict[str, str]:
        """Return by their names why groups failed."""
        return {name: failed[group] for name, group in self.ids.items() if group in failed}


def open_edits(
    client: JmapClient,
    replica: ContactReplica,
    meant: Mapping[str, tuple[Group, Membership]],
    failed: Mapping[str, str],
    *,
    may_go_beside: bool,
) -> Edits:
    """Say what is to be done to groups.

    Args:
        meant: The groups with what is asked for, by their names.
        failed: Why there is none of other names.
        may_go_beside: Whether there is another protocol for what cannot be patched.

    Raises:
        ServerError: Whether a group has members of other accounts could not be asked.
    """
    edits = Edits(failed=dict(failed))
    has_others = bool(client.session.require_contacts().others)
    known = replica.uids() if has_others and meant else set()
    for name, (group, membership) in meant.items():
        reason = why_not_patched(client, group.members - known) if has_others else ""
        if not reason:
            edits.ids[name] = group.id
            if patch := _patch(group, membership):
                edits.patches[group.id] = patch
        elif may_go_beside:
            edits.beside[name] = membership
        else:
            edits.failed[name] = f"the contact group {name!r} is not changed: {reason}; {WAY_ON}"
    return edits


def _patch(group: Group, membership: Membership) -> dict[str, bool]:
    """Return what makes a group have, and not have, members; who is both to come and to go, comes."""
    coming = {str(uid) for uid in membership.add}
    leaving = {bare_uid(uid) for uid in membership.remove} - {bare_uid(uid) for uid in coming}
    gone = {uid: False for uid in group.members if bare_uid(uid) in leaving}
    return gone | dict.fromkeys(sorted(coming - group.members), True)
