"""`collect` pointed at our own server gives the estate back: all of it to who may read all, a part of it to who may read that part."""

from __future__ import annotations

import json
import threading
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from tests.api.conftest import NOW

from nephoscope.api.server import build_app
from nephoscope.collect import resources
from nephoscope.collect.azure.collection_scope import CollectionScope
from nephoscope.collect.azure.collection_settings import CollectionSettings
from nephoscope.collect.azure.collector import Collector
from nephoscope.connect.cloud import OWN, Cloud
from nephoscope.posture.scans.live_estate import find_content_needs
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState

SAMPLE = Path(__file__).parents[2] / "src" / "nephoscope" / "content" / "sample" / "snapshot"
ERP, GROUP = "sub-bwf-erp-prod", "rg-erp-app"
GROUPS = "/providers/microsoft.management/managementgroups"
#: What a server says of a table that it read nothing into, which is a gap of who collects from it.
UNREAD = "501 NotAssessed"
#: The types of tables into which the sample estate has nothing.
UNREAD_TYPES = [
    "microsoft.chaos/targets",
    "microsoft.compute/virtualmachinescalesets/virtualmachines",
    "microsoft.desktopvirtualization/hostpools/sessionhosts",
    "microsoft.features/featureproviders/subscriptionfeatureregistrations",
    "microsoft.kusto/clusters/databases/dataconnections",
    "microsoft.maintenance/configurationassignments",
    "microsoft.managedservices/registrationassignments",
    "microsoft.managedservices/registrationdefinitions",
    "microsoft.servicefabric/managedclusters/nodetypes",
]
#: The beginning of types that are asked of GitHub, GitLab and Azure DevOps themselves (`pipelines collect`), not of Azure.
PIPELINES = "nephoscope.devops/"
ROLES = "/providers/microsoft.authorization/roledefinitions/"
WHOLE = CollectionScope()
_JUDGED = (ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT)
#: What Resource Graph adds to a body; the type is told by the id, which each of Azure's APIs spells its own way.
COLUMNS = ("tenantId", "subscriptionId", "resourceGroup", "type")


