"""What several unit tests are given."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from mailroom.output.logs import configure_logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the log goes."""
    stream = io.StringIO()
    configure_logs("info", stream)
    yield stream
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
