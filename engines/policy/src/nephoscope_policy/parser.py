"""Policy JSON to the typed tree, with every error collected and placed.

Grammar: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule
Keywords are read in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import keywords, operand_shapes, tree
from nephoscope_policy.arm import ArmSyntaxError, is_expression, unescape
from nephoscope_policy.arm import parse as parse_expression
from nephoscope_policy.document import MAX_DEPTH, get, has_member, json_type_name
from nephoscope_policy.errors import PolicyError, suggestion
from nephoscope_policy.parameter_binding import is_of_type, mismatch

if TYPE_CHECKING:
    from collections.abc import Callable

NEVER: tree.Condition = tree.AnyOf("", ())
"""Stands in for a condition that did not parse, so that parsing goes on and finds further errors."""


class Parser:
    """Parses one document; `errors` collects what is wrong.

    Paths in the tree begin at `policyRule`, paths of errors at the document: `prefix` is 'properties.' in an envelope.
    """

    def __init__(self) -> None:
        self.errors: list[PolicyError] = []
        self.prefix = ""

    def fail(self, path: str, message: str) -> None:
        """Note an error at a JSON path."""
        self.errors.append(PolicyError(message, f"{self.prefix}{path}" if path else path))

    def properties(self, document: object) -> dict[str, object]:
        """The definition's properties; notes the prefix under which they stand and reports a wrong envelope."""
        if not isinstance(document, dict):
            self.fail("", f"a policy definition is a JSON object, not {json_type_name(document)}")
            return {}
        if not has_member(document, "properties"):
            return document
        inner = get(document, "properties")
        if not isinstance(inner, dict):
            self.fail("properties", f"'properties' must be an object, not {json_type_name(inner)}")
            return {}
        outside = {key.lower() for key in document if isinstance(key, str)}
        for key in inner:
            if isinstance(key, str) and key.lower() in outside and key.lower() in keywords.PROPERTIES:
                self.fail(key, f"'{key}' is both outside and inside 'properties'; keep the inner one")
        self.prefix = "properties."
        return inner

    def definition(self, properties: dict[str, object]) -> tree.Tree | None:
        """The tree of a definition's properties; None when there is no rule to speak of."""
        rule = get(properties, "policyRule")
        path = "policyRule"
        if not isinstance(rule, dict):
            what = "is missing" if rule is None else f"must be an object, not {json_type_name(rule)}"
            self.fail(path, f"'policyRule' {what}")
            return None
        mode = get(properties, "mode", "All")
        if not isinstance(mode, str) or not mode:
            self.fail(
                "mode", f"'mode' must be a string such as 'All' or 'Indexed', not {json_type_name(mode)}"
            )
            mode = "All"
        elif mode.lower() not in keywords.SCANNED_MODES and not mode.lower().endswith(keywords.DATA_PLANE):
            known = suggestion(mode, ("All", "Indexed"))
            self.fail(
                "mode",
                (
                    f"{mode!r} is not a mode: All, Indexed, or a provider's such as "
                    f"'Microsoft.KeyVault.Data'{known}"
                ),
            )
        declared = self.parameters(get(properties, "parameters"), "parameters")
        for key in ("if", "then"):
            if not has_member(rule, key):
                self.fail(path, f"the rule has no '{key}'{suggestion(key, rule)}")
        condition = self.condition(get(rule, "if"), f"{path}.if") if has_member(rule, "if") else NEVER
        then = self.parse_then(get(rule, "then"), f"{path}.then") if has_member(rule, "then") else None
        return tree.Tree(mode, declared, condition, then) if then else None

    def parameters(self, raw: object, path: str, *, typed: bool = True) -> dict[str, tree.Parameter]:
        """Declared parameters by lower-cased name.

        Without `typed` a default of another type passes: Azure refuses it in a definition, yet one of its own initiatives has it.
        """
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            self.fail(path, f"'parameters' must be an object, not {json_type_name(raw)}")
            return {}
        result: dict[str, tree.Parameter] = {}
        for name, body in raw.items():
            if name.lower() in result:
                self.fail(
                    f"{path}.{name}", f"the parameter '{name}' is declared twice (names are read in any case)"
                )
            elif parameter := self._parameter(name, body, f"{path}.{name}"):
                self._default(parameter, f"{path}.{name}.defaultValue", typed)
                result[name.lower()] = parameter
        return result

    def _parameter(self, name: str, body: object, path: str) -> tree.Parameter | None:
        if not isinstance(body, dict):
            self.fail(path, f"a parameter is an object with a 'type', not {json_type_name(body)}")
            return None
        type_ = get(body, "type")
        if not isinstance(type_, str) or type_.lower() not in keywords.PARAMETER_TYPES:
            hint = suggestion(str(type_), keywords.PARAMETER_TYPES)
            self.fail(
                f"{path}.type",
                f"{type_!r} is not a parameter type{hint} (one of {', '.join(sorted(keywords.PARAMETER_TYPES))})",
            )
            return None
        allowed = get(body, "allowedValues")
        if allowed is not None and not isinstance(allowed, list):
            self.fail(
                f"{path}.allowedValues", f"'allowedValues' must be an array, not {json_type_name(allowed)}"
            )
            allowed = None
        metadata = get(body, "metadata")
        return tree.Parameter(
            name,
            type_.lower(),
            has_member(body, "defaultValue"),
            get(body, "defaultValue"),
            None if allowed is None else tuple(allowed),
            metadata if isinstance(metadata, dict) else {},
        )

    def _default(self, parameter: tree.Parameter, path: str, typed: bool) -> None:
        """A default must be a value that could be given; null stands for none."""
        if parameter.default is None or not (typed or is_of_type(parameter.type, parameter.default)):
            return
        wrong = mismatch(parameter, parameter.default)
        if wrong:
            self.fail(path, f"the default cannot be used: {wrong}")

    def condition(self, raw: object, path: str, depth: int = 0) -> tree.Condition:
        """A condition: allOf, anyOf, not, or a leaf."""
        if not isinstance(raw, dict):
            self.fail(path, f"a condition is an object, not {json_type_name(raw)}")
            return NEVER
        if depth > MAX_DEPTH:
            self.fail(path, f"conditions are nested more than {MAX_DEPTH} deep")
            return NEVER
        lowered = {key.lower(): key for key in raw}
        for word in ("allof", "anyof", "not"):
            if word in lowered:
                return self._logical(raw, lowered, word, path, depth)
        return self._leaf(raw, lowered, path, depth)

    def _logical(
        self, raw: dict[str, object], lowered: dict[str, str], word: str, path: str, depth: int
    ) -> tree.Condition:
        key = lowered[word]
        extra = [other for other in raw if other != key]
        if extra:
            self.fail(
                f"{path}.{extra[0]}",
                f"'{key}' must be alone in its object; move '{extra[0]}' into a condition of its own",
            )
        value = raw[key]
        if word == "not":
            return tree.Not(path, self.condition(value, f"{path}.{key}", depth + 1))
        if not isinstance(value, list):
            self.fail(f"{path}.{key}", f"'{key}' must be an array of conditions, not {json_type_name(value)}")
            return NEVER
        children = tuple(
            self.condition(item, f"{path}.{key}[{i}]", depth + 1) for i, item in enumerate(value)
        )
        return tree.AllOf(path, children) if word == "allof" else tree.AnyOf(path, children)

    def _leaf(self, raw: dict[str, object], lowered: dict[str, str], path: str, depth: int) -> tree.Condition:
        subjects = [word for word in ("field", "value", "count") if word in lowered]
        operators = [word for word in lowered if word in keywords.OPERATORS]
        for word, key in lowered.items():
            if word not in keywords.OPERATORS and word not in keywords.SUBJECTS:
                known = [*keywords.OPERATORS.values(), *keywords.SUBJECTS, "allOf", "anyOf", "not"]
                self.fail(f"{path}.{key}", f"'{key}' is not a keyword of a condition{suggestion(key, known)}")
        if len(subjects) != 1:
            found = "has none" if not subjects else f"has {' and '.join(subjects)}"
            self.fail(path, f"a condition needs exactly one of field, value, count; this one {found}")
        if len(operators) != 1:
            found = (
                "has none"
                if not operators
                else f"has {' and '.join(keywords.OPERATORS[o] for o in operators)}"
            )
            self.fail(path, f"a condition needs exactly one operator such as 'equals'; this one {found}")
        if len(subjects) != 1 or len(operators) != 1:
            return NEVER
        subject = self._subject(
            subjects[0], raw[lowered[subjects[0]]], f"{path}.{lowered[subjects[0]]}", depth
        )
        operator = operators[0]
        where = f"{path}.{lowered[operator]}"
        operand = self.operand(raw[lowered[operator]], where)
        wrong = operand_shapes.fault(operator, operand)
        if wrong:
            self.fail(where, wrong)
        return tree.Leaf(path, subject, operator, operand) if subject else NEVER

    def _subject(
        self, word: str, raw: object, path: str, depth: int
    ) -> tree.FieldRef | tree.ValueRef | tree.CountExpression | None:
        if word == "field":
            return self.field(raw, path)
        if word == "value":
            return tree.ValueRef(self.operand(raw, path))
        return self._count(raw, path, depth)

    def _count(self, raw: object, path: str, depth: int) -> tree.CountExpression | None:
        if not isinstance(raw, dict):
            self.fail(path, f"'count' must be an object with 'field' or 'value', not {json_type_name(raw)}")
            return None
        for key in raw:
            if key.lower() not in keywords.COUNT_MEMBERS:
                self.fail(
                    f"{path}.{key}",
                    f"'{key}' is not a keyword of count{suggestion(key, keywords.COUNT_MEMBERS)}",
                )
        by_field, by_value = has_member(raw, "field"), has_member(raw, "value")
        if by_field == by_value:
            self.fail(path, "a count needs either 'field' or 'value'" + (", not both" if by_field else ""))
            return None
        name = get(raw, "name")
        if name is not None and not isinstance(name, str):
            self.fail(f"{path}.name", f"'name' must be a string, not {json_type_name(name)}")
        elif name is not None and by_field:
            self.fail(
                f"{path}.name",
                "'name' belongs to a count of a value; in a count of a field use current('<alias>')",
            )
        over = self.field(get(raw, "field"), f"{path}.field") if by_field else None
        value = tree.ValueRef(self.operand(get(raw, "value"), f"{path}.value")) if by_value else None
        wrong = operand_shapes.not_countable(value.operand) if value else ""
        if wrong:
            self.fail(f"{path}.value", wrong)
        where = (
            self.condition(get(raw, "where"), f"{path}.where", depth + 1)
            if has_member(raw, "where")
            else None
        )
        target = over or value
        return (
            tree.CountExpression(path, target, name if isinstance(name, str) else "default", where)
            if target
            else None
        )

    def field(self, raw: object, path: str) -> tree.FieldRef | None:
        """A field name; a template expression is kept as one."""
        if not isinstance(raw, str) or not raw.strip():
            self.fail(path, f"'field' must be a string, not {json_type_name(raw) if raw != '' else 'empty'}")
            return None
        operand = self.operand(raw, path)
        if isinstance(operand, tree.PolicyLiteral):
            return tree.FieldRef(tree.PolicyLiteral(str(operand.value).strip()))
        return tree.FieldRef(operand) if isinstance(operand, tree.TemplateExpression) else None

    def operand(self, raw: object, path: str, depth: int = 0) -> tree.Operand:
        """A JSON value in which `[...]` strings are expressions and `[[` escapes a bracket."""
        if depth > MAX_DEPTH:
            self.fail(path, f"values are nested more than {MAX_DEPTH} deep")
            return tree.PolicyLiteral(None)
        if isinstance(raw, str):
            return self._parse_text(raw, path)
        if isinstance(raw, list):
            items = tuple(self.operand(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(raw))
            if all(isinstance(item, tree.PolicyLiteral) for item in items):
                return tree.PolicyLiteral(
                    [item.value for item in items if isinstance(item, tree.PolicyLiteral)]
                )
            return tree.ListExpression(items)
        if isinstance(raw, dict):
            pairs = tuple(
                (str(key), self.operand(value, f"{path}.{key}", depth + 1)) for key, value in raw.items()
            )
            if all(isinstance(value, tree.PolicyLiteral) for _, value in pairs):
                return tree.PolicyLiteral(
                    {key: value.value for key, value in pairs if isinstance(value, tree.PolicyLiteral)}
                )
            return tree.ObjectExpression(pairs)
        return tree.PolicyLiteral(raw)

    def _parse_text(self, raw: str, path: str) -> tree.PolicyLiteral | tree.TemplateExpression:
        if not is_expression(raw):
            return tree.PolicyLiteral(unescape(raw))
        try:
            return tree.TemplateExpression(raw, parse_expression(raw), path)
        except ArmSyntaxError as error:
            self.fail(path, f"the expression {raw!r} does not parse: {error}")
            return tree.PolicyLiteral(raw)

    def parse_then(self, raw: object, path: str) -> tree.Then | None:
        """The `then` block; details are read by the shape that the effect gives them."""
        if not isinstance(raw, dict):
            self.fail(path, f"'then' must be an object, not {json_type_name(raw)}")
            return None
        if not has_member(raw, "effect"):
            self.fail(path, f"'then' has no 'effect'{suggestion('effect', raw)}")
            return None
        effect = self._effect(get(raw, "effect"), f"{path}.effect")
        details = get(raw, "details")
        existence = get(raw, "existenceCondition")
        if existence is not None and isinstance(details, dict):
            details = {**details, "existenceCondition": existence}
        return tree.Then(
            effect,
            details,
            self._existence(details, effect, f"{path}.details"),
            self._operations(details, f"{path}.details"),
            self._default_state(details, f"{path}.details"),
            f"{path}.effect",
        )

    def _default_state(self, details: object, path: str) -> tree.Operand | None:
        return self._optional(details, "defaultState", path) if isinstance(details, dict) else None

    def _optional(self, raw: dict[str, object], name: str, path: str) -> tree.Operand | None:
        return self.operand(get(raw, name), f"{path}.{name}") if has_member(raw, name) else None

    def _effect(self, raw: object, path: str) -> tree.PolicyLiteral | tree.TemplateExpression:
        if not isinstance(raw, str):
            self.fail(path, f"'effect' must be a string, not {json_type_name(raw)}")
            return tree.PolicyLiteral("disabled")
        operand = self._parse_text(raw, path)
        if isinstance(operand, tree.PolicyLiteral) and str(operand.value).lower() not in keywords.EFFECTS:
            self.fail(path, f"'{raw}' is not an effect{suggestion(raw, keywords.EFFECTS.values())}")
        return operand

    def _existence(
        self, details: object, effect: tree.PolicyLiteral | tree.TemplateExpression, path: str
    ) -> tree.Existence | None:
        if (
            not isinstance(details, dict)
            or has_member(details, "operations")
            or not has_member(details, "type")
        ):
            if isinstance(effect, tree.PolicyLiteral) and str(effect.value).lower().endswith("ifnotexists"):
                self.fail(path, f"'{effect.value}' needs 'details' with the 'type' of the related resource")
            return None
        type_ = get(details, "type")
        if isinstance(type_, str):
            type_ = type_.rstrip("/")  # a built-in of Synapse ends its type so
        else:
            self.fail(f"{path}.type", f"'type' must be a string, not {json_type_name(type_)}")
        condition = get(details, "existenceCondition")
        scope, scopes = self._optional(details, "existenceScope", path), keywords.EXISTENCE_SCOPES
        if isinstance(scope, tree.PolicyLiteral) and str(scope.value).lower() not in scopes:
            self.fail(f"{path}.existenceScope", f"{scope.value!r} is not one of ResourceGroup, Subscription")
        return tree.Existence(
            path,
            self.operand(type_, f"{path}.type"),
            self._optional(details, "name", path),
            self._optional(details, "resourceGroupName", path),
            scope,
            self.condition(condition, f"{path}.existenceCondition") if condition is not None else None,
        )

    def _operations(self, details: object, path: str) -> tuple[tree.EffectOperation, ...] | None:
        if isinstance(details, dict) and has_member(details, "operations"):
            raw = get(details, "operations")
            if not isinstance(raw, list):
                self.fail(f"{path}.operations", f"'operations' must be an array, not {json_type_name(raw)}")
                return None
            return self._parse_each(raw, f"{path}.operations", self._modify)
        if isinstance(details, dict) and has_member(details, "field") and has_member(details, "value"):
            details = [details]
        if isinstance(details, list):
            return self._parse_each(details, path, self._append)
        return None

    def _parse_each(
        self,
        raw: list[object],
        path: str,
        one: Callable[[dict[str, object], str], tree.EffectOperation | None],
    ) -> tuple[tree.EffectOperation, ...]:
        result: list[tree.EffectOperation] = []
        for i, item in enumerate(raw):
            if not isinstance(item, dict):
                self.fail(f"{path}[{i}]", f"an operation is an object, not {json_type_name(item)}")
            elif operation := one(item, f"{path}[{i}]"):
                result.append(operation)
        return tuple(result)

    def _modify(self, raw: dict[str, object], path: str) -> tree.EffectOperation | None:
        word = get(raw, "operation")
        name = keywords.MODIFY_OPERATIONS.get(word.lower()) if isinstance(word, str) else None
        if name is None:
            known = suggestion(str(word), keywords.MODIFY_OPERATIONS.values())
            self.fail(f"{path}.operation", f"{word!r} is not one of add, addOrReplace, remove{known}")
            return None
        if name != "remove" and not has_member(raw, "value"):
            self.fail(path, f"'{name}' needs a 'value'")
        return self._operation(raw, name, path)

    def _append(self, raw: dict[str, object], path: str) -> tree.EffectOperation | None:
        if not has_member(raw, "value"):
            self.fail(path, "an append entry needs 'field' and 'value'")
        return self._operation(raw, "append", path)

    def _operation(self, raw: dict[str, object], name: str, path: str) -> tree.EffectOperation | None:
        field = self.field(get(raw, "field"), f"{path}.field")
        value, condition = (self._optional(raw, one, path) for one in ("value", "condition"))
        return tree.EffectOperation(path, name, field, value, condition, raw) if field else None
