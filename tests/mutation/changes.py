"""What may become of one place of a syntax tree.

Each kind stands for a mistake that people make: a bound that is off by one, a condition that is turned
round or forgotten, an argument left out, a step left out, one set taken for another.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial

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
    ast.BitXor: ast.BitOr,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}
_STEPS = (ast.Raise, ast.Continue, ast.Break, ast.Delete, ast.AugAssign)
"""Statements that the code still runs without; without others a name would be missing at once."""

_COLLECTIONS = ("frozenset", "set", "tuple", "list", "dict")

LARGE = 100

_NOTHING = "(nothing)"


@frozen
class EditedTree:
    """A tree in which one place was changed.

    Attributes:
        line: Where.
        change: What became of what.
    """

    tree: ast.Module
    line: int
    change: str


@frozen
class Edit:
    """A change that can be made.

    Attributes:
        node: What is changed.
        apply: Makes the change in place.
        becomes: What the node is then, in words; empty where it can be read off it.
        leaves_out: The argument that a call loses; empty where it loses none.
    """

    node: ast.AST
    apply: Callable[[], object]
    becomes: str = ""
    leaves_out: str = ""

    def make(self) -> str:
        """Make it, and say what became of what."""
        before = ast.unparse(self.node)
        self.apply()
        after = ast.unparse(self.node)
        if self.leaves_out:
            return f"{before.partition('(')[0]}(…) without {_one_line(self.leaves_out)}"
        if self.becomes:
            return f"{_short(before)} → {self.becomes}"
        if before.partition("\n")[0] == after.partition("\n")[0]:
            return f"{_one_line(before)} → {_one_line(after)}"
        return f"{_short(before)} → {_short(after)}"


def edits_of(tree: ast.AST) -> Iterator[Edit]:
    """Yield every change, each of one place; what does nothing, or nothing that can be told, is passed over.

    Types and docstrings do nothing. How much is enough is a matter of judgement: of a bound of the
    module's in the hundreds, one more or less is no mistake.
    """
    bounds = set(_large_bounds(tree))
    for node in (tree, *_code_of(tree)):
        if isinstance(node, ast.Constant) and node in bounds:
            continue
        yield from _operators(node)
        yield from _conditions(node)
        yield from _values(node)
        yield from _arguments(node)
        yield from _steps(node)
        yield from _branches(node)


def _large_bounds(tree: ast.AST) -> Iterator[ast.Constant]:
    for statement in getattr(tree, "body", []):
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]).isupper():
            for node in ast.walk(statement.value):
                if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value >= LARGE:
                    yield node


def _code_of(tree: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            yield child
            yield from _code_of(child)


def _operators(node: ast.AST) -> Iterator[Edit]:
    """Exchange an operator; of two sets, take but one."""
    if isinstance(node, ast.Compare):
        for place, each in enumerate(node.ops):
            if type(each) in _COMPARISONS:
                yield Edit(node, partial(node.ops.__setitem__, place, _COMPARISONS[type(each)]()))
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _OPERATIONS:
        yield _set(node, "op", _OPERATIONS[type(node.op)]())
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
        yield _set(node, "right", node.left)
        yield _set(node, "left", node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        yield _set(node, "right", ast.BinOp(node.right, ast.Sub(), node.right))  # an empty set, or zero


def _conditions(node: ast.AST) -> Iterator[Edit]:
    """Turn a condition round, or forget it."""
    match node:
        case ast.BoolOp():
            yield _set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.If() | ast.IfExp() | ast.While() if not isinstance(node.test, ast.Constant):
            yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
        case ast.UnaryOp(op=ast.Not()):
            yield _set(node, "operand", ast.UnaryOp(ast.Not(), node.operand))  # twice is not at all
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            for generator in node.generators:
                for condition in generator.ifs:
                    yield Edit(node, partial(generator.ifs.remove, condition))
        case ast.Match():
            for case in node.cases:
                if case.guard:
                    yield Edit(case.guard, partial(setattr, case, "guard", None), _NOTHING)


def _values(node: ast.AST) -> Iterator[Edit]:
    """Take another number or truth, or return nothing."""
    match node:
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield _set(node, "value", ast.Constant(None))
        case ast.Constant(value=bool(value)):
            yield _set(node, "value", not value)
        case ast.Constant(value=int(value)):
            yield _set(node, "value", value + 1)
            yield _set(node, "value", value - 1)


def _arguments(node: ast.AST) -> Iterator[Edit]:
    """Leave out an argument: any that is named, the last of several, or what a collection is made of."""
    if not isinstance(node, ast.Call):
        return
    name = ast.unparse(node.func)
    for keyword in node.keywords:
        yield Edit(node, partial(node.keywords.remove, keyword), leaves_out=ast.unparse(keyword))
    if len(node.args) > 1 or (node.args and name in _COLLECTIONS):
        yield Edit(node, node.args.pop, leaves_out=ast.unparse(node.args[-1]))


def _steps(node: ast.AST) -> Iterator[Edit]:
    """Leave out a statement."""
    for field in ("body", "orelse", "finalbody"):
        body = getattr(node, field, None)
        if isinstance(body, list):
            for place, statement in enumerate(body):
                if _is_step(statement):
                    yield Edit(statement, partial(body.__setitem__, place, ast.Pass()), _NOTHING)


def _branches(node: ast.AST) -> Iterator[Edit]:
    """Leave out a branch, a case or what is done about an error."""
    match node:
        case ast.If():
            if not _is_one_step(node.body):
                yield Edit(node, partial(setattr, node, "body", [ast.Pass()]), _NOTHING)
            if node.orelse and not _is_one_step(node.orelse):
                yield Edit(node, partial(setattr, node, "orelse", []), "without else")
        case ast.Match():
            for case in node.cases[:-1]:
                yield Edit(case.pattern, partial(node.cases.remove, case), "no such case")
        case ast.Try() if len(node.handlers) > 1:
            for handler in node.handlers:
                yield Edit(handler, partial(node.handlers.remove, handler), _NOTHING)


def _is_step(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return not _is_text(node)
    if isinstance(node, ast.Assign):
        return not all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
    return isinstance(node, _STEPS)


def _is_one_step(body: list[ast.stmt]) -> bool:
    return len(body) == 1 and (_is_step(body[0]) or isinstance(body[0], ast.Pass))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _set(node: ast.AST, field: str, value: object) -> Edit:
    return Edit(node, partial(setattr, node, field, value))


def _short(code: str) -> str:
    first, _, rest = code.partition("\n")
    return f"{first} …" if rest else first


def _one_line(code: str) -> str:
    return " ".join(code.split())
