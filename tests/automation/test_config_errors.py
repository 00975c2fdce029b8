"""What is wrong with the files of response is told with the file and the place: by the worker, the doctor, the command, the page."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nephoscope.automation.config_errors import list_file_faults
from nephoscope.automation.operator_policy import FILE
from nephoscope.automation.rule_formats.response_rules import FOLDER
from nephoscope.cli.main import cli
from nephoscope.lake.lake import Lake
from nephoscope.serve import automation_worker
from nephoscope.serve.doctor import examine_installation
from nephoscope.serve.doctor_check import CheckVerdict
from nephoscope.state import State

RULE = "name: tell\nwhen: [alert.created]\nactions: [{action: %s}]\n"


def put(data, path, content):
    (data / path).parent.mkdir(parents=True, exist_ok=True)
    (data / path).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        (FILE, "mail: [unclosed\n", "operator.yaml:2:1: invalid YAML: "),
        (FILE, "email: {}\n", "operator.yaml: Object contains unknown field `email`"),
        (FILE, "commands: {a: {run: []}}\n", "operator.yaml: Expected `array` of length >= 1 - at `$.commands[...].run`"),
        (FILE, b"\xff\xfe\x00", "operator.yaml: cannot be read: "),
        (FOLDER / "a.yaml", RULE % "launch", "a.yaml: actions[0]: "),
        (FOLDER / "b.yaml", "name: [\n", "b.yaml:2:1: invalid YAML: "),
    ],
)  # fmt: skip
def test_a_broken_file_is_told(tmp_path, caplog, path, content, told):
    put(tmp_path, path, content)
    (fault,) = list_file_faults(tmp_path)
    assert told in fault
    assert "\n" not in fault
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        said = set()
        for _ in range(2):  # once, however often it is looked at
            automation_worker._load_rules(state, lake, said)
    assert [one.message for one in caplog.records if one.name == "nephoscope.responding"] == [fault]
    found = [one for one in examine_installation(tmp_path, None) if one.check == "responses"]
    assert [(one.verdict, one.text) for one in found] == [(CheckVerdict.WRONG, fault)]
    listed = CliRunner().invoke(cli, ["--data", str(tmp_path), "response", "rules"])
    assert listed.exit_code == 3
    assert fault in listed.output


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / FILE).mkdir(parents=True)
    assert "operator.yaml: cannot be read: " in list_file_faults(tmp_path)[0]


def test_files_that_are_right_and_none(tmp_path):
    assert not list_file_faults(tmp_path)
    put(tmp_path, FILE, "")
    assert not list_file_faults(tmp_path)
    assert not [one for one in examine_installation(tmp_path, None) if one.check == "responses"]
