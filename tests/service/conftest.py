"""What the service works on, where a test does not need something of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import seeded_account


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An account full of mail."""
    with Sandbox(seeded_account()) as sandbox:
        yield sandbox
