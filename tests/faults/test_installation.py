"""Rules put on the server may break off at any request: mail goes through a whole script, or as before.

Twenty interruptions in a row end the same as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress

import pytest
from attrs import frozen

from mailroom.account import Account as Mailroom
from mailroom.account import open_account, open_scripts
from mailroom.commands.installation import read_installation
from mailroom.errors import MailroomError
from mailroom.http import DEFAULT_BOUNDS
from mailroom.model.scripts import Scripts
from mailroom.rules.block import part
from mailroom.rules.carrying_out import carry_out
from mailroom.rules.installing import Plan, plan_installation
from mailroom.rules.keeping import plan_removal
from mailroom.rules.own_script import whose
from tests.conftest import open_account_with_scripts
from tests.support.accounts import furnish
from tests.support.given_time import NotedWaits
from tests.support.interrupted import cut_off
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.proxy import Exchange, Proxy
from tests.support.running import settings_for

THEIRS = b'require "fileinto";\r\nif header :contains "subject" "bill" { fileinto "Feed"; stop; }'
LATER = [THEIRS + b"\r\n# %d\r\n" % number for number in range(2)]
"""What the person makes of it."""

OURS = "Mailroom"
KINDS = [
    "urn:ietf:params:jmap:sieve",
    pytest.param("https://cyrusimap.org/ns/jmap/sieve", marks=pytest.mark.slow),
    pytest.param("cyrus", marks=pytest.mark.slow),
]


@frozen
class Site:
    """An account whose scripts are changed through a proxy."""

    account: AccountOnSandbox | AccountOnCyrus
    proxy: Proxy

    def mailroom(self) -> Mailroom:
        settings = settings_for(self.account, self.proxy.environment(self.account.environment))
        return open_account(settings, NotedWaits(), DEFAULT_BOUNDS)

    def install(self) -> None:
        """Do what `rules --install --into-active --yes` does."""
        mailroom = self.mailroom()
        mailroom.check()
        settings = settings_for(self.account, {})
        installation = read_installation(mailroom, settings)
        assert installation

        def plan(scripts: Scripts) -> Plan:
            return plan_installation(scripts, installation.wanted, into_active=True)

        agreed = plan(installation.scripts)
        assert not agreed.problems
        carry_out(installation.port, plan, agreed)

    def remove(self) -> None:
        """Do what `uninstall --apply --rules --yes` does."""
        port = open_scripts(self.mailroom())
        carry_out(port, plan_removal, plan_removal(port.read()))

    def check(self) -> None:
        """Look whether mail goes through a whole script: theirs as it was, or with the block, or ours."""
        self.proxy.check()
        active, scripts = self.account.active_script(), self.account.scripts()
        if "mine" not in scripts:
            assert active in {None, OURS}
            return
        assert active == ("other" if "other" in scripts else "mine")
        outside, copies = part(scripts["mine"]).outside, formers(scripts)
        assert outside in (THEIRS, *LATER)
        if scripts["mine"] != outside:
            assert OURS in scripts, "what is included is there first"
            assert outside in copies
            assert copies[0] == THEIRS, "the first one stays"

    def final(self) -> object:
        """Return all that there is, for comparison."""
        self.check()
        scripts: dict[str, object] = {**self.account.scripts()}
        if OURS in scripts:  # it names mailboxes by ids that each account has its own of
            scripts[OURS] = whose(self.account.scripts()[OURS])
        return self.account.active_script(), scripts


@contextmanager
def site(kind: str, request: pytest.FixtureRequest, *, has_script: bool) -> Iterator[Site]:
    with closing(open_account_with_scripts(kind, request)) as account:
        furnish(account)
        if has_script:
            account.put_script("mine", THEIRS)
        with Proxy(account.environment["MAILROOM_JMAP_SESSION_URL"].partition("/jmap")[0]) as proxy:
            yield Site(account, proxy)


def formers(scripts: Mapping[str, bytes]) -> list[bytes]:
    """Return what scripts were before, the first copy first."""
    return [scripts[name] for name in sorted(scripts) if name.startswith("mailroom-former-")]


def nothing(_: Site) -> None:
    """Leave it as it is."""


def written_anew_twice(site: Site) -> None:
    """Install, and let the person write their script anew, so that a copy of before is in the way."""
    site.install()
    for each in LATER:
        site.account.put_script("mine", each)
        if each != LATER[-1]:
            site.install()


def another_is_active(site: Site) -> None:
    """Install, and let the person put their script out of use, with the block in it."""
    site.install()
    site.account.put_script("other", b"keep;\n")


WORKS = [
    pytest.param(nothing, Site.install, False, id="installed alone", marks=pytest.mark.slow),
    pytest.param(nothing, Site.install, True, id="put into theirs"),
    pytest.param(written_anew_twice, Site.install, True, id="put into theirs again", marks=pytest.mark.slow),
    pytest.param(Site.install, Site.remove, False, id="taken away", marks=pytest.mark.slow),
    pytest.param(Site.install, Site.remove, True, id="taken out of theirs"),
    pytest.param(another_is_active, Site.remove, True, id="out of one not active", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(
    "applied",
    [
        pytest.param(False, id="before it is sent on", marks=pytest.mark.slow),
        pytest.param(True, id="after it is applied"),
    ],
)
@pytest.mark.parametrize(("before", "work", "has_script"), WORKS)
@pytest.mark.parametrize("kind", KINDS)
def test_cut_off_at_any_request_it_ends_the_same(
    kind: str,
    before: Callable[[Site], None],
    work: Callable[[Site], None],
    has_script: bool,
    applied: bool,
    request: pytest.FixtureRequest,
) -> None:
    """Run again after a break, installing and taking away end as without one; theirs is active throughout."""
    with site(kind, request, has_script=has_script) as quiet:
        before(quiet)
        start = len(quiet.proxy.requests)
        work(quiet)
        requests, expected = quiet.proxy.requests[start:], quiet.final()
    # What is read of mail and contacts before says only which rules there are to be.
    begin = next(at for at, each in enumerate(requests) if b"SieveScript" in each.body)
    for at in range(begin, len(requests)):
        with site(kind, request, has_script=has_script) as each:
            before(each)
            each.proxy.plan = cut_off(len(each.proxy.requests) + at, applied=applied)
            with suppress(MailroomError):
                work(each)
            each.check()
            each.proxy.plan = Exchange.pass_on
            work(each)
            assert each.final() == expected, f"cut off at request {at} of {len(requests)}"


@pytest.mark.slow
@pytest.mark.parametrize(("before", "work", "has_script"), [each for each in WORKS if each.values[2]])
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_interruptions_in_a_row(
    kind: str,
    before: Callable[[Site], None],
    work: Callable[[Site], None],
    has_script: bool,
    request: pytest.FixtureRequest,
) -> None:
    """However often it breaks off, each time a little later, the end is the same, and nothing piles up."""
    with site(kind, request, has_script=has_script) as quiet:
        before(quiet)
        work(quiet)
        expected = quiet.final()
    with site(kind, request, has_script=has_script) as each:
        before(each)
        for number in range(20):
            at = len(each.proxy.requests) + number
            each.proxy.plan = cut_off(at, applied=bool(number % 2))
            with suppress(MailroomError):
                work(each)
            each.check()
        each.proxy.plan = Exchange.pass_on
        work(each)
        assert each.final() == expected
