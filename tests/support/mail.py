"""Mail that comes to an account on Cyrus from outside, and the rules that it meets."""

from __future__ import annotations

from uuid import uuid4

from tests.support.on_cyrus import AccountOnCyrus
from tests.support.running import run_command

ARRIVAL_TIMEOUT_SECONDS = 10.0


class Mail:
    """Mail that comes to an account from outside."""

    def __init__(self, account: AccountOnCyrus) -> None:
        self._account = account

    def arrives(self, sender: str, **headers: str) -> str:
        """Deliver a message by LMTP and return its JMAP id."""
        marker = uuid4().hex
        fields = {"From": sender, "To": self._account.address, "Message-ID": f"<{marker}@far.example>"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in fields.items()]
        self._account.deliver("\r\n".join([*lines, "Subject: Hello", "", "Text.", ""]).encode())
        return self._account.find(f"{marker}@far.example", ARRIVAL_TIMEOUT_SECONDS)


def install_rules(account: AccountOnCyrus) -> None:
    """Put the rules that Mailroom writes into force."""
    script = run_command(account.environment, "rules", "--format", "sieve")
    assert script.code == 0, script.errors
    account.install_rules(script.output)
