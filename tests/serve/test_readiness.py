"""/readyz says no, and why, while what comes in cannot be kept, and yes when it can again."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from nephoscope.access.tokens import NO_TENANT
from nephoscope.instance import Instance
from nephoscope.serve import readiness
from nephoscope.serve.doctor import examine_installation
from nephoscope.serve.doctor_check import CheckVerdict
from nephoscope.serve.web_application import build_application

ROOM = {
    "f_frsize": 4096,
    "f_blocks": 1 << 31,
    "f_bfree": 1 << 30,
    "f_bavail": 1 << 30,
    "f_files": 1000,
    "f_favail": 900,
    "f_flag": 0,
}


@pytest.fixture
def asked(tmp_path):
    with Instance.open(tmp_path, None, NO_TENANT, 10) as instance:
        client = TestClient(build_application(instance))
        yield lambda: client.get("/readyz")


def disk(monkeypatch, **found):
    """The disk is as told from now on."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(**{**ROOM, **found}))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"f_bavail": (63 << 20) // 4096}, "has 63 MiB left, and 64 MiB are kept free; make room"),
        ({"f_bavail": 0}, "has 0 MiB left"),
        ({"f_favail": 0}, "the disk is full"),
        ({"f_flag": os.ST_RDONLY}, "the disk is read-only"),
    ],
)
def test_a_disk_without_room(asked, tmp_path, monkeypatch, found, told):
    disk(monkeypatch)
    assert asked().status_code == 200
    before = sorted(tmp_path.rglob("*"))
    disk(monkeypatch, **found)
    for _ in range(3):
        answer = asked()
        assert answer.status_code == 503
        assert answer.json()["ready"] is False
        assert len(answer.json()["reasons"]) == 1
        assert told in answer.json()["reasons"][0]
        assert str(tmp_path) in answer.json()["reasons"][0]
    assert sorted(tmp_path.rglob("*")) == before
    disk(monkeypatch)
    assert asked().json() == {"ready": True, "reasons": []}


def test_file_systems_that_count_no_files_are_not_full(asked, monkeypatch):
    disk(monkeypatch, f_files=0, f_favail=0)
    assert asked().status_code == 200


def test_a_spool_that_nobody_empties(asked, tmp_path, monkeypatch):
    folder = tmp_path / "spool" / ("0" * 32)
    folder.mkdir(parents=True)
    (folder / "000000000001.spool").write_bytes(b"x" * 100)
    assert asked().status_code == 200
    monkeypatch.setattr(readiness, "SPOOL_LIMIT", 100)
    assert "wait to be taken into tables" in asked().json()["reasons"][0]


def test_the_doctor_tells_of_a_disk_that_can_only_be_read(tmp_path, monkeypatch):
    disk(monkeypatch, f_flag=os.ST_RDONLY)
    found = [
        one
        for one in examine_installation(tmp_path, None)
        if one.check == "disk" and one.verdict is CheckVerdict.WRONG
    ]
    assert "the disk is read-only" in found[0].text
