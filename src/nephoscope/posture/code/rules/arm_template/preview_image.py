"""Machines should not run preview images."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource, find_member, list_texts
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-preview-image",
    title="Machines should not run preview images",
    severity=Severity.MEDIUM,
    description="A preview image gets no support and may go away.",
    steps=("Choose an image that is generally available.",),
)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each reference to an image whose offer, product or version is a preview."""
    for one in template.templates():
        for path, resource in one.resources():
            for names in (("properties",), ("properties", "virtualMachineProfile")):
                found = find_member(resource, path, *names, "storageProfile", "imageReference")
                for where, text in list_texts(*found) if found is not None else ():
                    if "preview" in _resolve_variable(one, text).lower():
                        yield CodeMatch(
                            one.find_span(where), f"the image is a preview: {_resolve_variable(one, text)}"
                        )


def _resolve_variable(template: ArmSource, text: str) -> str:
    """A text, or what the variable that it names has below it."""
    for name, path, value in template.iterate_section("variables"):
        if f"variables('{name.lower()}')" in text.lower():
            return " ".join(found for _, found in list_texts(path, value))
    return text
