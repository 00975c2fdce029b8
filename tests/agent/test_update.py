"""Updates and installation: only what the server has signed runs, and what runs may do little."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.waiting import wait_until

from nephoscope.protect.hosts.agent_package import build_agent_package
from nephoscope_agent.ed25519 import is_signed
from nephoscope_agent.installation import unit_text
from nephoscope_agent.privileges import KEPT
from nephoscope_agent.settings import Settings
from nephoscope_agent.update import UpdateError, fetch_update, install_update

pytestmark = pytest.mark.system


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
@settings(max_examples=20)
def test_signatures_are_those_of_the_reference(seed: bytes, content: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(content)
    assert is_signed(public, signature, content)
    assert not is_signed(public, signature, content + b"x")
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not is_signed(public, bytes(flipped), content)


@pytest.mark.parametrize("signature", [b"", b"x" * 64, b"\xff" * 64, b"x" * 63])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert not is_signed(public, signature, b"content")
    assert not is_signed(b"\xff" * 32, signature, b"content")


class Answer:
    """A server that answers with a program."""

    def __init__(self, content: bytes, key: Ed25519PrivateKey) -> None:
        # the version beside the content is not signed, and decides nothing
        self._body = {
            "content": base64.b64encode(content).decode(),
            "signature": key.sign(content).hex(),
            "version": "9.9.9",
        }

    def send(self, *_: object) -> dict[str, Any]:
        return self._body


def agent_of(version: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("nephoscope_agent/__init__.py", f'__version__ = "{version}"\n')
    return made.getvalue()


def test_only_what_the_server_signed_is_taken() -> None:
    own, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    known = Settings(update_key=own.public_key().public_bytes_raw().hex())
    content = agent_of("9.0")
    assert fetch_update(Answer(content, own), known) == content
    with pytest.raises(UpdateError, match="signature"):
        fetch_update(Answer(content, other), known)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(agent_of("0.0.9"), "older"), (agent_of("../1"), "not a version"), (b"program", "not an agent")],
    ids=["an older one", "no version", "no zipapp"],
)
def test_no_older_program_is_taken_though_it_is_signed(content: bytes, reason: str) -> None:
    own = Ed25519PrivateKey.generate()
    known = Settings(update_key=own.public_key().public_bytes_raw().hex())
    with pytest.raises(UpdateError, match=reason):
        fetch_update(Answer(content, own), known)


def test_a_program_that_does_not_start_is_not_installed(tmp_path) -> None:
    program = tmp_path / "agent.pyz"
    program.write_bytes(b"before")
    with pytest.raises(UpdateError, match="does not start"):
        install_update(b"no program", program)
    assert program.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [program]


def test_an_agent_becomes_the_one_that_the_server_wants(server, host) -> None:
    content = io.BytesIO(build_agent_package().content)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("note.txt", "another build")
    host.program.write_bytes(content.getvalue())
    host.enrol(server, sensors=["heartbeat"])
    host.start()
    process = host.process
    wait_until(lambda: host.status().get("program") == build_agent_package().sha256, host.log)
    assert host.program.read_bytes() == build_agent_package().content
    assert process.poll() is None
    wait_until(
        lambda: server.instance.state.agents.all()[0].health.program == build_agent_package().sha256, host.log
    )
    host.stop()


def test_an_agent_keeps_what_its_sensors_need_alone(server, host) -> None:
    host.enrol(server, sensors=["heartbeat"])
    host.start()
    with Path(f"/proc/{host.process.pid}/status").open(encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    allowed = sum(1 << number for number in KEPT.values())
    assert int(status["CapEff"], 16) & ~allowed == 0
    assert int(status["CapPrm"], 16) & ~allowed == 0
    assert status["NoNewPrivs"] == "1"
    assert host.status()["unprotected"] == []
    host.stop()


def test_the_unit_is_one_that_systemd_takes(tmp_path) -> None:
    import subprocess

    unit = tmp_path / "nephoscope-agent.service"
    unit.write_text(unit_text(tmp_path, tmp_path / "agent.pyz", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert said == []
