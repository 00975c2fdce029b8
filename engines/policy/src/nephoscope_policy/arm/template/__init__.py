"""ARM template expansion, pure: a template with parameters and a scope becomes planned resources with places and typed unknowns."""

from nephoscope_policy.arm.template.document import Document, Written
from nephoscope_policy.arm.template.errors import Problem, TemplateError
from nephoscope_policy.arm.template.expand import expand, is_template
from nephoscope_policy.arm.template.parts import Output
from nephoscope_policy.arm.template.plan import Loader
from nephoscope_policy.arm.template.planned import Expansion, PlannedDeployment, PlannedResource
from nephoscope_policy.arm.template.scope import Scope, ScopeKind
from nephoscope_policy.arm.unknown import OpenObject, Unknown, find_unknown

__all__ = [
    "Document",
    "Expansion",
    "Loader",
    "OpenObject",
    "Output",
    "PlannedDeployment",
    "PlannedResource",
    "Problem",
    "Scope",
    "ScopeKind",
    "TemplateError",
    "Unknown",
    "Written",
    "expand",
    "find_unknown",
    "is_template",
]
