"""What the service loads: nothing that only another way, a command, or another kind of account needs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailroom.sandbox import Sandbox
from tests.support.processes import environment
from tests.support.sized_accounts import add_senders, furnished_account

OF_JMAP_CONTACTS = ("mailroom.jmap.contacts", "mailroom.jmap.contact_replica", "mailroom.jmap.contact_wire")
FROM_THE_START = {
    "carddav": (*OF_JMAP_CONTACTS, "vobject"),
    "jmap": ("mailroom.carddav", "vobject", "dateutil", "pytz", "xml", "concurrent"),
}
ONCE_A_CARD_IS_MADE = {"carddav": OF_JMAP_CONTACTS, "jmap": FROM_THE_START["jmap"]}
FOR_OTHERS = (
    "argparse",
    "mailroom.carddav.removal",
    "mailroom.cli.parser",
    "mailroom.commands.installation",
    "mailroom.digest",
    "mailroom.jmap.contact_removal",
    "mailroom.jmap.history",
    "mailroom.jmap.notes",
    "mailroom.jmap.search",
    "mailroom.jmap.subjects",
    "mailroom.journal.entry",
    "mailroom.journal.teller",
    "mailroom.model.notes",
    "mailroom.output.terminal",
    "mailroom.sandbox",
    "mailroom.rules.installing",
    "mailroom.service.notifier",
    "mailroom.triage.approval",
    "mailroom.triage.evidence",
    "mailroom.triage.foresight",
    "mailroom.triage.former",
    "mailroom.triage.waiting",
)
CODE = (
    "import json, sys; from mailroom.cli import main; code = main(['run']); "
    "print(json.dumps(sorted(sys.modules))); sys.exit(code)"
)


def loaded(way: str, new_senders: int, home: Path) -> list[str]:
    """Return what a service has loaded that filed new senders, or found nothing to do, and was stopped."""
    account = furnished_account()
    add_senders(account, new_senders, 1)
    with Sandbox(account) as sandbox:
        variables = environment(
            {**sandbox.environment(), "MAILROOM_CONTACTS": way, "MAILROOM_POLL_INTERVAL": "0.2"}, home
        )
        with subprocess.Popen(
            [sys.executable, "-c", CODE], env=variables, cwd=home, stdout=subprocess.PIPE, text=True
        ) as service:
            assert service.stdout
            said = map(json.loads, service.stdout)
            cycles = (each for each in said if each["event"] == "poll_complete")
            assert next(cycles)["senders_filed"] == new_senders
            next(cycles)  # what is done after the first one is done by then
            service.send_signal(signal.SIGTERM)
            *_, last = service.stdout
        assert service.returncode == 0
    modules: list[str] = json.loads(last)
    return modules


@pytest.mark.parametrize("way", ["carddav", "jmap"])
@pytest.mark.parametrize("new_senders", [0, 2])
def test_what_is_not_needed_is_not_loaded(way: str, new_senders: int, tmp_path: Path) -> None:
    """It would be carried for years: nothing of the other way, vobject for a first card, no command."""
    of_the_way = (ONCE_A_CARD_IS_MADE if new_senders else FROM_THE_START)[way]
    modules = loaded(way, new_senders, tmp_path)
    assert set(modules).isdisjoint((*of_the_way, *FOR_OTHERS))
    assert ("vobject" in modules) == (way == "carddav" and new_senders > 0)
