"""Every MAILROOM_ variable, read once into one frozen record; all problems are reported together."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import environs
from attrs import field, frozen

from mailroom.errors import UserError
from mailroom.http import is_loopback
from mailroom.triage.model import CardKind, Category, Scheme

PREFIX: Final = "MAILROOM_"

PUBLIC_DEFAULTS: Final[Mapping[str, str]] = {
    "MAILROOM_POLL_INTERVAL": "300",
    "MAILROOM_LOG_LEVEL": "info",
    "MAILROOM_LABEL_TO_IMBOX": "@ToImbox",
    "MAILROOM_LABEL_TO_FEED": "@ToFeed",
    "MAILROOM_LABEL_TO_PAPER_TRAIL": "@ToPaperTrail",
    "MAILROOM_LABEL_TO_JAIL": "@ToJail",
    "MAILROOM_LABEL_TO_PERSON": "@ToPerson",
    "MAILROOM_LABEL_MAILROOM_ERROR": "@MailroomError",
    "MAILROOM_LABEL_MAILROOM_WARNING": "@MailroomWarning",
    "MAILROOM_WARNINGS_ENABLED": "true",
    "MAILROOM_GROUP_IMBOX": "Imbox",
    "MAILROOM_GROUP_FEED": "Feed",
    "MAILROOM_GROUP_PAPER_TRAIL": "Paper Trail",
    "MAILROOM_GROUP_JAIL": "Jail",
    "MAILROOM_SCREENER_MAILBOX": "Screener",
}
"""The public settings with their defaults: the contract with the ConfigMap."""

CONNECTION_DEFAULTS: Final[Mapping[str, str]] = {
    "MAILROOM_JMAP_SESSION_URL": "https://api.fastmail.com/jmap/session",
    "MAILROOM_CARDDAV_URL": "https://carddav.fastmail.com/",
    "MAILROOM_HEALTH_PORT": "8080",
}
"""Settings for other servers and for tests."""

SECRETS: Final = ("MAILROOM_JMAP_TOKEN", "MAILROOM_CARDDAV_USERNAME", "MAILROOM_CARDDAV_PASSWORD")
"""The secrets; each may be given as a file's name in a variable that ends in _FILE."""

LOG_LEVELS: Final = ("debug", "info", "warning", "error")


@frozen
class Settings:
    """What the environment says. Secrets do not show in its repr."""

    poll_interval_seconds: float
    log_level: str
    scheme: Scheme
    jmap_session_url: str
    carddav_url: str
    health_port: int
    jmap_token: str = field(repr=False)
    carddav_username: str = field(repr=False)
    carddav_password: str = field(repr=False)

    @property
    def jmap_authorization(self) -> str:
        """The Authorization header for JMAP (RFC 6750)."""
        return f"Bearer {self.jmap_token}"

    @property
    def carddav_authorization(self) -> str:
        """The Authorization header for CardDAV (RFC 7617)."""
        pair = f"{self.carddav_username}:{self.carddav_password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"
