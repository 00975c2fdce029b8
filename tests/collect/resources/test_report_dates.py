"""Reports that bear no time are as old as the argument that they were read from, and so are claims that there is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from nephoscope.collect import resources
from nephoscope.collect.resources.subscription_spool import SnapshotSpool
from nephoscope.estate.coverage import build_manifest_document, parse_manifest
from nephoscope.estate.estate import Estate
from nephoscope_policy.report_age import covers_freshly, explain_report_expiry

S = "/subscriptions/11111111-1111-1111-1111-111111111111"
VAULT = f"{S}/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
TENANT = "22222222-2222-2222-2222-222222222222"
ASSESSMENT = f"{VAULT}/providers/Microsoft.Security/assessments/one"
FINDINGS = "microsoft.security/assessments/subassessments"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
NEW, OLD, UNDATED = "2026-11-29T00:00:00+00:00", "2026-10-01T00:00:00+00:00", None
BODY = {"id": ASSESSMENT, "properties": {"status": {"code": "Healthy"}}}
OTHER = {"id": VAULT, "properties": {"enablePurgeProtection": True}}


def argument(folder: Path, bodies: list[dict[str, Any]], manifest: dict[str, Any] | None) -> Path:
    folder.mkdir()
    (folder / "all.json").write_text(json.dumps(bodies))
    if manifest is not None:
        (folder / "coverage.json").write_text(json.dumps(manifest))
    return folder


def manifest(
    read_at: str | None, types: tuple[str, ...] = ("microsoft.network/virtualnetworks",)
) -> dict[str, Any]:
    dated = {} if read_at is None else {"readAt": read_at}
    return {"schemaVersion": 2, "tenants": {TENANT: {"scopes": {S: list(types)}, **dated}}}


def loaded(folders: list[Path]) -> list[Estate]:
    """The estate, and the only part of a spool, which must find the same."""
    with TemporaryDirectory() as folder:
        (survey,) = SnapshotSpool.of(folders, Path(folder)).read_surveys()
        (part,) = survey.iterate_parts()
    return [resources.load(folders), part]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("own", "beside", "stale"),
    [
        (manifest(NEW), None, False),
        (manifest(OLD), None, True),
        (manifest(UNDATED), None, True),
        # the argument beside it says nothing of its age
        (None, manifest(NEW), True),
        (manifest(UNDATED), manifest(NEW), True),
        (manifest(OLD), manifest(NEW), True),
        (manifest(NEW), manifest(OLD), False),
        (manifest(NEW), manifest(UNDATED), False),
        # a manifest may tell the time alone
        ({"schemaVersion": 2, "readAt": NEW}, None, False),
        ({"schemaVersion": 2, "readAt": NEW}, manifest(OLD), False),
        ({"schemaVersion": 2, "readAt": OLD}, manifest(NEW), True),
        ({"schemaVersion": 2, "readAt": "now"}, manifest(OLD), False),
        ({"schemaVersion": 2, "readAt": {"": NEW, VAULT: None}}, None, True),
        ({"schemaVersion": 2, "readAt": {"": OLD, VAULT: NEW}}, None, False),
    ],
)
def test_a_report_is_as_old_as_its_argument(
    tmp_path: Path, own: dict[str, Any] | None, beside: dict[str, Any] | None, stale: bool, turned: bool
) -> None:
    folders = [argument(tmp_path / "own", [BODY], own), argument(tmp_path / "beside", [OTHER], beside)]
    for estate in loaded(folders[::-1] if turned else folders):
        coverage = parse_manifest(build_manifest_document(estate.coverage))
        assert bool(explain_report_expiry(estate.resources[ASSESSMENT.lower()], NOW, coverage)) is stale
        assert not explain_report_expiry(estate.resources[VAULT.lower()], NOW, coverage)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("types", [("*",), (FINDINGS,)])
@pytest.mark.parametrize(
    ("one", "other", "held"),
    [
        (NEW, NEW, True), (NEW, OLD, True), (NEW, UNDATED, True), (OLD, OLD, False), (OLD, UNDATED, False), (UNDATED, UNDATED, False),
        ("now", OLD, True),
    ],
)  # fmt: skip
def test_that_there_is_no_report_is_as_old_as_the_newest_reading_that_says_it(
    tmp_path: Path, one: str | None, other: str | None, held: bool, types: tuple[str, ...], turned: bool
) -> None:
    folders = [
        argument(tmp_path / str(number), [OTHER], manifest(read_at, types))
        for number, read_at in enumerate((one, other))
    ]
    for estate in loaded(folders[::-1] if turned else folders):
        assert covers_freshly(estate.coverage, FINDINGS, ASSESSMENT.lower(), NOW) is held


@pytest.mark.parametrize("silent", [None, manifest(NEW, ("microsoft.keyvault/vaults",))])
def test_a_reading_of_something_else_does_not_make_a_claim_younger(
    tmp_path: Path, silent: dict[str, Any] | None
) -> None:
    folders = [
        argument(tmp_path / "claims", [OTHER], manifest(UNDATED, (FINDINGS,))),
        argument(tmp_path / "silent", [OTHER], silent),
    ]
    for estate in loaded(folders):
        assert not covers_freshly(estate.coverage, FINDINGS, ASSESSMENT.lower(), NOW)


def test_a_manifest_of_the_time_alone_leaves_to_the_files_what_was_read(tmp_path: Path) -> None:
    with_time = argument(tmp_path / "a", [OTHER, BODY], {"schemaVersion": 2, "readAt": NEW})
    without = argument(tmp_path / "b", [OTHER, BODY], None)
    timed, bare = resources.load([with_time]).coverage, resources.load([without]).coverage
    assert timed.scopes == bare.scopes
    assert (timed.declared, timed.tenant) == (bare.declared, bare.tenant)
    assert timed.find_read_time(VAULT.lower()) == NOW - timedelta(days=1)


def test_a_manifest_of_several_tenants_tells_each_its_own_times_and_gaps(tmp_path: Path) -> None:
    ids = {"t1": S, "t2": S.replace("1111", "2222")}
    times = {"t1": NEW, "t2": OLD}
    bodies = [
        {**body, "id": body["id"].replace(S, place), "tenantId": tenant}
        for tenant, place in ids.items()
        for body in (OTHER, BODY)
    ]
    members = {
        tenant: {"scopes": {place: ["*"]}, "readAt": times[tenant], "gaps": {"microsoft.graph/users": f"403 on {place}"}}
        for tenant, place in ids.items()
    }  # fmt: skip
    folder = argument(tmp_path / "both", bodies, {"schemaVersion": 2, "tenants": members})
    found = {estate.tenant: estate.coverage for estate in resources.load_tenants([folder])}
    for tenant, place in ids.items():
        assert found[tenant].find_read_time(place) == datetime.fromisoformat(times[tenant])
        assert found[tenant].gaps == {"microsoft.graph/users": f"403 on {place}"}
