"""Machine identity: the column values that identify the machine of a row."""

from __future__ import annotations

from enum import StrEnum


class Identity(StrEnum):
    """Part of a machine's identity in a column; KNOWN is any other name, address or id of it, which is checked and never filled in."""

    RESOURCE = "resource"
    SUBSCRIPTION = "subscription"
    RESOURCE_GROUP = "resourceGroup"
    RESOURCE_NAME = "resourceName"
    COMPUTER = "computer"
    DEVICE = "device"
    KNOWN = "known"
