"""Columns that an entity stands in are found by what they are called, and counted by a query that the engine compiles."""

from __future__ import annotations

import pytest

from nephoscope.alerts.entities.observed_columns import find_columns, write_condition, write_count_query
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.compile import compile_results
from nephoscope_kql.types import KqlType

STRINGS = (
    "IPAddress", "CallerIpAddress", "SourceIP", "DestinationIP", "ClientIP", "SrcIpAddr", "RemoteIP", "IpAddress", "c_ip", "Zip",
    "Ownership", "Description", "UserPrincipalName", "UserId", "Caller", "AccountObjectId", "Computer", "DeviceName", "_ResourceId",
    "AppId", "AppDisplayName", "ServicePrincipalId", "identity_claim_oid_g",
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (
            "address",
            "IPAddress CallerIpAddress SourceIP DestinationIP ClientIP SrcIpAddr RemoteIP IpAddress c_ip",
        ),
        ("user", "UserPrincipalName UserId Caller AccountObjectId identity_claim_oid_g"),
        ("machine", "Computer DeviceName _ResourceId"),
        (
            "application",
            "Caller AccountObjectId AppId AppDisplayName ServicePrincipalId identity_claim_oid_g",
        ),
    ],
)
def test_columns_are_found_by_their_names(kind, found):
    columns = [(name, KqlType.STRING) for name in STRINGS] + [("TotalIP", KqlType.LONG)]
    assert find_columns(kind, "T", columns) == found.split()


@pytest.mark.parametrize("kind", ["user", "address"])
def test_columns_inside_of_dynamic_ones_are_written_out(kind):
    assert find_columns(kind, "AuditLogs", [("InitiatedBy", KqlType.DYNAMIC)])[0].startswith(
        "tostring(InitiatedBy.user."
    )


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("address", "192.0.2.7", 'A == "192.0.2.7"'),
        ("address", "2001:DB8::1", 'A =~ "2001:DB8::1"'),
        ("user", 'a"b\\c', 'A =~ "a\\"b\\\\c"'),
        ("machine", "vm-1", 'A =~ "vm-1" or A startswith "vm-1."'),
    ],
)
def test_values_are_quoted(kind, value, written):
    assert write_condition(kind, ["A"], [value]) == written
    assert write_condition("machine", ["_ResourceId"], ["vm-1"]) == '_ResourceId endswith "/vm-1"'


class _Catalog:
    def find_table(self, name):
        columns = (("TimeGenerated", KqlType.DATETIME), ("A", KqlType.STRING))
        return TableSchema(name, columns) if name in ("T", "U") else None

    def find_function(self, name):
        return None

    def names(self):
        return ["T", "U"]

    def known_tables(self):
        return ["T", "U"]

    def find_watchlist(self, alias):
        return None

    def resolve_place(self, kind, name):
        return None


@pytest.mark.parametrize("tables", [["T"], ["T", "U"]])
def test_the_query_compiles(tables):
    compile_results(write_count_query(dict.fromkeys(tables, 'A == "x"'), 3600), _Catalog())
