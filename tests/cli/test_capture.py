"""The command `protect capture`: what it prints of a capture, and of a file that is none."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from tests.protect.capture.captures import pcap, session

from nephoscope.cli.main import cli

LOGIN = [(False, b"220 ready\r\n"), (True, b"USER ada\x1b[2J\r\n"), (True, b"PASS secret-word\r\n")]


def run(file: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["protect", "capture", str(file), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_login_in_clear_text_is_shown_without_its_password(tmp_path: Path) -> None:
    file = tmp_path / "login.pcap"
    file.write_bytes(pcap(session(LOGIN, server=("192.0.2.7", 21))))
    code, text = run(file)
    assert code == 0
    assert "5 frames" in text
    assert "Credentials in clear text" in text
    assert "192.0.2.7:21" in text
    assert "\x1b[2J" not in text
    told = json.loads(run(file, "-o", "json")[1])
    assert told["protocolFrames"]["ftp"] == 3
    assert told["credentials"][0]["user"].startswith("ada")
    assert "secret-word" not in text + json.dumps(told)


def test_a_damaged_file_is_shown_up_to_its_defect(tmp_path: Path) -> None:
    file = tmp_path / "cut.pcap"
    file.write_bytes(pcap(session(LOGIN))[:-3])
    code, text = run(file)
    assert code == 3
    assert "the file ends inside packet 5" in text


def test_a_file_of_which_nothing_could_be_read_is_not_clean(tmp_path: Path) -> None:
    file = tmp_path / "empty.pcap"
    file.write_bytes(b"")
    code, text = run(file, "-o", "json")
    assert code == 3
    assert json.loads(text)["defect"] == "the file ends inside the magic number"


def test_frames_of_an_unknown_link_type_are_counted_as_left_out(tmp_path: Path) -> None:
    file = tmp_path / "link.pcap"
    whole = pcap(session(LOGIN))
    file.write_bytes(whole[:20] + (250).to_bytes(4, "little") + whole[24:])
    code, text = run(file)
    assert code == 0
    assert "frames of link type 250" in text


def test_a_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "text.pcap"
    file.write_text("hello world")
    code, text = run(file)
    assert code == 2
    assert "not a pcap or pcapng file" in text
