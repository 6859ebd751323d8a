"""The credentials that the secrets make, as the RFCs have them, and where a person gets new ones."""

from __future__ import annotations

import base64

from mailroom.http import Credentials


def jmap_credentials(token: str) -> Credentials:
    """Return what proves to the mail server who asks (RFC 6750)."""
    return Credentials(
        f"Bearer {token}",
        name="token",
        server="mail server",
        variables=("MAILROOM_JMAP_TOKEN",),
        renewal="make a new one (Fastmail: Settings → Privacy & Security → API tokens) "
        "with read and write access to Email",
    )


def carddav_credentials(username: str, password: str) -> Credentials:
    """Return what proves to the contacts server who asks (RFC 7617)."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    return Credentials(
        f"Basic {pair}",
        name="user name or the password",
        server="contacts server",
        variables=("MAILROOM_CARDDAV_USERNAME", "MAILROOM_CARDDAV_PASSWORD"),
        renewal="make a new app password (Fastmail: Settings → Privacy & Security → App passwords) "
        "with access to Contacts",
    )
