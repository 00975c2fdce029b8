"""A data folder with the estate of generated traffic, scanned after a month of logins to its machines is in the lake."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner
from tests.analyze.hardening_traffic import DAYS, NETWORK, described, generated
from tests.analyze.world import SUB, bodies

from nephoscope.cli.main import cli
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State


def build_hardening_house(data: Path) -> Path:
    """Fill a data folder; return the file of the estate."""
    now = datetime.now(UTC)
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    rows = [
        {
            "TimeGenerated": begin + timedelta(days=one.day, seconds=one.second * 0.9), "SrcIp": one.source, "DestIp": one.address,
            "DestPort": one.port, "Protocol": 6, "FlowDirection": "Inbound", "FlowStatus": "Allowed", "FlowState": "E",
            "BytesSrcToDest": one.bytes - one.back, "BytesDestToSrc": one.back, "TargetResourceId": NETWORK,
            "_SubscriptionId": SUB.rsplit("/", 1)[-1],
        }
        for one in generated(1)[1]
        if one.day <= DAYS and begin + timedelta(days=one.day, seconds=one.second * 0.9) < now and one.port == 22
    ]  # fmt: skip
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        place = state.workspaces.get("default")
        table = to_arrow_rows(lake.tables["AzureFlowLogs"], rows, workspace=place, now=now).table
        lake.writer().append("default", {"AzureFlowLogs": table}, producer="test", sequence=1)
        lake.flush()
    estate = data.parent / f"{data.name}.estate.json"
    estate.write_text(json.dumps(bodies(described())))
    found = CliRunner().invoke(cli, ["--data", str(data), "scan", str(estate)])
    assert found.exit_code == 0, found.output
    return estate
