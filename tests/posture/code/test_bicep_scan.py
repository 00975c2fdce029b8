"""Bicep files are compiled by the installed `bicep` in one process, and findings stand in the Bicep text.

The outputs are recorded ones, which a stand-in of `bicep` answers with.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.collect.templates.bicep.compiler import BicepCompiler, BicepError, BicepOutput
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.finding import CodeFinding, FindingState
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope

pytestmark = pytest.mark.system

HTTPS = "11374dee-bf66-5966-911f-2f7558023edc"
CASES = Path(__file__).parent / "cases"


class BicepRepo:
    """A folder with Bicep files, what a stand-in of `bicep` answers for them, and a scan."""

    def __init__(self, folder: Path, assess: TemplateEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._judge = folder / "repo", assess
        shutil.copytree(CASES / "bicep", self.folder)
        self.outputs: dict[str, Any] = json.loads((self.folder / "outputs.json").read_text())
        (self.folder / "outputs.json").unlink()
        self.recorded = folder / "recorded.json"
        program = folder / "bin" / "bicep"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\n{(CASES / 'bicep_stand_in.py').read_text()}")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("BICEP_OUTPUTS", str(self.recorded))

    def scan(self, *targets: str) -> CodeReport:
        self.recorded.write_text(json.dumps(self.outputs))
        return scan_targets([self.folder / one for one in targets or ("",)], self._judge, DeploymentScope())

    def compile(self, *names: str, seconds: float = 20.0) -> dict[str, BicepOutput | BicepError]:
        self.recorded.write_text(json.dumps(self.outputs))
        compiler = BicepCompiler.find_installed_compiler()
        assert compiler is not None
        paths = [self.folder / name for name in names]
        found = BicepCompiler(compiler.program, seconds).compile_files(paths)
        return {path.relative_to(self.folder).as_posix(): one for path, one in found.items()}

    @property
    def starts(self) -> int:
        return len(Path(f"{self.recorded}.started").read_text().splitlines())


@pytest.fixture(scope="module")
def assess(tmp_path_factory: pytest.TempPathFactory) -> TemplateEvaluator:
    packs = Packs(tmp_path_factory.mktemp("data"))
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    return TemplateEvaluator(lambda: (plan, packs.aliases()), datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def repo(tmp_path: Path, assess: TemplateEvaluator, monkeypatch: pytest.MonkeyPatch) -> BicepRepo:
    return BicepRepo(tmp_path, assess, monkeypatch)


def of_https(report: CodeReport) -> dict[str, CodeFinding]:
    found = [one for one in report.findings if one.rule == HTTPS]
    return {one.subject.rpartition("/")[2]: one for one in found}


def text_at(repo: BicepRepo, finding: CodeFinding) -> str:
    region = finding.region
    line = (repo.folder / region.file).read_text().splitlines()[region.line - 1]
    return line[region.column - 1 : region.end_column - 1]


#: account, file, line, text, files on the way
PLACES = [
    ("stsite", "main.bicep", 14, "false", set()),
    ("stlogs", "main.bicepparam", 4, "false", {"main.bicep"}),
    ("stown", "modules/data.bicep", 6, "false", set()),
    ("stgiven", "main.bicepparam", 4, "false", {"main.bicep", "modules/data.bicep"}),
]


@pytest.mark.parametrize(("account", "file", "line", "text", "way"), PLACES, ids=[one[0] for one in PLACES])
def test_a_finding_stands_at_the_value_in_the_bicep_text(
    repo: BicepRepo, account: str, file: str, line: int, text: str, way: set[str]
) -> None:
    finding = of_https(repo.scan())[account]
    assert (finding.region.file, finding.region.line, text_at(repo, finding)) == (file, line, text)
    assert finding.evidence == text
    assert {region.file for region in finding.related} >= way
    assert finding.fix == ()


def test_one_process_compiles_every_file_and_nothing_is_left_unjudged(repo: BicepRepo) -> None:
    report = repo.scan()
    assert report.unread == []
    assert repo.starts == 1
    assert {place.region.file for place in report.resources} == {"main.bicep", "modules/data.bicep"}


def test_without_a_parameters_file_the_default_in_the_bicep_text_decides(repo: BicepRepo) -> None:
    (repo.folder / "main.bicepparam").unlink()
    finding = of_https(repo.scan())["stgiven"]
    assert (finding.region.file, finding.region.line, text_at(repo, finding)) == ("main.bicep", 4, "false")


def test_a_comment_in_the_bicep_text_suppresses_with_its_reason(repo: BicepRepo) -> None:
    path = repo.folder / "main.bicep"
    path.write_text(
        path.read_text().replace("// for old clients", f"// nephoscope: ignore[{HTTPS}] old clients")
    )
    found = of_https(repo.scan())
    assert (found["stsite"].state, found["stsite"].reason) == (FindingState.SUPPRESSED, "old clients")
    assert found["stgiven"].state is FindingState.FAILED


def test_rules_for_templates_as_written_hold_for_the_bicep_text(repo: BicepRepo) -> None:
    path = repo.folder / "main.bicep"
    path.write_text(path.read_text() + "\n@secure()\nparam word string = 'w0rd'\n")
    template = json.loads(repo.outputs["main.bicep"]["contents"])
    template["parameters"]["word"] = {"type": "securestring", "defaultValue": "w0rd"}
    repo.outputs["main.bicep"]["contents"] = json.dumps(template)
    (found,) = [one for one in repo.scan().findings if one.rule == "arm-secure-parameter-default"]
    assert found.region.file == "main.bicep"
    assert text_at(repo, found) == "'w0rd'"


def test_symbolic_names_lead_to_the_same_places(repo: BicepRepo) -> None:
    before = of_https(repo.scan())
    template = json.loads(repo.outputs["main.bicep"]["contents"])
    site, logs, data = template["resources"]
    template |= {"languageVersion": "2.0", "resources": {"data": data, "logs": logs, "site": site}}
    repo.outputs["main.bicep"]["contents"] = json.dumps(template)
    assert of_https(repo.scan()) == before


def test_the_compiled_template_beside_it_is_not_judged_twice(repo: BicepRepo) -> None:
    (repo.folder / "main.json").write_text(repo.outputs["main.bicep"]["contents"])
    report = repo.scan()
    assert {one.region.file for one in report.findings} <= {
        "main.bicep",
        "main.bicepparam",
        "modules/data.bicep",
    }


def test_a_module_that_is_not_in_the_repository_is_judged_where_it_is_declared(repo: BicepRepo) -> None:
    path = repo.folder / "main.bicep"
    path.write_text(path.read_text().replace("./modules/data.bicep", "br:registry.example/data:v1"))
    shutil.rmtree(repo.folder / "modules")
    finding = of_https(repo.scan())["stown"]
    assert (finding.region.file, finding.region.line) == ("main.bicep", 26)


def test_a_resource_that_the_text_does_not_tell_is_named_with_its_file(repo: BicepRepo) -> None:
    path = repo.folder / "modules/data.bicep"
    path.write_text(
        "// rewritten since\n" + path.read_text().replace("storageAccounts@2022", "storageAccounts@2023")
    )
    finding = of_https(repo.scan())["stown"]
    assert (finding.region.file, finding.region.line) == ("modules/data.bicep", 1)
    assert finding.subject.endswith("/storageAccounts/stown")


def test_a_file_that_does_not_compile_is_not_judged_and_says_where(repo: BicepRepo) -> None:
    error = {
        "source": "main.bicep",
        "range": {"start": {"line": 6, "char": 2}, "end": {"line": 6, "char": 5}},
        "level": "Error",
        "code": "BCP057",
        "message": "The name does not exist.",
    }
    failed = {"success": False, "diagnostics": [error], "contents": None}
    repo.outputs["main.bicep"] = failed
    report = repo.scan("main.bicep")
    (unread,) = [one for one in report.unread if one.region.file == "main.bicep"]
    assert (unread.region.line, unread.region.column) == (7, 3)
    assert "BCP057" in unread.reason
    assert report.states.total() == 0


def test_the_base_of_a_change_is_compiled_too(repo: BicepRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    bicep = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{bicep}{os.pathsep}{os.defpath}")
    monkeypatch.chdir(repo.folder)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "a"]):
        subprocess.run(["git", *arguments], check=True)
    repo.scan()
    scan = ["--data", "../data", "scan", ".", "--since", "HEAD", "--fail-on-policy", HTTPS]
    known = CliRunner().invoke(cli, scan)
    assert known.exit_code == 0, known.output
    path = repo.folder / "main.bicep"
    path.write_text(path.read_text().replace("name: 'stsite'", "name: 'stother'"))
    template = repo.outputs["main.bicep"]["contents"].replace("stsite", "stother")
    (repo.folder / "other.bicep").write_text(path.read_text())
    repo.outputs["other.bicep"] = {**repo.outputs["main.bicep"], "contents": template}
    repo.scan()
    new = CliRunner().invoke(cli, scan)
    assert new.exit_code == 1, new.output
    assert "other.bicep:14" in new.stdout


FAULTS = [("end", "out of memory"), ("noise", "length"), ("huge", "more than"), ("hang", "in time")]


@pytest.mark.parametrize(("fault", "said"), FAULTS, ids=[one[0] for one in FAULTS])
def test_a_file_that_gets_no_answer_harms_no_other(repo: BicepRepo, fault: str, said: str) -> None:
    repo.outputs["main.bicep"] = fault
    found = repo.compile("main.bicep", "modules/data.bicep", seconds=0.7 if fault == "hang" else 20.0)
    failed, compiled = found["main.bicep"], found["modules/data.bicep"]
    assert isinstance(failed, BicepError)
    assert said in str(failed)
    assert isinstance(compiled, BicepOutput)
    assert compiled.success


def test_without_bicep_parameters_files_say_what_to_do(
    repo: BicepRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    reasons = {one.region.file: one.reason for one in repo.scan().unread}
    assert set(reasons) == {"main.bicep", "main.bicepparam", "modules/data.bicep"}
    assert all("install Bicep" in reason for reason in reasons.values())
