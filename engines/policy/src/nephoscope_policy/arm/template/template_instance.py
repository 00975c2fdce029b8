"""Template instance: a template with its parameters, for `parameters()`, `variables()` and user-defined functions."""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.template.deployment_scope import DeploymentScope
from nephoscope_policy.arm.template.document import Path, TemplateDocument, member
from nephoscope_policy.arm.template.evaluation_frame import EvaluationFrame
from nephoscope_policy.arm.template.expansion_types import DeclaredPart, DeploymentView, GivenParameter
from nephoscope_policy.arm.template.parameters import evaluate_parameter
from nephoscope_policy.arm.template.property_loops import VariableLoop, list_property_loops
from nephoscope_policy.arm.template.user_functions import UserFunction, read_user_functions
from nephoscope_policy.arm.template.value_evaluation import evaluate_loop
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.arm.value import Value


class TemplateInstance:
    """A template of a document (at `path`) with its parameters; values are computed when they are first asked for."""

    __slots__ = (
        "_functions",
        "_pending",
        "_values",
        "declared_parameters",
        "declared_variables",
        "document",
        "frame",
        "given",
        "node",
        "path",
        "scope",
    )

    def __init__(
        self,
        document: TemplateDocument,
        path: Path,
        node: dict[str, object],
        given: Mapping[str, GivenParameter],
        scope: DeploymentScope,
        deployment: DeploymentView,
    ) -> None:
        self.document = document
        self.path = path
        self.node = node
        self.given = given
        self.scope = scope
        self.frame = EvaluationFrame(self, deployment)
        self.declared_parameters = self._read_declarations("parameters")
        self.declared_variables = self._read_declarations("variables")
        self._functions: dict[str, UserFunction] | None = None
        self._values: dict[tuple[str, str], Value] = {}
        self._pending: set[tuple[str, str]] = set()

    def check_given_parameters(self) -> None:
        """Report parameters that were given and that the template does not have."""
        for name, given in self.given.items():
            if name not in self.declared_parameters:
                message = _format_missing_message("parameter", str(given.path[-1]), self.declared_parameters)
                self.frame.report_error(given.document.find_place(given.path), message)

    def get_section(self, name: str) -> tuple[Path, object]:
        """A section of the template with its path; None for its JSON where it has none."""
        found = member(self.node, name)
        return (self.path, None) if found is None else ((*self.path, found[0]), found[1])

    def _read_declarations(self, section: str) -> dict[str, DeclaredPart]:
        path, node = self.get_section(section)
        if not isinstance(node, dict):
            return {}
        found = {key.lower(): DeclaredPart(key, (*path, key), value) for key, value in node.items()}
        loops = list_property_loops(node) if section == "variables" else []
        if loops:
            copy = found.pop("copy")
            for place, loop in enumerate(loops):
                name = member(loop, "name")
                if name and isinstance(name[1], str):
                    found[name[1].lower()] = DeclaredPart(name[1], (*copy.path, place), VariableLoop(loop))
        return found

    def get_parameter(self, name: str) -> Value:
        """The value of a parameter; raises FunctionError where it is not declared or refers to itself."""
        declared = self.declared_parameters.get(name.lower())
        if declared is None:
            raise FunctionError(_format_missing_message("parameter", name, self.declared_parameters))
        return self._evaluate_declared_once("parameter", declared)

    def get_variable(self, name: str) -> Value:
        """The value of a variable; raises FunctionError where it is not declared or refers to itself."""
        declared = self.declared_variables.get(name.lower())
        if declared is None:
            raise FunctionError(_format_missing_message("variable", name, self.declared_variables))
        return self._evaluate_declared_once("variable", declared)

    def _evaluate_declared_once(self, kind: str, declared: DeclaredPart) -> Value:
        key = (kind, declared.name)
        if key in self._values:
            return self._values[key]
        if key in self._pending:
            raise FunctionError(f"the {kind} {declared.name!r} refers to itself")
        self._pending.add(key)
        try:
            value = (
                evaluate_parameter(self, declared)
                if kind == "parameter"
                else self._evaluate_variable(declared)
            )
        finally:
            self._pending.discard(key)
        self.frame.deployment.plan.check_size(value)
        self._values[key] = value
        return value

    def _evaluate_variable(self, declared: DeclaredPart) -> Value:
        if isinstance(declared.node, VariableLoop):
            return evaluate_loop(self.frame, self.document, declared.path, declared.node.loop, declared.name)
        return self.frame.evaluate(self.document, declared.path, declared.node)

    def find_function(self, key: str) -> UserFunction | None:
        """A user-defined function by its lower-cased `namespace.name`."""
        if self._functions is None:
            self._functions = read_user_functions(self)
        return self._functions.get(key)

    def report_error(self, path: Path, message: str) -> Unknown:
        """Report an error at a path of the template."""
        return self.frame.report_error(self.document.find_place(path), message)


def _format_missing_message(what: str, name: str, declared: Mapping[str, DeclaredPart]) -> str:
    known = ", ".join(one.name for one in list(declared.values())[:10]) or "none"
    return f"the template has no {what} {name!r} (it has: {known})"
