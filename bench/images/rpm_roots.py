"""Roots with a database of RPM: packages that rpmbuild builds and rpm installs, in each form of database that rpm still writes."""

from __future__ import annotations

from pathlib import Path

from images.building import Workshop
from images.measuring import run

#: Name, epoch ('' for none), version, release, architecture and license of the packages.
PACKAGES = tuple(
    (f"{name}{part}", epoch, version, release, architecture, license_)
    for name, epoch, version, release, architecture, license_ in (
        ("openssl", "1", "3.0.7", "27.el9", "x86_64", "ASL 2.0"),
        ("bash", "", "5.1.8", "9.el9", "x86_64", "GPLv3+"),
        ("glibc", "", "2.34", "100.el9_4.2", "x86_64", "LGPLv2+"),
        ("python3", "", "3.9.18", "3.el9_4.1", "x86_64", "Python"),
        ("tzdata", "", "2024a", "1.el9", "noarch", "Public Domain"),
        ("curl", "", "7.76.1", "29.el9_4", "x86_64", "MIT"),
        ("vim", "2", "8.2.2637", "20.el9_1", "x86_64", "Vim and MIT"),
        ("snapshot", "", "1.0~rc1", "0.1^20240101git", "noarch", "MIT"),
    )
    for part in ("", "-libs", "-devel", "-common")
)
_RELEASES = {
    "rocky": 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nPRETTY_NAME="Rocky Linux 9.4"\n',
    "opensuse-leap": 'NAME="openSUSE Leap"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n',
}
_FOLDERS = {"sqlite": "/var/lib/rpm", "ndb": "/usr/lib/sysimage/rpm"}
_SPEC = """\
Name: {name}
{epoch}Version: {version}
Release: {release}
Summary: A package of the benchmark
License: {license}
{architecture}
%description
It is empty but for one file.
%install
mkdir -p %{{buildroot}}/usr/share/bench
echo {name} > %{{buildroot}}/usr/share/bench/{name}
%files
/usr/share/bench/{name}
"""


def rpm_root(shop: Workshop, backend: str, family: str) -> Path:
    """Return a root with packages in a database of a form; its distribution is of a family."""
    built = _built(shop)
    root = shop.work(f"rpm-{backend}")
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(_RELEASES[family])
    if family == "rocky":
        (root / "etc/redhat-release").write_text("Rocky Linux release 9.4 (Blue Onyx)\n")
    macros = ["--define", f"_db_backend {backend}", "--dbpath", _FOLDERS[backend]]
    run(["rpm", "--root", root, *macros, "--initdb"])
    run(
        [
            "rpm",
            "--root",
            root,
            *macros,
            "-i",
            "--nodeps",
            "--ignorearch",
            "--noscripts",
            *sorted(built.glob("**/*.rpm")),
        ]
    )
    return root


def _built(shop: Workshop) -> Path:
    """Return the folder of the packages, built once."""
    work = shop.folder / "rpms"
    if (work / "done").exists():
        return work / "RPMS"
    (work / "SPECS").mkdir(parents=True, exist_ok=True)
    for name, epoch, version, release, architecture, license_ in PACKAGES:
        spec = work / "SPECS" / f"{name}.spec"
        spec.write_text(
            _SPEC.format(
                name=name,
                version=version,
                release=release,
                license=license_,
                epoch=f"Epoch: {epoch}\n" if epoch else "",
                architecture="BuildArch: noarch" if architecture == "noarch" else "",
            )
        )
        run(["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {work}", "--target", architecture, spec])
    (work / "done").touch()
    return work / "RPMS"