@pytest.fixture(scope="module")
def origin(instance):
    """The address of the server on loopback."""
    config = uvicorn.Config(
        build_app(instance), host="127.0.0.1", port=0, log_level="critical", lifespan="off"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive(), "the server ended before it had started"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def collect(origin, token, tmp_path_factory):
    """Collects everything with roles, (role, scope) pairs, once for all tests: what was found by key, the collection, its folder."""

    @cache
    def collected(*roles, scope=WHOLE):
        shown = SimpleNamespace(token=token(*roles), expires_on=int(time.time()) + 86_400)
        credential = SimpleNamespace(get_token=lambda *_, **__: shown)
        settings = CollectionSettings(
            cloud=Cloud(OWN, origin, origin, origin, origin),
            sign_in=lambda _: lambda: credential,
            scope=scope,
        )
        folder = tmp_path_factory.mktemp("collected")
        needs = find_content_needs(folder / "data").with_all_readable()
        found = Collector(settings, needs, folder / "out").run()
        return plain(resources.load([folder / "out"])), found, folder / "out"

    return collected


def plain(estate) -> dict:
    """key -> the body without the columns of Resource Graph and what says nothing; the id in lower case.

    A subscription that only ids name is the loader's, and was not read.
    """
    assert not estate.quarantine
    bodies = _plain(estate)
    return {key: body for key, body in bodies.items() if body.keys() - {"id", "name"}}


def _plain(estate) -> dict:
    return {
        key: {
            name: value.lower() if name == "id" else value
            for name, value in one.body.items()
            if name not in COLUMNS and value not in (None, "")
        }
        for key, one in estate.resources.items()
    }


@pytest.fixture(scope="module")
def estate():
    return plain(resources.load([SAMPLE]))


@pytest.fixture(scope="module")
def erp():
    """(id of the subscription, lower-cased ids of the management groups above it), as the file of the sample says."""
    rows = json.loads((SAMPLE / "tenant" / "containers.json").read_text())["data"]
    one = next(row for row in rows if row["name"] == ERP)
    chain = [above["name"].lower() for above in one["properties"]["managementGroupAncestorsChain"]]
    return one["subscriptionId"].lower(), [f"{GROUPS}/{name}" for name in chain]


def above(estate, groups) -> set[str]:
    """What holds in a subscription and stands above it: the groups, what is assigned and defined there, and built-in roles."""
    holds = [f"{one}/providers/microsoft.authorization/" for one in groups]
    return {
        key
        for key in estate
        if key in groups or key.startswith((*holds, "/providers/microsoft.authorization/"))
    }


def differing(found, wanted) -> list[str]:
    return [
        f"{'missing' if one not in found else 'invented' if one not in wanted else 'differs'}: {one}"
        for one in sorted({*found, *wanted})
        if found.get(one) != wanted.get(one)
    ]


@pytest.mark.full
def test_a_reader_of_one_subscription_gets_it_whole_and_nothing_else(collect, estate, erp):
    found, told, _ = collect(("Reader", f"/subscriptions/{erp[0]}"))
    keys = {key for key in estate if ResourceId.parse(key).subscription == erp[0]} | above(estate, erp[1])
    assert differing(found, {key: estate[key] for key in keys}) == []
    assert len(keys) > 250
    elsewhere = [str(gap) for gap in told.gaps if not gap.type.startswith("microsoft.graph/")]
    assert [gap for gap in elsewhere if UNREAD not in gap] == [], "the directory alone is the tenant's"
    assert sorted(gap.type for gap in told.gaps if UNREAD in str(gap)) == UNREAD_TYPES
    assert {gap.permission for gap in told.gaps} >= {"User.Read.All", "GroupMember.Read.All"}


def test_a_reader_of_one_resource_group_gets_it_whole_and_nothing_else(collect, estate, erp):
    group = f"/subscriptions/{erp[0]}/resourcegroups/{GROUP}"
    found, told, _ = collect(("Reader", group), scope=CollectionScope.of(resource_groups=(group,)))
    wanted = {key: body for key, body in estate.items() if key == group or key.startswith(f"{group}/")}
    assert differing(found, wanted) == []
    assert len(wanted) > 20
    assert [str(gap) for gap in told.gaps if UNREAD not in str(gap)] == []
    assert sorted(gap.type for gap in told.gaps) == UNREAD_TYPES


def test_a_reader_of_one_resource_group_who_asks_for_all_is_told_no_more(collect, estate, erp):
    group = f"/subscriptions/{erp[0]}/resourcegroups/{GROUP}"
    found, told, _ = collect(("Reader", group))
    subscription = f"/subscriptions/{erp[0]}"
    around = {subscription} | above(estate, [*erp[1], subscription])
    own = {key for key in estate if key == group or key.startswith(f"{group}/")}
    assert found.keys() <= own | around
    assert {
        key for key in own if ResourceId.parse(key).type == "microsoft.compute/virtualmachines"
    } <= found.keys()
    assert told.gaps, "the subscription was asked for whole and may not be read whole"


def test_what_a_reader_of_one_resource_group_may_not_read_is_never_a_finding(collect, report, erp, tmp_path):
    """What stands at the subscription was left out without a word: it is Unknown. The own group is judged as by its owner."""
    subscription = f"/subscriptions/{erp[0]}"
    group = f"{subscription}/resourcegroups/{GROUP}"
    _, told, folder = collect(("Reader", group))
    scan = EstateScan(ScanRequest((str(folder),)), tmp_path / "scan", NOW)
    found = verdicts(scan.run(scan.estate()))
    whole = verdicts(report.run)
    wrong = {each: state for each, state in found.items() if state is ComplianceState.NON_COMPLIANT}
    assert {each for each in wrong if whole[each] is not ComplianceState.NON_COMPLIANT} == set()
    judged = {each: state for each, state in found.items() if state in _JUDGED}
    assert judged == {each: whole[each] for each in judged}
    assert {state for (resource, _), state in found.items() if resource == subscription} == {
        ComplianceState.UNKNOWN
    }
    assert sum(inside(resource, group) for resource, _ in judged) > 200
    covered = resources.load([folder]).coverage
    assert not covered.covers("microsoft.security/pricings", subscription)
    assert covered.covers("microsoft.compute/virtualmachines", group)
    assert ("microsoft.security/pricings", subscription) in {(gap.type, gap.scope) for gap in told.gaps}


@pytest.mark.full
@pytest.mark.parametrize("besides", [(), (("Reader", GROUP),)], ids=["alone", "reader of a group besides"])
def test_what_a_security_reader_collects_is_judged_as_by_the_owner(collect, report, erp, tmp_path, besides):
    """What may be read by its own type, as exports of alerts, is read; what may not is no reason for a finding."""
    subscription = f"/subscriptions/{erp[0]}"
    more = [(role, f"{subscription}/resourcegroups/{name}") for role, name in besides]
    *_, folder = collect(("Security Reader", subscription), *more)
    scan = EstateScan(ScanRequest((str(folder),)), tmp_path / "scan", NOW)
    judged = {each: state for each, state in verdicts(scan.run(scan.estate())).items() if state in _JUDGED}
    whole = verdicts(report.run)
    assert judged == {each: whole[each] for each in judged}
    found = resources.load([folder])
    assert "microsoft.security/automations" in {ResourceId.parse(key).type for key in found.resources}
    assert found.coverage.covers("microsoft.security/automations", subscription)
    assert ComplianceState.COMPLIANT in {
        state for (resource, _), state in judged.items() if resource == subscription
    }


def verdicts(run) -> dict[tuple[str, str], ComplianceState]:
    return {(one.resource.lower(), one.key): one.state for one in run.assessments}


def inside(resource: str, group: str) -> bool:
    return resource == group or resource.startswith(f"{group}/")


def test_who_may_read_security_alone_gets_no_resources(collect, estate, erp):
    found, told, _ = collect(("Security Reader", f"/subscriptions/{erp[0]}"))
    types = {ResourceId.parse(key).type for key in found}
    namespaces = {one.split("/")[0] for one in types}
    assert namespaces <= {
        "microsoft.authorization",
        "microsoft.management",
        "microsoft.resources",
        "microsoft.security",
        "microsoft.policyinsights",
    }
    assert "microsoft.compute/virtualmachines/read" in {gap.permission.lower() for gap in told.gaps}


@pytest.mark.full
def test_what_the_content_needs_of_the_whole_tenant(origin, token, estate, tmp_path):
    """As a collection does it unless it is asked for everything."""
    shown = SimpleNamespace(token=token(("Reader", "/")), expires_on=int(time.time()) + 86_400)
    settings = CollectionSettings(
        cloud=Cloud(OWN, origin, origin, origin, origin),
        sign_in=lambda _: lambda: SimpleNamespace(get_token=lambda *_, **__: shown),
    )
    needs = find_content_needs(tmp_path / "data")
    told = Collector(settings, needs, tmp_path / "out").run()
    found = plain(resources.load([tmp_path / "out"]))
    wanted = {
        key: body
        for key, body in estate.items()
        if ResourceId.parse(key).type in needs.types and not key.startswith("/providers/microsoft.graph/")
    }
    # Under other types than the content looks them up for, and by other names, these were not asked for.
    narrowed = ("microsoft.security/assessments", "microsoft.insights/diagnosticsettings")
    lost = {
        key
        for key in wanted
        if key not in found and not ResourceId.parse(key).type.startswith((*narrowed, PIPELINES))
    }
    assert lost == set()
    # the members of those groups alone that hold a role
    compared = {key: body for key, body in found.items() if "/microsoft.graph/groups/" not in key}
    assert differing(compared, {key: estate.get(key) for key in compared}) == []
    assert [(one.type, one.reason) for one in told.gaps] == []


@pytest.mark.full
def test_a_reader_of_the_tenant_gets_the_whole_estate(collect, estate):
    found, told, _ = collect(("Reader", "/"))
    of_azure = {
        key: body for key, body in estate.items() if not ResourceId.parse(key).type.startswith(PIPELINES)
    }
    assert len(of_azure) < len(estate)
    assert differing(found, of_azure) == []
    assert [str(gap) for gap in told.gaps if UNREAD not in str(gap)] == []
    scopes = {gap.scope for gap in told.gaps}
    assert len(scopes) > 1
    for scope in scopes:  # each subscription that is asked says so for itself
        assert sorted(gap.type for gap in told.gaps if gap.scope == scope) == UNREAD_TYPES, scope
