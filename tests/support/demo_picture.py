"""Draws docs/demo.svg, what `mailroom demo` shows first: `python -m tests.support.demo_picture`."""

from __future__ import annotations

import importlib
import io
import os
import pty
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

PICTURE = Path(__file__).parents[2] / "docs/demo.svg"
COLUMNS, ROWS = 108, 50
MARGIN_COLUMNS = 6
"""Not every viewer of pictures has a font as narrow as the one they are measured for."""

END = "What changed"
"""The heading at which the picture ends; all of the demo would be two pages high."""

_FONT_FACE = re.compile(r"@font-face \{.*?\}", re.DOTALL)
_TEXT = re.compile(r'<text class="[^"]*-r\d+"[^>]*>([^<]*)</text>')


def as_in_picture(text: str) -> str:
    """Return what the demo shows with what differs from run to run as the picture has it: port and time."""
    text = re.sub(r"(http://127\.0\.0\.1):\d+", r"\1:8080", text)
    return re.sub(r"(?m)^\d\d-\d\d \d\d:\d\d:\d\d ", "03-14 09:26:53 ", text)


def part_in_picture(text: str) -> str:
    """Return the lines of what the demo shows that the picture has."""
    lines = text.splitlines()
    return "\n".join(lines[: next(number for number, line in enumerate(lines) if END in line)]).rstrip()


def words_of(text: str) -> str:
    """Return what of a text the picture has, without white space, which depends on the terminal's width."""
    return "".join(as_in_picture(part_in_picture(text)).split())


def words_in_picture() -> str:
    """Return the words that the picture shows."""
    return "".join("".join(unescape(each).split()) for each in _TEXT.findall(PICTURE.read_text("utf-8")))


def shown_on_a_terminal() -> str:
    """Run the demo on a terminal of its own and return all it wrote, colours too."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "LINES": str(ROWS), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "mailroom", "demo"], stdout=terminal, stdin=terminal, env=environment
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(controller, 65_536):
            shown += chunk
    except OSError:  # so Linux tells that the other side has closed
        pass
    os.close(controller)
    if process.wait():
        raise SystemExit("the demo failed")
    return shown.decode().replace("\r\n", "\n")


def draw(text: str) -> str:
    """Return a picture of a terminal that shows this text (SVG)."""
    console_of, text_of = (importlib.import_module(f"rich.{name}") for name in ("console", "text"))
    console = console_of.Console(
        record=True,
        width=COLUMNS + MARGIN_COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        legacy_windows=False,
    )
    console.print(text_of.Text.from_ansi(text), soft_wrap=True)
    picture: str = console.export_svg(title="mailroom demo", unique_id="demo")
    picture = _FONT_FACE.sub("", picture)  # a picture fetches nothing
    picture = picture.replace("Fira Code, monospace", "monospace").replace("Fira Code", "monospace")
    return "".join(f"{line.rstrip()}\n" for line in picture.splitlines())


if __name__ == "__main__":
    PICTURE.write_text(draw(as_in_picture(part_in_picture(shown_on_a_terminal()))), "utf-8")
