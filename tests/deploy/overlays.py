"""Overlays to be applied: home's like, in a namespace of a test's own, and what a page or a test changes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from tests.support.programs import ROOT, module

OVERLAYS = sorted(path.name for path in (ROOT / "kustomize/overlays").iterdir())


def overlay_like(original: str, tree: Path, namespace: str, *without: str, **kustomization: Any) -> Path:
    """Make an overlay like another in a checkout, and return its folder.

    Args:
        original: The overlay to copy.
        tree: The checkout.
        namespace: Where it is to be applied, and the new overlay's name.
        without: Components to leave out.
        kustomization: More components and resources; other entries as they are to be.
    """
    folder = tree / "kustomize/overlays" / namespace
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tree / "kustomize/overlays" / original, folder)
    file = folder / "kustomization.yaml"
    content = module("yaml").safe_load(file.read_text())
    content["namespace"] = namespace
    content["components"] = [each for each in content["components"] if Path(each).name not in without]
    for name, value in kustomization.items():
        content[name] = [*content[name], *value] if name in ("components", "resources") else value
    file.write_text(json.dumps(content))
    return folder


def change(file: Path, before: str, after: str) -> None:
    """Put a text in the place of another, which must be there."""
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def block(page: str, language: str, part: str) -> str:
    """Return the one block of a page in a language that has a text in it."""
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    (found,) = (each for each in blocks if part in each)
    return found
