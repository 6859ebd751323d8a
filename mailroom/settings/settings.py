"""Every MAILROOM_ variable, read once into one frozen record; all problems are reported together."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import environs
from attrs import field, frozen
from dotenv.parser import Binding, parse_stream  # comes with environs, which expands ${…}
from environs.exceptions import EnvValidationError

from mailroom.errors import UserError
from mailroom.http import Credentials, find_url_problem
from mailroom.model.contacts import CardKind
from mailroom.model.names import MAX_NAME_CHARACTERS, fold_name
from mailroom.model.scheme import Category, ContactGroup, Name, Scheme
from mailroom.output.logs import LOG_FORMATS
from mailroom.output.redaction import conceal
from mailroom.settings.credentials import carddav_credentials, jmap_credentials
from mailroom.settings.misspelt import misspelt

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
    "MAILROOM_LOG_FORMAT": "auto",
    "MAILROOM_PUSH": "auto",
    "MAILROOM_SWEEP_STRAGGLERS": "true",
    "MAILROOM_JMAP_SESSION_URL": "https://api.fastmail.com/jmap/session",
    "MAILROOM_CARDDAV_URL": "https://carddav.fastmail.com/",
    "MAILROOM_HEALTH_HOST": "0.0.0.0",  # noqa: S104 - a probe comes from outside the pod
    "MAILROOM_HEALTH_PORT": "8080",
}
"""What few will change, with its defaults: other servers, tests, taste."""

SECRETS: Final = ("MAILROOM_JMAP_TOKEN", "MAILROOM_CARDDAV_USERNAME", "MAILROOM_CARDDAV_PASSWORD")
"""The secrets; each may be given as a file's name in a variable that ends in _FILE."""

NAMES: Final = (*PUBLIC_DEFAULTS, *OTHER_DEFAULTS, *SECRETS, *(f"{name}_FILE" for name in SECRETS))
"""Every variable that is read."""

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
PUSH_MODES: Final = ("auto", "off")


@frozen
class Settings:
    """What the environment says. Secrets do not show in its repr.

    Attributes:
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
    sweep_stragglers: bool
    jmap_token: str = field(repr=False)
    carddav_username: str = field(repr=False)
    carddav_password: str = field(repr=False)
    misspelt: tuple[str, ...] = ()

    @property
    def jmap_credentials(self) -> Credentials:
        """What the mail server is asked with."""
        return jmap_credentials(self.jmap_token)

    @property
    def carddav_credentials(self) -> Credentials:
        """What the contacts server is asked with."""
        return carddav_credentials(self.carddav_username, self.carddav_password)


def load_settings(
    environment: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")
) -> Settings:
    """Read the variables, and for those that are not set a `.env` in the working directory.

    Args:
        environment: The variables by name; those of the process when not given.
        dotenv: The file to read besides them, where it is there; None for none.

    Raises:
        UserError: Names every variable that is missing or wrong; never tells a secret's value.
    """
    said_by_file = read_dotenv(dotenv) if dotenv else {}
    given = said_by_file | dict(os.environ if environment is None else environment)
    env = _Env(given)
    reader = _Reader(env)
    settings = Settings(
        poll_interval_seconds=reader.number("MAILROOM_POLL_INTERVAL", env.float, 0.1, 86_400),
        log_level=reader.text("MAILROOM_LOG_LEVEL", _one_of(LOG_LEVELS), str.lower),
        log_format=reader.text("MAILROOM_LOG_FORMAT", _one_of(LOG_FORMATS), str.lower),
        scheme=_scheme(reader),
        jmap_session_url=reader.text("MAILROOM_JMAP_SESSION_URL", find_url_problem),
        carddav_url=reader.text("MAILROOM_CARDDAV_URL", find_url_problem),
        health_host=reader.text("MAILROOM_HEALTH_HOST", _plain_name),
        health_port=int(reader.number("MAILROOM_HEALTH_PORT", env.int, 0, 65_535)),
        sweep_stragglers=reader.truth("MAILROOM_SWEEP_STRAGGLERS"),
        push=reader.text("MAILROOM_PUSH", _one_of(PUSH_MODES), str.lower),
        jmap_token=reader.secret("MAILROOM_JMAP_TOKEN", _token),
        carddav_username=reader.secret("MAILROOM_CARDDAV_USERNAME", _basic_username),
        carddav_password=reader.secret("MAILROOM_CARDDAV_PASSWORD"),
        misspelt=misspelt(given, NAMES),
    )
    if problems := [*reader.problems, *_doubled_names(settings.scheme)]:
        raise UserError([*problems, *settings.misspelt])
    for credentials in (settings.jmap_credentials, settings.carddav_credentials):
        conceal(credentials.authorization.partition(" ")[2])
    conceal(settings.carddav_password)
    return settings


def _line_of(binding: Binding) -> int:
    """Return the line on which it stands; what was read for it begins with the empty lines before it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


