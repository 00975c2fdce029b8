"""Objects of `az <type> list`, whose command moves the members of `properties` to the top and adds `resourceGroup`.

They are put back where that is exact: where the command keeps the names of ARM, or where the ones that it changes are known. Of every
other type only what a listing carries is taken, and the record says which command helps.
Source: https://learn.microsoft.com/cli/azure/format-output-azure-cli, and the attribute maps of the management libraries
(https://learn.microsoft.com/python/api/overview/azure/) against the REST reference of each type.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from nephoscope.collect.resource_sources import TypeSources
from nephoscope.collect.resources.child_resources import ANYWHERE, EMBEDDED
from nephoscope.collect.resources.resource_record import RecordError, ResourceRecord, parse_resource_id
from nephoscope.estate.roles import ASSIGNMENT_TYPE
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RANK = 40

_TOP = frozenset(
    {
        "id", "name", "type", "location", "tags", "kind", "sku", "identity", "zones", "plan", "managedby", "managedbyextended",
        "etag", "extendedlocation", "systemdata", "placement",
    }
)  # fmt: skip
_ELEMENT = frozenset({"id", "name", "type", "etag", "zones"})
"""What stands beside `properties` in an element of a list that has them."""
_ADDED = "resourcegroup"
_MARKS = frozenset({_ADDED, "rolename", "roledefinitionid"})
"""Members that only a flattened object has at its top; those of roles lie in no resource group."""
_LISTED = frozenset({_ADDED, "provisioningstate", "createdtime", "changedtime", "apiversion"})
"""What `az resource list` adds to a listing, which is no flattened object."""
_EXACT = frozenset(
    {
        "microsoft.authorization/roleassignments",
        "microsoft.authorization/roledefinitions",
        "microsoft.compute/availabilitysets",
        "microsoft.compute/disks",
        "microsoft.compute/snapshots",
        "microsoft.compute/virtualmachines",
        "microsoft.network/applicationsecuritygroups",
        "microsoft.network/bastionhosts",
        "microsoft.network/ddosprotectionplans",
        "microsoft.network/loadbalancers",
        "microsoft.network/natgateways",
        "microsoft.network/networkinterfaces",
        "microsoft.network/networksecuritygroups",
        "microsoft.network/networksecuritygroups/securityrules",
        "microsoft.network/networkwatchers",
        "microsoft.network/publicipaddresses",
        "microsoft.network/routetables",
        "microsoft.network/routetables/routes",
        "microsoft.network/virtualnetworks",
        "microsoft.network/virtualnetworks/subnets",
        "microsoft.storage/storageaccounts",
    }
)
_AT_SUBSCRIPTION = (
    "az role assignment list gives the assignments at the subscription alone where --all is not given, and none of these lies below "
    "it: export them with az role assignment list --all, or nephoscope collect --type Microsoft.Authorization/roleAssignments"
)
#: Lower-cased paths of lists whose elements have `properties` in ARM, where no alias tells.
_WRAPPED: Mapping[str, frozenset[tuple[str, ...]]] = {
    "microsoft.compute/virtualmachines": frozenset({("networkprofile", "networkinterfaces")}),
    "microsoft.network/loadbalancers": frozenset(
        {
            ("frontendipconfigurations",), ("backendaddresspools",), ("loadbalancingrules",), ("probes",), ("inboundnatrules",),
            ("inboundnatpools",), ("outboundrules",), ("backendaddresspools", "loadbalancerbackendaddresses"),
        }
    ),
    "microsoft.network/bastionhosts": frozenset({("ipconfigurations",)}),
    "microsoft.network/networkinterfaces": frozenset({("ipconfigurations",), ("tapconfigurations",)}),
    "microsoft.network/networksecuritygroups": frozenset({("securityrules",), ("defaultsecurityrules",)}),
    "microsoft.network/virtualnetworks": frozenset(
        {
            ("subnets",), ("virtualnetworkpeerings",), ("subnets", "delegations"), ("subnets", "resourcenavigationlinks"),
            ("subnets", "serviceassociationlinks"),
        }
    ),
    "microsoft.network/virtualnetworks/subnets": frozenset({("delegations",)}),
}  # fmt: skip
#: Lower-cased path of the command's member -> ARM's name, '' where ARM has no such member. Names that differ in case alone are none.
_RENAMED: Mapping[str, Mapping[tuple[str, ...], str]] = {
    "microsoft.authorization/roleassignments": {("principalname",): "", ("roledefinitionname",): ""},
    "microsoft.authorization/roledefinitions": {("roletype",): "type"},
    "microsoft.storage/storageaccounts": {
        ("enablehttpstrafficonly",): "supportsHttpsTrafficOnly",
        ("enablenfsv3",): "isNfsV3Enabled",
        ("networkruleset",): "networkAcls",
        ("networkruleset", "iprules", "ipaddressorrange"): "value",
        ("networkruleset", "ipv6rules", "ipaddressorrange"): "value",
        ("networkruleset", "virtualnetworkrules", "virtualnetworkresourceid"): "id",
        ("encryption", "encryptionidentity", "encryptionuserassignedidentity"): "userAssignedIdentity",
        (
            "encryption",
            "encryptionidentity",
            "encryptionfederatedidentityclientid",
        ): "federatedIdentityClientId",
    },
}


def recognizes(value: dict[str, object]) -> bool:
    """Return whether the object has an id, the member that the commands add, no `properties`, and members that ARM has below them."""
    if (
        "id" not in value or "properties" in value
    ):  # nearly every record: the other formats need no letters lowered
        return False
    keys = {key.lower() for key in value}
    return (
        not keys.isdisjoint(_MARKS)
        and "properties" not in keys
        and "tenantid" not in keys
        and not keys <= (_TOP | _LISTED | {"subscriptionid"})
    )


def records(value: dict[str, object]) -> Iterator[ResourceRecord]:
    """The object in ARM's shape, or what a listing carries of it where putting it back is not exact."""
    text = parse_resource_id(value["id"])
    try:
        id_ = ResourceId.parse(text)
    except ValueError as error:
        raise RecordError(f"'id' is not a resource id: {str(value['id'])[:100]!r}") from error
    listing = {key: item for key, item in value.items() if key.lower() in _TOP and item is not None}
    if id_.type not in _EXACT:
        yield ResourceRecord(listing, note=_format_inexact_export_hint(id_.type))
        return
    members = {key: item for key, item in value.items() if key.lower() not in _TOP}
    extensions = members.pop("resources", None) if id_.type == "microsoft.compute/virtualmachines" else None
    listing["properties"] = _Unflattening(id_, text).build_members(members, ())
    yield ResourceRecord(listing, narrow=_AT_SUBSCRIPTION if _is_at_subscription(id_) else "")
    for extension in extensions if isinstance(extensions, list) else ():
        if isinstance(extension, dict) and parse_resource_id(extension.get("id")):
            yield ResourceRecord(_complete_element(extension), embedded=True)


