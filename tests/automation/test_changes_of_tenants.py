"""Documents of one id in two tenants: each is told of by itself, when it changes and not again, with its tenant."""

from __future__ import annotations

import pyarrow as pa

from nephoscope.automation.published_changes import find_changes

KEY = "/providers/microsoft.authorization/roledefinitions/same/providers/microsoft.security/assessments/one"
TYPE = "microsoft.security/assessments"
A, B = f"/tenants/a{KEY}", f"/tenants/b{KEY}"


def stood(*rows: tuple[str, str]) -> pa.Table:
    return pa.table(
        {"key": [key for key, _ in rows], "type": [TYPE] * len(rows), "stands": [text for _, text in rows]}
    )


def test_what_stands_otherwise_in_another_tenant_is_no_change() -> None:
    both = stood((A, "NonCompliant|High|"), (B, "Compliant|High|"))
    assert find_changes(both, both) == {}


def test_a_change_is_of_one_tenant() -> None:
    before = stood((A, "NonCompliant|High|"), (B, "Compliant|High|"))
    now = stood((A, "NonCompliant|High|"), (B, "NonCompliant|High|"))
    assert find_changes(before, now) == {TYPE: {B: "Compliant|High|"}}


def test_a_copy_without_tenants_makes_nothing_new() -> None:
    assert find_changes(stood((KEY, "Compliant|High|")), stood((A, "Compliant|High|"))) == {}
