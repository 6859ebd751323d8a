"""As much of a Kubernetes API server as `kubectl apply` talks to: discovery, reading, creating, patching.

It keeps what it is sent and judges nothing: that the manifests are valid is for other tests to say.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

KINDS = {
    "v1": {
        "Namespace": "namespaces",
        "ConfigMap": "configmaps",
        "Secret": "secrets",
        "ServiceAccount": "serviceaccounts",
    },
    "apps/v1": {"Deployment": "deployments"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies"},
    "isindir.github.com/v1alpha3": {"SopsSecret": "sopssecrets"},
}


class Cluster:
    """Answers on loopback while its context is open.

    Attributes:
        objects: What has been applied, by kind and name, in the order of arrival.
        kubeconfig: The file that points kubectl here.
    """

    def __init__(self, folder: Path) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.kubeconfig = folder / "kubeconfig"
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        cluster = {"name": "test", "cluster": {"server": f"http://127.0.0.1:{self._server.server_port}"}}
        context = {"name": "test", "context": {"cluster": "test", "user": ""}}
        config = {"kind": "Config", "clusters": [cluster], "contexts": [context], "current-context": "test"}
        self.kubeconfig.write_text(json.dumps(config))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and content for one request."""
        if method == "GET" and (found := _discovered(path.strip("/"))):
            return 200, found
        if method == "POST":
            self.objects[body["kind"], body["metadata"]["name"]] = body
            return 201, body
        for (kind, name), value in self.objects.items():
            plurals = {plural for kinds in KINDS.values() for each, plural in kinds.items() if each == kind}
            if path.endswith(tuple(f"/{plural}/{name}" for plural in plurals)):
                if method == "PATCH":
                    _merge(value, body)
                return 200, value
        return 404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}


def _discovered(path: str) -> dict[str, Any] | None:
    """What kubectl asks first: which kinds are there, and where."""
    groups = [version for version in KINDS if "/" in version]
    if path == "api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "apis":
        versions = {name: {"groupVersion": name, "version": name.partition("/")[2]} for name in groups}
        listed = [
            {"name": name.partition("/")[0], "versions": [version], "preferredVersion": version}
            for name, version in versions.items()
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    version = path.removeprefix("apis/").removeprefix("api/")
    if version not in KINDS:
        return None
    resources = [
        {"name": plural, "namespaced": kind != "Namespace", "kind": kind, "verbs": ["get", "create", "patch"]}
        for kind, plural in KINDS[version].items()
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": resources}


def _merge(value: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, each in patch.items():
        if isinstance(each, dict) and isinstance(value.get(key), dict):
            _merge(value[key], each)
        else:
            value[key] = each


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def do_PATCH(self) -> None:
        self._reply()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path = self.path.partition("?")[0]
        status, content = self.server.cluster.answer(self.command, path, json.loads(body or b"{}"))
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
