"""Condition JSON to the typed tree, with every error collected and placed."""

from __future__ import annotations

from nephoscope_policy import keywords, operand_shapes, tree
from nephoscope_policy.arm import ArmSyntaxError, is_expression, unescape_literal
from nephoscope_policy.arm import parse as parse_expression
from nephoscope_policy.document import MAX_DEPTH, describe_type, get_ignoring_case, has_member
from nephoscope_policy.errors import PolicyError, suggest_word

NEVER: tree.Condition = tree.AnyOf("", ())
"""Stands in for a condition that did not parse, so that parsing goes on and finds further errors."""


class ConditionParser:
    """Parses conditions and operands; `errors` collects what is wrong.

    Paths in the tree begin at `policyRule`, paths of errors at the document: `prefix` is 'properties.' in an envelope.
    """

    def __init__(self) -> None:
        self.errors: list[PolicyError] = []
        self.prefix = ""

    def add_error(self, path: str, message: str) -> None:
        """Note an error at a JSON path."""
        self.errors.append(PolicyError(message, f"{self.prefix}{path}" if path else path))

    def parse_condition(self, raw: object, path: str, depth: int = 0) -> tree.Condition:
        """A condition: allOf, anyOf, not, or a leaf."""
        if not isinstance(raw, dict):
            self.add_error(path, f"a condition is an object, not {describe_type(raw)}")
            return NEVER
        if depth > MAX_DEPTH:
            self.add_error(path, f"conditions are nested more than {MAX_DEPTH} deep")
            return NEVER
        lowered = {key.lower(): key for key in raw}
        for word in ("allof", "anyof", "not"):
            if word in lowered:
                return self._parse_logical(raw, lowered, word, path, depth)
        return self._parse_leaf(raw, lowered, path, depth)

    def _parse_logical(
        self, raw: dict[str, object], lowered: dict[str, str], word: str, path: str, depth: int
    ) -> tree.Condition:
        key = lowered[word]
        extra = [other for other in raw if other != key]
        if extra:
            self.add_error(
                f"{path}.{extra[0]}",
                f"'{key}' must be alone in its object; move '{extra[0]}' into a condition of its own",
            )
        value = raw[key]
        if word == "not":
            return tree.Not(path, self.parse_condition(value, f"{path}.{key}", depth + 1))
        if not isinstance(value, list):
            self.add_error(
                f"{path}.{key}", f"'{key}' must be an array of conditions, not {describe_type(value)}"
            )
            return NEVER
        children = tuple(
            self.parse_condition(item, f"{path}.{key}[{i}]", depth + 1) for i, item in enumerate(value)
        )
        return tree.AllOf(path, children) if word == "allof" else tree.AnyOf(path, children)

    def _parse_leaf(
        self, raw: dict[str, object], lowered: dict[str, str], path: str, depth: int
    ) -> tree.Condition:
        subjects = [word for word in ("field", "value", "count") if word in lowered]
        operators = [word for word in lowered if word in keywords.OPERATORS]
        for word, key in lowered.items():
            if word not in keywords.OPERATORS and word not in keywords.SUBJECTS:
                known = [*keywords.OPERATORS.values(), *keywords.SUBJECTS, "allOf", "anyOf", "not"]
                self.add_error(
                    f"{path}.{key}", f"'{key}' is not a keyword of a condition{suggest_word(key, known)}"
                )
        if len(subjects) != 1:
            found = "has none" if not subjects else f"has {' and '.join(subjects)}"
            self.add_error(path, f"a condition needs exactly one of field, value, count; this one {found}")
        if len(operators) != 1:
            found = (
                "has none"
                if not operators
                else f"has {' and '.join(keywords.OPERATORS[o] for o in operators)}"
            )
            self.add_error(path, f"a condition needs exactly one operator such as 'equals'; this one {found}")
        if len(subjects) != 1 or len(operators) != 1:
            return NEVER
        subject = self._parse_subject(
            subjects[0], raw[lowered[subjects[0]]], f"{path}.{lowered[subjects[0]]}", depth
        )
        operator = operators[0]
        where = f"{path}.{lowered[operator]}"
        operand = self.parse_operand(raw[lowered[operator]], where)
        wrong = operand_shapes.explain_fault(operator, operand)
        if wrong:
            self.add_error(where, wrong)
        return tree.Leaf(path, subject, operator, operand) if subject else NEVER

    def _parse_subject(
        self, word: str, raw: object, path: str, depth: int
    ) -> tree.FieldRef | tree.ValueRef | tree.CountExpression | None:
        if word == "field":
            return self.parse_field(raw, path)
        if word == "value":
            return tree.ValueRef(self.parse_operand(raw, path))
        return self._parse_count(raw, path, depth)

    def _parse_count(self, raw: object, path: str, depth: int) -> tree.CountExpression | None:
        if not isinstance(raw, dict):
            self.add_error(
                path, f"'count' must be an object with 'field' or 'value', not {describe_type(raw)}"
            )
            return None
        for key in raw:
            if key.lower() not in keywords.COUNT_MEMBERS:
                self.add_error(
                    f"{path}.{key}",
                    f"'{key}' is not a keyword of count{suggest_word(key, keywords.COUNT_MEMBERS)}",
                )
        by_field, by_value = has_member(raw, "field"), has_member(raw, "value")
        if by_field == by_value:
            self.add_error(
                path, "a count needs either 'field' or 'value'" + (", not both" if by_field else "")
            )
            return None
        name = get_ignoring_case(raw, "name")
        if name is not None and not isinstance(name, str):
            self.add_error(f"{path}.name", f"'name' must be a string, not {describe_type(name)}")
        elif name is not None and by_field:
            self.add_error(
                f"{path}.name",
                "'name' belongs to a count of a value; in a count of a field use current('<alias>')",
            )
        over = self.parse_field(get_ignoring_case(raw, "field"), f"{path}.field") if by_field else None
        value = (
            tree.ValueRef(self.parse_operand(get_ignoring_case(raw, "value"), f"{path}.value"))
            if by_value
            else None
        )
        wrong = operand_shapes.explain_not_countable(value.operand) if value else ""
        if wrong:
            self.add_error(f"{path}.value", wrong)
        where = (
            self.parse_condition(get_ignoring_case(raw, "where"), f"{path}.where", depth + 1)
            if has_member(raw, "where")
            else None
        )
        target = over or value
        return (
            tree.CountExpression(path, target, name if isinstance(name, str) else "default", where)
            if target
            else None
        )

    def parse_field(self, raw: object, path: str) -> tree.FieldRef | None:
        """A field name; a template expression is kept as one."""
        if not isinstance(raw, str) or not raw.strip():
            self.add_error(
                path, f"'field' must be a string, not {describe_type(raw) if raw != '' else 'empty'}"
            )
            return None
        operand = self.parse_operand(raw, path)
        if isinstance(operand, tree.PolicyLiteral):
            return tree.FieldRef(tree.PolicyLiteral(str(operand.value).strip()))
        return tree.FieldRef(operand) if isinstance(operand, tree.TemplateExpression) else None

    def parse_operand(self, raw: object, path: str, depth: int = 0) -> tree.Operand:
        """A JSON value in which `[...]` strings are expressions and `[[` escapes a bracket."""
        if depth > MAX_DEPTH:
            self.add_error(path, f"values are nested more than {MAX_DEPTH} deep")
            return tree.PolicyLiteral(None)
        if isinstance(raw, str):
            return self._parse_text(raw, path)
        if isinstance(raw, list):
            items = tuple(self.parse_operand(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(raw))
            if all(isinstance(item, tree.PolicyLiteral) for item in items):
                return tree.PolicyLiteral(
                    [item.value for item in items if isinstance(item, tree.PolicyLiteral)]
                )
            return tree.ListExpression(items)
        if isinstance(raw, dict):
            pairs = tuple(
                (str(key), self.parse_operand(value, f"{path}.{key}", depth + 1))
                for key, value in raw.items()
            )
            if all(isinstance(value, tree.PolicyLiteral) for _, value in pairs):
                return tree.PolicyLiteral(
                    {key: value.value for key, value in pairs if isinstance(value, tree.PolicyLiteral)}
                )
            return tree.ObjectExpression(pairs)
        return tree.PolicyLiteral(raw)

    def _parse_text(self, raw: str, path: str) -> tree.PolicyLiteral | tree.TemplateExpression:
        if not is_expression(raw):
            return tree.PolicyLiteral(unescape_literal(raw))
        try:
            return tree.TemplateExpression(raw, parse_expression(raw), path)
        except ArmSyntaxError as error:
            self.add_error(path, f"the expression {raw!r} does not parse: {error}")
            return tree.PolicyLiteral(raw)
