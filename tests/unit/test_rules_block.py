"""Our marked block in a person's script: every other byte is theirs, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.rules.block import (
    BlockState,
    ends_early,
    include_block,
    includes_ours,
    is_cut_short,
    is_holding,
    part,
    put,
)
from mailroom.rules.own_script import Ownership, extensions_of, own_script, whose
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

scripts = st.one_of(
    st.sampled_from(SCRIPTS),
    st.lists(st.sampled_from([b"keep;", b"# x", b"\r\n", b"\n", b"\n\n", b"\xc3\xa9", b'"a"', b"\r"])).map(
        b"".join
    ),
    st.binary(max_size=60),
)


@given(scripts, st.sampled_from(BLOCKS), st.sampled_from(BLOCKS))
def test_what_is_put_in_comes_out_again(theirs: bytes, first: bytes, second: bytes) -> None:
    """Whatever the script, it is the same again without the block, also after the block has changed."""
    with_block = put(theirs, first)
    parted = part(with_block)
    assert parted.state is BlockState.OURS
    assert parted.outside == theirs
    assert is_holding(parted, first)
    again = put(parted.outside, second)
    assert part(again).outside == theirs
    assert again == put(theirs, second)


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


def test_a_script_that_ends_itself_is_known() -> None:
    """`stop` at the beginning of a line leaves what is behind it without effect; within a block not."""
    assert ends_early(b"keep;\nstop;\n# bye\n")
    assert is_cut_short(put(b"keep;\nstop;\n", include_block()))
    assert is_cut_short(b'require "include";\nstop;\ninclude "Mailroom";\n')
    assert not is_cut_short(b'require "include";\ninclude "Mailroom";\nstop;\n')
    assert not ends_early(b"if true {\n  stop;\n}\n")
    assert not ends_early(b"vacation text:\nplease\nstop;\n.\n;\nkeep;\n")


@pytest.mark.parametrize("half", [b"# >>> Mailroom needs", b"# >>> Mailroom rules"])
@pytest.mark.parametrize("block", BLOCKS, ids=["include", "rules"])
def test_a_half_in_a_comment_is_an_edit(block: bytes, half: bytes) -> None:
    """Who comments the block out has meant it, though not a byte between the marks is another."""
    before, mark, after = put(b'fileinto "/*";\n', block).partition(half)
    lines, end, rest = after.partition(b"# <<< Mailroom <<<\n")
    edited = before + b"/*\n" + mark + lines + end + b"*/\n" + rest
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
