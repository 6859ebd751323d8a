"""`mailroom init`: from an account to a working Screener, step by step, with a person at a terminal.

Nothing is remembered but what the account itself shows, .env and the file of rules: started again, it asks
for what is still to be done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import evolve, frozen

from mailroom.account import Account
from mailroom.commands.approve import (
    add_people,
    question_about,
    read_written_to,
    show_added,
    show_candidates,
)
from mailroom.commands.check import check_at_the_end
from mailroom.commands.credentials import INSTEAD, sign_in, unkept_secrets
from mailroom.commands.inspection import inspect
from mailroom.commands.installation import Installation, offer, read_installation
from mailroom.commands.rules import current_rules, is_same_rules, render_rules, show_next_step
from mailroom.commands.setup import is_complete, preview_rule, show_items, show_preview
from mailroom.errors import MailroomError, OutputError, UserError
from mailroom.exits import Exit
from mailroom.model.address import Address, parse_address
from mailroom.model.mailboxes import MailboxTree
from mailroom.output.files import write_file
from mailroom.output.question import agrees, ask, can_ask
from mailroom.output.streams import tell
from mailroom.output.terminal import GREEN, RED, YELLOW, Progress, Terminal
from mailroom.rules.installing import plan_installation
from mailroom.settings.settings import DOTENV, Settings
from mailroom.triage.approval import LeftOut, approving_category
from mailroom.triage.items import Item, State
from mailroom.triage.making import make_missing

WITHOUT_TERMINAL = (
    f"`mailroom init` asks, and there is no terminal to ask on; its steps one by one: {INSTEAD}; "
    "`mailroom setup --apply`; `mailroom approve --correspondents --yes`; `mailroom rules -o FILE`, "
    "and import that file at your provider, or `mailroom rules --install --yes` where the server takes "
    "Sieve scripts over JMAP; `mailroom check`"
)

GOES_ON = "what is done stays done, and `mailroom init` goes on from here"


def init(*, only_credentials: bool, form: str | None, output: Path) -> Exit:
    """Lead through what is still to be done.

    Args:
        only_credentials: Whether to end once the servers have taken the credentials.
        form: The rules' format, as of `mailroom rules`; None to put them into force where that can be done.
        output: Where they are written.

    Returns:
        1 if something is left undone, or `check` finds something wrong.
    """
    if not can_ask():
        raise UserError([WITHOUT_TERMINAL])
    try:
        return _lead(only_credentials=only_credentials, form=form, output=output)
    except KeyboardInterrupt:
        tell(f"\nmailroom: stopped; {GOES_ON}")
        raise
    except OutputError:
        raise
    except MailroomError as error:
        raise UserError([*error.problems, GOES_ON]) from error


def _lead(*, only_credentials: bool, form: str | None, output: Path) -> Exit:
    terminal = Terminal()
    terminal.heading("Credentials")
    settings, account = sign_in(terminal)
    if only_credentials:
        return Exit.DONE
    guide = _Guide(terminal, settings, account, form or "fastmail", output, installs=form is None)
    steps: Sequence[tuple[str, Callable[[], bool]]] = (
        ("Labels, mailboxes and contact groups", guide.make_what_is_missing),
        ("People you write to", guide.approve_people),
        ("Rules", guide.write_rules),
        ("", guide.preview_rule),  # which have headings of their own
        ("", guide.check),
    )
    for title, step in steps:
        if title:
            terminal.heading(title)
        if not step():
            terminal.line()
            terminal.paragraph(f"This is to be settled first; {GOES_ON}.")
            return Exit.FAILED
    terminal.line()
    if unkept := unkept_secrets(settings):
        terminal.paragraph(
            f"Everything is ready but what you typed, which `mailroom run` would not find: set "
            f"{', '.join(unkept)}, or put them into {DOTENV}. Then `mailroom run` starts the service, and "
            "you put a label on a message."
        )
        return Exit.DONE
    terminal.paragraph(
        "Everything is ready: `mailroom run` starts the service. Then put a label on a message."
    )
    return Exit.DONE


@frozen
class _Guide:
    """The steps after the credentials; each says whether the next one may follow."""

    terminal: Terminal
    settings: Settings
    account: Account
    form: str
    output: Path
    installs: bool

    @property
    def can_approve(self) -> bool:
        return self.settings.scheme.approving is not None

    def make_what_is_missing(self) -> bool:
        with Progress("reading the account"):
            seen = inspect(self.account, self.settings.scheme)
        if seen.troubles:
            raise UserError(seen.troubles)
        items: Sequence[Item] = seen.items
        missing = sum(item.state is State.MISSING for item in items)
        if missing:
            show_items(self.terminal, items)
            self.terminal.line()
            if not agrees(f"Make the {missing} that are missing?"):
                return False
            with Progress("making what is missing"):
                items = make_missing(items, self.account.mail, self.account.book)
        if not is_complete(items):
            show_items(self.terminal, items)
            return False
        self.terminal.paragraph(f"all {len(items)} are there", "✓ ", GREEN)
        return True

    def approve_people(self) -> bool:
        scheme = self.settings.scheme
        try:
            approving_category(scheme)
            found = read_written_to(self.account, scheme)
        except UserError as error:  # no category for them, or no sent mail: there is nobody to approve
            for problem in error.problems:
                self.terminal.paragraph(problem, "? ", YELLOW)
            return True
        candidates = found.candidates
        show_candidates(self.terminal, candidates.people, candidates.left_out, found.unreadable)
        if not candidates.people:
            if candidates.left_out:
                self.terminal.paragraph("`mailroom approve --correspondents --include ADDRESS …` takes them.")
            return True
        people = candidates.chosen(self._included(candidates.left_out))
        if not agrees(question_about(people, scheme)):
            self.terminal.paragraph("Nobody was added; `mailroom approve --correspondents` asks again.")
            return True
        report = add_people(people, self.account, scheme)
        show_added(self.terminal, report, scheme)
        return not report.failed

    def write_rules(self) -> bool:
        installation = None
        if self.installs:
            with Progress("reading the account"):
                installation = read_installation(self.account, self.settings)
        return self._install_rules(installation) if installation else self._write_rules(self.form)

    def _install_rules(self, installation: Installation) -> bool:
        """Put them into force, where the server lets that be done."""
        try:
            if offer(self.terminal, installation) is Exit.DONE:
                return True
            there = evolve(installation, scripts=installation.port.read())
            plan = plan_installation(there.scripts, there.wanted)
            if plan.changes:  # they do not want it
                return self._write_rules("sieve")
            if agrees(f"Let Mailroom put this into {plan.beside!r}, between marks of its own?"):
                return offer(self.terminal, there, into_active=True, is_agreed=True) is Exit.DONE
        except UserError as error:
            for problem in error.problems:
                self.terminal.paragraph(problem, "✗ ", RED)
            self.terminal.paragraph(
                "`mailroom init --format text -o FILE` goes on with rules to set up by hand."
            )
            return False
        ask("Press Enter once they are in force:", WITHOUT_TERMINAL)
        return True

    def _write_rules(self, form: str) -> bool:
        with Progress("reading the account"):
            listed = current_rules(self.account, self.settings.scheme)
            text = render_rules(self.account, listed, form, can_approve=self.can_approve)
        is_new = not is_same_rules(self.output, text)
        if is_new:
            is_there = self.output.exists()
            if is_there and not agrees(f"{self.output} holds other rules; write these in their place?"):
                self.terminal.paragraph("It stays; `mailroom init -o FILE` writes these elsewhere.")
                return False
            write_file(self.output, text, force=is_there)
        show_next_step(self.terminal, listed, form, self.output)
        tree = MailboxTree(self.account.mail.read([]).mailboxes)
        if not is_new and any(each.total_messages for each in tree.named(self.settings.scheme.screener)):
            # Whatever brought it there: what tells of each rule is judged at the end.
            self.terminal.paragraph(
                f"They were written before, and mail waits in {self.settings.scheme.screener} already."
            )
        else:
            ask("Press Enter once they are in force:", WITHOUT_TERMINAL)
        return True

    def preview_rule(self) -> bool:
        mailboxes = self.account.mail.read([]).mailboxes
        ahead, why_not = preview_rule(self.account, mailboxes, self.account.book.latest())
        show_preview(self.terminal, ahead, why_not, can_approve=self.can_approve)
        return True

    def check(self) -> bool:
        return check_at_the_end(self.terminal, self.account, self.settings)

    def _included(self, left_out: Sequence[LeftOut]) -> frozenset[Address]:
        """Ask which of those left out are people all the same."""
        offered = {each.tally.who.address for each in left_out}
        while left_out:
            typed = ask("Which of those left out are people all the same? (addresses; Enter for none)", "")
            addresses = {each: parse_address(each) for each in re.split(r"[\s,;]+", typed) if each}
            unknown = [each for each, address in addresses.items() if address not in offered]
            if not unknown:
                return frozenset(address for address in addresses.values() if address)
            self.terminal.paragraph(f"{', '.join(unknown)}: not among those left out", "✗ ", RED)
        return frozenset()
