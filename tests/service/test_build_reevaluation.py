"""Old builds are judged again: work items open and close by what advisories say today, and never by what was not read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.service.acting import context_of

from nephoscope.cli.main import cli
from nephoscope.cli.session.advisory_files import AdvisoryFiles
from nephoscope.posture.pipelines.build_reevaluation import TOOL, to_package
from nephoscope.posture.pipelines.results.result_reader import read_results
from nephoscope.posture.pipelines.results.tool_results import BillComponent
from nephoscope.service.build_reevaluation import list_builds, reevaluate_builds
from nephoscope.service.local_user import LocalUser
from nephoscope.service.pipelines import NewPipelineRun, record_run
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.estate.pipeline_records import WorkItemStatus

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = "github.com/contoso/shop"


class House:
    """A state with its clock, and a folder of advisories."""

    def __init__(self, state: State, folder: Path) -> None:
        self.state, self.folder, self.now = state, folder, NOON
        self.advisories = folder / "advisories"
        self.advisories.mkdir(parents=True)
        self.context = ServiceContext(LocalUser("kim"), state, folder / "data", lambda: self.now)

    def build(self, *purls: str, run: str = "1", **more: Any) -> None:
        """A run of the default branch that sends its bill of materials."""
        self.now += timedelta(hours=1)
        document = {
            "bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"tools": [{"name": "syft", "version": "1"}]},
            "components": [{"type": "library", "purl": purl, "bom-ref": purl} for purl in purls],
        }  # fmt: skip
        new = NewPipelineRun(
            "github.com/contoso/shop", "main", "c0ffee", run, read_results(document), started=self.now, **more
        )
        record_run(self.context, new)

    def publish(self, id_: str, name: str, fixed: str, ecosystem: str = "npm") -> None:
        events = [{"introduced": "0"}, {"fixed": fixed}]
        document = {
            "id": id_, "modified": "2026-10-01T00:00:00Z", "summary": "A <b>summary</b>", "schema_version": "1.6.0",
            "database_specific": {"severity": "HIGH"},
            "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "SEMVER", "events": events}]}],
        }  # fmt: skip
        (self.advisories / f"{id_}.json").write_text(json.dumps(document))

    def rejudge(self, context: ServiceContext | None = None) -> list[dict[str, int] | None]:
        """The counts of each run that was kept, None for a build of which nothing new is said."""
        self.now += timedelta(hours=1)
        files = AdvisoryFiles([self.advisories])
        found = reevaluate_builds(
            context or self.context, files.read_records, whole=lambda: not files.refusals
        )
        return [recorded.run.counts if recorded else None for _, recorded in found]

    def items(self, *statuses: WorkItemStatus) -> list[str]:
        found = self.state.pipelines.items([KEY], statuses or (WorkItemStatus.OPEN,))
        return sorted(one.message.split(":")[0] for one in found if one.tool == TOOL)


@pytest.fixture
def house(state: State, tmp_path: Path) -> House:
    return House(state, tmp_path)


def test_an_advisory_of_today_opens_an_item_on_a_build_of_yesterday(house: House) -> None:
    house.build("pkg:npm/left-pad@1.2.0", "pkg:npm/%40contoso/ui@3.0.0")
    house.publish("GHSA-1", "left-pad", "1.1.0")
    assert [one and one["failed"] for one in house.rejudge()] == [0]
    house.publish("GHSA-2", "left-pad", "1.3.0")
    assert [one and one["new"] for one in house.rejudge()] == [1]
    assert house.items() == ["left-pad 1.2.0 has GHSA-2"]
    (item,) = [one for one in house.state.pipelines.items([KEY]) if one.tool == TOOL]
    assert (item.severity, item.subject) == ("High", "pkg:npm/left-pad@1.2.0")


def test_the_same_word_again_keeps_no_run(house: House) -> None:
    house.build("pkg:npm/left-pad@1.2.0")
    house.publish("GHSA-2", "left-pad", "1.3.0")
    house.rejudge()
    before = len(house.state.pipelines.runs([KEY]))
    assert house.rejudge() == [None]
    assert len(house.state.pipelines.runs([KEY])) == before


def test_a_build_without_the_component_closes_the_item(house: House) -> None:
    house.publish("GHSA-2", "left-pad", "1.3.0")
    house.build("pkg:npm/left-pad@1.2.0")
    house.rejudge()
    house.build("pkg:npm/left-pad@1.2.5", run="2")
    house.rejudge()
    assert house.items() == ["left-pad 1.2.5 has GHSA-2"], (
        "a raised version that is still affected is the same item"
    )
    house.build("pkg:npm/left-pad@1.3.0", run="3")
    assert [one and one["fixed"] for one in house.rejudge()] == [1]
    assert house.items(WorkItemStatus.FIXED) == ["left-pad 1.2.5 has GHSA-2"]


def test_an_advisory_that_is_withdrawn_and_comes_back(house: House) -> None:
    house.build("pkg:npm/left-pad@1.2.0")
    house.publish("GHSA-0", "other", "1.0.0")
    house.publish("GHSA-2", "left-pad", "1.3.0")
    house.rejudge()
    (house.advisories / "GHSA-2.json").unlink()
    assert [one and one["fixed"] for one in house.rejudge()] == [1]
    house.publish("GHSA-2", "left-pad", "1.3.0")
    assert [one and one["reopened"] for one in house.rejudge()] == [1]


@pytest.mark.parametrize(
    "broken", ['{"id": "GHSA-9", "affected": 7, "modified": "x", "schema_version": "1"}', "{"]
)
def test_what_could_not_be_read_closes_nothing(house: House, broken: str) -> None:
    house.build("pkg:npm/left-pad@1.2.0")
    house.publish("GHSA-2", "left-pad", "1.3.0")
    house.publish("GHSA-0", "other", "1.0.0")
    house.rejudge()
    (house.advisories / "GHSA-2.json").write_text(broken)
    house.rejudge()
    assert house.items() == ["left-pad 1.2.0 has GHSA-2"]


def test_an_ecosystem_that_nothing_speaks_of_closes_nothing(house: House) -> None:
    house.build("pkg:npm/left-pad@1.2.0")
    house.publish("GHSA-2", "left-pad", "1.3.0")
    house.rejudge()
    (house.advisories / "GHSA-2.json").unlink()
    house.publish("PYSEC-1", "django", "5.0", ecosystem="PyPI")
    assert [one and one["unread"] for one in house.rejudge()] == [1]
    assert house.items() == ["left-pad 1.2.0 has GHSA-2"]


def test_pull_requests_and_other_branches_are_no_builds(house: House) -> None:
    house.build("pkg:npm/left-pad@1.2.0", pull_request="7")
    assert list(list_builds(house.context)) == []
    assert house.rejudge() == []


def test_who_may_not_write_a_repository_judges_nothing(house: House) -> None:
    house.build("pkg:npm/left-pad@1.2.0")
    house.publish("GHSA-2", "left-pad", "1.3.0")
    reader = context_of(house.state, house.folder, "Reader")
    assert house.rejudge(reader) == []
    publisher = context_of(house.state, house.folder, "Pipeline Publisher", f"/repositories/{KEY}")
    assert list(list_builds(publisher)) != []


def test_each_run_has_its_entry(house: House) -> None:
    house.build("pkg:npm/left-pad@1.2.0")
    house.publish("GHSA-2", "left-pad", "1.3.0")
    before = len(house.state.audit.entries(most=100))
    house.rejudge()
    newest = house.state.audit.entries(most=100)
    assert len(newest) == before + 1
    assert newest[0].detail["tool"] == TOOL


@pytest.mark.parametrize(
    ("purl", "told"),
    [
        ("pkg:npm/%40contoso/ui@3.0.0", ("npm", "@contoso/ui", "3.0.0", "")),
        ("pkg:maven/org.apache/log4j@2.0", ("maven", "org.apache:log4j", "2.0", "")),
        ("pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12", ("deb", "openssl", "3.0.11-1", "12")),
        ("pkg:npm/no-version", None),
        ("not a purl", None),
    ],
)
def test_components_as_packages(purl: str, told: tuple[str, ...] | None) -> None:
    found = to_package(BillComponent(purl=purl))
    assert (found and (found.type, found.name, found.version, found.distribution_version)) == told


def test_a_person_judges_again_by_command(tmp_path: Path) -> None:
    data, bill = tmp_path / "data", tmp_path / "bom.json"
    bill.write_text(
        json.dumps({"bomFormat": "CycloneDX", "components": [{"purl": "pkg:npm/left-pad@1.2.0"}]})
    )
    (tmp_path / "a").mkdir()
    ranges = [{"type": "SEMVER", "events": [{"introduced": "0"}]}]
    advisory = {
        "id": "GHSA-2", "modified": "2026-10-01T00:00:00Z", "schema_version": "1.6.0",
        "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"}, "ranges": ranges}],
    }  # fmt: skip
    (tmp_path / "a" / "GHSA-2.json").write_text(json.dumps(advisory))
    runner = CliRunner()

    def call(*words: str, code: int = 0) -> str:
        done = runner.invoke(cli, ["--data", str(data), "pipelines", *words])
        assert done.exit_code == code, done.output
        return done.output

    call(
        "send",
        str(bill),
        "--repository",
        "github.com/contoso/shop",
        "--branch",
        "main",
        "--commit",
        "c",
        "--run-id",
        "1",
    )
    assert "1 failed, 1 new" in call("rejudge", str(tmp_path / "a"))
    assert "unchanged" in call("rejudge", str(tmp_path / "a"))
    (tmp_path / "a" / "broken.json").write_text("{")
    assert "not read" in call("rejudge", str(tmp_path / "a"), code=3)
