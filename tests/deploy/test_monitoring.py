"""components/monitoring with real parts: Prometheus, its promtool, Kubernetes, and Grafana's own models."""

from __future__ import annotations

import json
import math
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import urllib3

from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import seeded_account
from tests.deploy.overlays import overlay_like
from tests.support.given_time import eventually
from tests.support.kubernetes import Kubernetes
from tests.support.processes import Process
from tests.support.programs import ROOT, module, program, run

pytestmark = pytest.mark.deploy

COMPONENT = ROOT / "kustomize/components/monitoring"
MONITORING = ["../../components/monitoring"]
STRANGER = "news@dailylantern.example"
SCRAPES = 3
"""A rate needs two."""


@cache
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((COMPONENT / "dashboard.json").read_text())
    return found


def dashboard_queries() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


def rules(folder: Path) -> Path:
    """Write the rules as Prometheus reads them, and return the file."""
    yaml = module("yaml")
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load((COMPONENT / "prometheus-rule.yaml").read_text())["spec"]))
    return file


def alerts() -> list[dict[str, str]]:
    spec = module("yaml").safe_load((COMPONENT / "prometheus-rule.yaml").read_text())["spec"]
    return [rule for group in spec["groups"] for rule in group["rules"]]


class Prometheus:
    """A running Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager()

    def get(self, path: str, **fields: str) -> Any:
        """Ask its API."""
        answer = self._pool.request("GET", f"{self._url}/api/v1/{path}", fields=fields).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def numbers(self, query: str) -> list[float]:
        """Return what a query yields now."""
        return [float(each["value"][1]) for each in self.get("query", query=query)["result"]]

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return self._pool.request("GET", f"{self._url}/-/ready", retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False


@contextmanager
def prometheus(folder: Path, port_of_target: int) -> Iterator[Prometheus]:
    """Start one that scrapes a port of this machine as the PodMonitor's would, and follows the rules."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    target = {"targets": [f"127.0.0.1:{port_of_target}"], "labels": {"namespace": "mailroom", "pod": "one"}}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules(folder))],
        "scrape_configs": [{"job_name": "mailroom", "metrics_path": "/metrics", "static_configs": [target]}],
    }
    file = folder / "prometheus.yaml"
    file.write_text(json.dumps(config))
    run(program("promtool"), "check", "config", file)
    with (folder / "prometheus.log").open("w") as log:
        running = subprocess.Popen(
            [
                program("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        found = Prometheus(f"http://127.0.0.1:{port}")
        assert eventually(found.is_up, 60.0), (folder / "prometheus.log").read_text()
        yield found
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()


@contextmanager
def at_work(folder: Path) -> Iterator[Process]:
    """The service on an account full of mail, after its first cycles."""
    program("promtool")
    with Sandbox(seeded_account()) as sandbox:
        variables = {**sandbox.environment(), "MAILROOM_POLL_INTERVAL": "0.5"}
        with Process(variables, folder) as service:
            service.until("push_connected")
            sandbox.account.label(sandbox.account.messages_from(STRANGER)[-1].id, "@ToFeed")
            service.until("sender_filed")
            service.until("poll_complete")
            yield service


def test_promtool_finds_nothing_to_say_against_the_metrics(tmp_path: Path) -> None:
    """Names, kinds, help and form are as Prometheus wants them."""
    with at_work(tmp_path) as service:
        text = service.metrics()
    told = run(program("promtool"), "check", "metrics", given=text)
    assert (told.stdout + told.stderr).strip() == ""


def test_promtool_finds_nothing_to_say_against_the_rules(tmp_path: Path) -> None:
    """Their expressions can be read, and no two are the same."""
    told = run(program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", rules(tmp_path))
    assert f"{len(alerts())} rules found" in told.stdout


def test_each_alert_fires_when_it_should(tmp_path: Path) -> None:
    """Prometheus' own unit tests of rules; each alert is in one that fires and in one that does not."""
    rules(tmp_path)
    shutil.copy(ROOT / "tests/deploy/alerts.yaml", tmp_path)
    run(program("promtool"), "test", "rules", "alerts.yaml", folder=tmp_path)
    cases = module("yaml").safe_load((tmp_path / "alerts.yaml").read_text())["tests"]
    tried = {(x["alertname"], "exp_alerts" in x) for case in cases for x in case["alert_rule_test"]}
    assert tried == {(rule["alert"], fires) for rule in alerts() for fires in (True, False)}


def test_the_page_tells_of_each_alert() -> None:
    """docs/cluster.md names what a person may be woken by."""
    page = (ROOT / "docs/cluster.md").read_text()
    assert set(re.findall(r"`(Mailroom[A-Z]\w+)`", page)) == {rule["alert"] for rule in alerts()}


def test_prometheus_scrapes_the_service_and_each_query_of_the_dashboard_has_data(tmp_path: Path) -> None:
    """On loopback, with the rules: no query is empty, no rule fails, and a good service alarms nobody."""
    with at_work(tmp_path) as service:
        (starting,) = (each for each in service.events if each["event"] == "service_starting")
        with prometheus(tmp_path, starting["health_port"]) as running:
            scraped = 'count_over_time(up{namespace="mailroom"}[1h])'
            assert eventually(lambda: running.numbers(scraped)[:1] >= [SCRAPES], 60.0)
            for query in dashboard_queries():
                asked = query.replace("$__rate_interval", "1m").replace("$namespace", ".*")
                assert "$" not in asked
                assert any(not math.isnan(number) for number in running.numbers(asked)), query
            (variable,) = (x for x in dashboard()["templating"]["list"] if x["type"] == "query")
            name, label = re.findall(r"\w+", variable["query"])[1:]
            assert running.get(f"label/{label}/values", **{"match[]": name}) == ["mailroom"]
            told = [rule for group in running.get("rules")["groups"] for rule in group["rules"]]
            assert {rule["name"] for rule in told} == {rule["alert"] for rule in alerts()}
            assert {(rule["health"], rule["state"]) for rule in told} == {("ok", "inactive")}


def test_the_dashboard_is_one_that_grafana_knows() -> None:
    """Read and written again by Grafana's own models of its panels and queries, it is the same."""
    models = "grafana_foundation_sdk"
    module(f"{models}.cog.plugins").register_default_plugins()
    read = module(f"{models}.models.dashboard").Dashboard.from_json(dashboard())
    written = json.loads(module(f"{models}.cog.encoder").JSONEncoder().encode(read))
    assert lost(dashboard(), written) == []
    runtime = module(f"{models}.cog.runtime")
    kinds = {panel["type"] for panel in dashboard()["panels"]}
    assert all(runtime.panelcfg_config(kind) for kind in kinds)
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    cells = [(x, y) for at in places for x in columns(at) for y in rows(at)]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def columns(place: dict[str, int]) -> range:
    return range(place["x"], place["x"] + place["w"])


def rows(place: dict[str, int]) -> range:
    return range(place["y"], place["y"] + place["h"])


def lost(before: object, after: object, path: str = "") -> list[str]:
    """Return what is missing or another after a journey; additions do not count."""
    match before, after:
        case dict(), dict():
            return [each for key in before for each in lost(before[key], after.get(key), f"{path}.{key}")]
        case list(), list() if len(before) == len(after):
            return [
                each
                for number, pair in enumerate(zip(before, after, strict=True))
                for each in lost(*pair, f"{path}.{number}")
            ]
    return [] if before == after else [path]


@pytest.mark.usefixtures("prometheus_operator")
def test_the_component_is_taken_and_goes_whole(kubernetes: Kubernetes, tree: Path, namespace: str) -> None:
    """Applied twice, the second time nothing changes; it points at the pod's port; nothing of it is left."""
    overlay = overlay_like("home", tree, namespace, components=MONITORING)
    assert kubernetes.kubectl("apply", "-k", overlay).stderr == ""
    again = kubernetes.kubectl("apply", "-k", overlay).stdout.splitlines()
    assert all(line.endswith(" unchanged") for line in again)

    pod = kubernetes.get("deployment", "mailroom", namespace)["spec"]["template"]
    monitor = kubernetes.get("podmonitor", "mailroom", namespace)["spec"]
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {each["port"] for each in monitor["podMetricsEndpoints"]} <= ports
    shown = kubernetes.get("configmap", "mailroom-dashboard", namespace)
    assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(shown["data"]["mailroom.json"]) == dashboard()

    kubernetes.kubectl("delete", "-k", overlay)
    for kind in ("podmonitors", "prometheusrules", "configmaps"):
        left = kubernetes.kubectl("get", kind, "-n", namespace, "-o", "name").stdout.split()
        assert set(left) <= {"configmap/kube-root-ca.crt"}


@pytest.mark.usefixtures("prometheus_operator")
def test_the_health_port_is_open_to_prometheus_alone(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """The component narrows who may come in, and changes nothing about where Mailroom may go."""

    def policy(overlay: Path) -> dict[str, Any]:
        kubernetes.kubectl("apply", "-k", overlay)
        found: dict[str, Any] = kubernetes.get("networkpolicy", "mailroom", namespace)["spec"]
        return found

    before = policy(overlay_like("home", tree, namespace))
    after = policy(overlay_like("home", tree, namespace, components=MONITORING))
    assert after["egress"] == before["egress"]
    (way_in,) = after["ingress"]
    assert way_in["ports"] == [{"protocol": "TCP", "port": "health"}]
    (who,) = way_in["from"]
    assert who["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert who["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}


def test_another_namespace_of_prometheus_is_named_by_the_patch_of_the_page(tree: Path) -> None:
    """What docs/cluster.md shows changes that one name, and the label that the operator looks for."""
    page = (ROOT / "docs/cluster.md").read_text()
    (text,) = re.findall(r"^```yaml\n(patches:\n(?:(?!^```).)*PodMonitor.*?)^```", page, re.M | re.S)
    patches = module("yaml").safe_load(text)["patches"]
    overlay = overlay_like("home", tree, "other", components=MONITORING, patches=patches)
    built = run(program("kubectl"), "kustomize", overlay).stdout
    manifests = {each["kind"]: each for each in module("yaml").safe_load_all(built)}
    (who,) = manifests["NetworkPolicy"]["spec"]["ingress"][0]["from"]
    assert who["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "observability"}
    assert "podSelector" in who
    assert manifests["PodMonitor"]["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert manifests["PrometheusRule"]["metadata"]["labels"]["release"] == "kube-prometheus-stack"
