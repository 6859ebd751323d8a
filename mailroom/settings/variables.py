"""The variables: their names and defaults, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mailroom.output.logs import LOG_FORMATS

CATEGORIES_FILE: Final = "MAILROOM_CATEGORIES_FILE"
CARDDAV_URL: Final = "MAILROOM_CARDDAV_URL"
JMAP_SESSION_URL: Final = "MAILROOM_JMAP_SESSION_URL"
CONTACTS: Final = "MAILROOM_CONTACTS"
JOURNAL_DAYS: Final = "MAILROOM_JOURNAL_DAYS"
RULES: Final = "MAILROOM_RULES"
DIGEST: Final = "MAILROOM_DIGEST"
DIGEST_AT: Final = "MAILROOM_DIGEST_AT"
HEALTH_HOST: Final = "MAILROOM_HEALTH_HOST"
HEALTH_PORT: Final = "MAILROOM_HEALTH_PORT"

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

OTHER_DEFAULTS: Final[Mapping[str, str]] = {
    CATEGORIES_FILE: "",
    "MAILROOM_MAILBOX_FEED": "",
    "MAILROOM_MAILBOX_PAPER_TRAIL": "",
    "MAILROOM_MAILBOX_JAIL": "",
    "MAILROOM_LABEL_TO_SCREENER": "@ToScreener",
    "MAILROOM_LABEL_ENTIRE_DOMAIN": "@EntireDomain",
    "MAILROOM_LABEL_ENTIRE_LIST": "@EntireList",
    "MAILROOM_GROUP_IMBOX_DOMAINS": "",
    "MAILROOM_GROUP_FEED_DOMAINS": "",
    "MAILROOM_GROUP_PAPER_TRAIL_DOMAINS": "",
    "MAILROOM_GROUP_JAIL_DOMAINS": "",
    CONTACTS: "auto",
    "MAILROOM_JOURNAL_MAILBOX": "Mailroom",
    JOURNAL_DAYS: "90",
    "MAILROOM_LOG_FORMAT": "auto",
    "MAILROOM_PUSH": "auto",
    "MAILROOM_SWEEP_STRAGGLERS": "true",
    RULES: "tell",
    DIGEST: "off",
    DIGEST_AT: "08:00",
    "MAILROOM_REPLIES_PASS": "true",
    JMAP_SESSION_URL: "https://api.fastmail.com/jmap/session",
    CARDDAV_URL: "https://carddav.fastmail.com/",
    HEALTH_HOST: "::",  # a probe comes from outside the pod
    HEALTH_PORT: "8080",
}
"""What few will change, with its defaults: other servers, tests, taste."""

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "MAILROOM_LOG_LEVEL": ("debug", "info", "warning", "error"),
    "MAILROOM_LOG_FORMAT": LOG_FORMATS,
    "MAILROOM_PUSH": ("auto", "off"),
    CONTACTS: ("auto", "carddav", "jmap"),
    DIGEST: ("off", "daily", "weekly"),
    RULES: ("tell", "install"),
}
"""Those that say one of a few words."""

BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "MAILROOM_POLL_INTERVAL": (0.1, 86_400),
    HEALTH_PORT: (0, 65_535),
    JOURNAL_DAYS: (1, 36_500),
}
"""Those that say a number, with the least and the most that it may be."""

CARDDAV_SECRETS: Final = ("MAILROOM_CARDDAV_USERNAME", "MAILROOM_CARDDAV_PASSWORD")
"""A pair; needed where contacts are reached over CardDAV."""

SECRETS: Final = ("MAILROOM_JMAP_TOKEN", *CARDDAV_SECRETS)
"""The secrets; each may be given as a file's name in a variable that ends in _FILE."""

NOTIFY_URL: Final = "MAILROOM_NOTIFY_URL"

OPTIONAL_SECRETS: Final = (NOTIFY_URL,)
"""Secrets that may be missing; given like the others."""

NAMES: Final = (
    *PUBLIC_DEFAULTS,
    *OTHER_DEFAULTS,
    *SECRETS,
    *OPTIONAL_SECRETS,
    *(f"{name}_FILE" for name in (*SECRETS, *OPTIONAL_SECRETS)),
)
"""Every variable that is read."""


def default_of(name: str) -> str:
    """Return what a variable says where nobody sets it."""
    return PUBLIC_DEFAULTS[name] if name in PUBLIC_DEFAULTS else OTHER_DEFAULTS[name]
