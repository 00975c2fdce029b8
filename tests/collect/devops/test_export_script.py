"""The export script, run by bash with a stand-in for gh, glab and az: its recording is the one that it was answered from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nephoscope.collect.devops.azure_devops import AZURE_DEVOPS
from nephoscope.collect.devops.export_script import render_export_script
from nephoscope.collect.devops.github import GITHUB
from nephoscope.collect.devops.gitlab import GITLAB
from nephoscope.collect.devops.posture_collector import PostureCollector
from nephoscope.collect.devops.recorded_responses import RecordedAnswers

pytestmark = pytest.mark.system

CONNECTOR = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Security/securityConnectors/c"
STAND_IN = """#!{python}
import pathlib, sys
from nephoscope.collect.devops.rest_listing import build_recording_name
url = sys.argv[-1]
service = "advsec" if "advsec" in url else ""
path = url.split("{organization}/", 1)[1] if url.startswith("https:") else url
file = pathlib.Path({folder!r}) / build_recording_name(path, service)
if not file.is_file():
    print('{{"message": "Not Found", "documentation_url": "x", "status": "404"}}' if "{tool}" == "gh" else "", end="")
    sys.exit("Not Found")
sys.stdout.write(file.read_text())
"""


@pytest.mark.parametrize(
    ("platform", "organization", "tool"),
    [(GITHUB, "contoso", "gh"), (GITLAB, "contoso", "glab"), (AZURE_DEVOPS, "fabrikam", "az")],
    ids=["github", "gitlab", "azure-devops"],
)
def test_a_recording_by_script(
    record: Any, tmp_path: Path, platform: Any, organization: str, tool: str
) -> None:
    folder = record(platform.name)
    programs = tmp_path / "bin"
    programs.mkdir()
    stand_in = programs / tool
    stand_in.write_text(
        STAND_IN.format(
            python=sys.executable, folder=str(folder), tool=tool,
            organization=organization,
        )
    )  # fmt: skip
    stand_in.chmod(0o755)
    (tmp_path / "export.sh").write_text(render_export_script(platform))
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run(
        ["bash", "export.sh", organization, "out"], cwd=tmp_path, env=environment, check=True, timeout=100
    )
    direct, by_script = (
        PostureCollector(platform, RecordedAnswers(one)).collect(CONNECTOR, organization)
        for one in (folder, tmp_path / "out")
    )
    assert by_script.documents == direct.documents
    assert by_script.scopes == direct.scopes
    assert direct.gaps.sorted_gaps == by_script.gaps.sorted_gaps == []
