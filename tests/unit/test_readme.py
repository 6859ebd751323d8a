"""The README and the pages in docs/ say what is true: settings, commands, links, promises, lines to type."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from attrs import fields_dict

from mailroom.cli import main
from mailroom.jmap.wire import AddressHeadersObject, EmailObject
from mailroom.model.scheme import ReadMail
from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import seeded_account
from mailroom.settings import variables
from mailroom.settings.categories import read_categories
from tests.support.demo_picture import words_in_picture, words_of
from tests.support.running import run_command
from tests.unit.test_metrics import NAMES as METRICS

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
MAX_README_LINES = 150
PATIENCE_SECONDS = 60.0
COMMAND = ".venv/bin/mailroom"


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def typed_in_the_readme() -> list[str]:
    """Every line that the README tells to type after the demo, in order."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text_of("README.md"), re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if COMMAND in line][1:]


def test_every_setting_stands_in_a_table_with_its_default() -> None:
    """Whoever reads the tables knows all variables and what they are without being set."""
    page = text_of("docs/settings.md")
    rows = dict(re.findall(r"^\| `(MAILROOM_\w+)` \| (?:`([^`]*)`|unset) \|", page, re.MULTILINE))
    assert rows == {**variables.PUBLIC_DEFAULTS, **variables.OTHER_DEFAULTS}
    secrets = re.findall(r"^\| `(MAILROOM_\w+)` \| (?:required|with CardDAV) \|", page, re.MULTILINE)
    assert tuple(secrets) == variables.SECRETS
    optional = re.findall(r"^\| `(MAILROOM_\w+)` \| off \|", page, re.MULTILINE)
    assert tuple(optional) == variables.OPTIONAL_SECRETS


def test_the_page_names_each_metric() -> None:
    """What docs/settings.md promises is what is served."""
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    assert set(re.findall(r"`(mailroom_\w+)", page)) == METRICS


def test_every_command_stands_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """What `mailroom --help` lists, the page explains, and nothing else."""
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = set(re.findall(r"^    (\w+)  ", capsys.readouterr().out, re.MULTILINE))
    explained = set(
        re.findall(r"^\| .*?`mailroom (\w+)[^`]*`[^|]*\|", text_of("docs/settings.md"), re.MULTILINE)
    )
    assert listed
    assert explained == listed


def test_the_table_tells_which_commands_may_fail() -> None:
    """Whoever writes a script around a command reads there that it may end with 1, as without settings."""
    rows = re.findall(r"^\| `mailroom ([^`]*)`.*\| ([^|]*) \|$", text_of("docs/settings.md"), re.MULTILINE)
    assert len(rows) > 10
    for line, codes in rows:
        told = {int(code) for code in re.findall(r"\b\d\b", codes)}
        if line in {"demo", "categories"}:
            assert 0 in told
        else:
            assert (line, told) == (line, {0, run_command({}, *line.split()).code})


