"""One person's account, wired up: settings → HTTP → JMAP and CardDAV → triage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from mailroom.errors import AuthenticationError, ServerError, UserError
from mailroom.http import DEFAULT_BOUNDS, Bounds, Credentials, HttpClient, SecretUrl
from mailroom.jmap import JmapClient, JmapMailStore, Push
from mailroom.jmap.messages import MessageForm
from mailroom.journal.writer import Journal
from mailroom.model.address_book import AddressBook
from mailroom.model.own import OwnAddresses
from mailroom.model.ports import Conversations, MailHistory, MailStore, Notes, Search, Subjects
from mailroom.settings.settings import Settings
from mailroom.settings.variables import CARDDAV_SECRETS, CARDDAV_URL
from mailroom.triage.cycle import Triage

if TYPE_CHECKING:
    from mailroom.model.scripts import SieveScripts

JMAP, CARDDAV = "jmap", "carddav"

OnAnswer: TypeAlias = Callable[[str, int | None, float], None]
"""Hears of a request: its protocol, the status of its answer if there was one, and the seconds until then."""


def ignore_answer(_protocol: str, _status: int | None, _seconds: float) -> None:
    """Hear of a request, and make nothing of it."""


@frozen
class Account:
    """The parts of an account that commands work with; what only some of them need is loaded for them.

    Attributes:
        known_own: The person's own addresses, as far as they are known without asking.
        form: What is asked for of each message, in whatever way it is read: its lists where they matter.
        open_notes: Opens the notes; the same ones each time.
    """

    jmap: JmapClient
    mail: MailStore
    journal: Journal
    book: AddressBook
    triage: Triage
    known_own: OwnAddresses
    form: MessageForm
    open_notes: Callable[[], Notes]

    @property
    def notes(self) -> Notes:
        """The messages of Mailroom's own."""
        return self.open_notes()

    @property
    def history(self) -> MailHistory:
        """The mail of all time."""
        from mailroom.jmap.history import JmapMailHistory  # noqa: PLC0415

        return JmapMailHistory(self.jmap, self.form)

    @property
    def subjects(self) -> Subjects:
        """What messages are about."""
        from mailroom.jmap.subjects import JmapSubjects  # noqa: PLC0415

        return JmapSubjects(self.jmap)

    @property
    def search(self) -> Search:
        """What finds messages anywhere."""
        from mailroom.jmap.search import JmapSearch  # noqa: PLC0415

        return JmapSearch(self.jmap, self.form)

    def own_addresses(self) -> OwnAddresses:
        """Return the person's own addresses.

        Raises:
            ServerError: The server has more of them than it tells now.
        """
        own = self.known_own.joined(self.mail.own_addresses())
        if not own.is_complete:
            raise ServerError(
                "the mail server does not list your own addresses at the moment: try again later"
            )
        return own

    def check(self) -> None:
        """Look whether credentials, mailboxes and contact groups are as triage needs them.

        Raises:
            UserError: Names everything that is wrong at once.
        """
        self._do(self.triage.check_mail, self.triage.check_book)

    def begin(self) -> None:
        """Do what `check` does, and find what an earlier process has left, for whoever runs cycles.

        Raises:
            UserError: Names everything that is wrong at once.
        """
        self.check()
        self._do(self.triage.find_unfinished)

    @staticmethod
    def _do(*checks: Callable[[], None]) -> None:
        """Do all of them, and raise what they found; from a refusal of credentials where there is one."""
        problems: list[str] = []
        about = ""
        refusal: AuthenticationError | None = None
        for check in checks:
            try:
                check()
            except UserError as error:
                problems += error.problems
                about = about or error.about
            except ServerError as error:
                problems += error.problems
            except AuthenticationError as error:
                problems += error.problems
                refusal = refusal or error
        if problems:
            raise UserError(problems, about) from refusal


