"""Parts of a collection one by one: groups in groups, bodies read whole, ended page tokens, checkpoints, tenants."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import azure_server
import pytest

from nephoscope.collect import resources
from nephoscope.collect.azure.checkpoint import (
    Checkpoint,
    CheckpointEntry,
    CheckpointError,
    build_request_key,
)
from nephoscope.collect.azure.collection_plan import CollectionPlan
from nephoscope.collect.azure.collection_scope import CollectionScope
from nephoscope.collect.azure.collection_settings import CollectError
from nephoscope.collect.azure.collector import Collector
from nephoscope.collect.azure.content_requirements import ContentNeeds
from nephoscope.collect.azure.permissions import build_permissions_url as permissions_url
from nephoscope.collect.resource_sources import TypeSources
from nephoscope.ingest.live.health.missing_logs import FLOW_LOG, LOGGED, NETWORKS, SETTING
from nephoscope.posture.scans.live_estate import find_content_needs
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.catalog import PolicyCatalog

pytestmark = pytest.mark.system

CONTAINERS = "microsoft.storage/storageaccounts/blobservices/containers"
ONE, TWO = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


def body(type_: str, name: str, subscription: str = ONE, **members: Any) -> dict[str, Any]:
    id_ = f"/subscriptions/{subscription}/resourceGroups/rg/providers/{type_}/{name}"
    return {"id": id_, "name": name, "type": type_, "location": "westeurope", "properties": {}, **members}


@pytest.fixture
def serve(tables: dict[str, str]) -> Any:
    """Serve some bodies, without a check of what is needed."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def start(*bodies: dict[str, Any], **options: Any) -> Any:
            world = azure_server.World.of(bodies, tables)
            return stack.enter_context(
                azure_server.serving(azure_server.Azure(world, quota=(500, 1.0), **options))
            )

        yield start


def needs(*types: str) -> ContentNeeds:
    return ContentNeeds(frozenset(types) | {"microsoft.resources/subscriptions"}, {}, {})


def test_settings_of_what_sends_logs_are_read_whatever_judges_it(
    serve: Any, replay: ModuleType, tmp_path: Path
) -> None:
    """A list of logs that never arrive needs the diagnostic settings of every type that it lists, those of services too."""
    account = body("Microsoft.Storage/storageAccounts", "logged")
    services = [f"{kind}Services" for kind in ("blob", "file", "queue", "table")]
    bodies, settings = [account], set()
    for service in services:
        id_ = f"{account['id']}/{service}/default"
        type_ = f"Microsoft.Storage/storageAccounts/{service}"
        bodies.append({"id": id_, "name": "default", "type": type_, "properties": {}})
        setting = f"{id_}/providers/Microsoft.Insights/diagnosticSettings/all"
        logs = {"logs": [{"category": "StorageRead", "enabled": True}]}
        bodies.append(
            {
                "id": setting,
                "name": "all",
                "type": "Microsoft.Insights/diagnosticSettings",
                "properties": logs,
            }
        )
        settings.add(setting.lower())
    nsg = body("Microsoft.Network/networkSecurityGroups", "nsg")
    setting = f"{nsg['id']}/providers/Microsoft.Insights/diagnosticSettings/all"
    bodies += [nsg, {**bodies[-1], "id": setting}]
    settings.add(setting.lower())
    replay.collect(serve(*bodies), find_content_needs(tmp_path / "data"), tmp_path / "out")
    found = resources.load([tmp_path / "out"]).list_of_type("microsoft.insights/diagnosticsettings")
    assert {one.key for one in found} == settings


def test_the_plan_asks_for_the_settings_of_every_type_that_is_listed(tmp_path: Path) -> None:
    plan = CollectionPlan.of(find_content_needs(tmp_path), TypeSources.load_builtin())
    (job,) = [job for job in plan.jobs if job.list.type == SETTING]
    assert job.parents >= LOGGED
    assert not (LOGGED | NETWORKS | {FLOW_LOG}) & plan.unread.keys()


def group(id_: str, *members: str) -> dict[str, Any]:
    type_ = "microsoft.graph/groups"
    return {
        "id": f"/providers/{type_}/{id_}",
        "type": type_,
        "properties": {"id": id_, "members": list(members)},
    }


