"""Policy JSON to the typed tree, with every error collected and placed.

Grammar: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule
Keywords are read in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import keywords, tree
from nephoscope_policy.condition_parser import NEVER, ConditionParser
from nephoscope_policy.document import describe_type, get_ignoring_case, has_member
from nephoscope_policy.errors import suggest_word
from nephoscope_policy.parameter_binding import explain_mismatch, is_of_type

if TYPE_CHECKING:
    from collections.abc import Callable


class Parser(ConditionParser):
    """Parses one document: its parameters, its condition and what follows from it."""

    def parse_properties(self, document: object) -> dict[str, object]:
        """The definition's properties; notes the prefix under which they stand and reports a wrong envelope."""
        if not isinstance(document, dict):
            self.add_error("", f"a policy definition is a JSON object, not {describe_type(document)}")
            return {}
        if not has_member(document, "properties"):
            return document
        inner = get_ignoring_case(document, "properties")
        if not isinstance(inner, dict):
            self.add_error("properties", f"'properties' must be an object, not {describe_type(inner)}")
            return {}
        outside = {key.lower() for key in document if isinstance(key, str)}
        for key in inner:
            if isinstance(key, str) and key.lower() in outside and key.lower() in keywords.PROPERTIES:
                self.add_error(key, f"'{key}' is both outside and inside 'properties'; keep the inner one")
        self.prefix = "properties."
        return inner

    def parse_definition(self, properties: dict[str, object]) -> tree.Tree | None:
        """The tree of a definition's properties; None when there is no rule to speak of."""
        rule = get_ignoring_case(properties, "policyRule")
        path = "policyRule"
        if not isinstance(rule, dict):
            what = "is missing" if rule is None else f"must be an object, not {describe_type(rule)}"
            self.add_error(path, f"'policyRule' {what}")
            return None
        mode = get_ignoring_case(properties, "mode", "All")
        if not isinstance(mode, str) or not mode:
            self.add_error(
                "mode", f"'mode' must be a string such as 'All' or 'Indexed', not {describe_type(mode)}"
            )
            mode = "All"
        elif mode.lower() not in keywords.SCANNED_MODES and not mode.lower().endswith(keywords.DATA_PLANE):
            known = suggest_word(mode, ("All", "Indexed"))
            self.add_error(
                "mode",
                (
                    f"{mode!r} is not a mode: All, Indexed, or a provider's such as "
                    f"'Microsoft.KeyVault.Data'{known}"
                ),
            )
        declared = self.parse_parameters(get_ignoring_case(properties, "parameters"), "parameters")
        for key in ("if", "then"):
            if not has_member(rule, key):
                self.add_error(path, f"the rule has no '{key}'{suggest_word(key, rule)}")
        condition = (
            self.parse_condition(get_ignoring_case(rule, "if"), f"{path}.if")
            if has_member(rule, "if")
            else NEVER
        )
        then = (
            self.parse_then(get_ignoring_case(rule, "then"), f"{path}.then")
            if has_member(rule, "then")
            else None
        )
        return tree.Tree(mode, declared, condition, then) if then else None

    def parse_parameters(self, raw: object, path: str, *, typed: bool = True) -> dict[str, tree.Parameter]:
        """Declared parameters by lower-cased name.

        Without `typed` a default of another type passes: Azure refuses it in a definition, yet one of its own initiatives has it.
        """
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            self.add_error(path, f"'parameters' must be an object, not {describe_type(raw)}")
            return {}
        result: dict[str, tree.Parameter] = {}
        for name, body in raw.items():
            if name.lower() in result:
                self.add_error(
                    f"{path}.{name}", f"the parameter '{name}' is declared twice (names are read in any case)"
                )
            elif parameter := self._parse_parameter(name, body, f"{path}.{name}"):
                self._check_default(parameter, f"{path}.{name}.defaultValue", typed)
                result[name.lower()] = parameter
        return result

    def _parse_parameter(self, name: str, body: object, path: str) -> tree.Parameter | None:
        if not isinstance(body, dict):
            self.add_error(path, f"a parameter is an object with a 'type', not {describe_type(body)}")
            return None
        type_ = get_ignoring_case(body, "type")
        if not isinstance(type_, str) or type_.lower() not in keywords.PARAMETER_TYPES:
            hint = suggest_word(str(type_), keywords.PARAMETER_TYPES)
            self.add_error(
                f"{path}.type",
                f"{type_!r} is not a parameter type{hint} (one of {', '.join(sorted(keywords.PARAMETER_TYPES))})",
            )
            return None
        allowed = get_ignoring_case(body, "allowedValues")
        if allowed is not None and not isinstance(allowed, list):
            self.add_error(
                f"{path}.allowedValues", f"'allowedValues' must be an array, not {describe_type(allowed)}"
            )
            allowed = None
        metadata = get_ignoring_case(body, "metadata")
        return tree.Parameter(
            name,
            type_.lower(),
            has_member(body, "defaultValue"),
            get_ignoring_case(body, "defaultValue"),
            None if allowed is None else tuple(allowed),
            metadata if isinstance(metadata, dict) else {},
        )

    def _check_default(self, parameter: tree.Parameter, path: str, typed: bool) -> None:
        """A default must be a value that could be given; null stands for none."""
        if parameter.default is None or not (typed or is_of_type(parameter.type, parameter.default)):
            return
        wrong = explain_mismatch(parameter, parameter.default)
        if wrong:
            self.add_error(path, f"the default cannot be used: {wrong}")

    def parse_then(self, raw: object, path: str) -> tree.Then | None:
        """The `then` block; details are read by the shape that the effect gives them."""
        if not isinstance(raw, dict):
            self.add_error(path, f"'then' must be an object, not {describe_type(raw)}")
            return None
        if not has_member(raw, "effect"):
            self.add_error(path, f"'then' has no 'effect'{suggest_word('effect', raw)}")
            return None
        effect = self._parse_effect(get_ignoring_case(raw, "effect"), f"{path}.effect")
        details = get_ignoring_case(raw, "details")
        existence = get_ignoring_case(raw, "existenceCondition")
        if existence is not None and isinstance(details, dict):
            details = {**details, "existenceCondition": existence}
        return tree.Then(
            effect,
            details,
            self._parse_existence(details, effect, f"{path}.details"),
            self._parse_operations(details, f"{path}.details"),
            self._parse_default_state(details, f"{path}.details"),
            f"{path}.effect",
        )

    def _parse_default_state(self, details: object, path: str) -> tree.Operand | None:
        return self._parse_optional(details, "defaultState", path) if isinstance(details, dict) else None

    def _parse_optional(self, raw: dict[str, object], name: str, path: str) -> tree.Operand | None:
        return (
            self.parse_operand(get_ignoring_case(raw, name), f"{path}.{name}")
            if has_member(raw, name)
            else None
        )

    def _parse_effect(self, raw: object, path: str) -> tree.PolicyLiteral | tree.TemplateExpression:
        if not isinstance(raw, str):
            self.add_error(path, f"'effect' must be a string, not {describe_type(raw)}")
            return tree.PolicyLiteral("disabled")
        operand = self._parse_text(raw, path)
        if isinstance(operand, tree.PolicyLiteral) and str(operand.value).lower() not in keywords.EFFECTS:
            self.add_error(path, f"'{raw}' is not an effect{suggest_word(raw, keywords.EFFECTS.values())}")
        return operand

    def _parse_existence(
        self, details: object, effect: tree.PolicyLiteral | tree.TemplateExpression, path: str
    ) -> tree.Existence | None:
        if (
            not isinstance(details, dict)
            or has_member(details, "operations")
            or not has_member(details, "type")
        ):
            if isinstance(effect, tree.PolicyLiteral) and str(effect.value).lower().endswith("ifnotexists"):
                self.add_error(
                    path, f"'{effect.value}' needs 'details' with the 'type' of the related resource"
                )
            return None
        type_ = get_ignoring_case(details, "type")
        if isinstance(type_, str):
            type_ = type_.rstrip("/")  # a built-in of Synapse ends its type so
        else:
            self.add_error(f"{path}.type", f"'type' must be a string, not {describe_type(type_)}")
        condition = get_ignoring_case(details, "existenceCondition")
        scope, scopes = self._parse_optional(details, "existenceScope", path), keywords.EXISTENCE_SCOPES
        if isinstance(scope, tree.PolicyLiteral) and str(scope.value).lower() not in scopes:
            self.add_error(
                f"{path}.existenceScope", f"{scope.value!r} is not one of ResourceGroup, Subscription"
            )
        return tree.Existence(
            path,
            self.parse_operand(type_, f"{path}.type"),
            self._parse_optional(details, "name", path),
            self._parse_optional(details, "resourceGroupName", path),
            scope,
            self.parse_condition(condition, f"{path}.existenceCondition") if condition is not None else None,
        )

    def _parse_operations(self, details: object, path: str) -> tuple[tree.EffectOperation, ...] | None:
        if isinstance(details, dict) and has_member(details, "operations"):
            raw = get_ignoring_case(details, "operations")
            if not isinstance(raw, list):
                self.add_error(
                    f"{path}.operations", f"'operations' must be an array, not {describe_type(raw)}"
                )
                return None
            return self._parse_each_operation(raw, f"{path}.operations", self._parse_modify)
        if isinstance(details, dict) and has_member(details, "field") and has_member(details, "value"):
            details = [details]
        if isinstance(details, list):
            return self._parse_each_operation(details, path, self._parse_append)
        return None

    def _parse_each_operation(
        self,
        raw: list[object],
        path: str,
        one: Callable[[dict[str, object], str], tree.EffectOperation | None],
    ) -> tuple[tree.EffectOperation, ...]:
        result: list[tree.EffectOperation] = []
        for i, item in enumerate(raw):
            if not isinstance(item, dict):
                self.add_error(f"{path}[{i}]", f"an operation is an object, not {describe_type(item)}")
            elif operation := one(item, f"{path}[{i}]"):
                result.append(operation)
        return tuple(result)

    def _parse_modify(self, raw: dict[str, object], path: str) -> tree.EffectOperation | None:
        word = get_ignoring_case(raw, "operation")
        name = keywords.MODIFY_OPERATIONS.get(word.lower()) if isinstance(word, str) else None
        if name is None:
            known = suggest_word(str(word), keywords.MODIFY_OPERATIONS.values())
            self.add_error(f"{path}.operation", f"{word!r} is not one of add, addOrReplace, remove{known}")
            return None
        if name != "remove" and not has_member(raw, "value"):
            self.add_error(path, f"'{name}' needs a 'value'")
        return self._parse_operation(raw, name, path)

    def _parse_append(self, raw: dict[str, object], path: str) -> tree.EffectOperation | None:
        if not has_member(raw, "value"):
            self.add_error(path, "an append entry needs 'field' and 'value'")
        return self._parse_operation(raw, "append", path)

    def _parse_operation(self, raw: dict[str, object], name: str, path: str) -> tree.EffectOperation | None:
        field = self.parse_field(get_ignoring_case(raw, "field"), f"{path}.field")
        value, condition = (self._parse_optional(raw, one, path) for one in ("value", "condition"))
        return tree.EffectOperation(path, name, field, value, condition, raw) if field else None
