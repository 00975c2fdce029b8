"""Azure Policy: parse, aliases, compile to closures, explain, related resources, initiatives, assignments; pure."""

from nephoscope_policy.aliases import Alias, Aliases, Capability, UnknownAlias
from nephoscope_policy.context import Context
from nephoscope_policy.definition import Definition
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.preview import Preview, preview
from nephoscope_policy.result import Result
from nephoscope_policy.rule import Rule
from nephoscope_policy.snapshot import Snapshot
from nephoscope_policy.switches import SWITCHES, Switches

__version__ = "0.1.0"

__all__ = [
    "SWITCHES",
    "Alias",
    "Aliases",
    "Capability",
    "Context",
    "Definition",
    "PolicyError",
    "Preview",
    "Result",
    "Rule",
    "Snapshot",
    "Switches",
    "UnknownAlias",
    "preview",
]
