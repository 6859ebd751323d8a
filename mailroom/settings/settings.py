"""Every MAILROOM_ variable, read once into one frozen record; all problems are reported together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

from mailroom.errors import UserError
from mailroom.http import (
    Credentials,
    authority_of,
    find_secret_url_problem,
    find_url_problem,
    secrets_of_url,
)
from mailroom.model.schedule import Schedule
from mailroom.model.scheme import Scheme
from mailroom.output.redaction import conceal
from mailroom.settings.credentials import carddav_credentials, jmap_credentials
from mailroom.settings.digest import read_digest
from mailroom.settings.dotenv import read_dotenv
from mailroom.settings.misspelt import misspelt
from mailroom.settings.reader import Reader, find_name_problem
from mailroom.settings.scheme import find_contradictions, read_scheme
from mailroom.settings.variables import (
    CARDDAV_SECRETS,
    CARDDAV_URL,
    CONTACTS,
    HEALTH_HOST,
    HEALTH_PORT,
    JMAP_SESSION_URL,
    JOURNAL_DAYS,
    NAMES,
    NOTIFY_URL,
    RULES,
)

DOTENV: Final = Path(".env")

WAY_ON: Final = (
    f"to go on, `mailroom init` asks for what is missing, or put it into a file {DOTENV} "
    "(see docs/settings.md); `mailroom demo` needs nothing"
)
"""What is said where a secret is missing."""

HALF_A_PAIR: Final = (
    f"of {' and '.join(CARDDAV_SECRETS)} only one is set: set both, or take this one out too, where the "
    "token does for contacts"
)
"""What is said besides where one secret of two is missing."""


@frozen
class Settings:
    """What the environment says. Secrets do not show in its repr.

    Attributes:
        contacts: How contacts are reached: ``carddav``, ``jmap``, or ``auto``.
        journal_days: How long what was done is told in the journal.
        rules: What is done about stale rules on the server: ``tell`` or ``install``.
        digest: When the person is told who waits in Screener; None where never.
        notify_url: Where the person is told of what needs them; empty where nowhere.
        misspelt: What is said of variables that are nearly settings; they change nothing.
    """

    poll_interval_seconds: float
    log_level: str
    log_format: str
    scheme: Scheme
    jmap_session_url: str
    carddav_url: str
    health_host: str
    health_port: int
    push: str
    contacts: str
    sweep_stragglers: bool
    journal_days: int
    rules: str
    digest: Schedule | None
    replies_pass: bool
    jmap_token: str = field(repr=False)
    carddav_username: str = field(repr=False)
    carddav_password: str = field(repr=False)
    notify_url: str = field(default="", repr=False)
    misspelt: tuple[str, ...] = ()

    @property
    def servers(self) -> dict[str, str]:
        """Whom Mailroom asks, by what they are asked for."""
        contacts_url = self.carddav_url if self.uses_carddav else self.jmap_session_url
        urls = {"mail_server": self.jmap_session_url, "contacts_server": contacts_url}
        return {name: authority_of(url) for name, url in urls.items()}

    @property
    def has_carddav_credentials(self) -> bool:
        """Whether contacts can be reached over CardDAV."""
        return bool(self.carddav_username and self.carddav_password)

    @property
    def uses_carddav(self) -> bool:
        """Whether contacts are reached over CardDAV; else it is over JMAP, by the same token as mail."""
        return self.contacts == "carddav" or (self.contacts == "auto" and self.has_carddav_credentials)

    @property
    def jmap_credentials(self) -> Credentials:
        """What the mail server is asked with."""
        scopes = "Email" if self.uses_carddav else "Email and Contacts"
        return jmap_credentials(self.jmap_token, self.jmap_session_url, scopes)

    @property
    def carddav_credentials(self) -> Credentials:
        """What the contacts server is asked with."""
        return carddav_credentials(self.carddav_username, self.carddav_password, self.carddav_url)


def load_scheme(environment: Mapping[str, str] | None = None, dotenv: Path | None = DOTENV) -> Scheme:
    """Read only the names of what triage works with; no secret is needed. See `load_settings`."""
    reader = Reader(_given(environment, dotenv))
    scheme = read_scheme(reader)
    if problems := _problems(reader, scheme):
        raise UserError(problems)
    return scheme


def load_settings(
    environment: Mapping[str, str] | None = None,
    dotenv: Path | None = DOTENV,
    *,
    needs_secrets: bool = True,
) -> Settings:
    """Read the variables, and for those that are not set a `.env` in the working directory.

    Args:
        environment: The variables by name; those of the process when not given.
        dotenv: The file to read besides them, where it is there; None for none.
        needs_secrets: Whether a secret that is not set is a mistake; otherwise it is empty.

    Raises:
        UserError: Names every variable that is missing or wrong; never tells a secret's value.
    """
    given = _given(environment, dotenv)
    reader = Reader(given)
    contacts = reader.word(CONTACTS)
    # Half of a pair is a mistake wherever contacts are.
    of_pair = [reader.is_given(name) for name in CARDDAV_SECRETS]
    needs_carddav = needs_secrets and (contacts == "carddav" or any(of_pair))
    settings = Settings(
        poll_interval_seconds=reader.number("MAILROOM_POLL_INTERVAL"),
        log_level=reader.word("MAILROOM_LOG_LEVEL"),
        log_format=reader.word("MAILROOM_LOG_FORMAT"),
        scheme=read_scheme(reader),
        jmap_session_url=reader.text(JMAP_SESSION_URL, find_url_problem),
        carddav_url=reader.text(CARDDAV_URL, find_url_problem),
        health_host=reader.text(HEALTH_HOST, find_name_problem),
        health_port=reader.whole_number(HEALTH_PORT),
        sweep_stragglers=reader.truth("MAILROOM_SWEEP_STRAGGLERS"),
        journal_days=reader.whole_number(JOURNAL_DAYS),
        replies_pass=reader.truth("MAILROOM_REPLIES_PASS"),
        push=reader.word("MAILROOM_PUSH"),
        contacts=contacts,
        rules=reader.word(RULES),
        digest=read_digest(reader),
        jmap_token=reader.secret("MAILROOM_JMAP_TOKEN", _token, is_needed=needs_secrets),
        carddav_username=reader.secret(CARDDAV_SECRETS[0], _basic_username, is_needed=needs_carddav),
        carddav_password=reader.secret(CARDDAV_SECRETS[1], is_needed=needs_carddav),
        notify_url=reader.secret(NOTIFY_URL, _find_receiver_problem, is_needed=False),
        misspelt=misspelt(given, NAMES),
    )
    if problems := _problems(reader, settings.scheme):
        half = [HALF_A_PAIR] if needs_carddav and any(of_pair) and not all(of_pair) else []
        raise UserError([*problems, *settings.misspelt, *half, *([WAY_ON] if reader.lacks_secret else [])])
    conceal(settings.jmap_token, settings.carddav_password, *secrets_of_url(settings.notify_url))
    if settings.carddav_password:
        conceal(settings.carddav_credentials.authorization.partition(" ")[2])
    return settings


def _given(environment: Mapping[str, str] | None, dotenv: Path | None) -> dict[str, str]:
    said_by_file = read_dotenv(dotenv) if dotenv else {}
    return said_by_file | dict(os.environ if environment is None else environment)


def _problems(reader: Reader, scheme: Scheme) -> list[str]:
    return list(dict.fromkeys((*reader.problems, *find_contradictions(scheme))))


def _token(value: str) -> str | None:
    if value.isascii() and " " not in value:
        return None
    return "contains a space or a character that is not ASCII; copy the token again"


def _basic_username(value: str) -> str | None:
    return "must not contain a colon" if ":" in value else None


def _find_receiver_problem(url: str) -> str | None:
    if problem := find_secret_url_problem(url):
        return problem
    receiver = urlsplit(url)
    if receiver.hostname == "ntfy.sh" and not receiver.path.strip("/"):
        return "names no topic: write one behind it that nobody guesses, as https://ntfy.sh/a-name-nobody-guesses"
    return None
