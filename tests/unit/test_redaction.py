"""Secrets are struck out of every text, in whatever form and however much of them a server sends back."""

from __future__ import annotations

import base64
import html
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailroom.http import Response
from mailroom.output.redaction import STRUCK_OUT, conceal, forget_secrets, presentable, redact

TOKEN = "fmu1-4f1c9e07-" + "b7d2a9c4e1" * 5 + "/"
PASSWORD = "app \\new pass&wörd 100% <\"'😀"
SECRETS = (TOKEN, PASSWORD)


@pytest.fixture(autouse=True)
def _secrets() -> Iterator[None]:
    forget_secrets()
    conceal(*SECRETS)
    yield
    forget_secrets()


def every_percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def every_reference(text: str) -> str:
    return "".join(f"&#{ord(c)};" for c in text)


def every_unicode_escape(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))


def wrapped(text: str) -> str:
    return "\r\n ".join(text[at : at + 7] for at in range(0, len(text), 7))


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "JSON in JSON in JSON": lambda secret: json.dumps(json.dumps(json.dumps(secret))),
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "percent": quote,
    "percent, no exception": lambda secret: quote(secret, safe=""),
    "percent, small letters": every_percent,
    "percent twice": lambda secret: quote(quote(secret)),
    "form": quote_plus,
    "Latin-1 form": lambda secret: quote_plus(secret.encode("latin-1", "ignore")),
    "HTML": html.escape,
    "HTML, every character": every_reference,
    "HTML of JSON": lambda secret: html.escape(json.dumps(secret)),
    "every character escaped": every_unicode_escape,
    "wrapped": wrapped,
    "wrapped in JSON": lambda secret: json.dumps(wrapped(secret)),
    "percent and wrapped": lambda secret: wrapped(every_percent(secret)),
    "control characters between": "\x1b\u200b\x00".join,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 in lines": lambda secret: base64.encodebytes(secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64 of more": lambda secret: base64.b64encode(f"me:{secret}!".encode()).decode(),
    "base64 of JSON": lambda secret: base64.b64encode(f'"{secret}"'.encode()).decode(),
}


@pytest.mark.parametrize("secret", SECRETS, ids=["token", "password"])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_struck_out_in_every_form(form: str, secret: str) -> None:
    """What stands around it stays; of the secret no more is left than says nothing."""
    if form == "Latin-1 form":
        secret = secret.replace("😀", "")
    told = redact(f"so said the server ({FORMS[form](secret)}) to us")
    assert told.startswith("so said the server (")
    assert told.endswith(") to us")
    assert STRUCK_OUT in told
    assert len(told) <= len("so said the server () to us") + len(STRUCK_OUT) + 20, told


@given(
    st.integers(0, len(TOKEN)), st.integers(0, len(TOKEN)), st.sampled_from(["as it is", "wrapped", "HTML"])
)
def test_what_a_server_has_cut_tells_no_more(start: int, end: int, form: str) -> None:
    """A dozen characters of a long secret are too many, wherever it was cut."""
    assume(end - start >= 12)
    told = redact(f"<{FORMS[form](TOKEN[start:end])}>")
    assert told == f"<{STRUCK_OUT}>"


@given(st.text(max_size=300))
def test_other_texts_stay_as_they_are(text: str) -> None:
    """Only secrets are struck out; what merely looks encoded is not touched."""
    assert redact(text) == text


@given(
    st.text(max_size=40),
    st.lists(st.sampled_from([json.dumps, quote, html.escape, wrapped, quote_plus]), max_size=3),
    st.text(max_size=40),
)
def test_layers_of_encodings_hide_nothing(
    before: str, layers: list[Callable[[str], str]], after: str
) -> None:
    """A server may quote what another quoted."""
    text = TOKEN
    for layer in layers:
        text = layer(text)
    assert TOKEN[-24:-1] not in redact(f"{before} {text} {after}").replace("\r\n ", "")
    assert STRUCK_OUT in redact(f"{before} {text} {after}")


@pytest.mark.parametrize("before", [0, 100, 150, 190, 199, 250])
@pytest.mark.parametrize("form", ["as it is", "HTML", "percent, small letters", "every character escaped"])
def test_an_excerpt_is_redacted_before_it_is_cut(form: str, before: int) -> None:
    """However the secret lies across the end of what is shown of an answer, none of it is shown."""
    body = f"{'x ' * (before // 2)}{FORMS[form](TOKEN)} and more".encode()
    said = Response(500, "https://mail.example/", {}, body).excerpt()
    assert len(said) <= 200
    assert not any(TOKEN[at : at + 12] in said for at in range(len(TOKEN) - 11))
    assert FORMS[form](TOKEN)[:20] not in said


def test_a_short_secret_is_not_struck_out() -> None:
    """A password of three letters would make every log unreadable."""
    conceal("cat")
    assert redact("concatenate") == "concatenate"


def test_what_is_presented_is_one_printable_line() -> None:
    """Escape sequences, line breaks and marks that turn the writing around are only spaces."""
    assert presentable("\x1b[2Jan\nn\u202e\x9b\x85\u2028\ud800\x7f") == " [2Jan n      "


@pytest.mark.parametrize(
    "text", ["%" * 50_000, "\\" * 50_000, "&" * 50_000, "&#1" * 20_000, "%41" * 20_000, "a b" * 20_000]
)
def test_a_hostile_text_takes_no_time(text: str) -> None:
    """Striking out grows with the text and no faster."""
    began = time.thread_time()
    redact(text)
    assert time.thread_time() - began < 1


@pytest.mark.parametrize("text", ["%41 &amp; " * 20_000, "x y " * 50_000], ids=["escaped", "plain"])
def test_a_text_without_end_takes_no_room(text: str) -> None:
    """What a server says may be megabytes; as much is looked at as a person could read, and it ends in …"""
    tracemalloc.start()
    said = presentable(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said.endswith("…")
    assert len(said) < 20_000
    assert peak < 8 * 1024 * 1024
