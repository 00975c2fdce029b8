"""Columns of a table that identify a row's machine: as its definition says, else by the names of the columns.

Everything else is content: what a machine saw, such as the peer of a connection or the text of a message.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.lake.schema.column_types import RESOURCE, SUBSCRIPTION
from nephoscope.lake.schema.machine_identity import Identity
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.lake.schema.table import LakeTable


_OWN = "_cl"
_AFFIXES = re.compile(r"^(?:given|sent)_+|_[sgdbt]$")
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")
_COLUMNS = {
    Identity.RESOURCE: "resourceid azureresourceid armresourceid resourceuri",
    Identity.SUBSCRIPTION: "subscriptionid azuresubscriptionid azurevmsubscriptionid dvcsubscriptionid dvcscopeid",
    Identity.RESOURCE_GROUP: "resourcegroup resourcegroupname azureresourcegroup",
    Identity.RESOURCE_NAME: "resource resourcename azureresourcename",
    Identity.COMPUTER: "computer computername devicename hostname dvchostname",
    Identity.DEVICE: "deviceid",
    Identity.KNOWN: (
        "host hostid hostip machine machineid machinename machineip device dvc dvcid dvcfqdn dvcipaddr dvcmacaddr vm vmid vmname "
        "vmuuid azurevmid node nodename fqdn agentid sourcecomputerid aaddeviceid mdedeviceid computerid computerip collectorhostname"
    ),
}
_BY_NAME: Mapping[str, Identity] = {name: kind for kind, names in _COLUMNS.items() for name in names.split()}
#: What every table says of a row.
_STANDARD: Mapping[str, Identity] = {RESOURCE: Identity.RESOURCE, SUBSCRIPTION: Identity.SUBSCRIPTION}


@lru_cache(maxsize=65536)
def identify_machine_column(name: str) -> Identity | None:
    """Tell what a name says of a machine, however it is spelled: letter case, width, separators and type suffixes (`_s`) aside."""
    plain = unicodedata.normalize("NFKC", name).casefold().strip()
    return _BY_NAME.get(_NOT_A_LETTER.sub("", _AFFIXES.sub("", plain)))


def list_machine_identities(table: LakeTable) -> Mapping[str, Identity] | None:
    """List the columns of a table that say which machine a row is about; None for a table that is not about machines."""
    if table.machine is not None:
        return MappingProxyType({**_STANDARD, **dict(table.machine)}) if table.machine else None
    if not table.name.lower().endswith(_OWN):
        return None
    texts = (KqlType.STRING, KqlType.GUID)
    found = {
        name: kind if types in texts else Identity.KNOWN
        for name, types in table.columns
        if (kind := identify_machine_column(name)) is not None
    }
    return MappingProxyType({**found, **_STANDARD})
