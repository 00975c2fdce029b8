"""What a server needs before it begins: a fault is told by one line that names the file, and nothing is started over it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.cli.main import cli
from nephoscope.ingest.source_failures import SourceError
from nephoscope.serve import preflight
from nephoscope.serve.doctor import examine_installation
from nephoscope.serve.doctor_check import CheckVerdict, DoctorFinding
from nephoscope.serve.preflight import check
from nephoscope.serve.server import ensure_certificate, make_listener
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.serve.status_file import make_status_writer
from nephoscope.server_status import FILE, read
from nephoscope.state import State, StateError
from nephoscope.state.database.database import DatabaseUnreachableError, DiskFullError

pytestmark = pytest.mark.system

NOW = datetime.now(UTC)
OWN = "127.0.0.1-__1-localhost"


@pytest.fixture
def data(tmp_path):
    """A data folder that served before."""
    folder = tmp_path / "data"
    with State.open_folder(folder) as state:
        AccessTokenIssuer(state, folder / "keys", "")
    ensure_certificate(ServeSettings(folder))
    return folder


def pair(folder, name, begins=-timedelta(days=1), ends=timedelta(days=10), password=None):
    """The files of a certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(called).issuer_name(called).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW + begins).not_valid_after(NOW + ends)
    files = folder / f"{name}.crt", folder / f"{name}.key"
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    files[0].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    return files


def in_place(name, content):
    """Puts content in the place of a file."""

    def spoil(data):
        (data / name).write_bytes(content)

    return spoil


def folder_in_place(name):
    def spoil(data):
        (data / name).unlink()
        (data / name).mkdir()

    return spoil


def public_alone(data):
    path = data / "keys" / "tokens.key"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps({name: whole[name] for name in ("kty", "n", "e")}))


def other_key(data):
    shutil.copy(pair(data, "other")[1], data / "tls" / f"{OWN}.key")


def authority_of_another(data):
    shutil.copy(pair(data, "other")[1], data / "tls" / "ca.key")
    (data / "tls" / f"{OWN}.crt").unlink()


def cut(data):
    whole = (data / "state.db").read_bytes()
    (data / "state.db").write_bytes(whole[: len(whole) // 8])


FAULTS = [
    (in_place("keys/tokens.key", b"garbage"), "tokens.key", "not a token key; restore"),
    (in_place("keys/tokens.key", b""), "tokens.key", "not a token key; restore"),
    (in_place("keys/tokens.key", b"\xff\xfe\0"), "tokens.key", "not a token key; restore"),
    (in_place("keys/tokens.key", b"[]"), "tokens.key", "not a token key; restore"),
    (in_place("keys/tokens.key", b'{"kty": "RSA"}'), "tokens.key", "not a token key; restore"),
    (public_alone, "tokens.key", "not a token key; restore"),
    (folder_in_place("keys/tokens.key"), "tokens.key", "is a directory; restore the file"),
    (in_place("state.db", b"garbage" * 2000), "state.db", "file is not a database; keep it as it is, and bring a backup"),
    (cut, "state.db", "malformed; keep it as it is, and bring a backup"),
    (folder_in_place("state.db"), "state.db", "Is a directory; the state must be"),
    (in_place(f"tls/{OWN}.crt", b"garbage"), f"{OWN}.crt", "contains no PEM certificate; remove it"),
    (in_place(f"tls/{OWN}.key", b"garbage"), f"{OWN}.key", "contains no PEM private key; remove"),
    (folder_in_place(f"tls/{OWN}.key"), f"{OWN}.key", "is a directory; remove"),
    (other_key, f"{OWN}.key", "not the key of"),
    (authority_of_another, "ca.key", "not the key of"),
]  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("spoil", "file", "told"), FAULTS)
def test_a_broken_file_is_told_before_anything_is_started(data, spoil, file, told):
    begin(ServeSettings(data))
    spoil(data)
    with pytest.raises((StateError, SourceError)) as found:
        begin(ServeSettings(data))
    assert file in str(found.value)
    assert told in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("spoil", "file", "told"), FAULTS)
def test_the_doctor_tells_of_it_too(data, spoil, file, told):
    assert all(one.verdict is not CheckVerdict.WRONG for one in found_in(data))
    spoil(data)
    wrong = [f"{one.text}; {one.remedy}" for one in found_in(data) if one.verdict is CheckVerdict.WRONG]
    assert file in wrong[0]
    assert not wrong[0].endswith("; ")


def found_in(data):
    """What the doctor finds but of the disk; of a state that cannot be opened the command tells the line of the error."""
    try:
        return [one for one in examine_installation(data, None) if one.check != "disk"]
    except StateError as error:
        told, _, remedy = str(error).partition("; ")
        return [DoctorFinding("state", CheckVerdict.WRONG, told, remedy)]


