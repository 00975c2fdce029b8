"""The commands that look inside: images, hosts, and the advisories that their packages are judged by."""

from __future__ import annotations

import io
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.collect.images.image_builder import make_layout

from nephoscope.cli.main import cli
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.state import State
from nephoscope.state.inventory.subject import SubjectFilter

STATUS = """Package: libfoo1
Status: install ok installed
Architecture: amd64
Source: foo
Version: 1.2-3

Package: gone
Status: deinstall ok config-files
Version: 1
"""
RELEASE = 'ID=debian\nVERSION_ID="12"\n'
METADATA = "Metadata-Version: 2.1\nName: Django_Tools\nVersion: 1.0\n"
BASE = {"var/lib/dpkg/status": STATUS.encode(), "usr/lib/os-release": RELEASE.encode()}
APP_OF_DEBIAN = {
    "usr/lib/os-release": RELEASE.encode(),
    "app/lib/django_tools-1.0.dist-info/METADATA": METADATA.encode(),
}
APP = {"app/lib/django_tools-1.0.dist-info/METADATA": METADATA.encode(), "app/broken/package-lock.json": b"{"}


def advisory(name: str, ecosystem: str, package: str, fixed: str) -> dict[str, object]:
    events = [{"introduced": "0"}, {"fixed": fixed}]
    affected = {
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    upstream = [name.removeprefix("DEBIAN-")] if name.startswith("DEBIAN-") else []
    return {"id": name, "modified": "2026-01-01T00:00:00Z", "upstream": upstream, "affected": [affected]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    found = tmp_path / "data"
    feed = tmp_path / "osv"
    feed.mkdir()
    for one in (
        advisory("DEBIAN-CVE-2026-1", "Debian:12", "foo", "1.2-4"),
        advisory("PYSEC-2026-2", "PyPI", "django-tools", "1.1"),
    ):
        (feed / f"{one['id']}.json").write_text(json.dumps(one))
    told = run(found, "vulnerabilities", "import", str(feed))
    assert told.output == "osv: 2 records; advisories of 2 packages changed\n"
    return found


@pytest.fixture(autouse=True)
def no_clamav(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether ClamAV is installed where the tests run makes no difference."""
    monkeypatch.setattr("nephoscope.collect.malware.clamav_discovery.find_clamav", lambda now: None)


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), *words], catch_exceptions=False)


@pytest.fixture
def layout(tmp_path: Path) -> str:
    make_layout(tmp_path / "layout", [BASE, APP])
    return str(tmp_path / "layout")


def test_vulnerabilities_of_an_image(data: Path, layout: str) -> None:
    for _ in range(2):  # the second time out of what was kept of the layers
        told = run(data, "image", layout, "-o", "json")
        rows = json.loads(told.stdout)["vulnerabilities"]
        assert {(row["id"], row["package"], row["version"], row["fixed"]) for row in rows} == {
            ("CVE-2026-1", "libfoo1", "1.2-3", "1.2-4"),
            ("PYSEC-2026-2", "Django_Tools", "1.0", "1.1"),
        }
        assert told.exit_code == 3  # a lock file could not be read
    shown = run(data, "image", layout)
    assert "debian 12; 2 packages (1 deb, 1 pypi)" in shown.stdout
    assert "not read: app/broken/package-lock.json: " in shown.stderr
    assert run(data, "image", layout, "--look-for", "secrets", "--fail-on", "low").exit_code == 3
    assert run(data, "image", layout, "--platform", "linux").exit_code == 2


@pytest.mark.parametrize(
    ("products", "closed"),
    [
        ([{"@id": "pkg:deb/debian/libfoo1@1.2-3?distro=debian-12"}], {"CVE-2026-1"}),
        ([{"@id": "pkg:deb/debian/foo"}], {"CVE-2026-1"}),
        ([{"@id": "pkg:deb/debian/libfoo1@1.2-2"}], set()),
        ([{"@id": "{layout}"}], {"CVE-2026-1"}),
        ([{"@id": "{layout}", "subcomponents": [{"@id": "pkg:deb/debian/libfoo1"}]}], {"CVE-2026-1"}),
        ([{"@id": "{layout}", "subcomponents": [{"@id": "pkg:deb/debian/other"}]}], set()),
        ([{"@id": "pkg:oci/other@sha256:00"}], set()),
    ],
)
def test_statements_of_a_file_close_findings(
    data: Path, layout: str, tmp_path: Path, products: list[dict[str, object]], closed: set[str]
) -> None:
    statement = {"vulnerability": {"name": "CVE-2026-1"}, "status": "not_affected", "products": products}
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://shop.example/vex/1",
        "author": "Shop",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": [{**statement, "justification": "component_not_present"}],
    }
    vex = tmp_path / "own.json"
    vex.write_text(json.dumps(document).replace("{layout}", layout))
    told = run(data, "image", layout, "--vex", str(vex), "-o", "csv")
    found = {line.split(",")[1] for line in told.stdout.splitlines()[1:]}
    assert {"CVE-2026-1", "PYSEC-2026-2"} - found == closed
    assert ("closed by VEX: 1 finding" in told.output) == bool(closed)


def test_a_file_without_statements_is_refused(data: Path, layout: str, tmp_path: Path) -> None:
    bill = tmp_path / "bill.json"
    bill.write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []}')
    told = run(data, "image", layout, "--vex", str(bill))
    assert (told.exit_code, "the file holds no statement" in told.output) == (2, True)


def test_what_is_found_beside_packages_is_stored_without_the_secret(data: Path, tmp_path: Path) -> None:
    token = "ghp_" + "1234567890abcdefABCDEF1234567890abCD"
    make_layout(tmp_path / "layout", [{**BASE, "app/.env": f"GITHUB_TOKEN={token}\n".encode()}])
    asked = (
        "image",
        str(tmp_path / "layout"),
        "--keep",
        "--look-for",
        "secrets",
        "--look-for",
        "configuration",
    )
    shown = json.loads(run(data, *asked, "-o", "json").stdout)
    told = run(data, *asked, "--deny-license", "GPL-*")
    assert "; other findings: " in told.stderr
    with State.open_folder(data) as state:
        (subject,) = state.inventories.list_subjects(SubjectFilter(EVERYTHING))
        kept = state.image_examinations.findings(subject.id)
    assert kept is not None
    assert kept.examined == ("configuration", "secrets", "licenses")
    places = [(one.rule, one.path, one.line) for one in kept.findings if one.kind == "secret"]
    assert places == [(one["rule"], one["path"], one["first_line"]) for one in shown["secrets"]]
    assert [path for _, path, _ in places] == ["app/.env"]
    assert kept.counts["configuration"] == sum(one["status"] == "Unhealthy" for one in shown["configuration"])
    assert token not in json.dumps([str(one) for one in kept.findings])
    packages = run(data, *asked[:3], "--packages", "-o", "json")
    assert "; other findings: " not in packages.stderr
    with State.open_folder(data) as state:
        assert state.image_examinations.findings(subject.id) == kept


def test_without_advisories_nothing_is_clean(tmp_path: Path, layout: str) -> None:
    told = run(tmp_path / "none", "image", layout, "--fail-on-unknown")
    assert "not assessed: 2 packages: " in told.stdout or "not assessed: 1 package: " in told.stdout
    assert told.exit_code == 3
    listed = run(tmp_path / "none", "image", layout, "-o", "json")
    document = json.loads(listed.stdout)
    assert (document["vulnerabilities"], "not assessed: " in listed.stderr) == ([], True)
    reasons = document["unassessedPackages"]
    assert reasons
    assert all(f"package{'s' * (one['packages'] > 1)}: {one['reason']}" in told.stdout for one in reasons)
    assert run(tmp_path / "none", "vulnerabilities", "feeds").exit_code == 2


def test_a_stale_feed_says_so(data: Path, layout: str, tmp_path: Path) -> None:
    run(data, "vulnerabilities", "import", str(tmp_path / "osv"), "--published", "2020-01-01")
    told = run(data, "image", layout, "--fail-on-unknown")
    assert "import it again" in told.stdout
    assert json.loads(run(data, "vulnerabilities", "feeds", "-o", "json").stdout)[0]["state"] == "stale"


def test_a_feed_is_as_old_as_its_newest_file(data: Path, tmp_path: Path) -> None:
    feed = [str(tmp_path / "osv"), "--feed", "osv"]

    def state(*more: str) -> str:
        assert run(data, "vulnerabilities", "import", *feed, *more).exit_code == 0
        return str(json.loads(run(data, "vulnerabilities", "feeds", "-o", "json").stdout)[0]["state"])

    for place in (tmp_path / "osv").iterdir():
        os.utime(place, (1_600_000_000, 1_600_000_000))
    assert (state(), state("--published", f"{datetime.now(UTC):%Y-%m-%d}")) == ("stale", "current")
    os.utime(tmp_path / "osv/PYSEC-2026-2.json")
    assert state() == "current"
    ahead = run(data, "vulnerabilities", "import", *feed, "--published", "2199-01-01")
    assert (ahead.exit_code, "in the future" in ahead.stderr) == (2, True)


def test_a_severity_that_nobody_told_is_unknown(data: Path, tmp_path: Path) -> None:
    make_layout(tmp_path / "layout", [BASE])
    wanted = ("image", str(tmp_path / "layout"), "--look-for", "configuration", "--fail-on", "critical")
    assert run(data, *wanted).exit_code == 0
    assert run(data, *wanted, "--fail-on-unknown").exit_code == 3


@pytest.mark.parametrize("files", [{}, {"usr/lib/os-release": RELEASE.encode(), "app/x": b""}, APP_OF_DEBIAN])
def test_an_image_without_its_packages_is_not_clean(
    data: Path, tmp_path: Path, files: dict[str, bytes]
) -> None:
    make_layout(tmp_path / "layout", [files])
    told = run(data, "image", str(tmp_path / "layout"), "--fail-on-unknown")
    assert (told.exit_code, "not assessed: packages: no package " in told.stdout) == (3, True)


def test_the_packages_of_a_root(data: Path, tmp_path: Path) -> None:
    for path, content in {**BASE, **APP, "proc/1/package-lock.json": b"{"}.items():
        (tmp_path / "root" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / path).write_bytes(content)
    (tmp_path / "root/app/link").symlink_to("/etc")
    told = run(data, "inventory", str(tmp_path / "root"), "-o", "json")
    assert [(row["type"], row["name"], row.get("namespace", "")) for row in json.loads(told.stdout)] == [
        ("pypi", "Django_Tools", ""),
        ("deb", "libfoo1", "debian"),
    ]
    assert told.exit_code == 3
    bill = json.loads(run(data, "inventory", str(tmp_path / "root"), "-o", "cyclonedx").stdout)
    assert {component["purl"].partition("?")[0] for component in bill["components"]} == {
        "pkg:deb/debian/libfoo1@1.2-3",
        "pkg:pypi/django-tools@1.0",
    }
    assert "spdxVersion" in run(data, "inventory", str(tmp_path / "root"), "-o", "spdx").stdout


def test_a_vulnerability_is_explained(data: Path) -> None:
    told = run(data, "vulnerabilities", "explain", "CVE-2026-1").stdout
    assert "Debian:12 foo: fixed; from 0 before 1.2-4" in told
    assert json.loads(run(data, "vulnerabilities", "explain", "PYSEC-2026-2", "-o", "json").stdout)[
        "advisories"
    ]
    assert run(data, "vulnerabilities", "explain", "CVE-1999-1").exit_code == 2


def test_a_broken_document_changes_nothing(data: Path, tmp_path: Path) -> None:
    (tmp_path / "osv/broken.json").write_text('{"id": "X-1", "modified": "2026", "affected": 7}')
    told = run(data, "vulnerabilities", "import", str(tmp_path / "osv"))
    assert (told.exit_code, "broken.json" in told.stderr) == (2, True)
    assert "fixed" in run(data, "vulnerabilities", "explain", "CVE-2026-1").stdout


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("Not An Image", "is not an image name"),
        (".", "nephoscope inventory ."),
        ("/no/such/layout", "/no/such/layout not found"),
    ],
)
def test_what_is_no_image(target: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = run(tmp_path, "image", target)
    assert (told.exit_code, says in told.stderr) == (2, True)


def test_entries_that_were_left_out_are_told(tmp_path: Path) -> None:
    content = b"x"
    for _ in range(9):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("n.jar", content)
        content = held.getvalue()
    root = tmp_path / "root"
    root.mkdir()
    (root / "n.jar").write_bytes(content)
    told = run(
        tmp_path / "none", "inventory", str(root), "--vulnerabilities", "-o", "json", "--fail-on-unknown"
    )
    assert told.exit_code == 3
    assert "archives deeper than 5" in told.stderr
    assert json.loads(told.stdout)["leftOutEntries"][0]["path"] == "n.jar"
