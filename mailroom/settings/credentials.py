"""The credentials that the secrets make, as the RFCs have them, and where a person gets new ones."""

from __future__ import annotations

import base64

from mailroom.http import Credentials
from mailroom.settings.variables import CARDDAV_URL, JMAP_SESSION_URL, default_of


def jmap_credentials(token: str, url: str, scopes: str = "Email") -> Credentials:
    """Return what proves to the mail server at `url` who asks (RFC 6750).

    Args:
        scopes: What a token has to give access to.
    """
    return Credentials(
        f"Bearer {token}",
        name="token",
        server="mail server",
        variables=("MAILROOM_JMAP_TOKEN",),
        renewal="make a new one (Fastmail: Settings → Privacy & Security → API tokens) "
        f"with read and write access to {scopes}",
        address_variable=_if_set(JMAP_SESSION_URL, url),
    )


def carddav_credentials(username: str, password: str, url: str) -> Credentials:
    """Return what proves to the contacts server at `url` who asks (RFC 7617)."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    return Credentials(
        f"Basic {pair}",
        name="user name or the password",
        server="contacts server",
        variables=("MAILROOM_CARDDAV_USERNAME", "MAILROOM_CARDDAV_PASSWORD"),
        renewal="make a new app password (Fastmail: Settings → Privacy & Security → App passwords) "
        "with access to Contacts",
        address_variable=_if_set(CARDDAV_URL, url),
    )


def _if_set(variable: str, value: str) -> str:
    """Return a variable's name where a person has set it: what holds by itself is not theirs to mend."""
    return "" if value == default_of(variable) else variable
