"""Which addresses are public, and which URLs are not asked at all."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from nephoscope.connect.ssrf_guard import (
    PrivateAddressError,
    UnreachableAddressError,
    is_public,
    resolve_target,
)


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.0.0.1", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("::1", False), ("fe80::1", False), ("fd00::1", False),
        ("::ffff:127.0.0.1", False), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("168.63.129.16", False),
        ("::169.254.169.254", False), ("64:ff9b:1::a9fe:a9fe", False), ("192.0.0.192", False), ("fec0::1", False), ("5f00::1", False),
        ("64:ff9b::808:808", True),
    ],
)  # fmt: skip
def test_public_addresses(text: str, public: bool) -> None:
    assert is_public(ip_address(text)) is public


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://user:word@example.com/", "https://", "file:///etc/passwd", "https://127.0.0.1/",
     "https://[::1]/", "https://2130706433/", "https://localhost:99999/", "https://0x7f.1/"],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(UnreachableAddressError):
        resolve_target(url, [], 60.0)


def test_every_address_of_a_name_is_judged_and_each_turn_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ["8.8.8.8", "2606:4700::1111"]

    def looked_up(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", (one, 443)) for one in known]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    asked = [resolve_target("https://feed.example/a?b=c", (), 5.0, turn) for turn in range(3)]
    assert [one.url for one in asked] == [
        "https://8.8.8.8:443/a?b=c", "https://[2606:4700::1111]:443/a?b=c", "https://8.8.8.8:443/a?b=c",
    ]  # fmt: skip
    assert {(one.host, one.name) for one in asked} == {("feed.example", "feed.example")}
    known.append("10.0.0.1")
    with pytest.raises(PrivateAddressError, match=r"feed.example leads to 10.0.0.1, which is not public"):
        resolve_target("https://feed.example/", (), 5.0)
