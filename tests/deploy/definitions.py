"""Kinds that other people's operators bring to a cluster, as far as the manifests here use them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.kubernetes import Kubernetes

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}


def record(**fields: Schema) -> Schema:
    """Return the schema of an object with these fields and no others; none may be missing."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def listed(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def texts_by_name() -> Schema:
    """Return the schema of texts by any names."""
    return {"type": "object", "additionalProperties": TEXT}


@contextmanager
def defined(kubernetes: Kubernetes, group: str, version: str, kind: str, spec: Schema) -> Iterator[None]:
    """Let a cluster know a kind; a field of its spec that is not in the schema is refused."""
    plural = f"{kind.lower()}s"
    name = f"{plural}.{group}"
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }
    kubernetes.kubectl("apply", "-f", "-", given=json.dumps(definition))
    kubernetes.kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=300s")
    yield
    kubernetes.kubectl("delete", "crd", name)