def test_what_the_readme_writes_is_not_committed() -> None:
    """The files that a newcomer makes in a clone are left out by git: rules, senders, credentials."""
    written = set(re.findall(r"mailroom .*?(?:-o|--file) (\S+\.\w+)", text_of("README.md")))
    assert written == {"mailrules.json", "senders.txt"}
    assert {*(f"/{name}" for name in written), ".env"} <= set(text_of(".gitignore").splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    """A link into the repository names a file that is there, and a heading that is in it."""
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
        file = (page.parent / target) if target else page
        assert file.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


def test_the_promises_name_tests_that_are_there() -> None:
    """A promise is worth the test that shows it: file, class and function exist."""
    named = re.findall(r"`(tests/[\w/]+(?:\.py)?)((?:::\w+)*)`", text_of("docs/promises.md"))
    assert len(named) > 20
    for file, inside in named:
        path = ROOT / file
        assert path.exists(), file
        for name in filter(None, inside.split("::")):
            assert re.search(rf"^\s*(?:class|def) {name}\b", path.read_text("utf-8"), re.MULTILINE), name


def test_the_unit_starts_what_the_page_installs_and_reads_what_it_writes() -> None:
    """Whoever types the lines has program and secrets where the unit looks for them."""
    page = text_of("docs/run.md")
    (folder,) = re.findall(r"PIPX_BIN_DIR=(\S+)", page)
    assert f"\nExecStart={folder}/mailroom run\n" in page
    loaded = re.findall(r"^LoadCredential=\w+:(\S+)$", page, re.MULTILINE)
    assert loaded == re.findall(r"sudo tee (\S+)", page)


def test_a_promise_is_one_line() -> None:
    """Whoever reads all of them has understood what there is to trust."""
    promises = re.findall(r"^\| (?!promise |---)(.*?) \| ", text_of("docs/promises.md"), re.MULTILINE)
    assert len(promises) > 30
    assert [promise for promise in promises if len(promise) > 80] == []


def test_the_map_names_what_is_there() -> None:
    """Files and folders of the code that docs/architecture.md names exist."""
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|md|env))?)`", text_of("docs/architecture.md"))
    assert len(named) > 20
    for each in named:
        assert (ROOT / each).exists() or (ROOT / "mailroom" / each).exists(), each


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_part_is_missing(page: Path) -> None:
    """No place is kept free for text that was never written."""
    assert "<!--" not in page.read_text("utf-8")


def test_the_picture_shows_what_the_demo_shows() -> None:
    """Where it does not: `python -m tests.support.demo_picture` draws it anew."""
    shown = run_command({}, "demo")
    assert shown.code == 0
    assert words_in_picture() == words_of(shown.output)
    assert "docs/demo.svg" in text_of("README.md")


def test_the_page_on_privacy_names_all_that_is_read_of_a_message_and_whom_it_tells() -> None:
    """What is read anew, or another receiver, is written there first."""
    page = text_of("docs/contacts-and-privacy.md")
    told_as = {
        "mailbox_ids": "in which mailboxes", "keywords": "keywords", "from_": "From",
        "received_at": "when it came", "thread_id": "conversation",
        "to": "To", "cc": "Cc", "bcc": "Bcc", "message_id": "Message-ID",
        "list_id": "List-Id", "list_ids": "List-Id", "list_post": "List-Post",
        "list_unsubscribe": "List-Unsubscribe",
    }  # fmt: skip
    assert (
        told_as.keys() | {"id"} == fields_dict(EmailObject).keys() | fields_dict(AddressHeadersObject).keys()
    )
    assert [word for word in (*told_as.values(), *variables.OPTIONAL_SECRETS) if word not in page] == []


def test_the_readme_is_short() -> None:
    """Whoever wants more finds it in docs/."""
    assert len(text_of("README.md").splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize(
    "commands",
    [("init", "run"), ("init", "setup", "approve", "rules", "check")],
    ids=["led through", "step by step"],
)
def test_the_lines_of_the_readme_work_as_they_stand(tmp_path: Path, commands: tuple[str, ...]) -> None:
    """From an account to a working Screener: typed in this order, with a yes to each question, all work."""
    with Sandbox(seeded_account()) as sandbox:
        health = {"MAILROOM_HEALTH_HOST": "127.0.0.1", "MAILROOM_HEALTH_PORT": "0"}
        variables = {**sandbox.environment(), **health}
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        lines = typed_in_the_readme()
        lines = lines[:2] if "run" in commands else lines[2:]
        assert tuple(shlex.split(line)[1] for line in lines) == commands
        for line in lines:
            code, shown = typed(line, tmp_path)
            assert code == 0, f"{line}\n{shown}"
        assert (tmp_path / "mailrules.json").exists()


def typed(line: str, folder: Path) -> tuple[int, str]:
    """Type a line on a terminal, and yes to what it asks; the service is stopped once it has started."""
    program, *arguments = shlex.split(line)
    assert program == COMMAND
    controller, terminal = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILROOM_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mailroom", *arguments],
        stdin=terminal, stdout=terminal, stderr=terminal, close_fds=True, cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
    )  # fmt: skip
    os.close(terminal)
    overdue = threading.Timer(PATIENCE_SECONDS, process.kill)
    overdue.start()
    shown, is_stopped = "", False
    try:
        while chunk := read(controller):
            shown += chunk
            if "[y/N]" in chunk:
                os.write(controller, b"y\n")
            if "Press Enter" in chunk:
                os.write(controller, b"\n")
            if "service started" in shown and not is_stopped:
                process.send_signal(signal.SIGTERM)
                is_stopped = True
        return process.wait(), shown
    finally:
        overdue.cancel()
        os.close(controller)


def read(controller: int) -> str:
    """Read what a terminal shows next; empty at its end, which Linux tells by an error."""
    try:
        return os.read(controller, 65_536).decode("utf-8", "replace")
    except OSError:
        return ""


def test_the_page_that_explains_the_file_is_a_file_that_can_be_read(tmp_path: Path) -> None:
    """What docs/settings.md shows can be copied as it stands."""
    (example,) = re.findall(r"^```toml\n(.*?)^```", text_of("docs/settings.md"), re.MULTILINE | re.DOTALL)
    (tmp_path / "categories.toml").write_text(example, "utf-8")
    receipts, family, nuisance = read_categories(tmp_path / "categories.toml")
    assert receipts.group.also == ("Paper Trail",)
    assert (family.read_mail, family.approves) == (ReadMail.KEEP, True)
    assert nuisance.is_unwanted
