"""Compiled rules of a program: each check is parsed, compiled and bound when the first resource needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from nephoscope.posture.evaluation.program import CheckFault, PolicyCheck
from nephoscope_policy.arm.tree import ArmCall, ArmLiteral
from nephoscope_policy.engine_differences import SWITCHES, Switches
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.parameter_binding import bind_parameters
from nephoscope_policy.rule import Rule
from nephoscope_policy.tree import PolicyLiteral, TemplateExpression

if TYPE_CHECKING:
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.catalog import PolicyCatalog
    from nephoscope_policy.definition import Definition


class Rules:
    """Rules by the key of their check; what cannot be bound is the Fault that says why. They outlive a run and serve the next."""

    def __init__(self, catalog: PolicyCatalog, aliases: Aliases, switches: Switches = SWITCHES) -> None:
        self._catalog = catalog
        self.aliases = aliases
        self._switches = switches
        self._bound: dict[str, Rule | CheckFault] = {}

    def bind_rule(self, check: PolicyCheck) -> Rule | CheckFault:
        """The rule of a check, or why it has none."""
        found = self._bound.get(check.key)
        if found is None:
            found = self._bound[check.key] = check.fault or self._bind_rule(check)
        return found

    def types(self, check: PolicyCheck) -> frozenset[str] | None:
        """The types that the check can judge, with its parameters taken into account where the rule alone proves none."""
        if check.types is not None or check.fault is not None:
            return check.types
        rule = self.bind_rule(check)
        return rule.types if isinstance(rule, Rule) else None

    def _bind_rule(self, check: PolicyCheck) -> Rule | CheckFault:
        if check.entry is None:
            raise AssertionError("a check without a definition has a fault")
        try:
            definition = self._catalog.parse_entry(check.entry)
            definition.check(self.aliases, self._switches)
        except PolicyError as error:
            return CheckFault(ComplianceState.ERROR, "definition-error", str(error))
        try:
            return bind_rule(definition, check)
        except PolicyError as error:
            return CheckFault(ComplianceState.ERROR, "parameter-error", str(error))


def bind_rule(definition: Definition, check: PolicyCheck) -> Rule:
    """The rule of a definition under a check's parameters and effect; PolicyError when they do not fit."""
    if not check.effect:
        return definition.bind(check.parameters)
    allowed = _find_allowed_effects(definition)
    if allowed is not None and check.effect.lower() not in allowed:
        message = f"the override '{check.effect}' is none of the effects that the definition allows: {', '.join(sorted(allowed))}"
        raise PolicyError(message, "overrides", "compile")
    tree = replace(definition.tree, then=replace(definition.tree.then, effect=PolicyLiteral(check.effect)))
    return Rule(tree, bind_parameters(definition.parameters, check.parameters))


def get_effect_parameter(definition: Definition) -> str:
    """The lower-cased name of the parameter that is the effect, '' where the effect is no plain parameter."""
    effect = definition.tree.then.effect
    call = effect.expression.tree if isinstance(effect, TemplateExpression) else None
    if not isinstance(call, ArmCall) or call.key != "parameters" or not call.arguments:
        return ""
    name = call.arguments[0]
    return name.value.lower() if isinstance(name, ArmLiteral) and isinstance(name.value, str) else ""


def _find_allowed_effects(definition: Definition) -> frozenset[str] | None:
    """The lower-cased effects that the definition allows, None where it has no such list."""
    parameter = definition.parameters.get(get_effect_parameter(definition))
    if parameter is None or not parameter.allowed:
        return None
    return frozenset(str(item).lower() for item in parameter.allowed)