class _Env(environs.Env):
    """Reads from variables that are given; environs itself knows only those of the process."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(eager=False)
        self._given = given

    def _get_value(self, env_key: str, default: object) -> object:
        return self._given.get(env_key, default)


def read_dotenv(path: Path) -> dict[str, str]:
    """Read the lines ``NAME=value`` of a file, whose values may be quoted; nothing in them is expanded.

    Raises:
        UserError: Names the file, and the line that is not understood.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeError:
        raise UserError([f"{path}: is not UTF-8 text; save it as UTF-8"]) from None
    except OSError as error:
        raise UserError([f"{path}: cannot be read as a file of settings: {error.strerror}"]) from error
    bindings = list(parse_stream(io.StringIO(text)))
    if problems := [
        f"{path}: line {_line_of(binding)} is not of the form NAME=value"
        for binding in bindings
        if binding.error
    ]:
        raise UserError(problems)
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def _scheme(reader: _Reader) -> Scheme:
    imbox = ContactGroup(reader.name("MAILROOM_GROUP_IMBOX"), mailbox=None)
    feed, paper_trail, jail = (
        ContactGroup(name, mailbox=name)  # one setting names both
        for name in map(
            reader.name, ("MAILROOM_GROUP_FEED", "MAILROOM_GROUP_PAPER_TRAIL", "MAILROOM_GROUP_JAIL")
        )
    )
    company, person = CardKind.COMPANY, CardKind.PERSON
    warning_label = reader.name("MAILROOM_LABEL_MAILROOM_WARNING")
    return Scheme(
        categories=(
            Category("Imbox", reader.name("MAILROOM_LABEL_TO_IMBOX"), imbox, company),
            Category("Feed", reader.name("MAILROOM_LABEL_TO_FEED"), feed, company),
            Category("Paper Trail", reader.name("MAILROOM_LABEL_TO_PAPER_TRAIL"), paper_trail, company),
            Category("Jail", reader.name("MAILROOM_LABEL_TO_JAIL"), jail, company),
            Category("Person", reader.name("MAILROOM_LABEL_TO_PERSON"), imbox, person),
        ),
        screener=reader.name("MAILROOM_SCREENER_MAILBOX"),
        error_label=reader.name("MAILROOM_LABEL_MAILROOM_ERROR"),
        warning_label=warning_label if reader.truth("MAILROOM_WARNINGS_ENABLED") else None,
    )


Check = Callable[[str], str | None]
"""Says what is wrong with a value, without quoting it, or None."""


