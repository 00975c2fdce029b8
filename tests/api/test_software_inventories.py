"""What runs on machines, as logs tell of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.ingest.live.ingestion.data_collection_rules import DataFlow

VERSION = "api-version=2021-05-01-preview"
NOW = datetime.now(UTC)


def sent(instance, table, *rows):
    import json

    told = [{"TimeGenerated": (NOW - timedelta(hours=hours)).isoformat(), **row} for hours, row in rows]
    instance.doors.for_workspace("default").ingest_body(
        (DataFlow(table),), f"Microsoft-{table}", json.dumps(told).encode(), ""
    )


@pytest.fixture(scope="module")
def machines(instance):
    """Two machines of different subscriptions, and what was reported of them."""
    snapshot = instance.snapshots.load_newest()
    from nephoscope.model.read_scope import EVERYTHING

    found = snapshot.listing.page(["microsoft.compute/virtualmachines"], EVERYTHING).bodies
    first = found[0]
    second = next(one for one in found if one["id"].split("/")[2] != first["id"].split("/")[2])
    return first["id"].lower(), second["id"].lower()


@pytest.fixture(scope="module")
def reported(instance, machines):
    first, second = machines
    subscription = first.split("/")[2]
    base = {
        "ConfigDataType": "Software",
        "Computer": "a.example.com",
        "VMUUID": "v",
        "_ResourceId": first,
        "_SubscriptionId": subscription,
    }
    openssl = {**base, "SoftwareName": "OpenSSL", "CurrentVersion": "3.0.1", "Publisher": "Debian"}
    sent(
        instance,
        "ConfigurationData",
        (50, openssl),
        (2, openssl),
        (60, {**base, "SoftwareName": "Gone", "CurrentVersion": "1"}),
        (2, {**base, "ConfigDataType": "Files", "SoftwareName": "no software"}),
    )
    device = {
        "DeviceId": "d",
        "DeviceName": f"{second.rsplit('/', 1)[-1]}.example.com",
        "OSPlatform": "Windows10",
    }
    office = {**device, "SoftwareVendor": "microsoft", "SoftwareName": "office", "SoftwareVersion": "16.0"}
    sent(
        instance,
        "DeviceTvmSoftwareInventory",
        (3, {**office, "EndOfSupportStatus": "Upcoming EOS Version"}),
        (
            3,
            {
                **device,
                "SoftwareVendor": "x",
                "SoftwareName": "edge",
                "SoftwareVersion": "1 beta",
                "_ResourceId": second,
            },
        ),
    )
    sent(
        instance,
        "ConfigurationData",
        (
            1,
            {
                "ConfigDataType": "Software",
                "Computer": device["DeviceName"],
                "SoftwareName": "edge",
                "CurrentVersion": "1 beta",
            },
        ),
    )
    sent(
        instance,
        "DeviceTvmSoftwareVulnerabilities",
        *((3, {**office, "CveId": f"CVE-2026-{at}"}) for at in (1, 2, 2)),
    )
    instance.lake.flush()


def asked(server, headers, path):
    return server.get(f"{path}?{VERSION}", headers=headers)


def test_nothing_is_said_before_a_log_tells(server, owner, machines):
    path = f"{machines[0]}/providers/Microsoft.Security/softwareInventories"
    for one in (
        path,
        f"/subscriptions/{machines[0].split('/')[2]}/providers/Microsoft.Security/softwareInventories",
    ):
        answer = asked(server, owner, one)
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotAssessed")


def test_what_the_last_report_of_a_machine_has(server, owner, machines, reported):
    path = f"{machines[0]}/providers/Microsoft.Security/softwareInventories"
    (one,) = asked(server, owner, path).json()["value"]
    assert one["name"] == "openssl_3.0.1"
    assert one["properties"] == {
        "deviceId": "v",
        "vendor": "Debian",
        "softwareName": "OpenSSL",
        "version": "3.0.1",
        "firstSeenAt": f"{NOW - timedelta(hours=50):%Y-%m-%d %H:%M:%S}",
    }
    assert asked(server, owner, f"{path}/openssl_3.0.1").json() == one
    assert asked(server, owner, f"{path}/gone_1").status_code in (404, 501)


def test_a_device_is_the_machine_of_its_name_and_tells_what_is_known_of_its_software(
    server, owner, machines, reported
):
    subscription = "/".join(machines[1].split("/")[:3])
    told = asked(server, owner, f"{subscription}/providers/Microsoft.Security/softwareInventories").json()[
        "value"
    ]
    found = {one["name"]: one["properties"] for one in told}
    assert set(found) == {"edge_1_beta", "office_16.0"}
    assert {one["id"].partition("/providers/Microsoft.Security")[0] for one in told} == {machines[1]}
    office = found["office_16.0"]
    assert (office["numberOfKnownVulnerabilities"], office["endOfSupportStatus"]) == (
        2,
        "upcomingVersionNoLongerSupported",
    )
    edge = found["edge_1_beta"]  # Change Tracking tells of it too, and knows less
    assert (edge["deviceId"], edge["numberOfKnownVulnerabilities"], edge["endOfSupportStatus"]) == (
        "d",
        0,
        "None",
    )


def test_only_the_software_of_what_may_be_read(server, token, machines, reported):
    other = f"/subscriptions/{machines[1].split('/')[2]}"
    reader = {"Authorization": f"Bearer {token(('Security Reader', other))}"}
    path = f"{machines[0]}/providers/Microsoft.Security/softwareInventories"
    assert asked(server, reader, path).status_code == 403
    mine = asked(server, reader, f"{other}/providers/Microsoft.Security/softwareInventories")
    assert all(one["id"].startswith(f"{other}/") for one in mine.json().get("value", []))
