"""Reads one variable after the other, and gathers what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import environs
from environs.exceptions import EnvValidationError

from mailroom.model.names import MAX_NAME_CHARACTERS
from mailroom.model.scheme import Name
from mailroom.output.files import why_not
from mailroom.settings.variables import BOUNDS, WORDS, default_of

Check = Callable[[str], str | None]
"""Says what is wrong with a value, without quoting it, or None."""


class Reader:
    """Reads variables and gathers what is wrong with them instead of stopping at the first.

    Attributes:
        lacks_secret: Whether a secret that is needed is set nowhere.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._env: environs.Env = _Env(given)
        self._problems: dict[str, str] = {}
        self.lacks_secret = False

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

    def number(self, name: str) -> float:
        """Read a number between its bounds, both included."""
        value = self._env.float(name, float(default_of(name)))
        return self._bounded(name, value, "a number")

    def whole_number(self, name: str) -> int:
        """Read a whole number between its bounds, both included."""
        value = self._env.int(name, int(default_of(name)))
        return int(self._bounded(name, value, "a whole number"))

    def word(self, name: str) -> str:
        """Read one of a few words, in whatever case."""
        allowed = WORDS[name]
        wrong = f"must be one of {', '.join(allowed)}"
        return self.text(name, lambda value: None if value in allowed else wrong, str.lower)

    def truth(self, name: str) -> bool:
        """Read a boolean."""
        value = self._env.bool(name, default_of(name) == "true")
        if not isinstance(value, bool):  # environs has one stand-in or another, by its version
            self._problems[name] = f"{name}: must be true or false"
        return value is True

    def text(self, name: str, check: Check, convert: Callable[[str], str] = str) -> str:
        """Read a text, converted before it is checked."""
        value = convert(self._said(name))
        if wrong := check(value):
            self._problems[name] = f"{name}: {wrong}"
        return value

    def name(self, variable: str) -> Name:
        """Read what something in the account is called."""
        return Name(self.text(variable, find_name_problem), variable)

    def name_if_any(self, variable: str) -> Name | None:
        """Read what something in the account is called; None where the variable is empty."""
        return self.name(variable) if self._said(variable) else None

    def path_if_any(self, variable: str) -> Name | None:
        """Read a mailbox's full name; None where the variable is empty."""
        return Name(self.text(variable, find_path_problem), variable) if self._said(variable) else None

    def is_given(self, secret: str) -> bool:
        """Whether a secret, or the file that it lies in, is named at all."""
        return bool(self._env.str(secret, "") or self._env.str(f"{secret}_FILE", ""))

    def is_default(self, variable: str) -> bool:
        """Whether a variable says what it says by itself."""
        return self._said(variable) == default_of(variable)

    def problem(self, variable: str, says: str) -> None:
        """Note what is wrong with a variable."""
        self._problems[variable] = f"{variable}: {says}"

    def problems_elsewhere(self, says: Iterable[str]) -> None:
        """Note what is wrong between variables, or in a file that one names."""
        self._problems |= {each: each for each in says}

    def secret(self, name: str, check: Check = lambda _: None, *, is_needed: bool = True) -> str:
        """Read a secret from its variable, or from the file that its _FILE variable names.

        Args:
            is_needed: Whether it is wrong that nobody has set it.
        """
        value, file_name = self._env.str(name, ""), self._env.str(f"{name}_FILE", "")
        if value and file_name:
            self._problems[name] = f"{name}: set either it or {name}_FILE, not both"
            return ""
        if file_name:
            try:
                value = Path(file_name).read_text("utf-8").rstrip("\r\n")
            except (OSError, UnicodeError) as error:
                reason = why_not(error) if isinstance(error, OSError) else "it is not UTF-8 text"
                self._problems[name] = f"{name}_FILE: cannot read {file_name!r}: {reason}"
                return ""
        if not (value or file_name or is_needed):
            return ""
        if not value.strip():
            self.lacks_secret |= not file_name
            where = (
                f"the file that {name}_FILE names is empty"
                if file_name
                else f"is not set, nor is {name}_FILE"
            )
            self._problems[name] = f"{name}: {where}"
        elif not value.isprintable():
            self._problems[name] = f"{name}: contains a line break or another control character"
        elif not file_name and _is_quoted(value):
            self._problems[name] = (
                f"{name}: stands in quotation marks, which podman, docker and others take as part of it: "
                f"write it without them (or, if they are part of it, into a file for {name}_FILE)"
            )
        elif wrong := check(value):
            self._problems[name] = f"{name}: {wrong}"
        return value

    def _said(self, variable: str) -> str:
        said: str = self._env.str(variable, default_of(variable))
        return said

    def _bounded(self, name: str, value: object, what: str) -> float:
        least, most = BOUNDS[name]
        if not isinstance(value, int | float) or not least <= value <= most:
            self._problems[name] = f"{name}: must be {what} from {least:g} to {most:g}"
            return least
        return value


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"


def find_name_problem(value: str) -> str | None:
    """Say what is wrong with the name of something, or None."""
    if not value.strip():
        return "must not be empty"
    if value != value.strip() or not value.isprintable():
        return "must not begin or end with a space or contain control characters"
    if len(value) > MAX_NAME_CHARACTERS:
        return f"must not be longer than {MAX_NAME_CHARACTERS} characters"
    return None


def find_path_problem(value: str) -> str | None:
    """Say what is wrong with a mailbox's full name (``Feeds/News``), or None."""
    if problem := find_name_problem(value):
        return problem
    if any(part != part.strip() or not part for part in value.split("/")):
        return "must be mailboxes' names with one slash between each two"
    return None


class _Env(environs.Env):
    """Reads from variables that are given; environs itself knows only those of the process."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(eager=False)
        self._given = given

    def _get_value(self, env_key: str, default: object) -> object:
        return self._given.get(env_key, default)
