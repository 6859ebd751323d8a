"""What people see: tables that are aligned and fit, and nothing a sender could do to the terminal."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.output.columns import display_width, fit
from mailroom.output.redaction import conceal, forget_secrets
from mailroom.output.terminal import LEAST_COLUMN_WIDTH, RED, Terminal


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def table(*rows: tuple[str, ...], stream: io.StringIO | None = None) -> list[str]:
    stream = stream or io.StringIO()
    Terminal(stream).table(("NAME", "SAID"), rows)
    return stream.getvalue().splitlines()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal of 80 columns, without colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return Screen()


def test_columns_are_aligned_also_with_wide_characters() -> None:
    """A Japanese name takes two columns a character, a combining accent none."""
    lines = table(("田中 美咲", "a"), ("Zoe\u0308", "b"), ("Ann", "c"))
    assert {display_width(line[: line.rindex(line[-1])]) for line in lines[1:]} == {
        display_width("田中 美咲") + 2
    }


def test_a_table_is_not_cut_in_a_pipe() -> None:
    """Whoever searches what was printed, or reads it by a program, finds all of it."""
    (_, line) = table(("n" * 300, "s" * 300))
    assert line == f"{'n' * 300}  {'s' * 300}"


@given(
    rows=st.lists(st.tuples(*[st.text(st.characters(codec="ascii"), max_size=60)] * 4), min_size=1),
    yielding=st.lists(st.sampled_from("ABCD"), unique=True),
)
def test_what_says_least_gives_way_first(rows: list[tuple[str, ...]], yielding: list[str]) -> None:
    """A column is cut only where every one that says less is as narrow as can be; nothing is too wide."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        patch.setenv("NO_COLOR", "1")
        stream = Screen()
        Terminal(stream).table("ABCD", rows, yielding=yielding)
        header, *lines = stream.getvalue().splitlines()
    assert all(display_width(line) <= 80 for line in lines)
    starts = [header.index(name) for name in "ABCD"]
    ends = [start - 2 for start in starts[1:]] + [80]
    widths = {name: end - start for name, start, end in zip("ABCD", starts, ends, strict=True)}
    order = [*yielding, *(name for name in "DCBA" if name not in yielding)]
    is_cut = {name: any(len(line) >= end and line[end - 1] == "…" for line in lines)
              for name, end in zip("ABCD", ends, strict=True)}  # fmt: skip
    for first, then in pairwise(order):
        if is_cut[then] and first != "D":  # how wide the last column is, a header does not tell
            assert widths[first] <= LEAST_COLUMN_WIDTH


def test_a_table_fits_into_80_columns(screen: Screen) -> None:
    """What is too long is cut, with a sign that it is."""
    lines = table(("n" * 50, "s" * 200), stream=screen)
    assert all(display_width(line) <= 80 for line in lines)
    assert "…" in lines[1]
    assert "n" * 50 in lines[1], "the first column gives way last"


def test_a_name_cannot_steer_the_terminal() -> None:
    """Escape sequences and line breaks in a sender's name are only spaces."""
    (_, line) = table(("\x1b[2J\x1b]0;owned\x07", "a\nb\r\u202ec"))
    assert all(c.isprintable() for c in line)


@pytest.mark.parametrize(
    ("stream", "no_color", "painted"),
    [(Screen(), "", True), (Screen(), "1", False), (io.StringIO(), "", False)],
)
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, no_color: str, painted: bool
) -> None:
    """A pipe gets no colour, nor does who has set NO_COLOR."""
    monkeypatch.setenv("NO_COLOR", no_color)
    assert ("\033" in Terminal(stream).paint("text", RED)) is painted


@given(st.text(), st.integers(1, 40))
def test_fit_makes_exactly_that_width(text: str, width: int) -> None:
    """Cut or padded, a cell has the width that was asked for."""
    assert display_width(fit(text, width)) == width


def test_a_domain_is_shown_in_the_letters_that_it_stands_for(screen: Screen) -> None:
    """In tables and in paragraphs, before they are measured."""
    Terminal(screen).paragraph("info@xn--bcher-kva.example")
    assert "info@bücher.example" in screen.getvalue()
    assert "info@bücher.example" in table(("info@xn--bcher-kva.example", "x"))[1]


HOSTILE = "\x1b[31mred\x1b]0;owned\x07\x9b2J\u202e\ud800"


@pytest.mark.parametrize("write", ["line", "heading", "paragraph", "json"])
def test_nothing_that_is_written_steers_the_terminal(write: str) -> None:
    """Whatever it is written by, a server's text is only text; JSON says it in escapes."""
    stream = io.StringIO()
    getattr(Terminal(stream), write)(HOSTILE)
    told = stream.getvalue()
    assert all(line.isprintable() for line in told.split("\n"))
    if write == "json":
        assert json.loads(told) == HOSTILE


@pytest.mark.parametrize("cut", range(20, 60, 3))
def test_a_cell_is_redacted_before_it_is_cut(cut: int, screen: Screen) -> None:
    """Where a column is too narrow for a secret, the part that would fit is not shown either."""
    secret = "fmu1-0123456789abcdefghijklmnopqrstuvwxyz"
    conceal(secret)
    try:
        shown = "\n".join(table(("n" * cut, f"the token {secret} is refused"), stream=screen))
    finally:
        forget_secrets()
    assert "fmu1-" not in shown


def test_a_secret_is_not_told_by_breaking_the_line_in_it() -> None:
    """A password with spaces is struck out before the text is laid out in lines."""
    conceal("correct horse battery staple")
    stream = io.StringIO()
    try:
        Terminal(stream).paragraph(f"{'x' * 60} correct horse battery staple")
    finally:
        forget_secrets()
    assert "correct" not in stream.getvalue()
    assert "staple" not in stream.getvalue()
