"""Which distribution a root has, and how long its release is supported."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from nephoscope.collect.inventory.end_of_life import (
    find_release_support,
    find_support_state,
    load_support_table,
)
from nephoscope.collect.inventory.operating_system import (
    PATHS,
    OperatingSystem,
    detect_operating_system,
    read_operating_system,
)

RELEASES = [
    (
        "etc/os-release",
        'NAME="X"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
        ("debian", "12", "bookworm"),
    ),
    ("etc/os-release", "ID='rhel'\nVERSION_ID=9.4\n", ("redhat", "9.4", "")),
    ("etc/os-release", "ID=ol\nVERSION_ID=8.9", ("oracle", "8.9", "")),
    ("etc/os-release", "ID=amzn\nVERSION_ID=2023", ("amazon", "2023", "")),
    ("etc/os-release", "ID=azurelinux\nVERSION_ID=3.0", ("azure-linux", "3.0", "")),
    ("etc/os-release", "ID=mariner\nVERSION_ID=2.0", ("cbl-mariner", "2.0", "")),
    ("etc/os-release", "ID=arch\nBUILD_ID=rolling", ("arch", "", "")),
    ("etc/os-release", "ID=somebodys\nVERSION_ID=1", ("somebodys", "1", "")),
    ("etc/os-release", "NAME=X\nVERSION_ID=1", None),
    ("etc/redhat-release", "Red Hat Enterprise Linux release 8.8 (Ootpa)", ("redhat", "8.8", "")),
    ("etc/redhat-release", "Rocky Linux release 9.3 (Blue Onyx)\n", ("rocky", "9.3", "")),
    ("etc/redhat-release", "CentOS Linux release 7.9.2009 (Core)", ("centos", "7.9.2009", "")),
    ("etc/redhat-release", "nothing known", None),
    ("etc/system-release", "Amazon Linux AMI release 2018.03", ("amazon", "2018.03", "")),
    ("etc/system-release", "Amazon Linux release 2 (Karoo)", ("amazon", "2", "")),
    ("etc/fedora-release", "Fedora release 40 (Forty)", ("fedora", "40", "")),
    ("etc/alpine-release", "3.20.1\n", ("alpine", "3.20.1", "")),
    ("etc/debian_version", "12.5\n", ("debian", "12.5", "")),
    ("etc/debian_version", "", None),
    (
        "etc/lsb-release",
        "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\nDISTRIB_CODENAME=noble\n",
        ("ubuntu", "24.04", "noble"),
    ),
]


@pytest.mark.parametrize(("path", "text", "wanted"), RELEASES)
def test_a_release_file_names_the_distribution(
    path: str, text: str, wanted: tuple[str, str, str] | None
) -> None:
    assert path in PATHS
    assert read_operating_system(path, text) == (OperatingSystem(*wanted) if wanted else None)


def test_the_file_of_a_distribution_is_believed_before_the_general_one() -> None:
    texts = {
        "etc/os-release": "ID=centos\nVERSION_ID=7\n",
        "etc/centos-release": "CentOS Linux release 7.9.2009 (Core)",
    }
    assert detect_operating_system(texts) == OperatingSystem("centos", "7.9.2009")
    assert detect_operating_system(
        {"etc/debian_version": "trixie/sid", "etc/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04"}
    ) == (OperatingSystem("ubuntu", "24.04"))
    assert detect_operating_system({"etc/centos-release": "?"}) is None


@pytest.mark.parametrize(
    ("family", "version", "day", "wanted"),
    [
        ("alpine", "3.19.1", date(2025, 11, 1), "supported"),
        ("alpine", "3.19.1", date(2025, 11, 2), "ended"),
        ("ubuntu", "16.04", date(2021, 4, 30), "supported"),
        ("ubuntu", "16.04", date(2023, 1, 1), "extended"),
        ("debian", "12.5", date(2026, 1, 1), "supported"),
        ("redhat", "7.9", date(2025, 1, 1), "extended"),
        ("wolfi", "20230201", date(2030, 1, 1), "supported"),
        ("debian", "99", date(2026, 1, 1), "unknown"),
        ("somebodys", "1", date(2026, 1, 1), "unknown"),
    ],
)
def test_support_of_a_release(family: str, version: str, day: date, wanted: str) -> None:
    assert find_support_state(family, version, day) == wanted


def test_support_never_comes_back() -> None:
    for distribution in load_support_table().distributions:
        assert distribution.source.startswith("https://")
        for version, support in distribution.releases.items():
            assert find_release_support(distribution.family, version) is support
            last = support.extended or support.standard
            assert last >= support.standard
            assert find_support_state(distribution.family, version, support.standard) == "supported"
            assert find_support_state(distribution.family, version, last + timedelta(1)) == "ended"
