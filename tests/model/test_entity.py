"""Entities: one thing has one name however it is spelled."""

import pytest

from nephoscope.model.entity import Entity


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8::1", "2001:0DB8:0:0::1"),
        ("203.0.113.6", "::ffff:203.0.113.6"),
        ("203.0.113.6", "::FFFF:CB00:7106"),
        ("fe80::1%eth0", "FE80:0::1%eth0"),
        ("no address", "No Address"),
    ],
)
def test_an_address_has_one_name(first: str, second: str) -> None:
    assert (
        Entity.read({"Type": "ip", "Address": first}).key
        == Entity.read({"Type": "ip", "Address": second}).key
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [("2001:db8::1", "2001:db8::2"), ("fe80::1%a", "fe80::1%b"), ("10.0.0.1", "::10.0.0.1")],
)
def test_others_have_another(first: str, second: str) -> None:
    assert (
        Entity.read({"Type": "ip", "Address": first}).key
        != Entity.read({"Type": "ip", "Address": second}).key
    )


def test_what_was_written_is_kept() -> None:
    assert Entity.read({"Type": "ip", "Address": "::FFFF:203.0.113.6"}).title == "::FFFF:203.0.113.6"


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ({"Type": "file", "Directory": "/usr/bin", "Name": "tool"}, "tool"),
        ({"Type": "filehash", "Algorithm": "SHA256", "Value": "5f70"}, "5f70"),
        ({"Type": "host", "AzureID": "/subscriptions/x", "HostName": "web-1"}, "web-1"),
        ({"Type": "host", "AzureID": "/subscriptions/x"}, "/subscriptions/x"),
        ({"Type": "cloud-application", "AppId": "app-1", "Name": "Helpdesk agent"}, "Helpdesk agent"),
        ({"Type": "process", "ProcessId": "42", "CommandLine": "sh -c id"}, "sh -c id"),
        ({"Type": "registry-key", "Hive": "HKEY_LOCAL_MACHINE", "Key": r"Software\Run"}, r"Software\Run"),
    ],
)
def test_a_title_is_what_people_call_it(document: dict[str, str], title: str) -> None:
    assert Entity.read(document).title == title
