"""Whether mail comes to the rules in a person's script: as its form tells, and as Cyrus carries it out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from mailroom.rules.block import put, reach_of_end, reach_of_ours
from mailroom.rules.reach import Reach
from tests.conftest import open_account_on
from tests.support.mail import Mail
from tests.support.on_cyrus import AccountOnCyrus

FILED = b'require "fileinto";\nfileinto "Feed";\n'
"""In the place of the rules: whatever comes to it lies in Feed."""

SCRIPTS = [
    b"",
    b"keep;\nstop;\n# bye\n",
    b"keep; stop;",
    b'require "include"; return;',
    b"stop # here\n  ;\n",
    b"keep;/**/stop;",
    b"# stop;\n/* stop; */ keep;",
    b"if false {discard; stop;}",
    b'require "variables"; set "a" text:\nplease\nstop;\n.\n;\nkeep;\n',
    b'require "variables"; set "a" text: # how\r\n..\r\nstop;\r\n.\r\n;\r\nstop;',
    b'require "variables"; set "a" "\\"; stop; \\\\"; keep;',
    b"if true {\n  stop;\n}\n",
    b"if false {stop;}",
    b'if false # anyof (header :is "x" "y")\n{stop;}',
    b'if header :is "x" ["a", "{stop;}"] {\nstop;\n}',
    b'if not allof(true, not anyof(false, header :is "x" "y")) {keep;}',
    b"if not allof(true, anyof(false, false)) {stop;}",
    b"if anyof(false, not not true) {stop;}",
    b'if header :is "x" "y" {stop;} else {keep; stop;}',
    b'if header :is "x" "y" {stop;} elsif false {keep;} elsif true {stop;} else {keep;}',
    b'if header :is "x" "y" {stop;} elsif size :over 5M {stop;}',
    b"if false {keep;} elsif true {keep;} else {stop;}",
    b"if true {if true {keep; stop; keep;} keep;} keep;",
]


@pytest.fixture(
    params=[
        pytest.param("cyrus", marks=pytest.mark.slow),
        pytest.param("newer cyrus", marks=pytest.mark.servers),
    ]
)
def account(request: pytest.FixtureRequest) -> Iterator[AccountOnCyrus]:
    account = open_account_on(request.param, request)
    assert isinstance(account, AccountOnCyrus)
    with closing(account):
        account.add_mailboxes({"Feed": None})
        yield account


def test_what_is_read_off_a_script_is_what_the_server_does(account: AccountOnCyrus) -> None:
    """Of mail that meets no condition: it comes to the end of a script, or it does not."""
    for script in SCRIPTS:
        whole = put(script, FILED)
        account.put_script("mine", whole)
        message = Mail(account).arrives("Eve <eve@far.example>", X="z")
        reach = Reach.ALL if "Feed" in account.mailboxes_of(message) else Reach.NEVER
        assert reach_of_end(script) is reach, script
        assert reach_of_ours(whole) is reach, script


def test_a_block_in_a_branch_counts_where_the_branch_does(account: AccountOnCyrus) -> None:
    """Who has moved it there moves the mail."""
    for around in (
        (b"if true {\n", b"}\n"),
        (b"if false {\n", b"}\n"),
        (b"if true {keep;} else {\n", b"}\n"),
        (b"if false {keep;} elsif anyof(true, false) {\n", b"}\nstop;"),
        (b"if true { stop;\n", b"}\n"),
    ):
        above, mark, rules = put(b"keep;\n", FILED).partition(b"# >>> Mailroom rules")
        whole = above + around[0] + mark + rules + around[1]
        account.put_script("mine", whole)
        message = Mail(account).arrives("Eve <eve@far.example>")
        reach = Reach.ALL if "Feed" in account.mailboxes_of(message) else Reach.NEVER
        assert reach_of_ours(whole) is reach, around
