"""A policy definition: parsed once, bound to parameters, evaluated against resources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nephoscope_policy import type_guards
from nephoscope_policy.body_paths import MISSING
from nephoscope_policy.constant_folding import ConstantFolder
from nephoscope_policy.context import EvaluationContext
from nephoscope_policy.document import get_ignoring_case, has_member, load
from nephoscope_policy.engine_differences import SWITCHES, Switches
from nephoscope_policy.errors import PolicyError, raise_first_error
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.parameter_binding import bind_parameters
from nephoscope_policy.parser import Parser
from nephoscope_policy.rule import Rule
from nephoscope_policy.tree import PolicyLiteral, TemplateExpression
from nephoscope_policy.validation import Checker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope_policy import tree
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.evaluation_result import Result
    from nephoscope_policy.model.source_location import Place
    from nephoscope_policy.snapshot import Snapshot


class Definition:
    """A parsed policy definition.

    `types` are the lower-cased resource types that its `if` provably needs (None: it may concern any), `related_types` the
    lower-cased types that its effect looks up, where they are written out.
    """

    def __init__(
        self, parsed: tree.Tree, properties: dict[str, object], envelope: dict[str, object], prefix: str
    ) -> None:
        self.tree = parsed
        self.id: str = _read_text(envelope, "id")
        self.name: str = _read_text(envelope, "name") or self.id.rsplit("/", 1)[-1]
        self.display_name: str = _read_text(properties, "displayName")
        self.description: str = _read_text(properties, "description")
        self.policy_type: str = _read_text(properties, "policyType")
        self.mode = parsed.mode
        self.metadata: dict[str, object] = _require_object(properties, "metadata")
        self.parameters = parsed.parameters
        self.version: str = _read_text(properties, "version") or str(
            get_ignoring_case(self.metadata, "version") or ""
        )
        self.types = type_guards.find_possible_types(parsed.condition, _read_literal)
        self._prefix = prefix
        self._checked: list[tuple[Aliases, Switches]] = []
        self._rules: dict[str, Rule] = {}

    @classmethod
    def parse(cls, document: object, place: Place | None = None) -> Definition:
        """Parse a policyDefinition document: `{"properties": ...}`, bare properties, or JSON text of either.

        Raises PolicyError with the first fault and the others attached.
        """
        if isinstance(document, (str, bytes)):
            document = load(document)
        parser = Parser()
        properties = parser.parse_properties(document)
        parsed = parser.parse_definition(properties) if not parser.errors else None
        raise_first_error(parser.errors, place)
        if parsed is None or not isinstance(document, dict):
            raise AssertionError("a document without a tree has an error")
        return cls(parsed, properties, document, parser.prefix)

    @property
    def effect_default(self) -> str:
        """The effect when no parameter is given, '' where it needs one."""
        effect = self.tree.then.effect
        if isinstance(effect, PolicyLiteral):
            return str(effect.value)
        defaults = {name: one.default for name, one in self.parameters.items() if one.has_default}
        found = ConstantFolder(defaults)(effect)
        return found if isinstance(found, str) else ""

    @property
    def related_types(self) -> frozenset[str]:
        """The types that the effect looks up."""
        existence = self.tree.then.existence
        if (
            existence is None
            or isinstance(existence.type, TemplateExpression)
            or not isinstance(existence.type, PolicyLiteral)
        ):
            return frozenset()
        return frozenset({str(existence.type.value).lower()})

    def applies_to(self, type_: str) -> bool:
        """Return whether the `if` can hold for a type (in any case), whatever the parameters are."""
        return self.types is None or type_.lower() in self.types

    def check(self, aliases: Aliases, switches: Switches = SWITCHES) -> None:
        """The compile stage: raises PolicyError naming every unknown alias, function and parameter."""
        if any(seen is aliases and profile is switches for seen, profile in self._checked):
            return
        checker = Checker(aliases, switches, self.parameters, self._prefix)
        checker.check_definition(self.tree)
        raise_first_error(checker.errors)
        self._checked = [*self._checked[-_KEPT_CHECKS + 1 :], (aliases, switches)]

    def require_details(self) -> None:
        """Raise PolicyError where the default effect lacks the details that Azure asks for when a definition is created.

        Judging needs none of them, so `parse` lets them be: what lacks them could only never be remediated.
        """
        effect, details = self.effect_default.lower(), self.tree.then.details
        if effect == "modify" and not self.tree.then.operations:
            lacks = "'modify' needs 'operations' in its 'details' (operation, field, value)"
        elif effect == "deployifnotexists" and not has_member(
            details if isinstance(details, dict) else {}, "deployment"
        ):
            lacks = (
                "'deployIfNotExists' needs a 'deployment' in its 'details'; 'auditIfNotExists' only reports"
            )
        else:
            return
        raise PolicyError(lacks, f"{self._prefix}policyRule.then.details")

    def bind(self, parameters: Mapping[str, object] | None = None, *, partial: bool = False) -> Rule:
        """The rule with parameters folded in; raises PolicyError (stage compile) where they do not fit the declarations.

        `partial` lets parameters be without a value: an evaluation that comes to read one ends Error.
        """
        given = parameters or {}
        key = f"{partial}{json.dumps(given, sort_keys=True, default=str)}"
        found = self._rules.get(key)
        if found is None:
            found = Rule(self.tree, bind_parameters(self.parameters, given, partial=partial))
            if len(self._rules) >= _KEPT_RULES:
                self._rules.clear()
            self._rules[key] = found
        return found

    def evaluate(
        self,
        resource: Resource | dict[str, object],
        snapshot: Snapshot,
        parameters: Mapping[str, object] | None = None,
        context: EvaluationContext | None = None,
    ) -> Result:
        """Judge a resource, or a body as ARM has it; raises PolicyError (stage compile) for what `check` and `bind` refuse."""
        self.check(snapshot.aliases, snapshot.switches)
        return self.bind(parameters).evaluate(
            Resource.wrap(resource), snapshot, context or EvaluationContext()
        )

    def explain(
        self,
        resource: Resource | dict[str, object],
        snapshot: Snapshot,
        parameters: Mapping[str, object] | None = None,
        context: EvaluationContext | None = None,
    ) -> Result:
        """Return the same by the tree-walking interpreter."""
        self.check(snapshot.aliases, snapshot.switches)
        return self.bind(parameters).explain(
            Resource.wrap(resource), snapshot, context or EvaluationContext()
        )


_KEPT_RULES = 16
_KEPT_CHECKS = 8


def _read_literal(operand: tree.Operand) -> object:
    return operand.value if isinstance(operand, PolicyLiteral) else MISSING


def _read_text(mapping: dict[str, object], name: str) -> str:
    found = get_ignoring_case(mapping, name)
    return found if isinstance(found, str) else ""


def _require_object(mapping: dict[str, object], name: str) -> dict[str, object]:
    found = get_ignoring_case(mapping, name)
    return found if isinstance(found, dict) else {}
