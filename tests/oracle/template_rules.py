"""Verdicts of another tool on templates, by the rules that ask the same here: one of its rules by name, and what is not asked here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from template_records import MATCH, Verdict, excluded, miss

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.posture.code.file_evaluation import assess_text

#: Its rule -> ours.
RULES = {
    "adminPassword-Should-Not-Be-A-Literal": "arm-literal-password",
    "adminUsername-Should-Not-Be-A-Literal": "arm-literal-administrator-name",
    "CommandToExecute-Must-Use-ProtectedSettings-For-Secrets": "arm-command-with-secret",
    "Deployment-Resources-Must-Not-Be-Debug": "arm-deployment-debug",
    "DeploymentTemplate-Must-Not-Contain-Hardcoded-Uri": "arm-literal-endpoint",
    "Location-Should-Not-Be-Hardcoded": "arm-literal-location",
    "Outputs-Must-Not-Contain-Secrets": "arm-secret-output",
    "Password-params-must-be-secure": "arm-secret-parameter-type",
    "Secure-Params-In-Nested-Deployments": "arm-nested-secret",
    "Secure-String-Parameters-Cannot-Have-Default": "arm-secure-parameter-default",
    "Virtual-Machines-Should-Not-Be-Preview": "arm-preview-image",
}


def assess(record: Mapping[str, Any]) -> Verdict:
    """Whether the rule that asks the same fails where the other tool's does."""
    rule = RULES.get(record["rule"])
    if rule is None:
        return excluded(f"asks for style, a portal form or a list of versions: {record['rule']}")
    found = False
    for name, text in record["files"].items():
        try:
            findings = assess_text(name, text) or []
        except UnreadableFileError as error:
            return miss(f"{name} is not read: {error}")
        found = found or any(one.rule == rule for one in findings)
    failed = record["verdict"] == "fail"
    return (
        MATCH
        if found is failed
        else miss(f"{rule} {'fires' if found else 'does not fire'}, and it should {record['verdict']}")
    )