def test_groups_in_groups_are_opened_and_no_others(serve: Any, replay: ModuleType, tmp_path: Path) -> None:
    assignment = body(
        "Microsoft.Authorization/roleAssignments",
        "a",
        properties={"principalId": "TOP", "principalType": "Group"},
    )
    azure = serve(assignment, group("top", "u1", "inner"), group("inner", "u2", "top"), group("other", "u3"))
    types = ("microsoft.graph/groups", "microsoft.authorization/roleassignments")
    replay.collect(azure, needs(*types), tmp_path / "out")
    estate = resources.load([tmp_path / "out"])
    found = {
        one.id.name: one.body["properties"].get("members")
        for one in estate.list_of_type("microsoft.graph/groups")
    }
    assert found == {"top": ["u1", "inner"], "inner": ["u2", "top"], "other": None}
    assert sum("/members" in line for line in azure.log) == 2


def test_a_body_that_resource_graph_cuts_is_read_whole(
    serve: Any, replay: ModuleType, tmp_path: Path
) -> None:
    site = body("Microsoft.Web/sites", "app", properties={"siteConfig": {"ftpsState": "AllAllowed"}})
    azure = serve(site)
    whole = azure.world.row

    def row(key: str) -> dict[str, Any]:
        found = json.loads(json.dumps(whole(key)))
        found.get("properties", {}).pop("siteConfig", None)
        return found

    azure.world.row = row
    name = "microsoft.web/sites/siteconfig.ftpsstate"
    wanted = ContentNeeds(needs("microsoft.web/sites").types, {}, {}, frozenset({name}))
    replay.collect(azure, wanted, tmp_path / "out")
    found = resources.load([tmp_path / "out"]).list_of_type("microsoft.web/sites")
    assert [one.body["properties"] for one in found] == [{"siteConfig": {"ftpsState": "AllAllowed"}}]
    assert Aliases.of({name: "x"}).get(name) is not None


def test_a_page_token_that_has_ended_starts_the_query_over(
    serve: Any, replay: ModuleType, tmp_path: Path
) -> None:
    azure = serve(*(body("Microsoft.Compute/disks", f"d{n:03d}") for n in range(25)), page=10)
    ended = azure._page

    def page(keys: Any, asked: Any, options: Any) -> Any:
        if options.get("$skipToken") and not azure.refused_types:
            azure.refused_types.add("ended")
            azure.skips.clear()
            return ended([], {**asked, "query": "x"}, options)
        return ended(keys, asked, options)

    azure._page = page
    found = replay.collect(azure, needs("microsoft.compute/disks"), tmp_path / "out")
    assert found.gaps == ()
    assert len(resources.load([tmp_path / "out"]).list_of_type("microsoft.compute/disks")) == 25


def test_rows_that_are_missing_are_a_gap(serve: Any, replay: ModuleType, tmp_path: Path) -> None:
    from starlette.responses import JSONResponse

    azure = serve(body("Microsoft.Compute/disks", "d"))
    whole = azure._page

    def page(keys: Any, asked: Any, options: Any) -> Any:
        if "microsoft.compute/disks" in asked["query"]:
            return JSONResponse({"totalRecords": 5, "count": 0, "data": [], "resultTruncated": "true"})
        return whole(keys, asked, options)

    azure._page = page
    found = replay.collect(azure, needs("microsoft.compute/disks"), tmp_path / "out")
    assert [(gap.type, "cut the answer" in gap.reason) for gap in found.gaps] == [
        ("microsoft.compute/disks", True)
    ]
    assert not resources.load([tmp_path / "out"]).coverage.covers(
        "microsoft.compute/disks", f"/subscriptions/{ONE}"
    )


@pytest.mark.parametrize(
    ("code", "gaps"),
    [("FeatureNotSupportedForAccount", []), ("InvalidValuesForRequestParameters", [CONTAINERS])],
)
def test_a_service_that_an_account_does_not_have_is_no_gap(
    serve: Any, replay: ModuleType, tmp_path: Path, code: str, gaps: list[str]
) -> None:
    from starlette.responses import JSONResponse

    azure = serve(body("Microsoft.Storage/storageAccounts", "files"))
    whole = azure._get
    azure._get = lambda request: (
        JSONResponse({"error": {"code": code, "message": "Blob is not supported for the account."}}, 400)
        if "blobServices" in request.url.path
        else whole(request)
    )
    found = replay.collect(azure, needs(CONTAINERS), tmp_path / "out")
    assert [gap.type for gap in found.gaps] == gaps
    covered = resources.load([tmp_path / "out"]).coverage.covers(CONTAINERS, f"/subscriptions/{ONE}")
    assert covered is not bool(gaps)


