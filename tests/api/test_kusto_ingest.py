"""Kusto: streaming ingestion while the server runs."""

from __future__ import annotations

import pytest

from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import import_tables
from nephoscope_kql.types import KqlType

COLUMNS = {"TimeGenerated": KqlType.DATETIME, "Name": KqlType.STRING}
BODIES = [
    ("json", b'[{"Name": "ada"}, {"Name": "bob"}]'),
    ("multijson", b'{"Name": "ada"}\n{"Name": "bob"}'),
    ("csv", b"2026-11-01T12:00:00Z,ada\n2026-11-01T12:00:00Z,bob\n"),
    ("tsv", b"2026-11-01T12:00:00Z\tada\n2026-11-01T12:00:00Z\tbob\n"),
]


@pytest.mark.parametrize(("form", "body"), BODIES)
def test_a_table_that_was_made_while_the_door_is_open(server, owner, instance, form, body):
    def send(table):
        path = f"/v1/rest/ingest/default/{table}?streamFormat={form}"
        return server.post(path, content=body, headers=owner)

    name = f"Made{form}_CL"
    assert send(name).status_code == 400  # nobody has made it yet
    assert send("Syslog").status_code == 200  # the door is open from here on
    import_tables(instance.data, [LakeTable.of(name, COLUMNS)])
    answer = send(name)
    assert answer.status_code == 200, answer.text
    assert answer.json()["Tables"][0]["Rows"][0][0] == 2
