"""Every small change of a module that a test should notice. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attrs import frozen

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}


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
    """Return all mutants of a module, in the order of its lines."""
    lines = source.splitlines()
    found: list[Mutant] = []
    for index in range(len(_places(ast.parse(source)))):
        tree = ast.parse(source)
        node, apply = _places(tree)[index]
        line = int(getattr(node, "lineno", 1))
        before = ast.unparse(node)
        apply()
        after = ast.unparse(node)
        change = f"{_short(before)} → {_short(after)}"
        text = lines[line - 1].strip()
        found.append(Mutant(module, line, text, change, ast.unparse(ast.fix_missing_locations(tree))))
    return sorted(found, key=lambda mutant: mutant.line)


def _places(tree: ast.AST) -> list[tuple[ast.AST, Callable[[], None]]]:
    """Return what can be changed, each with what changes it."""
    return [(node, apply) for node in _code_of(tree) for apply in _changes_of(node)]


def _code_of(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through a tree, but not through types and docstrings, which do nothing."""
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_docstring(child):
                continue
            yield child
            yield from _code_of(child)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes_of(node: ast.AST) -> Iterator[Callable[[], None]]:
    if isinstance(node, ast.Compare):
        for place, each in enumerate(node.ops):
            if type(each) in _COMPARISONS:
                yield partial(node.ops.__setitem__, place, _COMPARISONS[type(each)]())
    elif change := _change_of(node):
        field, value = change
        yield partial(setattr, node, field, value)


def _change_of(node: ast.AST) -> tuple[str, object] | None:
    """Return what may become of a node: one of its fields, and the field's other value."""
    match node:
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _OPERATIONS:
            return "op", _OPERATIONS[type(node.op)]()
        case ast.BoolOp():
            return "op", ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.If() | ast.IfExp() | ast.While() if not _is_constant(node.test):
            return "test", ast.UnaryOp(ast.Not(), node.test)
        case ast.Return(value=ast.expr() as value) if not _is_constant(value):
            return "value", ast.Constant(None)
        case ast.Constant(value=bool(value)):
            return "value", not value
        case ast.Constant(value=int(value)):
            return "value", value + 1
        case ast.UnaryOp(op=ast.Not()):
            return "operand", ast.UnaryOp(ast.Not(), node.operand)  # twice is not at all
        case _:
            return None


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)


def _short(code: str) -> str:
    first, _, rest = code.partition("\n")
    return f"{first} …" if rest else first
