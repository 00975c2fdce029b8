"""What is said of the sample company is the same, to the byte, beside a second company that is named like it throughout."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from nephoscope.posture.reports.multi_tenant_report import CombinedReport, combine_reports
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

# a small company beside its like is in tests/posture/scans/test_tenants_apart.py
pytestmark = pytest.mark.full

NOW = datetime(2026, 11, 29, tzinfo=UTC)
SAMPLE = Path(str(files("nephoscope.content") / "sample" / "snapshot"))
TENANT = "d521efe4-9b5f-5052-b695-40bc72dcce4c"
_ID = re.compile(rf"(?<=/subscriptions/)[0-9a-f-]{{36}}|{TENANT}", re.IGNORECASE)
_SWITCHES = {"Enabled": "Disabled", "Disabled": "Enabled"}
_KEPT = {"id", "name", "type", "properties", "tenantId"}


def rename(id_: str) -> str:
    """Another subscription or tenant in the place of one, always the same."""
    return str(uuid.UUID(hashlib.blake2b(id_.lower().encode(), digest_size=16).hexdigest()))


def vary(value: Any, draw: random.Random) -> Any:
    """A body in which some switches are turned and some members lack."""
    if isinstance(value, dict):
        return {key: vary(item, draw) for key, item in value.items() if key in _KEPT or draw.random() > 0.01}
    if isinstance(value, list):
        return [vary(item, draw) for item in value]
    turned = draw.random() < 0.2
    if isinstance(value, bool):
        return value is not turned
    return _SWITCHES[value] if turned and value in ("Enabled", "Disabled") else value


def is_of_directory(body: dict[str, Any]) -> bool:
    return "/microsoft.graph/" in str(body.get("id")).lower()


def write_second(folder: Path, seed: int) -> None:
    """The sample company as another tenant whose directory may not be read: groups and resources have the same names."""
    draw = random.Random(seed)
    shutil.copytree(SAMPLE, folder)
    for path in sorted(folder.rglob("*.json")):
        document = json.loads(_ID.sub(lambda found: rename(found[0]), path.read_text()))
        if path.name == "coverage.json":
            scopes = document["scopes"].items()
            document["scopes"] = {
                scope: [one for one in types if not one.startswith("microsoft.graph/")]
                for scope, types in scopes
            }
            document["gaps"] = {"microsoft.graph/users": "403 on /users"}
        else:
            rows = document if isinstance(document, list) else document.get("data") or document["value"]
            rows[:] = [vary(one, draw) for one in rows if not is_of_directory(one)]
        path.write_text(json.dumps(document))


def assess(folders: Iterable[Path], data: Path) -> CombinedReport | Report:
    scan = EstateScan(ScanRequest(tuple(map(str, folders))), data, NOW)
    return combine_reports([Report(scan.run(estate), "x") for estate in scan.load_estates()])


def tell(report: CombinedReport | Report, tenant: str) -> list[str]:
    """Everything that is said of a tenant, with the reasons."""
    return sorted(
        repr((row.assessment, row.recommendation.name, report.reasons(row), report.reason_of(row)))
        for row in report.rows
        if row.tenant == tenant
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_company_is_judged_the_same_beside_one_of_the_same_names(tmp_path: Path, seed: int) -> None:
    write_second(tmp_path / "second", seed)
    folders = {TENANT: SAMPLE, rename(TENANT): tmp_path / "second"}
    both = assess(folders.values(), tmp_path / "data")
    for tenant, folder in folders.items():
        alone = tell(assess([folder], tmp_path / "data"), tenant)
        assert len(alone) > 1_500
        assert tell(both, tenant) == alone
    other = rename(TENANT)
    named = {
        rename(one) for one in re.findall(r"(?<=/subscriptions/)[0-9a-f-]{36}", "\n".join(tell(both, TENANT)))
    }
    text = "\n".join(tell(both, TENANT)).lower()
    assert [one for one in {*named, other} if one in text] == []
