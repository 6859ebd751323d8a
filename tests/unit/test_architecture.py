"""Who may import whom: the walls between the rooms of docs/architecture.md, read off the code's imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mailroom

ROOT = Path(__file__).parents[2]
PACKAGE = "mailroom"
CODE = Path(mailroom.__file__).parent
"""Not the checkout's: where a package is tested, its code lies elsewhere."""

FREE = frozenset({"errors", "exits", "typed", "__version__"})
"""What everybody may import: it imports nothing itself."""

WALLS = {
    "model": (set(), "The nouns lie below everybody: they know neither servers nor decisions."),
    "triage": ({"model"}, "Who decides knows no protocol, no log and no setting."),
    "journal": (
        {"triage", "model", "output"},
        "The journal tells what was done; who does it knows no journal.",
    ),
    "rules": ({"model", "output"}, "A rule's format knows what is to be written, not where it comes from."),
    "output": (set(), "What is shown and logged comes as an argument."),
    "http": ({"output"}, "HTTP knows no protocol on top of it; what it tells carries no secret."),
    "contacts": ({"model"}, "What both address books share knows neither of their protocols."),
    "jmap": (
        {"contacts", "model", "http", "output"},
        "JMAP fills ports; it knows neither CardDAV nor decisions.",
    ),
    "carddav": (
        {"contacts", "model", "http", "output"},
        "CardDAV fills a port; it knows neither JMAP nor decisions.",
    ),
    "settings": ({"model", "http", "output"}, "Settings name things; they open nothing."),
    "service": (
        {"triage", "journal", "model", "output"},
        "The service runs cycles and tells of them, whatever they talk to.",
    ),
    "digest": (
        {"triage", "model", "output"},
        "A digest says who waits; how it gets into the account, and when it is asked for, others know.",
    ),
    "sandbox": (set(), "The double shares nothing with what it is to test."),
    "account": (
        {"carddav", "http", "jmap", "journal", "model", "settings", "triage"},
        "Wiring knows the parts and no command.",
    ),
    "commands": (
        {
            "account",
            "digest",
            "jmap",
            "journal",
            "model",
            "output",
            "rules",
            "sandbox",
            "service",
            "settings",
            "triage",
        },
        "Commands ask, call and show; they speak no HTTP.",
    ),
    "cli": ({"commands", "output", "service"}, "The command line knows commands, and what tells of errors."),
    "__main__": ({"cli"}, "`python -m mailroom` is the command line."),
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package by its dotted name."""
    for path in sorted(CODE.rglob("*.py")):
        parts = path.relative_to(CODE.parent).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


NAMES = {name for name, _ in modules()}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Each module of the package that a module imports, and each name from it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner, "") if inner in NAMES else (node.module, alias.name)


def room_of(module: str, name: str = "") -> str:
    """The folder or file right below the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else name


def test_every_room_has_its_walls() -> None:
    """A new folder is either given its place here, or has none."""
    assert {room_of(name) for name in NAMES - {PACKAGE}} == WALLS.keys() | (FREE - {"__version__"})


@pytest.mark.parametrize("room", WALLS, ids=lambda room: f"{room}: {WALLS[room][1]}")
def test_a_room_imports_only_what_its_wall_lets_through(room: str) -> None:
    """The sentence beside each wall says why."""
    allowed = WALLS[room][0] | FREE | {room}
    crossing = {
        f"{module} imports {target}"
        for module, path in modules()
        if module != PACKAGE and room_of(module) == room
        for target, name in imports(path)
        if room_of(target, name) not in allowed
    }
    assert not crossing


def test_no_module_imports_itself_by_a_detour() -> None:
    """Each module can be read, and loaded, after those that it imports."""
    graph = {
        module: {target for target, _ in imports(path) if target not in {PACKAGE, module}}
        for module, path in modules()
    }
    packages = {module for module, path in modules() if path.name == "__init__.py"}
    # A package's own page gathers what its modules offer; it is no step of a detour.
    TopologicalSorter({module: targets - packages for module, targets in graph.items()}).prepare()


def test_no_module_uses_a_private_name_of_another() -> None:
    """What begins with an underscore can be changed by whoever reads its module alone."""
    used = {
        f"{module}: {target}.{name}"
        for module, path in modules()
        for target, name in imports(path)
        if name.startswith("_") and not name.startswith("__")
    }
    assert not used
