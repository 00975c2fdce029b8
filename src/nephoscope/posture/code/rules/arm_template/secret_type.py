"""Parameters for secrets should be secure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-secret-parameter-type",
    title="Parameters for secrets should be secure",
    severity=Severity.HIGH,
    description="A parameter of type string is stored in the deployment history and shown to anyone who can read it.",
    steps=("Declare the parameter as secureString or secureObject.",),
)

_SECRET = re.compile(
    r"passwo?r?d(?!.*(?:length|policy|expir|rule|enabled?|auth))|secretvalue$|accountkey$|sastoken$",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?:name|id|uri|url|ids|names|version|type)$", re.IGNORECASE)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each plain parameter whose name says that it holds a secret."""
    for one in template.templates():
        for name, path, declared in one.iterate_section("parameters"):
            kind = member(declared, "type")
            if kind is None or str(kind[1]).lower() not in ("string", "object"):
                continue
            if _SECRET.search(name) and not _NAME.search(name):
                where = one.find_span((*path, kind[0]))
                edits = ((where, f'"secure{str(kind[1]).title()}"'),)
                yield CodeMatch(
                    where,
                    f"the parameter '{name}' holds a secret and is a plain {kind[1]}",
                    edits,
                    subject=name,
                )
