"""Code rule: name, severity and remediation."""

from __future__ import annotations

import msgspec

from nephoscope_policy.model.state import Severity


class CodeRule(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a rule.

    `title` says what should be done; `steps` are imperative sentences. `equivalents` names the rules of other tools that mean the same
    (`zizmor:unpinned-uses`), so that their suppression comments can be read. `optional` rules run only where they are asked for.
    What a rule that `conceals` finds is a secret: findings do not quote it.
    """

    id: str
    title: str
    severity: Severity
    description: str
    steps: tuple[str, ...]
    equivalents: tuple[str, ...] = ()
    help_uri: str = ""
    tags: tuple[str, ...] = ()
    optional: bool = False
    conceals: bool = False
