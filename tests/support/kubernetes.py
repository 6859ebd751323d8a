"""A real Kubernetes control plane on loopback, for the tests of the deployment.

A script `rig.sh` starts it, which MAILROOM_KUBERNETES_RIG names, or which stands beside the checkout: API
server, controllers, the SopsSecret CRD and a stand-in for its operator. Nobody runs a pod:
that it runs is said here.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import urllib3

from tests.support.programs import ROOT, program, run

RIG_VARIABLE = "MAILROOM_KUBERNETES_RIG"
BESIDE_THE_CHECKOUT = ROOT.parent / "shared/kubernetes/rig.sh"
PATIENCE_SECONDS = 300.0
RETRY_SECONDS = 3
"""After how long the stand-in operator looks again at what went wrong; the real one takes five minutes."""

# Beside the rig's scripts lies an operator.py, which is not Python's own module of that name.
_APART = {"PYTHONSAFEPATH": "1"}

# Whatever becomes of the test run, its end of the pipe closes.
_ENDS_IT_WITH_US = """
import os, shutil, subprocess, sys
sys.stdin.read()
subprocess.run(["bash", sys.argv[1], "stop"], check=False)
shutil.rmtree(os.environ["RIG"], ignore_errors=True)
"""

Answer = subprocess.CompletedProcess[str]


def rig() -> Path | None:
    """Return the script that starts a control plane, where there is one."""
    named = os.environ.get(RIG_VARIABLE)
    script = Path(named) if named else BESIDE_THE_CHECKOUT
    return script if script.exists() else None


@attrs.frozen
class Kubernetes:
    """A running control plane.

    Attributes:
        rig: The script that started it; its folder has the CRD of the operator.
        kubeconfig: The file that points kubectl here.
        operator_keys: The file of age keys that the stand-in operator has; a test adds its own.
    """

    rig: Path
    kubeconfig: Path
    operator_keys: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return what points a program here."""
        return {"KUBECONFIG": str(self.kubeconfig), **more}

    def kubectl(
        self, *arguments: str | Path, given: str = "", expect: int | None = 0, folder: Path = ROOT
    ) -> Answer:
        """Run kubectl against it."""
        return run(
            program("kubectl"), *arguments,
            given=given, environment=self.environment(), folder=folder, expect=expect,
        )  # fmt: skip

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """Return an object; empty where there is none."""
        told = self.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found").stdout
        found: dict[str, Any] = json.loads(told) if told else {}
        return found

    def names(self, namespace: str, *selection: str) -> set[str]:
        """Return what is in a namespace, as kind/name, but what every namespace has."""
        kinds = "deployments,configmaps,secrets,serviceaccounts,networkpolicies,sopssecrets,pods"
        told = self.kubectl("get", kinds, "-n", namespace, "-o", "name", *selection).stdout.split()
        return set(told) - {"configmap/kube-root-ca.crt", "serviceaccount/default"}

    def until(self, what: str, is_so: Callable[[], object]) -> None:
        """Wait for what the controllers bring about."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS:.0f} s"
            time.sleep(0.2)

    def crd(self, *options: str) -> str:
        """Return the definition of a SopsSecret; `--old`: as charts before 0.27.2 had it."""
        return run(sys.executable, self.rig.with_name("crd.py"), *options, environment=_APART).stdout


@contextmanager
def started(script: Path) -> Iterator[Kubernetes]:
    """Start a control plane; end it on every way out, even that of a killed test run."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-kubernetes-"))
    keys = folder / "operator-keys.txt"
    shutil.copy(ROOT / "tests/deploy/example_age_key.txt", keys)
    variables = {
        **os.environ,
        **_APART,
        "RIG": str(folder),
        "RIG_RETRY_S": str(RETRY_SECONDS),
        "RIG_KWOK": "0",
        "SOPS_AGE_KEY_FILE": str(keys),
        "PATH": f"{os.environ['PATH']}:{Path(program('sops')).parent}:{Path(program('kubectl')).parent}",
    }
    # controllers and scheduler have ports that cannot be chosen: one control plane at a time
    with (Path(tempfile.gettempdir()) / "mailroom-kubernetes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # chosen last: while one waits, somebody else may take what was free
        variables["RIG_PORT"], variables["RIG_ETCD_PORT"] = map(str, _free_ports())
        end = subprocess.Popen(
            [sys.executable, "-c", _ENDS_IT_WITH_US, script],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=variables, start_new_session=True,
        )  # fmt: skip
        try:
            run("bash", script, "start", environment=variables)
            kubernetes = Kubernetes(rig=script, kubeconfig=folder / "kubeconfig", operator_keys=keys)
            kubernetes.until(
                "the controllers work", lambda: kubernetes.get("serviceaccount", "default", "default")
            )
            with _every_pod_runs(kubernetes):
                yield kubernetes
        finally:
            assert end.stdin
            end.stdin.close()
            end.wait()


@contextmanager
def _every_pod_runs(kubernetes: Kubernetes) -> Iterator[None]:
    """Say of each pod that it runs and is ready, as a kubelet would that had started it."""
    config = json.loads(kubernetes.kubectl("config", "view", "--raw", "-o", "json").stdout)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    pool = urllib3.PoolManager(
        ca_certs=cluster["certificate-authority"], headers={"Authorization": f"Bearer {user['token']}"}
    )
    ready = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady", "Initialized")]
    status = json.dumps({"status": {"phase": "Running", "conditions": ready}})
    stopping = threading.Event()

    def say() -> None:
        while not stopping.wait(0.2):
            listed = pool.request("GET", f"{cluster['server']}/api/v1/pods").json()
            for pod in listed.get("items", []):
                if pod["status"].get("phase") == "Pending":
                    of = pod["metadata"]
                    path = f"/api/v1/namespaces/{of['namespace']}/pods/{of['name']}/status"
                    kind = {"Content-Type": "application/strategic-merge-patch+json", **pool.headers}
                    pool.request("PATCH", cluster["server"] + path, body=status, headers=kind)

    with ThreadPoolExecutor(1) as executor:
        said = executor.submit(say)
        try:
            yield
        finally:
            stopping.set()
    said.result()


def _free_ports() -> tuple[int, int]:
    """Return a port for the API server, and one for etcd, which takes the next one too."""
    while True:
        with ExitStack() as taken:
            try:
                api, etcd, *_ = (
                    taken.enter_context(socket.create_server(("127.0.0.1", port))) for port in (0, 0)
                )
                port = etcd.getsockname()[1]
                taken.enter_context(socket.create_server(("127.0.0.1", port + 1)))
            except (OSError, OverflowError):
                continue
            return api.getsockname()[1], port
