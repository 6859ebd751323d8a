"""Our marked block in a person's script: every other byte is theirs, whatever it is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.model.scripts import Script, ScriptId, ScriptLimits, Scripts
from mailroom.rules.block import (
    BlockState,
    include_block,
    includes_ours,
    is_holding,
    part,
    put,
    reach_of_end,
    reach_of_ours,
    with_block,
)
from mailroom.rules.in_force import Wanted
from mailroom.rules.keeping import plan_upkeep
from mailroom.rules.own_script import Ownership, extensions_of, own_script, whose
from mailroom.rules.reach import Reach
from mailroom.sandbox.sieve.check import why_invalid
from mailroom.sandbox.sieve.words import EXTENSIONS

RULES = b"""require ["fileinto", "mailboxid", "vnd.cyrus.jmapquery"];

# Mailroom: Feed
if jmapquery text:
{"fromContactGroupId": "g"}
.
{
  fileinto :mailboxid "F1" "Feed";
}
"""
BLOCKS = [include_block(), RULES]
SCRIPTS = [
    b"",
    b"keep;",
    b"keep;\n",
    b"\r\n\r\n# only a comment\r\n",
    b'require ["fileinto"];\r\nfileinto "A";\r\n',
    b"/* a\n   comment */ keep; # and one at the end",
    b'require "variables";\nset "a" text:\nkeep;\n..\n.\n;\n',
]

WORDS = [b"keep;", b"# x", b"\r\n", b"\n", b"\n\n", b"# \xc3\xa9", b'"a"', b"\r", b"/* x */", b"{", b"}"]

scripts = st.one_of(st.sampled_from(SCRIPTS), st.lists(st.sampled_from(WORDS)).map(b"".join))


@given(scripts, st.sampled_from(BLOCKS), st.sampled_from(BLOCKS))
def test_what_is_put_in_comes_out_again(theirs: bytes, first: bytes, second: bytes) -> None:
    """Whatever the script, it is the same again without the block, also after the block has changed."""
    script = with_block(theirs, first)
    parted = part(script)
    assert parted.state is BlockState.OURS
    assert parted.outside == theirs
    assert is_holding(parted, first)
    again = with_block(script, second)
    assert part(again).outside == theirs
    assert again == put(theirs, second)


@given(scripts, st.sampled_from(BLOCKS), st.sampled_from(BLOCKS))
def test_other_rules_stand_where_the_person_has_the_block(theirs: bytes, first: bytes, second: bytes) -> None:
    """What they have moved behind it stays behind it, whatever the rules are by then."""
    behind = b'if header :is "x" "y" {stop;}\nkeep;\nstop;\n'
    moved = put(theirs, first) + behind
    again = with_block(moved, second)
    assert again.endswith(behind)
    assert part(again).outside == part(moved).outside
    assert is_holding(part(again), second)
    assert with_block(again, first) == moved


def test_rules_that_the_person_has_moved_ahead_of_a_stop_are_kept_current() -> None:
    """As `check` says; where no script can include another, the rules themselves are in the block."""
    first, second = (f'require ["fileinto"];\nfileinto "{each}";\n' for each in "AB")
    theirs = put(b"keep;\n", first.encode()) + b"stop;\n"
    scripts = Scripts("1", (Script(ScriptId("m"), "mine", theirs, is_active=True),))
    limits = ScriptLimits(extensions=frozenset({"fileinto"}))
    plan = plan_upkeep(scripts, Wanted(second, limits, date(2026, 1, 1)))
    assert plan.problems == ()
    ((written,),) = (each.contents.values() for each in plan.changes if each.contents)
    assert part(written).outside == b"keep;\nstop;\n"
    assert b'fileinto "B";\n# <<< Mailroom <<<\nstop;\n' in written


@given(st.binary(max_size=60), st.sampled_from(BLOCKS))
def test_from_what_cannot_be_read_nothing_is_taken(theirs: bytes, block: bytes) -> None:
    """No server takes such a script; whatever it is, it comes out as it was, or is left as an edited one."""
    script = put(theirs, block)
    parted = part(script)
    assert parted.outside == (theirs if parted.state is BlockState.OURS else script)


@given(scripts, st.sampled_from(BLOCKS), st.data())
def test_an_edit_outside_is_kept_and_one_inside_is_seen(
    theirs: bytes, block: bytes, data: st.DataObject
) -> None:
    """A line put in anywhere is theirs and comes out with their script, or makes the block an edited one."""
    lines = put(theirs, block).splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines)))
    if at and not lines[at - 1].endswith((b"\n", b"\r")):
        lines[at - 1] += b"\n"
    edited = b"".join([*lines[:at], b"discard;\n", *lines[at:]])
    parted = part(edited)
    if parted.state is BlockState.OURS:
        assert b"discard;\n" in parted.outside
        assert len(parted.outside) >= len(theirs) + len(b"discard;\n")
    else:
        assert parted.state is BlockState.EDITED
        assert parted.outside == edited


@pytest.mark.parametrize("block", BLOCKS, ids=["include", "rules"])
@pytest.mark.parametrize("theirs", SCRIPTS)
def test_the_edited_script_is_a_script(theirs: bytes, block: bytes) -> None:
    """What they required and what we require are at the top, before every other command."""
    assert why_invalid(theirs, EXTENSIONS) == ""
    assert why_invalid(put(theirs, block), EXTENSIONS) == ""


@pytest.mark.parametrize("theirs", SCRIPTS)
def test_lines_end_as_theirs_do(theirs: bytes) -> None:
    """A script with one kind of line end has one kind with our block in it."""
    if b"\r\n" in theirs and b"\n" not in theirs.replace(b"\r\n", b""):
        assert b"\n" not in put(theirs, RULES).replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("script", "includes"),
    [
        (include_block(), True),
        (b'require "include";\nInclude :once :personal "Mailroom" ;', True),
        (b'# include :personal "Mailroom";\nkeep;', False),
        (b'/* include "Mailroom"; */ keep;', False),
        (b'include :personal "Mailroom 2";', False),
        (b'include :global "Mailroom";', False),
        (b'if header :matches "x" "http://*" {keep;}\ninclude "Mailroom";\n/* and */ keep;', True),
        (b'redirect "a#b"; include "Mailroom";', True),
        (b'set "a" text:\n/* dear\n.\n;\ninclude "Mailroom"; /* and */ keep;', True),
    ],
)
def test_an_include_is_known_by_its_command(script: bytes, includes: bool) -> None:
    """A line of the person's own counts, one in a comment or of another script does not."""
    assert includes_ours(script) is includes