def open_account(
    settings: Settings,
    stop: threading.Event | None = None,
    bounds: Bounds = DEFAULT_BOUNDS,
    before_attempt: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    *,
    on_answer: OnAnswer = ignore_answer,
) -> Account:
    """Wire an account up; nothing is asked of a server yet.

    Args:
        stop: Set when the process is to end; cuts waits of the HTTP clients short.
        bounds: How long servers are waited for, and how much is taken from them.
        before_attempt: Called before each attempt to send a request; what it raises ends the request.
        clock: Tells triage and the journal the seconds; only differences count.
        on_answer: Hears of each request that was sent.
    """

    def http(url: str, credentials: Credentials, protocol: str) -> HttpClient:
        return HttpClient(
            url, credentials, stop, bounds, before_attempt, on_answer=partial(on_answer, protocol)
        )

    jmap = JmapClient(
        http(settings.jmap_session_url, settings.jmap_credentials, JMAP), settings.jmap_session_url
    )
    book = _open_book(
        settings, jmap, lambda: http(settings.carddav_url, settings.carddav_credentials, CARDDAV)
    )
    known_own = OwnAddresses.read([settings.carddav_username], is_complete=False)
    mail = JmapMailStore(jmap)
    triage = Triage(
        mail,
        book,
        settings.scheme,
        known_own,
        sweeps_stragglers=settings.sweep_stragglers,
        conversations=_conversations(jmap, mail) if settings.replies_pass else None,
        clock=clock,
    )

    @cache
    def open_notes() -> Notes:
        from mailroom.jmap.notes import JmapNotes  # noqa: PLC0415 - a service may have nothing to write

        return JmapNotes(jmap, settings.carddav_username)

    journal = open_journal(settings, open_notes, triage, clock)
    return Account(jmap, mail, journal, book, triage, known_own, mail.form, open_notes)


def open_journal(
    settings: Settings,
    open_notes: Callable[[], Notes],
    triage: Triage,
    clock: Callable[[], float] = time.monotonic,
) -> Journal:
    """Wire up what tells in the account what was done."""
    takes_back = settings.scheme.screener_label or ""
    return Journal(
        open_notes,
        lambda: triage.journal,
        settings.journal_days,
        on_written=triage.stragglers.note_own_write,
        takes_back=takes_back,
        clock=clock,
    )


def _conversations(jmap: JmapClient, mail: JmapMailStore) -> Conversations:
    from mailroom.jmap.conversations import JmapConversations  # noqa: PLC0415

    return JmapConversations(jmap, mail.form)


def _open_book(settings: Settings, jmap: JmapClient, open_carddav: Callable[[], HttpClient]) -> AddressBook:
    """Wire up the contacts, over the one protocol or the other; only what is used is loaded."""
    groups = [group.name for group in settings.scheme.groups]
    further = [group.name for group in settings.scheme.domain_groups]

    def over_carddav() -> AddressBook:
        from mailroom.carddav import CardDavAddressBook  # noqa: PLC0415

        return CardDavAddressBook(
            open_carddav(),
            settings.carddav_url,
            groups,
            CARDDAV_URL,
            further_groups=further,
        )

    if settings.uses_carddav:
        return over_carddav()
    from mailroom.jmap.contacts import JmapAddressBook  # noqa: PLC0415

    return JmapAddressBook(
        jmap,
        groups,
        over_carddav if settings.has_carddav_credentials else None,
        further_groups=further,
        way_on="make a token with read and write access to Email and Contacts, or set "
        f"{' and '.join(CARDDAV_SECRETS)} to reach them over CardDAV",
    )


def open_scripts(account: Account) -> SieveScripts:
    """Wire up the Sieve scripts; most of what Mailroom does has no use for them."""
    from mailroom.jmap.sieve import JmapSieveScripts  # noqa: PLC0415

    return JmapSieveScripts(account.jmap)


def open_notices(settings: Settings) -> SecretUrl | None:
    """Wire up where notices for the person go; None where no URL is set for them."""
    return SecretUrl(settings.notify_url) if settings.notify_url else None


def open_push(
    settings: Settings,
    on_change: Callable[[], None],
    stop: threading.Event,
    on_answer: OnAnswer = ignore_answer,
) -> Push:
    """Wire up what listens for changes, with connections of its own; it does not listen yet."""
    http = HttpClient(
        settings.jmap_session_url, settings.jmap_credentials, stop, on_answer=partial(on_answer, JMAP)
    )
    return Push(http, settings.jmap_session_url, on_change, with_contacts=not settings.uses_carddav)
