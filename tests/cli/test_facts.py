"""The commands of external facts: what is put is listed, judged, backed up and taken back; what is wrong is told with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
MACHINE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web01"


def run(data: Path, *words: str, sent: str = "") -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), *words], input=sent)


def report(missing: int = 3, *, name: str = "web01") -> str:
    machine = MACHINE.replace("web01", name)
    counts = {"availablePatchCountByClassification": {"security": missing}}
    latest = {
        "id": f"{machine}/patchAssessmentResults/latest",
        "properties": {"status": "Succeeded", **counts},
    }
    documents = [{"id": machine, "properties": {}}, latest]
    return json.dumps({"resource": machine, "readAt": "2026-11-01T00:00:00Z", "documents": documents})


def listed(data: Path, *words: str) -> list[str]:
    return [
        one["resource"].rsplit("/", 1)[-1]
        for one in json.loads(run(data, "facts", "list", *words, "-o", "json").stdout)
    ]


def test_put_listed_judged_backed_up_and_taken_back(tmp_path: Path) -> None:
    data, copy, file = tmp_path / "data", tmp_path / "copy", tmp_path / "copy.tar"
    assert "no reported facts" in run(data, "facts", "list").stderr
    assert not data.exists()
    told = run(data, "facts", "put", "-", sent=f"[{report()}, {report(name='web02')}]")
    assert (told.exit_code, told.stdout) == (0, "4 documents; claims: 4 new\n")
    assert run(data, "facts", "put", "-", sent=report()).stdout == "2 documents; claims: 2 same\n"
    assert listed(data) == ["web01", "latest", "web02", "latest"]
    assert listed(data, MACHINE) == ["web01", "latest"]
    assert run(data, "backup", str(file)).exit_code == 0
    assert run(copy, "restore", str(file)).exit_code == 0
    assert listed(copy) == listed(data)
    assert run(copy, "facts", "remove", MACHINE).stdout == "deleted: 2 documents, 2 claims\n"
    assert listed(copy) == ["web02", "latest"]
    scanned = json.loads(run(data, "scan", "facts:", "--at", "2026-11-02", "-o", "json").stdout)
    found = {
        (one["resource"].rsplit("/", 1)[-1], one["state"])
        for one in scanned["assessments"]
        if one["state"] == "NonCompliant"
    }
    assert found == {("web01", "NonCompliant"), ("web02", "NonCompliant")}


BAD = {
    "a report that is none": (("put", "-"), "{", "-: report: it is not JSON in UTF-8"),
    "a document beside": (("put", "-"), report().replace("web01/patch", "web02/patch"), "-: documents[1].id: must be"),
    "no such file": (("put", "gone.json"), "", "gone.json: no such file"),
    "nothing to take back": (("remove", MACHINE), "", "no reported facts at or below"),
    "no id": (("remove", "web01"), "", "id: not a resource id"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told(tmp_path: Path, name: str) -> None:
    words, sent, said = BAD[name]
    told = run(tmp_path, "facts", *words, sent=sent)
    if isinstance(told.exception, OSError):
        assert said.split(":")[0] in str(told.exception)
        return
    assert told.exit_code == 2
    assert said in told.stderr
