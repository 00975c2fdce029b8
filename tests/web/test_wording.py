"""How pages write ids and texts that hold them."""

from __future__ import annotations

import pytest

from nephoscope.web.wording import brief, short

GROUP = "/subscriptions/eb155ef4-1d65-5ec9-86a4-a36e8760c440/resourcegroups/rg-data"
ACCOUNT = f"{GROUP}/providers/microsoft.storage/storageaccounts/stdata"


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        (ACCOUNT, "stdata"),
        (f"{ACCOUNT}/blobservices/default", "stdata/default"),
        (f"{GROUP}/providers/microsoft.network/virtualnetworks/default", "default"),
        (GROUP, "rg-data"),
        ("/", "tenant"),
    ],
)
def test_a_resource_is_called_by_its_name(id_: str, name: str) -> None:
    assert short(id_) == name


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (f"Many blobs: {ACCOUNT}/blobservices/default", "Many blobs: stdata/default"),
        (f"192.0.2.9, {ACCOUNT}", "192.0.2.9, stdata"),
        (f"Somebody read {ACCOUNT}.", "Somebody read stdata."),
        (f"{ACCOUNT} <b>", "stdata <b>"),
        ("nothing to shorten /subscriptions/x", "nothing to shorten /subscriptions/x"),
    ],
)
def test_a_text_names_resources_by_name(text: str, written: str) -> None:
    assert brief(text) == written
