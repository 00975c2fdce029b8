"""Software of machines: sent by the official client for logs, read by the official client for Security Center."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from azure.core.exceptions import HttpResponseError

pytestmark = [pytest.mark.system, pytest.mark.full]


def test_software_that_a_log_tells_of(owner, sample):
    machine = min(sample.ids("microsoft.compute/virtualmachines", owner.subscription))
    group, name = machine.split("/")[4], machine.rsplit("/", 1)[-1]
    asked = owner.security.software_inventories
    where = (group, "Microsoft.Compute", "virtualMachines", name)
    with pytest.raises(HttpResponseError) as told:
        list(asked.list_by_extended_resource(*where))
    assert told.value.error.code == "NotAssessed"
    row = {
        "TimeGenerated": datetime.now(UTC).isoformat(), "ConfigDataType": "Software", "Computer": name, "VMUUID": "device",
        "SoftwareName": "nginx", "CurrentVersion": "1.26.0", "Publisher": "Debian", "_ResourceId": machine,
        "_SubscriptionId": owner.subscription,
    }  # fmt: skip
    owner.ingestion.upload("default", "Microsoft-ConfigurationData", [row])
    found = _until_told(lambda: list(asked.list_by_extended_resource(*where)))
    (one,) = found
    assert (one.software_name, one.version, one.vendor, one.device_id) == (
        "nginx",
        "1.26.0",
        "Debian",
        "device",
    )
    assert asked.get(*where, one.name).id == one.id
    assert one.id in {each.id for each in asked.list_by_subscription()}


def _until_told(ask):
    """What is answered as soon as the rows can be read."""
    for _ in range(60):
        try:
            return ask()
        except HttpResponseError as error:
            if error.error.code != "NotAssessed":
                raise
            time.sleep(1)
    raise AssertionError("the rows were never told of")