def test_where_permissions_cannot_be_asked_nothing_counts_as_read(
    serve: Any, replay: ModuleType, tmp_path: Path
) -> None:
    from starlette.responses import JSONResponse

    azure = serve(body("Microsoft.Compute/disks", "d"))
    whole = azure._get
    azure._get = lambda request: (
        JSONResponse({"error": {"code": "NotFound"}}, 404)
        if "permissions" in request.url.path
        else whole(request)
    )
    found = replay.collect(azure, needs("microsoft.compute/disks"), tmp_path / "out")
    gaps = {gap.type: gap.reason for gap in found.gaps}
    assert gaps.keys() == {
        "microsoft.authorization/permissions",
        "microsoft.compute/disks",
        "microsoft.resources/subscriptions",
    }
    assert "could not be checked" in gaps["microsoft.compute/disks"]
    estate = resources.load([tmp_path / "out"])
    assert len(estate.list_of_type("microsoft.compute/disks")) == 1, "what is there can be judged"
    assert not estate.coverage.covers("microsoft.compute/disks", f"/subscriptions/{ONE}")
    assert permissions_url("/subscriptions/x").startswith("/subscriptions/x/providers/")


def test_two_tenants(serve: Any, replay: ModuleType, tmp_path: Path) -> None:
    azure = serve(body("Microsoft.Compute/disks", "d"), body("Microsoft.Compute/disks", "e", TWO))
    asked: list[str] = []
    settings = replay.settings(azure, scope=CollectionScope.of(tenants=("one.example", "two.example")))
    sign_in = settings.sign_in

    def counted(tenant: str) -> Any:
        asked.append(tenant)
        return sign_in(tenant)

    object.__setattr__(settings, "sign_in", counted)
    found = Collector(settings, needs("microsoft.compute/disks"), tmp_path / "out").run()
    assert set(asked) == {"one.example", "two.example"}
    assert found.subscriptions == 2
    assert len(resources.load([tmp_path / "out"]).list_of_type("microsoft.compute/disks")) == 2


def test_nothing_to_see_is_an_error_that_says_what_is_needed(
    serve: Any, replay: ModuleType, tmp_path: Path
) -> None:
    azure = serve(body("Microsoft.Compute/disks", "d"))
    with pytest.raises(CollectError, match="needs the role Reader"):
        replay.collect(azure, needs(), tmp_path / "out", scope=CollectionScope.of(subscriptions=(TWO,)))


def test_no_content_needs_nothing_but_containers(serve: Any, replay: ModuleType, tmp_path: Path) -> None:
    azure = serve(body("Microsoft.Compute/disks", "d"))
    replay.collect(azure, ContentNeeds.of(PolicyCatalog.of([])), tmp_path / "out", graph=False)
    asked = sorted({line.split("?")[0].rsplit("/", 1)[-1] for line in azure.log})
    assert asked == ["attestations", "permissions", "resources"]


def test_a_checkpoint_keeps_whole_lines_only(tmp_path: Path) -> None:
    first = Checkpoint.begin(tmp_path / "out", "q", "now", resume=False)
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    first.put(CheckpointEntry("a", "f", 200, [{"id": 1}], "next"))
    first.put(CheckpointEntry("b", "f", 200, []))
    first.close()
    path = tmp_path / "out" / ".collect" / "answers.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    again = Checkpoint.begin(tmp_path / "out", "q", "later", resume=True)
    assert again.started == "now"
    assert again.get("a") == CheckpointEntry("a", "f", 200, [{"id": 1}], "next")
    assert again.get("b") is None
    again.put(CheckpointEntry("b", "f", 200, [2]))
    assert [kept.rows for kept in again.answers()] == [[{"id": 1}], [2]]
    again.close()


def test_a_checkpoint_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    first = Checkpoint.begin(tmp_path / "out", "q", "now", resume=False)
    first.put(CheckpointEntry("a", "", 200, []))
    first.close()
    with pytest.raises(CheckpointError, match="other settings or other content"):
        Checkpoint.begin(tmp_path / "out", "another", "now", resume=True)
    with pytest.raises(CheckpointError, match="continue with --resume"):
        Checkpoint.begin(tmp_path / "out", "q", "now", resume=False)
    (tmp_path / "out" / ".collect" / "answers.jsonl").write_text("{}\n")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        Checkpoint.begin(tmp_path / "out", "q", "now", resume=True)


def test_keys_do_not_depend_on_the_order_of_members() -> None:
    assert build_request_key("a", {"x": 1, "y": [1]}) == build_request_key("a", {"y": [1], "x": 1})
    assert build_request_key("a", {"x": 1}) != build_request_key("b", {"x": 1})
