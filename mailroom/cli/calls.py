"""From the options of each command to its call.

Each command is imported when it is asked for: the service must not carry the others' weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailroom.exits import Exit

if TYPE_CHECKING:
    import argparse


def start_service() -> Exit:
    """Call `mailroom run` without options."""
    from mailroom.service.signals import hold_signals

    hold_signals()  # what follows takes a while on a small machine; a stop meanwhile is a stop
    from mailroom.commands.run import run

    return run()


def call_run(options: argparse.Namespace) -> Exit:
    """Call `mailroom run`."""
    if options.once:
        from mailroom.commands.once import run_once

        return run_once()
    return start_service()


def call_plan(options: argparse.Namespace) -> Exit:
    """Call `mailroom plan`."""
    from mailroom.commands.plan import plan

    return plan(as_json=options.json)


def call_waiting(options: argparse.Namespace) -> Exit:
    """Call `mailroom waiting`."""
    from mailroom.commands.waiting import waiting

    return waiting(with_subjects=options.subjects, as_json=options.json)


def call_history(options: argparse.Namespace) -> Exit:
    """Call `mailroom history`."""
    from mailroom.commands.history import history

    return history(since=options.since, sender=options.sender, as_json=options.json)


def call_why(options: argparse.Namespace) -> Exit:
    """Call `mailroom why`."""
    from mailroom.commands.why import why

    return why(options.what, as_json=options.json)


def call_check(options: argparse.Namespace) -> Exit:
    """Call `mailroom check`."""
    from mailroom.commands.check import check

    return check(as_json=options.json)


def call_init(options: argparse.Namespace) -> Exit:
    """Call `mailroom init`."""
    from mailroom.commands.init import init

    return init(only_credentials=options.credentials, form=options.format, output=options.output)


def call_setup(options: argparse.Namespace) -> Exit:
    """Call `mailroom setup`."""
    from mailroom.commands.setup import setup

    return setup(apply=options.apply, as_json=options.json)


def call_rules(options: argparse.Namespace) -> Exit:
    """Call `mailroom rules`."""
    if (options.into_active or options.yes) and not options.install:
        options.parser.error("--into-active and --yes go with --install")
    if options.install:
        from mailroom.commands.installation import install_rules

        return install_rules(
            dialect=options.sieve_dialect,
            into_active=options.into_active,
            force=options.force,
            yes=options.yes,
        )
    from mailroom.commands.rules import rules

    return rules(
        form=options.format, dialect=options.sieve_dialect, output=options.output, force=options.force
    )


def call_categories(options: argparse.Namespace) -> Exit:
    """Call `mailroom categories`."""
    from mailroom.commands.categories import categories

    return categories(check=options.check, as_toml=options.toml, as_json=options.json)


def call_undo(options: argparse.Namespace) -> Exit:
    """Call `mailroom undo`."""
    from mailroom.commands.undo import undo

    return undo(options.addresses, last=options.last, yes=options.yes, as_json=options.json)


def call_rescue(options: argparse.Namespace) -> Exit:
    """Call `mailroom rescue`."""
    from mailroom.commands.rescue import rescue

    return rescue(yes=options.yes, as_json=options.json)


def call_approve(options: argparse.Namespace) -> Exit:
    """Call `mailroom approve`."""
    from mailroom.commands.approve import approve

    return approve(limit=options.limit, include=options.include, yes=options.yes, as_json=options.json)


def call_uninstall(options: argparse.Namespace) -> Exit:
    """Call `mailroom uninstall`."""
    from mailroom.commands.uninstall import uninstall

    return uninstall(
        cards=options.cards,
        groups=options.groups,
        labels=options.labels,
        rules=options.rules,
        apply=options.apply,
        yes=options.yes,
        as_json=options.json,
    )


def call_demo(options: argparse.Namespace) -> Exit:
    """Call `mailroom demo`."""
    from mailroom.commands.demo import demo

    return demo(serve=options.serve)


def call_senders(options: argparse.Namespace) -> Exit:
    """Call `mailroom senders`."""
    from mailroom.commands.senders import senders

    return senders(since=options.since, file=options.file, force=options.force, as_json=options.json)


def call_apply(options: argparse.Namespace) -> Exit:
    """Call `mailroom apply`."""
    from mailroom.commands.apply import apply

    return apply(options.file, yes=options.yes, as_json=options.json)