def begin(settings):
    """What `nephoscope serve` does first."""
    check(settings)
    ensure_certificate(settings)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("over", {"begins": -timedelta(days=9), "ends": -timedelta(days=1)}, "over.crt: the certificate expired on"),
        ("early", {"begins": timedelta(days=1)}, "early.crt: the certificate is valid from"),
        ("locked", {"password": b"secret"}, "locked.key: the key has a password; use a key without"),
    ],
)  # fmt: skip
def test_a_given_certificate_that_cannot_be_used(data, tmp_path, name, given, told):
    certificate, key = pair(tmp_path, name, **given)
    with pytest.raises(SourceError, match=told):
        ensure_certificate(ServeSettings(data, certificate=str(certificate), key=str(key)))


def test_given_files_that_do_not_belong_together(data, tmp_path):
    one, other = pair(tmp_path, "one"), pair(tmp_path, "other")
    both = tmp_path / "both.pem"
    both.write_bytes(one[0].read_bytes() + one[1].read_bytes())
    good = ServeSettings(data, certificate=str(both), key=str(both))
    assert ensure_certificate(good) == (good, "")
    for certificate, key, told in (
        (one[0], other[1], "other.key: not the key of .*one.crt"),
        (one[0], one[0], "one.crt: contains no PEM private key"),
        (one[1], one[1], "one.key: contains no PEM certificate"),
        (one[0], tmp_path / "gone", "gone: no such file or directory; the file must exist"),
    ):
        with pytest.raises(SourceError, match=told):
            ensure_certificate(ServeSettings(data, certificate=str(certificate), key=str(key)))


@contextmanager
def another_user():
    """Not the superuser, whom no mode keeps from writing."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_folder_that_cannot_be_written(data):
    data.chmod(0o500)
    with another_user(), pytest.raises(PermissionError) as found:
        check(ServeSettings(data))
    data.chmod(0o700)
    assert str(data) in str(found.value.filename)


@pytest.mark.parametrize("error", [DiskFullError, DatabaseUnreachableError])
def test_what_may_pass_is_waited_for_by_the_processes(data, monkeypatch, error):
    def raised(*_, **__):
        raise error("later")

    monkeypatch.setattr(preflight.State, "open_folder", raised)
    check(ServeSettings(data))


def test_a_file_of_how_the_processes_stand_that_the_power_cut_keeps_nothing_back(data):
    make_status_writer(ServeSettings(data))({})
    assert read(data) is not None
    (data / FILE).write_bytes(b"")
    assert read(data) is None


def test_the_command_ends_at_once_with_one_line(data):
    (data / "keys" / "tokens.key").write_text("garbage")
    ended = serve(data)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"nephoscope: {data / 'keys' / 'tokens.key'}: ")
    assert ended.stderr.count("\n") == 1


def test_a_port_that_is_taken(data):
    with make_listener("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        ended = serve(data, "--port", str(port))
        make_status_writer(ServeSettings(data, port=port))({})
        stopped = (data / FILE).read_text().replace(f'"pid":{os.getpid()}', f'"pid":{2**22 + 1}')
        (data / FILE).write_text(stopped)
        found = [one for one in examine_installation(data, None) if one.check == "port"]
    assert ended.returncode == 2
    assert ended.stderr == (
        f"nephoscope: --host 127.0.0.1 --port {port}: address already in use; "
        "stop the process that listens there, or use another --port\n"
    )
    assert [(one.verdict, str(port) in one.text) for one in found] == [(CheckVerdict.WARNING, True)]
    assert not [one for one in examine_installation(data, None) if one.check == "port"]


def serve(data, *words):
    return subprocess.run(
        [sys.executable, "-m", "nephoscope", "--data", str(data), "serve", "--port", "0", *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def handlers():
    """Signals are handled afterwards as before."""
    numbers = signal.SIGINT, signal.SIGTERM
    before = [signal.getsignal(one) for one in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["beginning.check", "server.ensure_certificate"])
@pytest.mark.usefixtures("handlers")
def test_a_signal_before_anything_is_started_ends_in_order(tmp_path, monkeypatch, number, where):
    from nephoscope.serve import server

    module, name = (
        {"beginning": preflight, "server": server}[where.partition(".")[0]],
        where.partition(".")[2],
    )
    done = getattr(module, name)

    def signalled(settings):
        for _ in range(2):  # Ctrl-C, and again since it takes a moment
            os.kill(os.getpid(), number)
        return done(settings)

    def not_wanted(*_):
        raise AssertionError("a server was started")

    monkeypatch.setattr(module, name, signalled)
    monkeypatch.setattr(server, "make_listener", not_wanted)
    found = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "serve", "--port", "0"])
    assert (found.exit_code, found.output, found.exception) == (0, "", None)


@pytest.mark.full
def test_ctrl_c_while_the_program_is_read_leaves_no_traceback(tmp_path):
    (tmp_path / "click.py").write_text(
        "import time\nprint('reading', flush=True)\nfor _ in range(600): time.sleep(0.1)\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    # as in the foreground of a terminal: who runs these tests in the background hands on that Ctrl-C is ignored
    begin = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", begin, sys.executable, "-m", "nephoscope", "serve"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == -signal.SIGINT
