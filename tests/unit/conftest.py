"""What several unit tests are given."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from mailroom.output.logs import configure_logs
from mailroom.sandbox import Sandbox, SandboxAccount
from tests.support.proxy import Proxy


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the log goes."""
    stream = io.StringIO()
    configure_logs("info", stream)
    yield stream
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


@pytest.fixture
def proxy(account: SandboxAccount) -> Iterator[Proxy]:
    """A proxy before the sandbox of the module's account."""
    with Sandbox(account) as sandbox, Proxy(sandbox.url) as proxy:
        yield proxy
        proxy.check()
