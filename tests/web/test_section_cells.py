"""Cells of sections say scopes, countries and words of programs as people call them; the whole is at hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nephoscope.web.lists.section_list import build_section_cell, draw_value
from nephoscope.web.rendering.section_cells import name_scope

SUB = "3d3fa46d-0bfb-5d01-b2ee-b1ba57963b60"
VISIT = SimpleNamespace(subscriptions={SUB: "prod"})


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("/", "all scopes"),
        (f"/subscriptions/{SUB}", "prod"),
        (f"/subscriptions/{SUB.upper()}", "prod"),
        (f"/subscriptions/{SUB}/resourceGroups/rg-A", "rg-A in prod"),
        (f"/subscriptions/{SUB}/providers/Microsoft.Authorization/policyAssignments/p", "p in prod"),
        ("/subscriptions/unknown", "unknown"),
        ("/providers/Microsoft.Management/managementGroups/mg-A", "management group mg-A"),
        ("/workspaces/default", "/workspaces/default"),
        ("", ""),
    ],
)
def test_a_scope_is_called_by_its_name(scope: str, said: str) -> None:
    assert name_scope(VISIT, scope) == said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("places", "GB, NL", "United Kingdom, Netherlands"),
        ("places", "NL AS1136 KPN, DE", "Netherlands AS1136 KPN, Germany"),
        ("places", "NL, DE, BE and 2 more", "Netherlands, Germany, Belgium and 2 more"),
        ("new", "no", "No"),
        ("through", "sg-owners", "sg-owners"),
        ("scope", f"/subscriptions/{SUB}", "prod"),
    ],
)
def test_a_cell_is_in_words(name: str, value: str, said: str) -> None:
    assert build_section_cell(VISIT, name, value, choice=False).text == said


def test_a_scope_keeps_its_id_in_the_title() -> None:
    scope = f"/subscriptions/{SUB}"
    assert draw_value(VISIT, "scope", scope) == f'<span title="{scope}">prod</span>'
