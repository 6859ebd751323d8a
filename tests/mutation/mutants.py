"""Every small change of a module that a test should notice. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from tests.mutation.changes import EditedTree, edits_of


@frozen
class Mutant:
    """One changed place.

    Attributes:
        line: Where it is, in the module as it stands.
        text: What stands on that line.
        change: What becomes of what.
        source: The whole module with the change in it.
    """

    module: Path
    line: int
    text: str
    change: str
    source: str

    @property
    def name(self) -> str:
        """What tells it from the others, also after lines have moved."""
        return f"{self.module.as_posix()}: {self.text}: {self.change}"


def mutants_of(module: Path, source: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of its lines; of those that are the same, one."""
    lines = source.splitlines()
    found: dict[str, Mutant] = {}
    for edited in _edited_trees(source):
        text = lines[edited.line - 1].strip()
        changed = ast.unparse(ast.fix_missing_locations(edited.tree))
        found.setdefault(changed, Mutant(module, edited.line, text, edited.change, changed))
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _edited_trees(source: str) -> Iterator[EditedTree]:
    """Read the source anew for each edit, as edits are made in place."""
    for index in range(len(list(edits_of(ast.parse(source))))):
        tree = ast.parse(source)
        edit = list(edits_of(tree))[index]
        yield EditedTree(tree, int(getattr(edit.node, "lineno", 1)), edit.make())
