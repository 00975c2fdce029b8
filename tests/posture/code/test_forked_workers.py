"""Files judged by several processes: the report is that of one, and a process that fails is no silence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nephoscope.collect.templates.arm.template_repository import open_repository
from nephoscope.posture.code.template.forked_workers import (
    Exchange,
    ShareError,
    count_processes,
    run_in_shares,
)
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_files
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope

pytestmark = pytest.mark.system
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(number: int, link: str = "") -> str:
    account = {
        "type": "Microsoft.Storage/storageAccounts", "apiVersion": "2022-09-01", "name": f"st{number}", "location": "x",
        "properties": {"supportsHttpsTrafficOnly": bool(number % 2)},
    }  # fmt: skip
    nested = {
        "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "n",
        "properties": {"mode": "Incremental", "templateLink": {"relativePath": link}},
    }  # fmt: skip
    return json.dumps(
        {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [nested if link else account]}, indent=1
    )


@pytest.mark.parametrize("processes", [2, 5])
def test_the_report_is_that_of_one_process(tmp_path: Path, processes: int) -> None:
    for number in range(6):
        (tmp_path / f"t{number}.json").write_text(template(number))
    (tmp_path / "links.json").write_text(template(9, "t4.json"))
    (tmp_path / "broken.json").write_text(template(9)[:-20])
    (tmp_path / "Dockerfile").write_text("FROM ubuntu\n")
    packs = Packs(tmp_path / ".data")
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    now = datetime(2026, 11, 1, tzinfo=UTC)
    one, several = (
        scan_files(
            [open_repository(tmp_path)],
            "x",
            TemplateEvaluator(lambda: (plan, packs.aliases()), now),
            DeploymentScope(),
            processes=count,
        )
        for count in (1, processes)
    )
    assert one == several
    assert "t4.json" in one.files
    assert len(one.findings) > 10


def test_names_are_exchanged_between_shares() -> None:
    def work(share: Sequence[int], exchange: Exchange) -> tuple[list[int], list[str]]:
        return [*share], sorted(exchange(frozenset(map(str, share))))

    found = run_in_shares([9, 1, 1, 1, 1], work, 2)
    assert sorted(index for share, _ in found for index in share) == [0, 1, 2, 3, 4]
    assert found[0][0] == [0]
    assert all(names == ["0", "1", "2", "3", "4"] for _, names in found)


@pytest.mark.parametrize("late", [False, True])
def test_a_process_that_fails_says_why(late: bool) -> None:
    def work(share: Sequence[int], exchange: Exchange) -> int:
        if late:
            exchange(frozenset())
        if 1 in share:
            raise ValueError("the second is wrong")
        if not late:
            exchange(frozenset())
        return 0

    with pytest.raises(ShareError, match="the second is wrong"):
        run_in_shares([2, 1], work, 2)


def test_a_few_files_need_no_process() -> None:
    assert count_processes(3) == 1


def test_a_scan_of_templates_loads_neither_the_lake_nor_a_database(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(template(1))
    code = (
        "import sys\nfrom nephoscope.cli.main import cli\n"
        f"try: cli.main(['--data', {str(tmp_path / 'data')!r}, 'scan', {str(tmp_path / 'a.json')!r}], standalone_mode=False)\n"
        "except SystemExit: pass\n"
        "print(sorted({n for n in sys.modules if n.partition('.')[0] in ('duckdb', 'sqlalchemy', 'pyarrow', 'multiprocessing')"
        " or n.startswith(('nephoscope.lake', 'nephoscope.state', 'nephoscope_kql'))}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
