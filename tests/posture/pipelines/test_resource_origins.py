"""A resource of the cloud names the template that made it: surely by its whole id, perhaps by a pattern."""

from __future__ import annotations

import pytest

from nephoscope.posture.code.finding import Region
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.posture.pipelines.resource_origins import OriginIndex, list_planned_origins
from nephoscope.state.estate.pipeline_records import PipelineSeries

SUBSCRIPTION = "/subscriptions/7d1b6c4e-0000-4000-8000-000000000001"
ASSUMED = "/subscriptions/00000000-0000-0000-0000-000000000000"
STORAGE = "providers/Microsoft.Storage/storageAccounts"
SERIES = PipelineSeries("contoso/shop", "nephoscope")
REAL = f"{SUBSCRIPTION}/resourceGroups/rg-shop/{STORAGE}/stshop"


def places(*ids: str, conditional: bool = False) -> list[PlannedPlace]:
    return [
        PlannedPlace(
            id=id_,
            type="Microsoft.Storage/storageAccounts",
            region=Region("main.json", 10 + at),
            conditional=conditional,
        )
        for at, id_ in enumerate(ids)
    ]


@pytest.mark.parametrize(
    ("planned", "conditional", "expected"),
    [
        (REAL, False, "certain"),
        (REAL.upper(), False, "certain"),
        (REAL, True, "may be"),
        (f"{SUBSCRIPTION}/resourceGroups/rg-shop/{STORAGE}/stshop2", False, ""),
        (f"{ASSUMED}/resourceGroups/resource-group/{STORAGE}/stshop", False, "may be"),
        (f"{SUBSCRIPTION}/resourceGroups/resource-group/{STORAGE}/stshop", False, "may be"),
        (f"{ASSUMED}/resourceGroups/rg-other/{STORAGE}/stshop", False, ""),
        (f"{ASSUMED}/resourceGroups/resource-group/{STORAGE}/st{{parameters|n}}", False, ""),
        (f"{ASSUMED}/resourceGroups/resource-group/{STORAGE}/sts{{parameters|n}}p", False, "may be"),
        (f"{ASSUMED}/resourceGroups/resource-group/{STORAGE}/stx{{parameters|n}}", False, ""),
        (f"{ASSUMED}/resourceGroups/resource-group/{STORAGE}/{{parameters|n}}", False, ""),
        (f"{ASSUMED}/resourceGroups/rg-shop/{STORAGE}/{{parameters|n}}", False, "may be"),
        (f"{SUBSCRIPTION}/resourceGroups/{{parameters|g}}/{STORAGE}/stshop", False, "may be"),
        (f"{SUBSCRIPTION}/resourceGroups/rg-shop/{STORAGE}/st.hop", False, ""),
        (f"{SUBSCRIPTION}/resourceGroups/rg-shop/{STORAGE}/st.{{x}}", False, ""),
    ],
)
def test_what_made_a_resource(planned: str, conditional: bool, expected: str) -> None:
    found = OriginIndex(
        list_planned_origins(SERIES, "r", places(planned, conditional=conditional))
    ).find_origins(REAL)
    assert ["certain" if one.certain else "may be" for one in found] == ([expected] if expected else [])


def test_a_certain_origin_hides_those_that_may_be() -> None:
    pattern = f"{ASSUMED}/resourceGroups/resource-group/{STORAGE}/stshop"
    (found,) = OriginIndex(list_planned_origins(SERIES, "r", places(pattern, REAL))).find_origins(REAL)
    assert (found.certain, found.planned.line) == (True, 11)


def test_what_is_no_id_is_left_out() -> None:
    assert list_planned_origins(SERIES, "r", places("stshop", "/" + "x" * 3000)) == []
    assert OriginIndex(list_planned_origins(SERIES, "r", places(REAL))).find_origins("not an id") == []
