"""Expressions of GitHub Actions: `${{ ... }}` in a text, their tokens and their trees.

Source: https://docs.github.com/actions/reference/workflows-and-actions/expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nephoscope.collect.templates.source_text import TextSpan

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>[+-]?(?:0x[0-9a-fA-F]+|0o[0-7]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+))"
    r"|(?P<name>[A-Za-z_][\w-]*)|(?P<operator>&&|\|\||==|!=|<=|>=|[<>!()\[\].,*]))"
)
_FENCE = re.compile(r"\$\{\{")
_LITERALS = frozenset({"true", "false", "null", "nan", "infinity"})
_BINARY = ({"||"}, {"&&"}, {"==", "!=", "<", "<=", ">", ">="})
MAX_DEPTH = 60


class ExpressionError(Exception):
    """A text that is no expression."""


@dataclass(slots=True)
class WorkflowExpression:
    """A node: `kind` is literal, context, call, not, binary or index.

    Of a literal `value` is its text and `is_string` tells 'a' from a; of a context `parts` are its names in lower case, `*` for any
    and '' for a computed one; of a call and an operator `value` is its name in lower case. `args` are the operands.
    """

    kind: str
    span: TextSpan
    value: str = ""
    is_string: bool = False
    parts: tuple[str, ...] = ()
    args: list[WorkflowExpression] = field(default_factory=list)

    def walk(self) -> Iterator[WorkflowExpression]:
        """Give the node and all within."""
        yield self
        for argument in self.args:
            yield from argument.walk()

    def list_contexts(self) -> Iterator[WorkflowExpression]:
        """Give the contexts within."""
        return (node for node in self.walk() if node.kind == "context")

    @property
    def path(self) -> str:
        """The context as `github.event.issue.title`."""
        return ".".join(self.parts)


def find_fences(text: str, offset: int = 0) -> list[tuple[TextSpan, str, int]]:
    """Return each `${{ ... }}` of a text: its span, what is between the braces, and the offset of that; a string may hold `}}`."""
    found, at = [], 0
    while match := _FENCE.search(text, at):
        end = _find_fence_end(text, match.end())
        if end is None:
            break
        found.append(
            (
                TextSpan(offset + match.start(), offset + end + 2),
                text[match.end() : end],
                offset + match.end(),
            )
        )
        at = end + 2
    return found


def _find_fence_end(text: str, at: int) -> int | None:
    quoted = False
    while at < len(text):
        if text[at] == "'":
            quoted = not quoted
        elif text.startswith("}}", at) and not quoted:
            return at
        at += 1
    return None


def parse_expression(text: str, offset: int = 0) -> WorkflowExpression:
    """Parse the text between the braces; spans begin at `offset`. Raises ExpressionError."""
    parser = _ExpressionParser(text, offset)
    tree = parser.parse_binary(0, 0)
    parser.expect_end()
    return tree


def parse_expressions(text: str, offset: int = 0) -> list[WorkflowExpression]:
    """Return the trees of the expressions of a text; what is none is left out."""
    found = []
    for _, inner, start in find_fences(text, offset):
        try:
            found.append(parse_expression(inner, start))
        except ExpressionError:
            continue
    return found


class _ExpressionParser:
    def __init__(self, text: str, offset: int) -> None:
        self.text, self.offset, self.at = text, offset, 0
        self.kind, self.token, self.span = "", "", TextSpan(offset, offset)
        self.read_token()

    def read_token(self) -> None:
        """Read the next token; kind '' at the end."""
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            if self.text[self.at :].strip():
                raise ExpressionError(f"unexpected character at {self.at}: {self.text[self.at :][:10]!r}")
            self.kind, self.token = "", ""
            return
        self.kind = match.lastgroup or ""
        self.token = match[self.kind]
        self.span = TextSpan(self.offset + match.start(self.kind), self.offset + match.end(self.kind))
        self.at = match.end()

    def expect_end(self) -> None:
        """Refuse what follows the expression."""
        if self.kind:
            raise ExpressionError(f"unexpected {self.token!r}")

    def is_at_operator(self, operator: str) -> bool:
        """Tell whether the next token is this operator."""
        return self.kind == "operator" and self.token == operator

    def expect_operator(self, operator: str) -> None:
        """Take an operator, or refuse what stands in its place."""
        if not self.is_at_operator(operator):
            raise ExpressionError(f"expected {operator!r}, found {self.token!r}")
        self.read_token()

    def parse_binary(self, level: int, depth: int) -> WorkflowExpression:
        """Parse operators of a level and above."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"the expression is deeper than {MAX_DEPTH}")
        if level == len(_BINARY):
            return self.parse_unary(depth)
        left = self.parse_binary(level + 1, depth + 1)
        while self.kind == "operator" and self.token in _BINARY[level]:
            operator = self.token
            self.read_token()
            right = self.parse_binary(level + 1, depth + 1)
            left = WorkflowExpression(
                "binary", TextSpan(left.span.start, right.span.end), operator, args=[left, right]
            )
        return left

    def parse_unary(self, depth: int) -> WorkflowExpression:
        """Parse `!` and what it negates."""
        if self.is_at_operator("!"):
            start = self.span.start
            self.read_token()
            if depth > MAX_DEPTH:
                raise ExpressionError(f"the expression is deeper than {MAX_DEPTH}")
            operand = self.parse_unary(depth + 1)
            return WorkflowExpression("not", TextSpan(start, operand.span.end), "!", args=[operand])
        return self.parse_postfix(self.parse_primary(depth), depth)

    def parse_primary(self, depth: int) -> WorkflowExpression:
        """Parse a literal, a name, a call or a group."""
        kind, token, span = self.kind, self.token, self.span
        if not kind:
            raise ExpressionError("the expression ends too early")
        self.read_token()
        if kind == "string":
            return WorkflowExpression("literal", span, token[1:-1].replace("''", "'"), True)
        if kind == "number" or (kind == "name" and token.lower() in _LITERALS):
            return WorkflowExpression("literal", span, token)
        if (kind, token) == ("operator", "("):
            inner = self.parse_binary(0, depth + 1)
            self.expect_operator(")")
            return inner
        if kind != "name":
            raise ExpressionError(f"unexpected {token!r}")
        if self.is_at_operator("("):
            return self.call(token, span, depth)
        return WorkflowExpression("context", span, parts=(token.lower(),))

    def call(self, name: str, span: TextSpan, depth: int) -> WorkflowExpression:
        """Parse the arguments of a call."""
        self.expect_operator("(")
        arguments: list[WorkflowExpression] = []
        while not self.is_at_operator(")"):
            if arguments:
                self.expect_operator(",")
            arguments.append(self.parse_binary(0, depth + 1))
        end = self.span.end
        self.expect_operator(")")
        return WorkflowExpression("call", TextSpan(span.start, end), name.lower(), args=arguments)

    def parse_postfix(self, node: WorkflowExpression, depth: int) -> WorkflowExpression:
        """Parse `.name`, `.*` and `[index]` after a value."""
        while self.kind == "operator" and self.token in (".", "["):
            opening = self.token
            self.read_token()
            if opening == ".":
                if self.kind != "name" and not self.is_at_operator("*"):
                    raise ExpressionError(f"expected a name after '.', found {self.token!r}")
                part, index, end = self.token.lower(), None, self.span.end
                self.read_token()
            else:
                index = self._parse_index(depth)
                end = self.span.end
                self.expect_operator("]")
                part = index.value.lower() if index.kind == "literal" else "*" if index.value == "*" else ""
            node = _extend_expression(node, part, index, end)
        return node

    def _parse_index(self, depth: int) -> WorkflowExpression:
        if self.is_at_operator("*"):
            span = self.span
            self.read_token()
            return WorkflowExpression("star", span, "*")
        return self.parse_binary(0, depth + 1)


def _extend_expression(
    node: WorkflowExpression, part: str, index: WorkflowExpression | None, end: int
) -> WorkflowExpression:
    span = TextSpan(node.span.start, end)
    computed = [index] if index is not None and index.kind not in ("literal", "star") else []
    if node.kind == "context":
        return WorkflowExpression("context", span, parts=(*node.parts, part), args=[*node.args, *computed])
    return WorkflowExpression("index", span, part, args=[node, *computed])
