"""The resource id functions that hosts complete with their context."""

from __future__ import annotations

import pytest

from nephoscope_policy.arm import FunctionError
from nephoscope_policy.arm.resource_ids import (
    build_management_group_resource_id,
    build_resource_id,
    build_subscription_resource_id,
)

GUID = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["M.N/t", "x"], "/subscriptions/s/resourceGroups/g/providers/M.N/t/x"),
        (["other", "M.N/t", "x"], "/subscriptions/s/resourceGroups/other/providers/M.N/t/x"),
        ([GUID, "rg", "M.N/t/u", "x", "y"], f"/subscriptions/{GUID}/resourceGroups/rg/providers/M.N/t/x/u/y"),
        ([GUID, "M.N/t", "x"], f"/subscriptions/{GUID}/providers/M.N/t/x"),
        (["M.N/t/u", "x/y"], "/subscriptions/s/resourceGroups/g/providers/M.N/t/x/u/y"),
    ],
)
def test_resource_id(arguments: list[str], expected: str) -> None:
    assert build_resource_id(arguments, "s", "g") == expected


def test_subscription_and_management_group() -> None:
    assert build_subscription_resource_id(["M.N/t", "x"], "s") == "/subscriptions/s/providers/M.N/t/x"
    assert (
        build_subscription_resource_id([GUID, "M.N/t", "x"], "s")
        == f"/subscriptions/{GUID}/providers/M.N/t/x"
    )
    head = "/providers/Microsoft.Management/managementGroups"
    assert build_management_group_resource_id(["M.N/t", "x"], "m") == f"{head}/m/providers/M.N/t/x"
    assert build_management_group_resource_id(["n", "M.N/t", "x"], "m") == f"{head}/n/providers/M.N/t/x"


@pytest.mark.parametrize(
    "arguments", [["x"], ["a", "b", "c", "M.N/t", "x"], ["M.N/t"], ["M.N/t", "x", "y"], [1, "M.N/t"]]
)
def test_what_is_no_type_or_has_the_wrong_number_of_names_is_an_error(arguments: list[str]) -> None:
    with pytest.raises(FunctionError):
        build_resource_id(arguments, "s", "g")
