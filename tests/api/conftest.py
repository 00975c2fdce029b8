"""A server over the sample estate, and clients with the roles that a test asks for."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient
from tests.published_sample import copy_published

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.api.server import build_app
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TENANT = "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90"


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    scan = EstateScan(ScanRequest(("sample:",)), tmp_path_factory.mktemp("scan"), NOW)
    return Report(scan.run(scan.estate()), "sample:")


@pytest.fixture(scope="module")
def publish_estate(tmp_path_factory):
    """Publishes the estate of the server in a data folder: the sample, unless a module has another."""
    return lambda data: copy_published(tmp_path_factory, data, NOW)


@pytest.fixture(scope="module")
def instance(tmp_path_factory, publish_estate):
    data = tmp_path_factory.mktemp("server")
    publish_estate(data)
    snapshots = PublishedSnapshotCache(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state, TENANT, snapshots) as lake:
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        yield Instance(
            data, state, lake, snapshots, guard, AccessTokenIssuer(state, data / "keys", TENANT), TENANT
        )


@pytest.fixture(scope="module")
def server(instance):
    with TestClient(
        build_app(instance), base_url="https://127.0.0.1", raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture(scope="module")
def subscriptions(instance):
    """Name -> id of the sample's subscriptions."""
    return {name: id_ for id_, name in instance.snapshots.load_newest().build_info.subscriptions.items()}


@pytest.fixture(scope="module")
def token(instance):
    """Makes a token of a program that has roles: (role, scope) pairs."""

    def made(*roles: tuple[str, str], kind: SecretKind = SecretKind.TOKEN) -> str:
        name = f"program {len(instance.state.principals.all())}"
        with instance.state.transaction() as session:
            principal = instance.state.principals.add(session, PrincipalKind.PROGRAM, name)
            for role, scope in roles:
                instance.state.principals.grant(session, principal.id, role, scope, "test")
        return instance.guard.make_secret(principal, kind, "test")

    return made


@pytest.fixture(scope="module")
def owner(token):
    return {"Authorization": f"Bearer {token(('Owner', '/'))}"}


@pytest.fixture(scope="module")
def machine(instance, subscriptions):
    """The id of a machine of the sample, and its resource group."""
    below = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}"
    pattern = (
        rf"({below}/resourceGroups/([^/]+)/providers/microsoft.compute/virtualmachines/[^/]+)/providers/.*"
    )
    several = (
        instance.snapshots.load_newest()
        .listing.page(["microsoft.security/assessments"], EVERYTHING, below)
        .bodies
    )
    found = next(one for each in several if (one := re.fullmatch(pattern, each["id"], re.IGNORECASE)))
    return found[1], found[2]