class _Reader:
    """Reads variables and gathers what is wrong with them instead of stopping at the first."""

    def __init__(self, env: environs.Env) -> None:
        self._env = env
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> list[str]:
        """One sentence a variable, in the order in which they were read."""
        try:
            self._env.seal()
        except EnvValidationError as error:
            noted = error.error_messages
            for name, messages in noted.items() if isinstance(noted, Mapping) else ():
                self._problems.setdefault(name, f"{name}: {' '.join(messages)}")
        return list(self._problems.values())

    def number(self, name: str, parse: Callable[..., float], least: float, most: float) -> float:
        """Read a number between two bounds, both included."""
        value = parse(name, float(_default(name)))
        if not isinstance(value, int | float) or not least <= value <= most:
            self._problems[name] = f"{name}: must be a number from {least:g} to {most:g}"
            return least
        return value

    def truth(self, name: str) -> bool:
        """Read a boolean."""
        value = self._env.bool(name, _default(name) == "true")
        if not isinstance(value, bool):  # environs has one stand-in or another, by its version
            self._problems[name] = f"{name}: must be true or false"
        return value is True

    def text(self, name: str, check: Check, convert: Callable[[str], str] = str) -> str:
        """Read a text, converted before it is checked."""
        value = convert(self._env.str(name, _default(name)))
        if wrong := check(value):
            self._problems[name] = f"{name}: {wrong}"
        return value

    def name(self, variable: str) -> Name:
        """Read what something in the account is called."""
        return Name(self.text(variable, _plain_name), variable)

    def secret(self, name: str, check: Check = lambda _: None) -> str:
        """Read a secret from its variable, or from the file that its _FILE variable names."""
        value, file_name = self._env.str(name, ""), self._env.str(f"{name}_FILE", "")
        if value and file_name:
            self._problems[name] = f"{name}: set either it or {name}_FILE, not both"
            return ""
        if file_name:
            try:
                value = Path(file_name).read_text("utf-8").rstrip("\r\n")
            except (OSError, UnicodeError) as error:
                reason = getattr(error, "strerror", None) or "not UTF-8 text"
                self._problems[name] = f"{name}_FILE: cannot read {file_name!r}: {reason}"
                return ""
        if not value.strip():
            where = f"the file that {name}_FILE names is empty" if file_name else "is not set"
            self._problems[name] = f"{name}: {where}"
        elif not value.isprintable():
            self._problems[name] = f"{name}: contains a line break or another control character"
        elif wrong := check(value):
            self._problems[name] = f"{name}: {wrong}"
        return value


def _default(name: str) -> str:
    return PUBLIC_DEFAULTS[name] if name in PUBLIC_DEFAULTS else OTHER_DEFAULTS[name]


def _one_of(allowed: tuple[str, ...]) -> Check:
    return lambda value: None if value in allowed else f"must be one of {', '.join(allowed)}"


def _plain_name(value: str) -> str | None:
    if not value.strip():
        return "must not be empty"
    if value != value.strip() or not value.isprintable():
        return "must not begin or end with a space or contain control characters"
    if len(value) > MAX_NAME_CHARACTERS:
        return f"must not be longer than {MAX_NAME_CHARACTERS} characters"
    return None


def _token(value: str) -> str | None:
    return None if value.isascii() and " " not in value else "contains a character that no token has"


def _basic_username(value: str) -> str | None:
    return "must not contain a colon" if ":" in value else None


def _doubled_names(scheme: Scheme) -> list[str]:
    """Find names that would make two things of the scheme one, to people or to a server."""
    groups = [category.group for category in scheme.categories]
    destinations = [group.mailbox for group in groups]
    mailboxes = [*scheme.labels, scheme.error_label, scheme.warning_label, *destinations, scheme.screener]
    doubled = dict.fromkeys((*_alike(group.name for group in groups), *_alike(filter(None, mailboxes))))
    return [f"{', '.join(settings)}: each needs a name of its own" for settings in doubled]


def _alike(names: Iterable[Name]) -> list[tuple[str, ...]]:
    """Return the settings of those that have the same name, together."""
    by_name: dict[str, dict[str, None]] = {}
    for name in names:
        by_name.setdefault(fold_name(name), {})[name.setting] = None
    return [tuple(same) for name, same in by_name.items() if name and len(same) > 1]
