"""The lines of an expression that is too long for one, as formatters of Python lay them out."""

from __future__ import annotations

import ast

WIDTH = 88
"""Columns, the default of the common formatters."""

_SIGNS = {ast.RShift: ">>", ast.Add: "+", ast.Mult: "*"}


def laid_out(text: str, before: str = "", width: int = WIDTH) -> str:
    """An expression in lines of at most `width` columns, as far as its brackets allow.

    before : what stands before it on its line, such as "plan = "

    >>> print(laid_out("Plan(cosine(0.1, 0.0, 90_000), momentum=one_cycle_momentum(0.95, 0.85, steps=90_000))", "plan = ", 60))
    plan = Plan(
        cosine(0.1, 0.0, 90_000),
        momentum=one_cycle_momentum(0.95, 0.85, steps=90_000),
    )
    """
    return before + "\n".join(_Layout(text, width).lines(ast.parse(text, mode="eval").body, len(before), 0))


class _Layout:
    def __init__(self, text: str, width: int) -> None:
        self.text, self.width = text, width

    def lines(self, node: ast.expr, before: int, indent: int, after: int = 0) -> list[str]:
        """The lines of a node, the first without its indent: `before` and `after` columns of others stand on its first and last line."""
        whole = ast.get_source_segment(self.text, node) or ""
        if before + len(whole) + after <= self.width:
            return [whole]
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Call() | ast.BinOp() as inner, attr=name)):
                head = self.lines(inner, before, indent, len(name) + 2)
                if isinstance(inner, ast.BinOp):
                    head = self._in_brackets(inner, indent)
                return self._call(node, head[:-1], f"{head[-1]}.{name}", indent, after, before if len(head) == 1 else indent)
            case ast.Call():
                return self._call(node, [], ast.get_source_segment(self.text, node.func) or "", indent, after, before)
            case ast.BinOp():
                return self._in_brackets(node, indent)
            case ast.Dict():
                items = [
                    (f"{ast.get_source_segment(self.text, key)}: ", value) for key, value in zip(node.keys, node.values, strict=True) if key
                ]
                return ["{", *self._items(items, indent), " " * indent + "}"]
            case ast.List(elts=elements) if elements and not all(isinstance(each, ast.Constant | ast.UnaryOp) for each in elements):
                return ["[", *self._items([("", each) for each in elements], indent), " " * indent + "]"]
        return [whole]

    def _call(self, node: ast.Call, head: list[str], name: str, indent: int, after: int, before: int) -> list[str]:
        items = [("", each) for each in node.args] + [(f"{each.arg}=", each.value) for each in node.keywords]
        arguments = ", ".join(f"{key}{ast.get_source_segment(self.text, value)}" for key, value in items)
        if not items or (head and len(name) + len(arguments) + 2 + after <= self.width):
            return [*head, f"{name}({arguments})"]
        return [*head, f"{name}(", *self._items(items, indent), " " * indent + ")"]

    def _items(self, items: list[tuple[str, ast.expr]], indent: int) -> list[str]:
        """One item a line, each with a comma."""
        found = []
        inside = indent + 4
        for key, value in items:
            first, *others = self.lines(value, inside + len(key), inside, after=1)
            rows = [" " * inside + key + first, *others]
            found += [*rows[:-1], rows[-1] + ","]
        return found

    def _in_brackets(self, node: ast.BinOp, indent: int) -> list[str]:
        """A chain of one operator, one term a line."""
        terms, sign, inside = [], _SIGNS[type(node.op)], indent + 4
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and type(left.op) is type(node.op):
            terms.append(left.right)
            left = left.left
        rows = []
        for i, term in enumerate([left, *reversed(terms)]):
            lead = " " * inside + (f"{sign} " if i else "")
            looser = isinstance(term, ast.BinOp) and type(term.op) is not type(node.op) and _binds(term.op) < _binds(node.op)
            first, *others = self.lines(term, len(lead) + 2 * looser, inside)
            if looser and not others:
                first = f"({first})"
            rows += [lead + first, *others]
        return ["(", *rows, " " * indent + ")"]


def _binds(how: ast.operator) -> int:
    return list(_SIGNS).index(type(how))
