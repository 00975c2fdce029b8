"""Published severities: the shipped rows, bad rows, and which source of a severity goes first."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from nephoscope.content.loader import load_documents
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.recommendation_sources import Recommendations
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope.posture.recommendations.severities import Severities
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.documents import ContentError
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from pathlib import Path

(SHIPPED,) = (one for one in load_documents(kind="scores") if one.name == "severities.json")
ROWS: list[dict[str, Any]] = SHIPPED.json()["severities"]
SOURCES: dict[str, str] = SHIPPED.json()["sources"]

SSH_KEYS, DDOS = (
    "630c64f9-8b6b-4c64-b511-6544ceff6fd6",
    "a7aca53f-2ed4-4466-a25e-0b45ade68efd",
)
DDOS_KEY, EDR_KEY = "e3de1cc0-f4dd-3b34-e496-8b5381ba2d70", "06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c"
#: The keys that the benchmark's delegated definitions read, less the one that no page gives a severity for.
BENCHMARK_KEYS = [
    "91af2040-7874-4659-abf0-578e1f8d07dc",
    "4e8c00a2-e8bc-42a8-9e12-99584a51ad10",
    "805651bc-6ecd-4c73-9b55-97a19d0582d0",
    "ad50b498-f90c-451f-886f-d0a169cc5002",
    "ffff0522-1e88-47fc-8382-2a80ba848f5d",
    "3b20e985-f71f-483b-b078-f30d73936d43",
    "c3b51c94-588b-426b-a892-24696f9e54cc",
    "483f12ed-ae23-447e-a2de-a67a10db4353",
    "bc303248-3d14-44c2-96a0-55f5c326b5fe",
    "a9341235-9389-42f0-a0bf-9bfb57960d44",
    "f97aa83c-9b63-4f9a-99f6-b22c4398f936",
    "e1145ab1-eb4f-43d8-911b-36ddf771d13f",
    "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5",
    "c609cf0f-71ab-41e9-a3c6-9a1f7fe1b8d5",
    "e3de1cc0-f4dd-3b34-e496-8b5381ba2d70",
    "eade5b56-eefd-444f-95c8-23f29e5d93cb",
    "6f90a6d6-d4d6-0794-0ec1-98fa77878c2e",
    "050ac097-3dda-4d24-ab6d-82568e7a50cf",
    "1ff0b4c9-ed56-4de6-be9c-d7ab39645926",
    "20606e75-05c4-48c0-9d97-add6daa2109a",
    "fde1c0c9-0fd2-4ecc-87b5-98956cbc1095",
    "0354476c-a12a-4fcc-a79d-f0ab7ffffdbb",
    "2c79b4af-f830-b61e-92b9-63dfa30f16e4",
    "82e20e14-edc5-4373-bfc4-f13121257c37",
]
MFA_KEYS = [
    "6240402e-f77c-46fa-9060-a7ce53997754",
    "dabc9bc4-b8a8-45bd-9a5a-43000df8aa1c",
    "c0cb17b2-0607-48a7-b0e0-903ed22de39b",
    "94290b00-4d0c-d7b4-7cea-064a9554e681",
    "151e82c5-5341-a74b-1eb0-bc38d2c84bb5",
    "57e98606-6b1e-6193-0e3d-fe621387c16b",
]


def test_every_shipped_row_is_a_fact_with_a_source() -> None:
    guid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    odd = {row["policy"] for row in ROWS if row["policy"] and not guid.fullmatch(row["policy"])}
    assert odd == {"17k78e20-9358-41c9-923c-fb736d382a12"}  # so named by Azure
    assert all(guid.fullmatch(row["assessment"]) for row in ROWS if row["assessment"])
    assert {row["source"] for row in ROWS} == set(SOURCES)
    assert len(ROWS) >= 290


def test_rows_stand_in_order_one_a_line() -> None:
    def place(row: dict[str, Any]) -> tuple[bool, str, str]:
        return row["policy"] is None, row["policy"] or "", row["assessment"] or ""

    assert sorted(ROWS, key=place) == ROWS
    lines = SHIPPED.data.decode().splitlines()
    assert sum(line.startswith('    {"policy": ') for line in lines) == len(ROWS)


def test_the_keys_of_the_benchmark_and_of_second_factors_are_published() -> None:
    known = Severities.builtin().assessments
    assert [key for key in BENCHMARK_KEYS + MFA_KEYS if key not in known] == []
    assert {known[key].severity for key in MFA_KEYS} == {Severity.HIGH}


def test_own_policies_agree_with_the_builtins_that_they_equal() -> None:
    published = Severities.builtin()
    differing = []
    for document in load_documents(kind="policies"):
        own = document.json()["properties"]["metadata"]["nephoscope"]
        for same in own["sameAs"]:
            said = published.find_severity(same["policy"])
            if said and same["difference"] is None and said.severity != own["severity"]:
                differing.append((document.name, own["severity"], said.severity))
    assert differing == []


def _pack(folder: Path, rows: Any, sources: Any = None) -> Path:
    (folder / "scores").mkdir()
    body = {"sources": {"page": "a page"} if sources is None else sources, "severities": rows}
    (folder / "scores" / "severities.json").write_text(json.dumps(body))
    return folder


def _row(**changes: Any) -> dict[str, Any]:
    return {"policy": SSH_KEYS, "assessment": None, "severity": "Low", "source": "page"} | changes


@pytest.mark.parametrize(
    ("rows", "path", "message"),
    [
        ({}, "severities", "'severities' is not a list"),
        (["x"], "severities[0]", "a row has exactly"),
        ([_row(note="x")], "severities[0]", "a row has exactly"),
        ([{"policy": SSH_KEYS, "severity": "Low", "source": "page"}], "severities[0]", "a row has exactly"),
        ([_row(policy=None)], "severities[0]", "names a policy, an assessment or both"),
        ([_row(severity="low")], "severities[0].severity", "must be one of High, Medium, Low (got 'low')"),
        (
            [_row(severity="Critical")],
            "severities[0].severity",
            "must be one of High, Medium, Low (got 'Critical')",
        ),
        (
            [_row(severity=["Low"])],
            "severities[0].severity",
            "must be one of High, Medium, Low (got ['Low'])",
        ),
        ([_row(source="rumour")], "severities[0].source", "'rumour' is not explained"),
        ([_row(source=["page"])], "severities[0].source", "is not explained"),
        ([_row(policy="ssh keys")], "severities[0].policy", "is not a lower-case GUID"),
        ([_row(policy=SSH_KEYS.upper())], "severities[0].policy", "is not a lower-case GUID"),
        ([_row(assessment=7)], "severities[0].assessment", "is not a lower-case GUID"),
        ([_row(), _row(severity="High")], "severities[1].policy", "has two severities"),
        (
            [_row(assessment=EDR_KEY), _row(policy=None, assessment=EDR_KEY)],
            "severities[1].assessment",
            "has two severities",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: Any, path: str, message: str) -> None:
    with pytest.raises(ContentError, match=re.escape(message)) as caught:
        Severities.load(_pack(tmp_path, rows))
    assert caught.value.place.path == path
    assert caught.value.place.file.endswith("severities.json")


@pytest.mark.parametrize("sources", [[], {"page": 1}])
def test_bad_sources_are_named(tmp_path: Path, sources: Any) -> None:
    with pytest.raises(ContentError, match="'sources' is not an object of texts"):
        Severities.load(_pack(tmp_path, [], sources))


def test_a_pack_without_the_file_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    with pytest.raises(ContentError, match=r"no scores/severities\.json"):
        Severities.load(tmp_path)


def definition(name: str, own: dict[str, Any] | None = None, details: Any = None) -> dict[str, Any]:
    then: dict[str, Any] = {"effect": "audit"} if details is None else {"effect": "auditIfNotExists"}
    return {
        "name": name,
        "id": f"/providers/Microsoft.Authorization/policyDefinitions/{name}",
        "type": "Microsoft.Authorization/policyDefinitions",
        "properties": {
            "displayName": name,
            "mode": "All",
            "metadata": {} if own is None else {"nephoscope": own},
            "policyRule": {
                "if": {"field": "type", "equals": "Microsoft.Compute/virtualMachines"},
                "then": then if details is None else then | {"details": details},
            },
        },
    }


def found(key: str, *bodies: dict[str, Any]) -> Recommendation:
    return Recommendations(
        PolicyCatalog.from_bodies((body, Place("test")) for body in bodies)
    ).find_recommendation(key)


def test_a_builtin_has_its_published_severity() -> None:
    one = found(SSH_KEYS.upper(), definition(SSH_KEYS))
    assert (one.severity, one.severity_source) == (Severity.MEDIUM, "published")


def test_what_the_definition_says_itself_goes_first() -> None:
    one = found(SSH_KEYS, definition(SSH_KEYS, {"severity": "High"}))
    assert (one.severity, one.severity_source) == (Severity.HIGH, "own")


def test_the_published_severity_goes_before_the_own_twin_that_still_guides() -> None:
    twin = {
        "severity": "High",
        "sameAs": [{"policy": SSH_KEYS, "difference": None}],
        "tactics": ["InitialAccess"],
    }
    one = found(SSH_KEYS, definition(SSH_KEYS), definition("own", twin))
    assert (one.severity, one.severity_source) == (Severity.MEDIUM, "published")
    assert one.tactics == ("InitialAccess",)


def test_a_twin_goes_before_the_points_of_the_control() -> None:
    placed = next(
        name for name in Controls.builtin().placements if Severities.builtin().find_severity(name) is None
    )
    twin = {"severity": "High", "sameAs": [{"policy": placed, "difference": None}]}
    one = found(placed, definition(placed), definition("own", twin))
    assert (one.severity, one.severity_source) == (Severity.HIGH, "same-as")
    assert found(placed, definition(placed)).severity_source == "control"


@pytest.mark.parametrize("type_", ["Microsoft.Security/assessments", "microsoft.security/ASSESSMENTS"])
def test_a_delegated_definition_has_the_severity_of_the_key_that_it_reads(type_: str) -> None:
    one = found("theirs", definition("theirs", details={"type": type_, "name": DDOS_KEY.upper()}))
    assert (one.severity, one.severity_source) == (Severity.MEDIUM, "published")


def test_the_policy_goes_before_the_key_that_it_reads() -> None:
    details = {"type": "Microsoft.Security/assessments", "name": EDR_KEY}
    one = found(DDOS, definition(DDOS, details=details))
    assert (one.severity, one.severity_source) == (Severity.MEDIUM, "published")


@pytest.mark.parametrize(
    "details",
    [
        {"type": "Microsoft.GuestConfiguration/guestConfigurationAssignments", "name": DDOS_KEY},
        {"type": "Microsoft.Security/assessments"},
        {"type": "Microsoft.Security/assessments", "name": 7},
        [{"field": "tags", "value": DDOS_KEY}],
    ],
)
def test_a_definition_that_reads_no_published_key_is_inferred(details: Any) -> None:
    assert found("theirs", definition("theirs", details=details)).severity_source == "inferred"


def test_a_key_that_no_content_holds_still_has_its_published_severity() -> None:
    one = found(EDR_KEY)
    assert (one.name, one.severity, one.severity_source) == (EDR_KEY, Severity.HIGH, "published")
    assert found("no such key").severity_source == "inferred"