def _is_at_subscription(id_: ResourceId) -> bool:
    """Return whether it is an assignment of a role at a subscription or above it; others show that the command had `--all`."""
    return id_.type == ASSIGNMENT_TYPE and (not id_.subscription or id_.parent == id_.subscription_id)


def _format_inexact_export_hint(type_: str) -> str:
    spelled, query = TypeSources.load_builtin().spell(type_), TypeSources.load_builtin().build_query(type_)
    command = f'az graph query -q "{query}" --first 1000' if query else f"nephoscope collect --type {spelled}"
    return (
        f"{spelled}: the objects of its az command are flattened and renamed, so that their properties were not read; "
        f"export them with {command}"
    )


def _complete_element(members: dict[str, object]) -> dict[str, object]:
    """An element that has `properties` in ARM; one to which its command left them is as it is."""
    if isinstance(members.get("properties"), dict):
        return members
    found: dict[str, object] = {key: item for key, item in members.items() if key.lower() in _ELEMENT}
    rest = {
        key: item for key, item in members.items() if key.lower() not in _ELEMENT and key.lower() != _ADDED
    }
    if rest or "name" in found:
        found["properties"] = rest
    return found


class _Unflattening:
    """Puts the members of one object back; `owner` is its id, under which the elements lie that are resources of their own."""

    def __init__(self, id_: ResourceId, text: str) -> None:
        self._owner = text.lower().rstrip("/") + "/"
        self._wrapped = _list_wrapped_paths(id_.type)
        self._renamed = _RENAMED.get(id_.type, {})

    def build_members(self, value: dict[str, object], path: tuple[str, ...]) -> dict[str, object]:
        """The members of an object at a lower-cased path, without what ARM leaves out or the command adds."""
        found: dict[str, object] = {}
        for key, item in value.items():
            here = (*path, key.lower())
            name = self._renamed.get(here, key)
            if item is not None and name and key.lower() != _ADDED:
                found[name] = self._restore_value(item, here)
        return found

    def _restore_value(self, item: object, path: tuple[str, ...]) -> object:
        if isinstance(item, dict):
            return self.build_members(item, path)
        if isinstance(item, list):
            return [self._unflatten_element(one, path) for one in item]
        return item

    def _unflatten_element(self, item: object, path: tuple[str, ...]) -> object:
        if not isinstance(item, dict):
            return self._restore_value(item, path)
        members = self.build_members(item, path)
        own = str(members.get("id") or "").lower().startswith(self._owner)
        return _complete_element(members) if own or path in self._wrapped else members


@cache
def _list_wrapped_paths(type_: str) -> frozenset[tuple[str, ...]]:
    """The lower-cased paths, below the top, of the lists whose elements have `properties` in a body of the type."""
    embedded = frozenset((name,) for name in EMBEDDED.get(type_, frozenset()) | ANYWHERE)
    return embedded | _WRAPPED.get(type_, frozenset())
