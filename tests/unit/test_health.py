"""Alive is not ready: what the health port says of work that goes on, that fails, and that is stuck."""

from __future__ import annotations

import socket
import urllib.request
from contextlib import closing

import pytest

from mailroom.errors import UserError
from mailroom.service.health import LEAST_READY_SECONDS, STEP_SECONDS, Health, HealthServer
from tests.support.given_time import PATIENCE_SECONDS


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestReady:
    def test_before_the_first_good_cycle_it_is_starting(self, clock: Clock) -> None:
        """Having started is no evidence that anything works."""
        health = Health(300, clock)
        assert health.ready() == (503, {"status": "starting", "last_poll_age_seconds": None, "push": "off"})

    @pytest.mark.parametrize(
        ("interval", "limit"), [(300.0, 600.0), (31.0, 62.0), (1.0, LEAST_READY_SECONDS)]
    )
    def test_a_good_cycle_counts_for_two_intervals_or_a_minute(
        self, clock: Clock, interval: float, limit: float
    ) -> None:
        """A short interval does not make one slow cycle an outage."""
        health = Health(interval, clock, push=lambda: "connected")
        health.note_good_cycle()
        clock.now += limit
        assert health.ready() == (
            200,
            {"status": "ok", "last_poll_age_seconds": limit, "push": "connected"},
        )
        clock.now += 0.1
        assert health.ready()[0] == 503
        assert health.ready()[1]["status"] == "unhealthy"
        health.note_good_cycle()
        assert health.ready()[0] == 200

    def test_progress_alone_is_no_success(self, clock: Clock) -> None:
        """Requests that go out and fail do not make it ready."""
        health = Health(1, clock)
        health.note_good_cycle()
        for _ in range(100):
            clock.now += 1
            health.note_progress()
        assert health.ready()[0] == 503
        assert health.live()[0] == 200


class TestLive:
    def test_it_is_alive_while_its_steps_come_in_time(self, clock: Clock) -> None:
        """Reading a large address book for an hour is life, request by request."""
        health = Health(1, clock)
        for _ in range(60):
            clock.now += STEP_SECONDS
            assert health.live() == (200, {"status": "ok", "last_progress_age_seconds": STEP_SECONDS})
            health.note_progress()

    def test_without_a_step_it_is_stuck(self, clock: Clock) -> None:
        """A loop that says nothing for longer than its longest step takes is dead."""
        health = Health(1, clock)
        health.note_good_cycle()
        clock.now += STEP_SECONDS + 0.1
        assert health.live()[0] == 503
        assert health.live()[1]["status"] == "stuck"

    def test_a_wait_is_life_until_it_is_overdue(self, clock: Clock) -> None:
        """However long the interval is, the wait for its end is not taken for a standstill."""
        health = Health(7_200, clock)
        health.note_progress(7_200)
        clock.now += 7_200 + STEP_SECONDS
        assert health.live()[0] == 200
        clock.now += 0.1
        assert health.live()[0] == 503


def answers_at(server: HealthServer, address: str) -> bool:
    """Whether a probe of this address of the machine is answered."""
    try:
        with urllib.request.urlopen(
            f"http://{address}:{server.port}/healthz/live", timeout=PATIENCE_SECONDS
        ) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class TestListening:
    @pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
    @pytest.mark.parametrize(
        ("host", "by_ipv4", "by_ipv6"),
        [("::", True, True), ("0.0.0.0", True, False), ("127.0.0.1", True, False), ("::1", False, True)],
    )
    def test_everywhere_is_by_ipv6_and_by_ipv4(self, host: str, by_ipv4: bool, by_ipv6: bool) -> None:
        """A kubelet asks at the pod's address, which is of one kind or of the other."""
        with closing(HealthServer(Health(60), host, 0)) as server:
            server.start()
            assert answers_at(server, "127.0.0.1") is by_ipv4
            assert answers_at(server, "[::1]") is by_ipv6

    def test_where_ipv6_is_off_everywhere_is_by_ipv4(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A kernel without IPv6 does not keep the service from starting."""
        monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
        with closing(HealthServer(Health(60), "::", 0)) as server:
            server.start()
            assert answers_at(server, "127.0.0.1")
            assert not answers_at(server, "[::1]")

    def test_a_name_may_be_one_of_ipv6_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine without IPv4 has names too."""
        if not socket.has_dualstack_ipv6():
            pytest.skip("this machine has no IPv6")
        known = socket.getaddrinfo("::1", None, type=socket.SOCK_STREAM)
        with monkeypatch.context() as names:
            names.setattr(socket, "getaddrinfo", lambda *_, **__: known)
            server = HealthServer(Health(60), "machine.home.example", 0)
        with closing(server):
            server.start()
            assert answers_at(server, "[::1]")
            assert not answers_at(server, "127.0.0.1")

    @pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::", "[::]")])
    def test_a_port_that_another_has_is_named(self, host: str, shown: str) -> None:
        """Also where the other has it at one address of the machine alone."""
        if host == "::" and not socket.has_dualstack_ipv6():
            pytest.skip("this machine has no IPv6")
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(UserError, match="THE_PORT: another program") as refused:
                HealthServer(Health(60), host, port, port_setting="THE_PORT")
        assert f"{shown}:{port}" in str(refused.value)
        assert "choose another port" in str(refused.value)

    @pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nowhere.invalid", "a..b"])
    def test_a_host_that_this_machine_has_not_is_named(self, host: str) -> None:
        """The setting is that of the host, and no word is the library's."""
        with pytest.raises(UserError, match=r"^THE_HOST: ") as refused:
            HealthServer(Health(60), host, 0, host_setting="THE_HOST")
        assert host in str(refused.value)
        assert "attempting to bind" not in str(refused.value)