ALL, NEVER, UNKNOWN = Reach.ALL, Reach.NEVER, Reach.UNKNOWN
ENDS = [
    (b"", ALL),
    (b"keep;\nstop;\n# bye\n", NEVER),
    (b"keep; stop;", NEVER),
    (b'require "include"; return;', NEVER),
    (b"STOP\n  ;\n", NEVER),
    (b"# stop;\n/* stop; */ keep;", ALL),
    (b'redirect "a@b;stop;"; redirect "\\"; stop; \\"@b";', ALL),
    (b"vacation text:\nplease\nstop;\n.\n;\nkeep;\n", ALL),
    (b"vacation text: # how\r\n..\r\nstop;\r\n.\r\n;\r\nstop;", NEVER),
    (b"if true {\n  stop;\n}\n", NEVER),
    (b"if false {stop;}", ALL),
    (b'if false # anyof (header :is "x" "y")\n{stop;}', ALL),
    (b'if header :is "x" ["a", "{stop;}"] {\nstop;\n}', ALL),
    (b'if not allof(true, not anyof(false, header :is "x" "y")) {stop;}', ALL),
    (b"if not allof(true, anyof(false, false)) {stop;}", NEVER),
    (b'if header :is "x" "y" {stop;} else {discard; stop;}', NEVER),
    (b'if header :is "x" "y" {stop;} elsif false {keep;} elsif true {stop;} else {keep;}', NEVER),
    (b'if header :is "x" "y" {stop;} elsif size :over 5K {stop;}', ALL),
    (b'if header :is "x" "y" {if true {stop;}} else {keep;}', ALL),
    (b"if false {keep;} elsif true {keep;} else {stop;}", ALL),
    (b"foreverypart { stop; }", ALL),
    (b'require "include"; include :personal "other"; keep;', UNKNOWN),
    (b'require "include"; include :global "Mailroom"; keep;', UNKNOWN),
    (b'require "include"; include "other"; stop;', NEVER),
    (b'if size :over 1M { include "other"; }', ALL),
    (b"if true {", UNKNOWN),
    (b'keep "', UNKNOWN),
    (b"if " + b"not " * 5_000 + b"false {stop;}", ALL),
    (b"if true {" * 40 + b"stop;" + b"}" * 40, UNKNOWN),
]


