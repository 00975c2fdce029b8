"""An assessment that fails names the template and line that made its resource, to callers that read the repository."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.code.finding import Region
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.posture.pipelines.results.tool_results import ToolResults
from nephoscope.service.local_user import LocalUser
from nephoscope.service.pipelines import NewPipelineRun, record_run
from nephoscope.service.service_context import ServiceContext

PROVIDER = "/providers/microsoft.security/"
VERSION = "api-version=2021-06-01"


@pytest.fixture(scope="module")
def planned(instance, subscriptions):
    """A run that plans a resource of the estate that fails a recommendation and meets another."""
    below = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}"
    listing = instance.snapshots.load_newest().listing
    codes = defaultdict(set)
    for one in listing.page(["microsoft.security/assessments"], EVERYTHING, below, most=1000).bodies:
        codes[one["id"].lower().partition(PROVIDER)[0]].add(one["properties"]["status"]["code"])
    resource = next(
        id_ for id_, found in codes.items() if {"Healthy", "Unhealthy"} <= found and "/providers/" in id_
    )
    place = PlannedPlace(
        id=resource, type="Microsoft.Compute/virtualMachines", region=Region("infra/main.tf", 12)
    )
    results = ToolResults(tool="nephoscope", category="cloud", resources=(place,))
    started = datetime.now(UTC) - timedelta(hours=1)
    run = NewPipelineRun("github.com/contoso/shop", "main", "c0ffee", "1", results, started=started)
    record_run(ServiceContext(LocalUser("kim"), instance.state, instance.data), run)
    return resource


def told(server, headers, id_):
    """An assessment of the resource by its code."""
    found, path = [], f"{'/'.join(id_.split('/')[:3])}/providers/Microsoft.Security/assessments?{VERSION}"
    while path:
        body = server.get(path, headers=headers).json()
        found += body["value"]
        path = body.get("nextLink", "").removeprefix("https://127.0.0.1")
    mine = [one for one in found if one["id"].lower().startswith(f"{id_}/providers/microsoft.security/")]
    return {one["properties"]["status"]["code"]: one for one in mine}


def test_a_failing_assessment_names_the_place(server, owner, planned):
    found = told(server, owner, planned)
    data = found["Unhealthy"]["properties"]["additionalData"]
    wanted = ("github.com/contoso/shop", "infra/main.tf:12", "MadeBy")
    assert tuple(data[name] for name in ("codeRepository", "codePlace", "codeOrigin")) == wanted
    assert "codePlace" not in (found["Healthy"]["properties"].get("additionalData") or {})
    one = server.get(f"{found['Unhealthy']['id']}?{VERSION}", headers=owner).json()
    assert one["properties"]["additionalData"]["codePlace"] == "infra/main.tf:12"


def test_who_reads_no_repository_is_not_told(server, token, planned):
    headers = {"Authorization": f"Bearer {token(('Reader', '/'.join(planned.split('/')[:3])))}"}
    found = told(server, headers, planned)
    assert "codePlace" not in (found["Unhealthy"]["properties"].get("additionalData") or {})
