"""Assessments that could not be judged are grouped by what is missing; each group says what settles it, and that settles it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import nephoscope
import nephoscope_policy
from nephoscope.estate.coverage import build_manifest_document
from nephoscope.estate.estate import Estate
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.data_gaps.gap_groups import (
    NEEDS,
    DataGap,
    Unsettled,
    list_data_gaps,
    list_gaps,
    list_unsettled_assessments,
    to_missing_data,
)
from nephoscope.posture.data_gaps.remedies import (
    EXPORTED,
    Need,
    describe_remedy,
    explain_unreadable_type,
    list_permissions,
)
from nephoscope.posture.published.findings import UNJUDGED
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.azure_facts import list_report_types
from nephoscope_policy.data_gap import NOT_COLLECTED, STALE, name_standing_child
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.state import Severity

SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
VAULT = f"{SUB}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
VAULTS = "microsoft.keyvault/vaults"
DIAGNOSTICS = "microsoft.insights/diagnosticsettings"
#: cause, description -> what is missing
SAID: list[tuple[str, str, Need, str]] = [
    ("not-collected", f"{DIAGNOSTICS} in {SUB}", Need.TYPE, DIAGNOSTICS),
    ("not-collected", f"{DIAGNOSTICS} in {SUB} (403 on {VAULT})", Need.TYPE,
     DIAGNOSTICS),
    ("not-collected", f"microsoft.security/pricings 'ai' of {SUB} (in Azure it always exists)", Need.TYPE,
     "microsoft.security/pricings"),
    ("not-collected", name_standing_child("microsoft.security/pricings", "virtualmachines", SUB), Need.TYPE,
     "microsoft.security/pricings"),
    ("not-collected", VAULT, Need.TYPE, VAULTS),
    ("not-collected", f"microsoft.authorization/roleassignments in {SUB}", Need.TYPE,
     "microsoft.authorization/roleassignments"),
    ("not-collected", "microsoft.graph/users/11111111-1111-1111-1111-111111111111", Need.TYPE, "microsoft.graph/users"),
    ("not-collected", f"whether /providers/microsoft.management/managementgroups/mg is above {SUB}", Need.TYPE,
     "microsoft.management/managementgroups"),
    ("not-collected", f"Nephoscope.DevOps/deployKeys of {VAULT} (403)", Need.TYPE, "nephoscope.devops/deploykeys"),
    ("not-collected", f"the properties of {VAULT}", Need.BODY, VAULTS),
    ("not-collected", f"the properties of {VAULT}, the properties of {SUB}", Need.BODY, VAULTS),
    ("not-collected", f"properties.networkacls of {VAULT} (cut to text by its export: export again with -Depth 100)",
     Need.DEPTH, VAULTS),
    ("not-collected", "rows of AzureFlowLogs or NTANetAnalytics", Need.LOGS, "AzureFlowLogs or NTANetAnalytics"),
    ("not-collected", f"30 days of ApiManagementGatewayLogs of {VAULT}: its rows begin on 2026-01-01", Need.LOGS,
     "ApiManagementGatewayLogs"),
    ("not-collected", f"flow logs of {VAULT}", Need.LOGS, "flow logs"),
    ("not-collected", "rows of logs: no log data is available", Need.LOGS, ""),
    ("not-collected", "rows of StorageBlobLogs; rows of StorageFileLogs", Need.LOGS, "StorageBlobLogs, StorageFileLogs"),
    ("not-collected", f"rows of StorageBlobLogs; 30 days of StorageFileLogs of {VAULT}: they begin late; rows of StorageBlobLogs",
     Need.LOGS, "StorageBlobLogs, StorageFileLogs"),
    ("no-analyzer", "no analyzer answers it yet: it needs flow logs", Need.ANALYZER, "no analyzer answers it yet: it needs flow logs"),
    ("stale", f"the update assessment {VAULT}/patchassessmentresults/latest is of 2021-01-01: it is 9 days old and holds for 7",
     Need.REPORT, f"{VAULTS}/patchassessmentresults"),
    ("not-held", "no loaded content holds the definition 'own-policy'; it is assigned", Need.DEFINITION, "own-policy"),
    ("parameter-error", "effect: must be one of Audit", Need.ASSIGNMENT, "effect: must be one of Audit"),
    ("too-many-steps", "over 1000000 members", Need.CORRECTION, "over 1000000 members"),
    ("request-only", "the rule judges the identity behind a request; a scan has no request", Need.REQUEST,
     "the rule judges the identity behind a request; a scan has no request"),
    ("security-admin-rules", f"the effect of rules on {VAULT} is not known", Need.MODEL,
     f"the effect of rules on {VAULTS} is not known"),
    ("a-cause-of-later", "words", Need.MODEL, "words"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "description", "need", "subject"), SAID, ids=[f"{c}: {d[:40]}" for c, d, *_ in SAID]
)
def test_what_is_missing_is_read_from_cause_and_description(
    cause: str, description: str, need: Need, subject: str
) -> None:
    found = to_missing_data(cause, description)
    assert (found.need, found.subject) == (need, subject)


#: Where the source names a cause that a verdict can have.
CAUSES = (
    r"Fault\(\s*ComplianceState\.(?:ERROR|UNKNOWN), \"([a-z-]+)\"",
    r"Result\((?:UNKNOWN|ERROR), [^\n]*cause=\"([a-z-]+)\"",
    r"Result\((?:UNKNOWN|ERROR), rule\.effect, outcome\.reasons, \"([a-z-]+)\"",
    r"NotCollectedError\((?:[^()]|\([^()]*\))*cause=\"([a-z-]+)\"",
    r"NotHeldError\([^)]*, \"([a-z-]+)\"\s*\)",
    r"Outcome\(ComplianceState\.UNKNOWN, cause=\"([a-z-]+)\"",
    r"unknown\(\s*(?:str\([^)]*\)|\w+),\s*\w+,\s*\"([a-z-]+)\",",
    r"^    cause(?:: str)? = \"([a-z-]+)\"",
)


def named_causes(text: str) -> set[str]:
    several = (found for pattern in CAUSES for found in re.finditer(pattern, text, re.MULTILINE))
    return {one for found in several for one in found.groups() if one}


def test_every_cause_of_the_source_has_a_kind() -> None:
    root = Path(nephoscope.__file__).parent
    folders = (
        Path(nephoscope_policy.__file__).parent,
        *(root / one for one in ("posture", "analyze", "estate")),
    )
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    found = {one for path in paths for one in named_causes(path.read_text(encoding="utf-8"))}
    assert {
        "data-plane-mode",
        "no-analyzer",
        "classic",
        "not-held",
        "ambiguous",
        "version-not-held",
        "not-evaluated",
        "definition-error",
        "security-admin-rules",
        "unreadable-rule",
        "expression-error",
    } <= found
    assert found - {NOT_COLLECTED, STALE} <= NEEDS.keys()


@pytest.mark.parametrize("need", list(Need))
def test_every_kind_has_a_remedy(need: Need) -> None:
    for subject in (VAULTS, ""):
        found = describe_remedy(need, subject)
        assert found.action
        assert need not in EXPORTED or found.commands
    assert need not in EXPORTED or "Microsoft.KeyVault/vaults/read" in str(
        describe_remedy(need, VAULTS).permissions
    )


def test_every_kind_of_report_says_how_a_new_one_is_made() -> None:
    for type_ in list_report_types():
        assert "Then read" in describe_remedy(Need.REPORT, type_).action


REMEDIES = [
    ("microsoft.graph/users", "collect --type Microsoft.Graph/users", "Microsoft Graph User.Read.All"),
    ("microsoft.graph/groups", "collect --type Microsoft.Graph/groups", "Microsoft Graph GroupMember.Read.All"),
    ("microsoft.graph/userregistrationdetails", "collect --type Microsoft.Graph/userRegistrationDetails",
     "Microsoft Graph AuditLog.Read.All"),
    (DIAGNOSTICS, "collect --type Microsoft.Insights/diagnosticSettings", "Microsoft.Insights/diagnosticSettings/read"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "command", "permission"), REMEDIES, ids=[one[0] for one in REMEDIES])
def test_a_type_is_read_by_its_command_and_permission(type_: str, command: str, permission: str) -> None:
    found = describe_remedy(Need.TYPE, type_)
    assert command in found.commands[0]
    assert f"{command} > export.sh" in found.commands[1].replace("--script az ", "")
    assert permission in found.permissions


def test_what_github_tells_is_read_by_a_command_of_its_own() -> None:
    found = describe_remedy(Need.TYPE, "nephoscope.devops/deploykeys")
    assert found.commands[0].startswith("nephoscope pipelines collect ")
    assert "Nephoscope.DevOps/deployKeys" in found.action


def test_a_type_that_nothing_reads_has_no_command() -> None:
    found = describe_remedy(Need.TYPE, "microsoft.foo/bars/things")
    assert (found.commands, found.permissions) == ((), ())
    assert "no request for it is known" in found.action


def test_gaps_are_sorted_by_what_they_settle() -> None:
    def one(key: str, type_: str, count: int) -> Unsettled:
        return Unsettled(key, f"Title {key}", Severity.HIGH, NOT_COLLECTED, f"{type_} in {SUB}", count)

    found = list_data_gaps(
        [one("a", "microsoft.x/few", 1), one("a", "microsoft.x/many", 2), one("b", "microsoft.x/many", 3)]
    )
    assert [(gap.missing.subject, gap.count) for gap in found] == [
        ("microsoft.x/many", 5),
        ("microsoft.x/few", 1),
    ]
    assert [(each.key, each.count) for each in found[0].recommendations] == [("b", 3), ("a", 2)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return EstateScan(ScanRequest(("sample:",)), tmp_path_factory.mktemp("sample")).estate()


def judged(data: Path, *targets: str | Estate) -> Report:
    paths = tuple(one for one in targets if isinstance(one, str))
    scan = EstateScan(ScanRequest(paths or ("sample:",)), data)
    given = next((one for one in targets if isinstance(one, Estate)), None)
    return Report(scan.run(given or scan.estate()), "x")


def write(folder: Path, estate: Estate, types: frozenset[str], *, keep: bool) -> str:
    """Write the resources of some types (or all others) as an export with its manifest."""
    folder.mkdir()
    bodies: list[dict[str, Any]] = [
        one.body for one in estate.resources.values() if (one.type in types) is keep and not one.derived
    ]
    (folder / "all.json").write_text(json.dumps(bodies))
    scopes = {
        scope: frozenset(
            one for one in read if (one.rpartition("/providers/")[2].split("/*")[0] in types) is keep
        )
        for scope, read in estate.coverage.scopes.items()
    }
    (folder / "coverage.json").write_text(
        json.dumps(build_manifest_document(msgspec.structs.replace(estate.coverage, scopes=scopes)))
    )
    return str(folder)


SETTLED = ["microsoft.insights/activitylogalerts", "microsoft.graph/users"]


@pytest.mark.parametrize("type_", SETTLED)
def test_what_a_gap_names_settles_exactly_the_assessments_that_it_counts(
    tmp_path: Path, sample: Estate, type_: str
) -> None:
    types = frozenset({type_})
    without = write(tmp_path / "without", sample, types, keep=False)
    more = write(tmp_path / "more", sample, types, keep=True)
    before = list_data_gaps(list_unsettled_assessments(judged(tmp_path / "data", without)))
    after = list_data_gaps(list_unsettled_assessments(judged(tmp_path / "data", without, more)))
    (gap,) = (one for one in before if one.missing.subject == type_)
    assert gap.missing.need is Need.TYPE
    assert gap.count > 0
    assert [one for one in after if one.missing.subject == type_] == []
    assert gap.count == waiting(before) - waiting(after)


def waiting(gaps: list[DataGap]) -> int:
    return sum(one.count for one in gaps)


WORLDS = ("nothing read", "no properties", "no network or directory")


def changed(sample: Estate, world: str) -> Estate:
    if world == "no properties":
        bare = [
            replace(
                one,
                body={key: value for key, value in one.body.items() if key != "properties"},
                complete=False,
            )
            for one in sample.resources.values()
        ]
        return Estate.of(bare, sample.coverage, tenant=sample.tenant)
    dropped = ("microsoft.network/", "microsoft.graph/", "microsoft.authorization/", "microsoft.management/")
    kept = [
        one for one in sample.resources.values() if world == WORLDS[0] or not one.type.startswith(dropped)
    ]
    return Estate.of(kept, Coverage({}, tenant=sample.tenant), tenant=sample.tenant)


@pytest.mark.parametrize("world", WORLDS)
def test_whatever_is_missing_every_gap_names_a_type_and_its_remedy(
    tmp_path: Path, sample: Estate, world: str
) -> None:
    report = judged(tmp_path, changed(sample, world))
    gaps = list_data_gaps(list_unsettled_assessments(report))
    assert waiting(gaps) == sum(
        count for (state, _), count in report.causes.items() if state.value in ("Unknown", "Error")
    )
    assert {gap.missing.need for gap in gaps} <= {Need.TYPE, Need.BODY, Need.ANALYZER, Need.REPORT, Need.LOGS}
    for gap in (one for one in gaps if one.missing.need in EXPORTED):
        assert gap.missing.subject.count("/") >= 1, gap.examples
        assert gap.remedy.commands or explain_unreadable_type(gap.missing.subject), gap.missing
        assert list_permissions(gap.missing.subject)


@pytest.mark.full
def test_an_edition_has_the_gaps_of_its_report(tmp_path: Path, sample: Estate) -> None:
    report = judged(tmp_path, changed(sample, WORLDS[0]))
    publish_report(tmp_path, report, {})
    snapshot = PublishedSnapshotCache(tmp_path).load_newest()
    assert snapshot is not None
    told = {one.missing: one.count for one in list_gaps(snapshot.findings, EVERYTHING)}
    of_report = {one.missing for one in list_data_gaps(list_unsettled_assessments(report))}
    assert told.keys() == of_report
    assert sum(told.values()) == snapshot.findings.count(EVERYTHING, UNJUDGED)
