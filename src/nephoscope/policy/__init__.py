"""Azure Policy: parse, aliases, compile to closures, explain, related resources, initiatives, assignments; pure."""

from nephoscope.policy.aliases import Alias, Aliases, Capability, UnknownAlias
from nephoscope.policy.context import Context
from nephoscope.policy.definition import Definition
from nephoscope.policy.errors import PolicyError
from nephoscope.policy.preview import Preview, preview
from nephoscope.policy.result import Result
from nephoscope.policy.rule import Rule
from nephoscope.policy.snapshot import Snapshot
from nephoscope.policy.switches import SWITCHES, Switches

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
