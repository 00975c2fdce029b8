"""ARM template expansion, pure: a template with parameters and a scope becomes planned resources with places and typed unknowns."""

from nephoscope_policy.arm.template.deployment_scope import DeploymentScope, ScopeKind
from nephoscope_policy.arm.template.document import TemplateDocument, WrittenValue
from nephoscope_policy.arm.template.errors import TemplateError, TemplateProblem
from nephoscope_policy.arm.template.expand import expand_template, find_template, is_template
from nephoscope_policy.arm.template.expansion_result import (
    PlannedDeployment,
    PlannedResource,
    TemplateExpansion,
)
from nephoscope_policy.arm.template.expansion_state import Loader
from nephoscope_policy.arm.template.expansion_types import Output
from nephoscope_policy.arm.unknown import OpenObject, Unknown, find_unknown

__all__ = [
    "DeploymentScope",
    "Loader",
    "OpenObject",
    "Output",
    "PlannedDeployment",
    "PlannedResource",
    "ScopeKind",
    "TemplateDocument",
    "TemplateError",
    "TemplateExpansion",
    "TemplateProblem",
    "Unknown",
    "WrittenValue",
    "expand_template",
    "find_template",
    "find_unknown",
    "is_template",
]
