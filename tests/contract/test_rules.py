"""`mailroom rules` on an account: for what is really there, and never over a file that is there."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import vcards
from tests.support.accounts import AccountUnderTest, join
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.running import run_command


def test_the_default_is_a_file_for_fastmail(account: AccountUnderTest) -> None:
    """Without options the rules come as JSON on standard output, and nothing else does."""
    done = run_command(account.environment, "rules")
    assert [rule["fileIn"] for rule in done.json()] == ["Feed", "Paper Trail", "Jail", "Screener"]
    assert done.errors == ""


def test_names_come_from_the_settings(account: AccountUnderTest) -> None:
    """Another group name, and the mailbox of that name, are what the rules are about."""
    account.add_mailboxes({"News & more": None})
    account.put_card("news.vcf", vcards.group("News & more"))
    done = run_command(account.environment, "rules", MAILROOM_GROUP_FEED="News & more")
    assert [done.json()[0][key] for key in ("search", "fileIn")] == ['fromin:"News & more"', "News & more"]


def test_a_group_that_is_not_there_is_an_error_that_says_what_to_do(account: AccountUnderTest) -> None:
    """A rule for a group that does not exist would never match, in silence: so none is written."""
    account.delete_card("Feed.vcf")
    for form in ("fastmail", "sieve", "text"):
        done = run_command(account.environment, "rules", "--format", form)
        assert done.code == 1
        assert done.output == ""
        assert "'Feed'" in done.errors
        assert "`mailroom setup --apply`" in done.errors


def test_domains_and_lists_have_rules_where_the_account_has_them(account: AccountUnderTest) -> None:
    """A group for domains that is there, and a list whose card is in a group: nothing else is made up."""
    account.put_card("domains.vcf", vcards.group("Jail domains"))
    account.put_card("dev.vcf", vcards.contact("dev", "Dev", extra=["NOTE:List-Id: <dev.lists.example>"]))
    account.put_card(
        "other.vcf", vcards.contact("other", "Other", extra=["NOTE:List-Id: <qa.lists.example>"])
    )
    join(account, "Imbox", "dev")
    rules = run_command(account.environment, "rules").json()
    assert [(rule["search"], rule["fileIn"]) for rule in rules] == [
        ('list:"dev.lists.example"', None),
        ("fromin:Feed", "Feed"),
        ('fromin:"Paper Trail"', "Paper Trail"),
        ("fromin:Jail", "Jail"),
        (
            'fromin:"Jail domains" NOT fromin:Imbox NOT fromin:Feed NOT fromin:"Paper Trail" NOT fromin:Jail'
            f" NOT from:{account.address}",
            "Jail",
        ),
        ("NOT fromin:contacts", "Screener"),
    ]


def test_rules_are_the_same_as_long_as_the_decisions_are(account: AccountUnderTest) -> None:
    """Twice the same script, byte for byte: whether one in force is still right can be told by comparing."""
    one, other = (run_command(account.environment, "rules", "--format", "sieve") for _ in range(2))
    assert one.code == 0
    assert one.output == other.output


def test_sieve_names_groups_by_their_identifiers(account: AccountUnderTest) -> None:
    """The script has the UIDs of the groups as they are, in the newer form where contacts are offered so."""
    account.put_card("Feed.vcf", vcards.group("Feed"))
    sieve = ("rules", "--format", "sieve")
    older = run_command(account.environment, *sieve, "--sieve-dialect", "group-id").output
    newer = run_command(account.environment, *sieve, "--sieve-dialect", "card-uid").output
    assert '{"fromContactGroupId": "group-feed"}' in older
    assert '{"fromContactCardUid": "group-feed"}' in newer
    script = run_command(account.environment, *sieve).output
    assert script == (newer if isinstance(account, AccountOnSandbox) else older)


def test_a_file_is_written_once_and_only_forced_again(account: AccountUnderTest, tmp_path: Path) -> None:
    """-o makes the file; what stands there already is kept unless --force says otherwise."""
    path = tmp_path / "mailrules.json"
    first = run_command(account.environment, "rules", "-o", str(path))
    assert first.code == 0
    assert str(path) in first.output
    assert len(json.loads(path.read_text("utf-8"))) == 4
    path.write_text("mine")
    second = run_command(account.environment, "rules", "-o", str(path))
    assert second.code == 1
    assert "--force" in second.errors
    assert path.read_text() == "mine"
    assert run_command(account.environment, "rules", "-o", str(path), "--force").code == 0
    assert len(json.loads(path.read_text("utf-8"))) == 4


def test_a_file_that_cannot_be_written_is_told_in_one_line(account: AccountUnderTest, tmp_path: Path) -> None:
    """A directory that is not there is the person's to fix, without a traceback."""
    done = run_command(account.environment, "rules", "-o", str(tmp_path / "nowhere" / "rules.json"))
    assert done.code == 1
    assert len(done.errors.splitlines()) == 1
    assert "there is no such file or folder; check the path" in done.errors


def test_it_writes_nothing_to_the_account(account: AccountUnderTest) -> None:
    """Rules are printed; installing them is the person's act."""
    before = account.state()
    for form in ("fastmail", "sieve", "text"):
        run_command(account.environment, "rules", "--format", form)
    assert account.state() == before
