"""Azure Policy: parse, aliases, compile to closures, explain, related resources, initiatives, assignments; pure.

The parts are imported when they are first asked for: most who import a noun of the model need no compiler.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nephoscope_policy.alias import Alias, Capability
    from nephoscope_policy.aliases import Aliases, UnknownAlias
    from nephoscope_policy.context import EvaluationContext
    from nephoscope_policy.definition import Definition
    from nephoscope_policy.engine_differences import SWITCHES, Switches
    from nephoscope_policy.errors import PolicyError
    from nephoscope_policy.evaluation_result import Result
    from nephoscope_policy.remediation_preview import Preview, preview
    from nephoscope_policy.rule import Rule
    from nephoscope_policy.snapshot import Snapshot

__version__ = "0.1.0"
__all__ = [
    "SWITCHES",
    "Alias",
    "Aliases",
    "Capability",
    "Definition",
    "EvaluationContext",
    "PolicyError",
    "Preview",
    "Result",
    "Rule",
    "Snapshot",
    "Switches",
    "UnknownAlias",
    "preview",
]
#: Module -> the public names that it has.
_PLACES = {
    "aliases": ("Alias", "Aliases", "Capability", "UnknownAlias"),
    "context": ("EvaluationContext",),
    "definition": ("Definition",),
    "errors": ("PolicyError",),
    "remediation_preview": ("Preview", "preview"),
    "evaluation_result": ("Result",),
    "rule": ("Rule",),
    "snapshot": ("Snapshot",),
    "engine_differences": ("SWITCHES", "Switches"),
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found
