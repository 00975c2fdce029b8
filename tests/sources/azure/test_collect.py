"""A collection from a loopback Azure that replays the sample estate, with and without the failures of the real one."""

from __future__ import annotations

import json
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from nephoscope.model.resource_id import ResourceId
from nephoscope.sources import resources
from nephoscope.sources.azure.cloud import Cloud
from nephoscope.sources.azure.collector import Collection, Collector
from nephoscope.sources.azure.scope import Scope
from nephoscope.sources.azure.settings import Settings

_COLUMNS = ("tenantId", "subscriptionId", "resourceGroup")


def sign_in(azure: Any) -> Any:
    """A credential that takes its tokens from the server; a new one has cached nothing."""

    class Credential:
        def __init__(self) -> None:
            self.token: Any = None

        def get_token(self, *_: str, **__: Any) -> Any:
            if self.token is None:
                azure.tokens += 1
                self.token = SimpleNamespace(
                    token=f"token-{azure.tokens}", expires_on=int(time.time()) + 86400
                )
                azure.valid.add(self.token.token)
            return self.token

    return lambda tenant: Credential


def settings(azure: Any, **options: Any) -> Settings:
    cloud = Cloud("loopback", azure.origin, azure.origin, azure.origin, azure.origin)
    return Settings(cloud=cloud, sign_in=sign_in(azure), **options)


@pytest.fixture
def azure(
    azure_server: ModuleType, sample_bodies: list[dict[str, Any]], tables: dict[str, str], needed: Any
) -> Any:
    world = azure_server.World.of(json.loads(json.dumps(sample_bodies)), tables)
    with azure_server.serving(azure_server.Azure(world, needed, page=200, quota=(500, 1.0))) as found:
        yield found


def collect(azure: Any, needs: Any, out: Any, **options: Any) -> Collection:
    return Collector(settings(azure, **options), needs, out).run()


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what only Resource Graph adds; types differ in case between the APIs."""
    return {
        key: (value.lower() if key == "type" else value)
        for key, value in body.items()
        if key not in _COLUMNS and value not in (None, "")
    }


def differences(azure: Any, path: Any, wanted: set[str]) -> list[str]:
    """Where the snapshot and the served bodies of wanted types are not the same."""
    estate = resources.load([path])
    assert not estate.quarantine
    found = {
        key: plain(resource.body) for key, resource in estate.resources.items() if resource.type in wanted
    }
    served = {
        key: plain(body) for key, body in azure.world.bodies.items() if ResourceId.parse(key).type in wanted
    }
    wrong = [f"differs: {key}" for key in found.keys() & served.keys() if found[key] != served[key]]
    wrong += [f"missing: {key}" for key in served.keys() - found.keys()]
    return wrong + [f"invented: {key}" for key in found.keys() - served.keys()]


def test_the_snapshot_equals_the_estate(azure: Any, own_needs: Any, tmp_path: Any) -> None:
    found = collect(azure, own_needs, tmp_path / "out")
    assert azure.problems == []
    assert found.gaps == ()
    manifest = json.loads((tmp_path / "out" / "coverage.json").read_text())
    readable = own_needs.types - set(manifest["notRead"]) - {"microsoft.security/assessments"}
    readable = {type_ for type_ in readable if not type_.startswith("microsoft.graph/")}
    # Extensions are read under the types that content looks them up under, roles built in are in the tenant.
    readable -= {"microsoft.insights/diagnosticsettings"}
    assert differences(azure, tmp_path / "out", readable) == []
    assert not (tmp_path / "out" / ".collect").exists()
    assert len(azure.answered) == sum(found.requests.values())
    assert found.requests.total() < found.resources


def test_graph_objects_come_as_pseudo_resources(azure: Any, own_needs: Any, tmp_path: Any) -> None:
    collect(azure, own_needs, tmp_path / "out")
    estate = resources.load([tmp_path / "out"])
    for kind, objects in azure.world.graph.items():
        found = {
            resource.body["properties"]["id"]: resource.body["properties"]
            for resource in estate.by_type(kind)
        }
        assert found.keys() == {one["id"] for one in objects}
        assert estate.coverage.covers(kind, "")
    assigned = {
        body["properties"]["principalId"]
        for key, body in azure.world.bodies.items()
        if "/roleassignments/" in key and body["properties"].get("principalType") == "Group"
    }
    for group in azure.world.graph["microsoft.graph/groups"]:
        body = estate.resources[f"/providers/microsoft.graph/groups/{group['id']}"].body
        if group["id"] in assigned:
            assert body["properties"]["members"] == group["members"]


@pytest.mark.parametrize(
    "fault", ["429 retry-after", "429 quota", "429 milliseconds", "503", "truncated", "reset", "revoke"]
)
def test_passing_failures_change_nothing(fault: str, azure: Any, own_needs: Any, tmp_path: Any) -> None:
    azure.faults = {2: fault, 9: fault, 40: fault}
    found = collect(azure, own_needs, tmp_path / "out", scope=Scope.of(subscriptions=(_busiest(azure),)))
    assert azure.problems == []
    assert found.gaps == ()
    assert azure.faults == {}
    assert (azure.tokens > 2) == (fault == "revoke")
    assert (found.retried.total() == 3) == (fault != "revoke")


def _busiest(azure: Any) -> str:
    from collections import Counter

    count = Counter(ResourceId.parse(key).subscription for key in azure.world.bodies)
    del count[""]
    return count.most_common(1)[0][0]
