"""Entries of the audit name what they are about: resources, their children, and ids that have a name."""

from __future__ import annotations

import pytest

from nephoscope.web.lists.audit_list import name_target

MACHINE = "/subscriptions/s/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm-1"
ID = "1195afff-c881-495e-9bc5-1486211ae03f"


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (MACHINE, "vm-1"),
        (f"{MACHINE}/providers/microsoft.security/assessments/{ID}", "vm-1"),
        (f"{MACHINE}/patchassessmentresults/nephoscope", "vm-1/nephoscope"),
        (f"/workspaces/default/alerts/{ID}", "Keys read"),
        (ID.upper(), "Keys read"),
        (ID.replace("1", "2"), ID.replace("1", "2")),
        ("administrator", "administrator"),
        ("/", "tenant"),
    ],
)
def test_a_target_is_called_by_its_name(target: str, name: str) -> None:
    assert name_target(target, {ID: "Keys read"}) == name