@pytest.mark.parametrize(("script", "reach"), ENDS)
def test_whether_mail_comes_to_the_end_of_a_script_is_read_off_it(script: bytes, reach: Reach) -> None:
    """Commands count wherever they stand, and none within a string or a comment of either form."""
    assert reach_of_end(script) is reach
    if reach is not UNKNOWN:
        assert reach_of_ours(put(script, include_block())) is reach


BRANCHES = [
    ((b"", b""), ALL),
    ((b"if true {\n", b"\n}"), ALL),
    ((b"if false {\n", b"\n}"), NEVER),
    ((b"if true {keep;} else {\n", b"\n}"), NEVER),
    ((b'if header :is "x" "y" {\n', b"\n}"), UNKNOWN),
    ((b'if header :is "x" "y" {keep;} else {\n', b"\n}\nkeep;"), UNKNOWN),
    ((b"if true { stop;\n", b"\n}"), NEVER),
    ((b"foreverypart {\n", b"\n}"), UNKNOWN),
    ((b"keep;\n", b"\nstop;"), ALL),
]


@pytest.mark.parametrize("block", BLOCKS, ids=["include", "rules"])
@pytest.mark.parametrize(("around", "reach"), BRANCHES)
def test_a_block_that_was_put_into_a_branch_is_where_that_is(
    block: bytes, around: tuple[bytes, bytes], reach: Reach
) -> None:
    """Its bytes are untouched, and whether they count is another question."""
    before, mark, rules = put(b"keep;\n", block).partition(b"# >>> Mailroom rules")
    script = before + around[0] + mark + rules + around[1]
    assert part(script).state is BlockState.OURS
    assert reach_of_ours(script) is reach


def test_of_several_includes_one_that_counts_is_enough() -> None:
    """Likewise a line of the person's own beside the block."""
    include = b'include "Mailroom";\n'
    assert reach_of_ours(b"if false {" + include + b"}" + include) is ALL
    assert reach_of_ours(b"if false {" + include + b"} stop;" + include) is NEVER


def test_a_long_script_is_read_in_a_moment() -> None:
    """However it is made: each byte is looked at once."""
    for script in (
        b"/*" * 300_000,
        b'"\\' * 300_000,
        b"text:\n" * 100_000,
        b"# >>> Mailroom needs x\n" * 30_000,
    ):
        assert part(script).state in {BlockState.NONE, BlockState.EDITED}
        assert reach_of_end(script) in {UNKNOWN, ALL}
        assert reach_of_ours(script) in {UNKNOWN, ALL, NEVER}


@pytest.mark.parametrize("half", [b"# >>> Mailroom needs", b"# >>> Mailroom rules"])
@pytest.mark.parametrize("block", BLOCKS, ids=["include", "rules"])
@pytest.mark.parametrize("around", [(b"/*\n", b"*/\n"), (b"vacation text:\n", b".\n;\n"), (b'set "', b'";')])
def test_a_half_in_a_comment_or_a_string_is_an_edit(
    block: bytes, half: bytes, around: tuple[bytes, bytes]
) -> None:
    """Who comments the block out has meant it, though not a byte between the marks is another."""
    before, mark, after = put(b'fileinto "/*";\n', block).partition(half)
    lines, end, rest = after.partition(b"# <<< Mailroom <<<\n")
    edited = before + around[0] + mark + lines + end + around[1] + rest
    assert part(edited).state is BlockState.EDITED
    assert part(edited).outside == edited


class TestOwnScript:
    """Our script, known by its first line."""

    def test_an_edit_is_seen(self) -> None:
        """Every change behind the first line makes it somebody's."""
        ours = own_script(RULES.decode())
        assert whose(ours) is Ownership.OURS
        assert whose(ours + b"keep;\n") is Ownership.EDITED
        assert whose(RULES) is Ownership.THEIRS

    def test_other_line_ends_are_no_edit(self) -> None:
        """A server that stores CRLF changes nothing that means anything."""
        assert whose(own_script(RULES.decode()).replace(b"\n", b"\r\n")) is Ownership.OURS

    def test_what_it_requires_is_read_off_it(self) -> None:
        """The server is asked for just what the script names."""
        assert extensions_of(own_script(RULES.decode())) == ("fileinto", "mailboxid", "vnd.cyrus.jmapquery")
