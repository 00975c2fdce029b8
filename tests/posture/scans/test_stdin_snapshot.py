"""What is piped in becomes a snapshot that can be judged again."""

from __future__ import annotations

import gzip
import io

import pytest
from tests import exported

from nephoscope.collect.resources import SnapshotError
from nephoscope.posture.scans import stdin_snapshot
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

BODY = {
    "id": "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v",
    "type": "microsoft.keyvault/vaults",
    "properties": {"enableSoftDelete": True},
}
TEXT = exported.graph_json([BODY]).encode()


@pytest.mark.parametrize("data", [TEXT, gzip.compress(TEXT), TEXT.decode().encode("utf-16")])
def test_a_pipe_is_read_once_and_stays(tmp_path, monkeypatch, data):
    class Piped:
        buffer = io.BytesIO(data)

    monkeypatch.setattr(stdin_snapshot.sys, "stdin", Piped)
    scan = EstateScan(ScanRequest(("-",)), tmp_path)
    assert scan.size() > 0
    assert BODY["id"].lower() in scan.estate().resources
    (again,) = scan.repeatable.targets
    assert (
        EstateScan(ScanRequest((again,)), tmp_path).estate().resources.keys()
        == scan.estate().resources.keys()
    )
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == [again.rpartition("/")[2]]
    assert (tmp_path / "snapshots").stat().st_mode & 0o077 == 0


class Terminal(io.BytesIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (io.BytesIO(), "empty"),
        (Terminal(b"x"), "nothing is piped in"),
        (io.BytesIO(b"x" * 65), "more than 0 GiB"),
    ],
)
def test_what_is_no_snapshot_is_refused_and_leaves_nothing(tmp_path, monkeypatch, stream, reason):
    monkeypatch.setattr(stdin_snapshot, "_MOST", 64)
    with pytest.raises(SnapshotError, match=reason):
        stdin_snapshot.store_piped_snapshot(tmp_path, stream)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
