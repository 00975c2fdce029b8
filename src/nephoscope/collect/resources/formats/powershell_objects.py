"""Objects exported by PowerShell: ARM bodies whose top-level keys are capitalised (`ResourceId`, `Properties`, `Sku` ...).

Children stand in `resources`; some objects have no id of their own, which is then built from their parent or from
`SubscriptionId`, `ResourceGroupName`, `ResourceType` and `Name`. Role assignments come in the flat form of
Get-AzRoleAssignment. Source: https://learn.microsoft.com/powershell/module/az.resources/get-azresource
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.resources.resource_record import RecordError, ResourceRecord, parse_resource_id
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterator

RANK = 20

_MARKS = frozenset(
    {
        "ResourceId",
        "ResourceType",
        "ResourceGroupName",
        "Properties",
        "RoleAssignmentId",
        "PolicyAssignmentId",
    }
)
_MEMBERS = {
    "location": ("Location", "location"),
    "tags": ("Tags", "tags"),
    "kind": ("Kind", "kind"),
    "sku": ("Sku", "sku"),
    "identity": ("Identity", "identity"),
    "zones": ("Zones", "zones"),
    "plan": ("Plan", "plan"),
    "managedBy": ("ManagedBy", "managedBy"),
    "etag": ("ETag", "etag"),
    "scope": ("Scope", "scope"),
    "properties": ("Properties", "properties"),
}
_ID_KEYS = ("ResourceId", "Id", "id", "RoleAssignmentId", "PolicyAssignmentId", "Name", "name")
_MAX_NESTING = 8


def recognizes(value: dict[str, object]) -> bool:
    """Return whether the object has a key that only the capitalised spelling has."""
    return not _MARKS.isdisjoint(value)


def records(value: dict[str, object]) -> Iterator[ResourceRecord]:
    """The object as an ARM body, and its nested children; raises RecordError when it has no id and none can be built."""
    return _read_records(value, "", _MAX_NESTING)


def _read_records(value: dict[str, object], parent: str, nesting: int) -> Iterator[ResourceRecord]:
    text = _read_id(value, parent)
    if not text:
        raise RecordError(
            "no resource ID: 'ResourceId' is unusable, and 'SubscriptionId', 'ResourceGroupName', "
            "'ResourceType' and 'Name' are incomplete"
        )
    yield ResourceRecord(
        _build_role_assignment(value, text) if "RoleAssignmentId" in value else _build_body(value, text)
    )
    for child in _read_children(value):
        if nesting and _read_id(child, text):
            yield from _read_records(child, text, nesting - 1)


def _read_children(value: dict[str, object]) -> list[dict[str, object]]:
    found = value.get("resources") or value.get("Resources")
    return [child for child in found if isinstance(child, dict)] if isinstance(found, list) else []


def _read_id(value: dict[str, object], parent: str) -> str:
    for key in _ID_KEYS:
        text = parse_resource_id(value.get(key))
        if text and _is_id(text):
            return text
    type_ = _find_text(value, "ResourceType", "Type", "type")
    name = _find_text(value, "Name", "name", "ResourceName")
    if not type_ or not name:
        return ""
    return _build_child_id(parent, type_, name) or _build_id(value, type_, name)


def _is_id(text: str) -> bool:
    try:
        return bool(ResourceId.parse(text).type)
    except ValueError:
        return False


def _build_child_id(parent: str, type_: str, name: str) -> str:
    """The id of a child that names only its type and name: `<parent>/<last type segment>/<name>`."""
    if not parent:
        return ""
    above, _, segment = type_.rpartition("/")
    if above.lower() != ResourceId.parse(parent).type:
        return ""
    return f"{parent}/{segment}/{name.rsplit('/', 1)[-1]}"


def _build_id(value: dict[str, object], type_: str, name: str) -> str:
    """`/subscriptions/<id>[/resourceGroups/<name>]/providers/<namespace>/<type>/<name>[/<type>/<name>...]`."""
    subscription = _find_text(value, "SubscriptionId", "subscriptionId")
    namespace, *types = type_.split("/")
    names = name.split("/")
    if not subscription or "." not in namespace or not types or len(types) != len(names):
        return ""
    group = _find_text(value, "ResourceGroupName", "resourceGroupName")
    scope = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
    pairs = "/".join(f"{segment}/{part}" for segment, part in zip(types, names, strict=True))
    text = f"{scope}/providers/{namespace}/{pairs}"
    return text if _is_id(text) else ""


def _find_text(value: dict[str, object], *keys: str) -> str:
    for key in keys:
        text = value.get(key)
        if isinstance(text, str) and text:
            return text
    return ""


def _build_body(value: dict[str, object], text: str) -> dict[str, object]:
    body: dict[str, object] = {"id": text, "name": text.rsplit("/", 1)[-1], "type": _read_type(value, text)}
    for member, keys in _MEMBERS.items():
        for key in keys:
            if value.get(key) is not None:
                body[member] = value[key]
                break
    return body


def _read_type(value: dict[str, object], text: str) -> str:
    """The type as the export spells it where that is the id's type, else the id's."""
    type_ = ResourceId.parse(text).type
    for key in ("ResourceType", "ExtensionResourceType", "Type", "type"):
        spelled = value.get(key)
        if isinstance(spelled, str) and spelled.lower() == type_:
            return spelled
    return type_


def _build_role_assignment(value: dict[str, object], text: str) -> dict[str, object]:
    """A role assignment in ARM's shape; the role definition is named by its full id."""
    scope = _find_text(value, "Scope", "scope")
    role = _find_text(value, "RoleDefinitionId")
    subscription = ResourceId.parse(text).subscription_id
    if role and not role.startswith("/"):
        role = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {
        "id": text,
        "name": text.rsplit("/", 1)[-1],
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "scope": scope,
            "roleDefinitionId": role,
            "principalId": _find_text(value, "ObjectId"),
            "principalType": _find_text(value, "ObjectType"),
        },
    }
