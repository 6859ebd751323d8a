"""The credentials asked for on a terminal, tried, and kept in .env if the person wants that."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from attrs import Factory, define, frozen

from mailroom.account import Account, open_account
from mailroom.errors import AuthenticationError, ServerError, UserError
from mailroom.model.mailboxes import MailboxTree
from mailroom.output.complaints import complain
from mailroom.output.question import agrees_before_secrets, ask, ask_secretly
from mailroom.output.terminal import GREEN, RED, Progress, Terminal
from mailroom.settings.dotenv import read_dotenv, write_dotenv
from mailroom.settings.settings import DOTENV, Settings, load_settings
from mailroom.settings.variables import CARDDAV_SECRETS, SECRETS
from mailroom.triage.layout import hindrances

INSTEAD: Final = f"put {SECRETS[0]} into {DOTENV}, and {' and '.join(CARDDAV_SECRETS)} where it does not do"
"""What is to be done where nobody can be asked."""

ATTEMPTS: Final = 3
"""How often the same credentials are asked for."""

_TOKEN, _USERNAME, _PASSWORD = SECRETS


def sign_in(terminal: Terminal) -> tuple[Settings, Account]:
    """Try the credentials that are set, and ask for those that are not, or are refused.

    Raises:
        UserError: There is no terminal to ask on; nothing was typed; what is refused is set elsewhere
            than in .env; or another setting is wrong.
        ServerError: A server could not be asked.
    """
    desk = _Desk(terminal)
    complain(desk.settings().misspelt)
    account = desk.obtain(_FOR_MAIL)
    if not desk.reaches_contacts(account):
        account = desk.obtain(_FOR_CONTACTS)
    return desk.settings(), account


def unkept_secrets(used: Settings) -> list[str]:
    """Return which of the credentials that are used a next process would have to ask for."""
    found = _values(load_settings(os.environ, needs_secrets=False))
    return [name for name, value in _values(used).items() if value and not found[name]]


def _values(settings: Settings) -> dict[str, str]:
    values = (settings.jmap_token, settings.carddav_username, settings.carddav_password)
    return dict(zip(SECRETS, values, strict=True))


@frozen
class _Credentials:
    """What one server wants to see.

    Attributes:
        names: The variables.
        accepted: What is said when the server takes them.
        comes_from: Where a person gets them.
        attempt: Asks the server for something that needs them, and all rights that triage needs.
    """

    names: tuple[str, ...]
    accepted: str
    comes_from: str
    attempt: Callable[[Account, Settings], None]


@define
class _Desk:
    """Where credentials are asked for.

    Attributes:
        typed: What the person has typed, by variable.
        is_kept: Whether that goes into .env; None until they were asked.
        address: What the mail server calls the person.
    """

    terminal: Terminal
    typed: dict[str, str] = Factory(dict)
    is_kept: bool | None = None
    address: str = ""

    def settings(self) -> Settings:
        return load_settings({**os.environ, **self.typed}, needs_secrets=False)

    def obtain(self, credentials: _Credentials) -> Account:
        """Return the account once the server has taken the credentials; until then, ask for them."""
        typable = [name for name in credentials.names if not _is_set_elsewhere(name)]
        for _ in range(ATTEMPTS + 1):
            try:
                account = self._tried(credentials)
            except (AuthenticationError, UserError) as error:
                if not typable:
                    raise UserError([*error.problems, _where_set(credentials.names)]) from error
                for problem in error.problems:
                    self.terminal.paragraph(problem, "✗ ", RED)
            else:
                if account is not None:
                    self._settle(credentials)
                    return account
                self.terminal.paragraph(credentials.comes_from)
            self._ask(typable)
        raise UserError([f"{' and '.join(typable)} could not be used: start again when you have others"])

    def reaches_contacts(self, account: Account) -> bool:
        """Whether the token does for contacts too, so that no password is needed.

        Raises:
            UserError: It does not, and the settings want no other way.
        """
        settings = self.settings()
        if settings.contacts == "carddav" or any(_values(settings)[name] for name in CARDDAV_SECRETS):
            return False
        try:
            with Progress("trying the token for contacts"):
                _try_contacts(account, settings)
        except (UserError, ServerError) as error:
            if settings.contacts == "jmap":
                raise
            for problem in error.problems:
                self.terminal.paragraph(problem, "✗ ", RED)
            return False
        self.terminal.paragraph("it does for contacts too: no password is needed", "✓ ", GREEN)
        return True

    def _tried(self, credentials: _Credentials) -> Account | None:
        """Try credentials; return the account, or None where some are not set yet."""
        settings = self.settings()
        values = _values(settings)
        if not all(values[name] for name in credentials.names):
            return None
        account = open_account(settings)
        with Progress("trying the credentials"):
            credentials.attempt(account, settings)
            self.address = next((name for name in account.jmap.session.names if "@" in name), "")
        return account

    def _settle(self, credentials: _Credentials) -> None:
        self.terminal.paragraph(credentials.accepted, "✓ ", GREEN)
        typed = {name: self.typed[name] for name in credentials.names if name in self.typed}
        if self.is_kept and typed:
            write_dotenv(DOTENV, typed)
            self.terminal.paragraph(f"written into {DOTENV}, readable by you alone", "✓ ", GREEN)

    def _ask(self, names: list[str]) -> None:
        if self.is_kept is None and any(read_dotenv(DOTENV).get(name) for name in SECRETS):
            self.is_kept = True  # who has one there wants the others there
        if self.is_kept is None:
            self.is_kept = agrees_before_secrets(
                f"Keep what you type in {DOTENV.resolve()}, readable by you alone?"
            )
        for name in names:
            text = self._typed(name)
            if not text:
                raise UserError([f"nothing was typed: start again when you have it, or {INSTEAD}"])
            self.typed[name] = text

    def _typed(self, name: str) -> str:
        if name == _USERNAME:
            default = f" [{self.address}]" if self.address else ""
            return ask(f"User name, your address{default}:", INSTEAD) or self.address
        what = "API token" if name == _TOKEN else "App password"
        return ask_secretly(f"{what} (what you type is not shown):", INSTEAD)


def _is_set_elsewhere(name: str) -> bool:
    """Whether a variable is set where it wins over what .env says of it."""
    file = f"{name}_FILE"
    return bool(os.environ.get(name) or os.environ.get(file) or read_dotenv(DOTENV).get(file))


def _where_set(names: tuple[str, ...]) -> str:
    """Say why nobody is asked for what was refused, and what to do."""
    return (
        f"{', '.join(names)}: set in the environment or read from a file, so `mailroom init` does not ask "
        "for it; change it there, or take it out (`unset`, or a new terminal)"
    )


def _try_mail(account: Account, settings: Settings) -> None:
    reading = account.mail.read([])
    if reading.limits.is_read_only:
        raise UserError(hindrances(MailboxTree(reading.mailboxes), settings.scheme, reading.limits))


def _try_contacts(account: Account, _: Settings) -> None:
    account.book.refresh()
    if problems := account.book.problems():
        raise UserError(problems)


_FOR_MAIL: Final = _Credentials(
    names=(_TOKEN,),
    accepted="the mail server accepts the token",
    comes_from="At Fastmail, under Settings → Privacy & Security → API tokens, make one with read and write "
    "access to Email and Contacts, and to Submission, which tells Mailroom all your own addresses.",
    attempt=_try_mail,
)
_FOR_CONTACTS: Final = _Credentials(
    names=(_USERNAME, _PASSWORD),
    accepted="the contacts server accepts the user name and the password",
    comes_from="Start again with such a token, or go on over CardDAV. At Fastmail, under Settings → Privacy "
    "& Security → App passwords, make one with access to Contacts.",
    attempt=_try_contacts,
)
