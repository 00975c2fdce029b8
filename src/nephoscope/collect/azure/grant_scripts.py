"""Grant scripts: `az` and Bicep scripts that assign the required permissions.

Source: https://learn.microsoft.com/cli/azure/ad/app, https://learn.microsoft.com/azure/role-based-access-control/custom-roles,
https://learn.microsoft.com/graph/templates/bicep/reference/approleassignedto
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

from nephoscope.collect.azure.required_permissions import (
    READER,
    PermissionProvider,
    RequiredPermission,
    list_names,
)
from nephoscope.connect.cloud import CLOUDS
from nephoscope.state.estate.tenants import CERTIFICATE, MANAGED_IDENTITY, TenantConnection

GRAPH_APP = "00000003-0000-0000-c000-000000000000"
APPLICATION = "nephoscope"
CUSTOM_ROLE = "nephoscope collect"
EXTENSION = "br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0"
_AZ_CLOUDS = {"public": "AzureCloud", "usgovernment": "AzureUSGovernment", "china": "AzureChinaCloud"}


@dataclass(frozen=True, slots=True)
class CollectionGrant:
    """Grant for a collection; `exact`: by a custom role with these actions alone, else by the built-in role Reader."""

    connection: TenantConnection
    rights: tuple[RequiredPermission, ...]
    exact: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of Resource Manager; () for the root of the tenant."""
        asked = self.connection
        return (
            *(f"/subscriptions/{one}" for one in asked.subscriptions),
            *(f"/providers/Microsoft.Management/managementGroups/{one}" for one in asked.management_groups),
        )

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions of a role."""
        return list_names(self.rights, PermissionProvider.AZURE)

    @property
    def permissions(self) -> tuple[str, ...]:
        """The application permissions of Microsoft Graph; none where it is left out."""
        return list_names(self.rights, PermissionProvider.GRAPH) if self.connection.graph else ()


def render_az_script(grant: CollectionGrant) -> str:
    """The script for bash and `az`; running it twice does no harm."""
    parts = [
        _format_head(grant),
        _format_cloud(grant),
        _format_principal(grant),
        _format_scopes(grant),
        _format_roles(grant),
        _format_graph(grant),
        _format_tail(grant),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _format_head(grant: CollectionGrant) -> str:
    graph = (
        ", and as Privileged Role Administrator or Global Administrator for Microsoft Graph"
        if grant.permissions
        else ""
    )
    return (
        "#!/usr/bin/env bash\n"
        "# Lets nephoscope read this estate, and change nothing in it.\n"
        f"# Run it signed in (az login) as Owner or User Access Administrator of the scopes{graph}.\n"
        "set -euo pipefail\n"
    )


def _format_cloud(grant: CollectionGrant) -> str:
    name = _AZ_CLOUDS.get(grant.connection.cloud.lower(), "")
    selection = f"az cloud set --name {name}\n" if name and name != "AzureCloud" else ""
    tenant = grant.connection.id
    if not tenant:
        return selection
    return (
        f"{selection}tenant={_quote_text(tenant)}\n"
        'if [ "$(az account show --query tenantId -o tsv)" != "$tenant" ]; then az login --tenant "$tenant" >/dev/null; fi\n'
    )


def _format_principal(grant: CollectionGrant) -> str:
    connection = grant.connection
    if connection.sign_in == MANAGED_IDENTITY:
        return (
            "# The object id (principal id) of the managed identity of the machine that nephoscope runs on.\n"
            'principal="${1:?usage: bash grant.sh OBJECT_ID_OF_THE_MANAGED_IDENTITY}"\n'
        )
    found = (
        f"app={_quote_text(connection.client)}\n"
        if connection.client
        else f"app=\"$(az ad app list --filter \"displayName eq '{APPLICATION}'\" --query '[0].appId' -o tsv)\"\n"
        f'if [ -z "$app" ]; then app="$(az ad app create --display-name {APPLICATION} --query appId -o tsv)"; fi\n'
    )
    return (
        f"{found}"
        'az ad sp show --id "$app" >/dev/null 2>&1 || az ad sp create --id "$app" >/dev/null\n'
        'principal="$(az ad sp show --id "$app" --query id -o tsv)"\n'
    )


def _format_scopes(grant: CollectionGrant) -> str:
    if grant.scopes:
        return "scopes=(\n" + "".join(f"  {_quote_text(one)}\n" for one in grant.scopes) + ")\n"
    return (
        "# Everything in the tenant: its root management group.\n"
        'scopes=("/providers/Microsoft.Management/managementGroups/$(az account show --query tenantId -o tsv)")\n'
    )


_ASSIGNED = (
    '  az role assignment create --assignee-object-id "$principal" --assignee-principal-type ServicePrincipal \\\n'
    '    --role {role} --scope "$scope" >/dev/null\n'
    '  echo "granted on $scope" >&2\n'
)


def _format_roles(grant: CollectionGrant) -> str:
    if not grant.exact:
        return (
            f"# Reader\nrole={READER}\n"
            + 'for scope in "${scopes[@]}"; do\n'
            + _ASSIGNED.format(role='"$role"')
            + "done\n"
        )
    actions = ",\n".join(f'      "{one}"' for one in grant.actions)
    return (
        'definition="$(mktemp)"\ntrap \'rm -f "$definition"\' EXIT\n'
        'for scope in "${scopes[@]}"; do\n'
        f'  name="{CUSTOM_ROLE} ${{scope##*/}}"\n'
        '  cat >"$definition" <<JSON\n'
        '  {\n    "Name": "$name",\n    "IsCustom": true,\n'
        '    "Description": "Reads what nephoscope judges, and nothing else.",\n'
        f'    "Actions": [\n{actions}\n    ],\n'
        '    "NotActions": [], "DataActions": [], "NotDataActions": [],\n    "AssignableScopes": ["$scope"]\n  }\nJSON\n'
        '  known="$(az role definition list --custom-role-only --name "$name" --scope "$scope" --query \'[0].name\' -o tsv)"\n'
        '  if [ -n "$known" ]; then\n'
        '    az role definition update --role-definition "$definition" >/dev/null\n'
        '  else\n    az role definition create --role-definition "$definition" >/dev/null\n  fi\n'
        + _ASSIGNED.format(role='"$name"')
        + "done\n"
    )


def _format_graph(grant: CollectionGrant) -> str:
    if not grant.permissions:
        return ""
    known = CLOUDS.get(grant.connection.cloud.lower(), CLOUDS["public"])
    return (
        f'graph="$(az ad sp show --id {GRAPH_APP} --query id -o tsv)"\n'
        f"for permission in {' '.join(grant.permissions)}; do\n"
        f'  role="$(az ad sp show --id {GRAPH_APP} \\\n'
        "    --query \"appRoles[?value=='$permission' && contains(allowedMemberTypes, 'Application')].id | [0]\" -o tsv)\"\n"
        f'  assigned="{known.graph}/v1.0/servicePrincipals/$principal/appRoleAssignments"\n'
        '  known="$(az rest --method GET --url "$assigned" --query "value[?appRoleId==\'$role\'].id | [0]" -o tsv)"\n'
        '  if [ -n "$known" ]; then continue; fi\n'
        '  az rest --method POST --url "$assigned" \\\n'
        '    --body "{\\"principalId\\": \\"$principal\\", \\"resourceId\\": \\"$graph\\", \\"appRoleId\\": \\"$role\\"}" >/dev/null\n'
        '  echo "granted $permission" >&2\n'
        "done\n"
    )


def _format_tail(grant: CollectionGrant) -> str:
    connection = grant.connection
    shown = 'echo "tenant id:     $(az account show --query tenantId -o tsv)"\n'
    if connection.sign_in == MANAGED_IDENTITY:
        return shown
    shown += 'echo "client id:     $app"\n'
    reset = 'az ad app credential reset --id "$app" --append --display-name nephoscope'
    if connection.sign_in == CERTIFICATE:
        return (
            shown
            + f'echo "certificate:   $({reset} --create-cert --query fileWithCertAndPrivateKey -o tsv)"\n'
        )
    return shown + f'echo "client secret: $({reset} --query password -o tsv)"\n'


def render_bicep(grant: CollectionGrant) -> str:
    """The Bicep file; it is deployed once in each scope, by the commands in its head."""
    group = bool(grant.connection.management_groups) or not grant.connection.subscriptions
    target = "managementGroup" if group else "subscription"
    here = "managementGroup()" if group else "subscription()"
    parts = [
        _format_bicep_head(grant, group),
        f"targetScope = '{target}'\n",
        "@description('Object id of the service principal or managed identity that nephoscope signs in as.')\n"
        "param principalId string\n",
        _format_bicep_role(grant, here),
        _format_bicep_assignment(grant, here),
        _format_bicep_graph(grant),
    ]
    return "\n".join(part for part in parts if part)


def _format_bicep_head(grant: CollectionGrant, group: bool) -> str:
    asked = grant.connection
    commands = (
        [
            f"az deployment mg create --management-group-id {_quote_text(one)} --location westeurope --template-file grant.bicep"
            " --parameters principalId=OBJECT_ID"
            for one in asked.management_groups or (asked.id or "TENANT_ID",)
        ]
        if group
        else [
            f"az deployment sub create --subscription {one} --location westeurope --template-file grant.bicep"
            " --parameters principalId=OBJECT_ID"
            for one in asked.subscriptions
        ]
    )
    lines = ["Lets nephoscope read what lies in a scope, and change nothing in it.", *commands]
    if grant.permissions:
        lines += [
            "Microsoft Graph permissions need an extension: put a bicepconfig.json next to this file with",
            f'{{"extensions": {{"microsoftGraphV1": "{EXTENSION}"}}}}',
        ]
    return (
        indent("\n".join(lines), "// ") + "\n" + ("extension microsoftGraphV1\n" if grant.permissions else "")
    )


def _format_bicep_role(grant: CollectionGrant, here: str) -> str:
    if not grant.exact:
        return ""
    actions = "\n".join(f"          '{one}'" for one in grant.actions)
    return (
        "resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {\n"
        f"  name: guid({here}.id, '{CUSTOM_ROLE}')\n"
        "  properties: {\n"
        f"    roleName: '{CUSTOM_ROLE} ${{last(split({here}.id, '/'))}}'\n"
        "    description: 'Reads what nephoscope judges, and nothing else.'\n"
        "    type: 'CustomRole'\n"
        f"    permissions: [\n      {{\n        actions: [\n{actions}\n        ]\n        notActions: []\n      }}\n    ]\n"
        f"    assignableScopes: [\n      {here}.id\n    ]\n"
        "  }\n}\n"
    )


def _format_bicep_assignment(grant: CollectionGrant, here: str) -> str:
    role = (
        "role.id"
        if grant.exact
        else f"tenantResourceId('Microsoft.Authorization/roleDefinitions', '{READER}')"
    )
    seed = f"'{CUSTOM_ROLE}'" if grant.exact else f"'{READER}'"
    return (
        "resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {\n"
        f"  name: guid({here}.id, principalId, {seed})\n"
        "  properties: {\n"
        "    principalId: principalId\n    principalType: 'ServicePrincipal'\n"
        f"    roleDefinitionId: {role}\n"
        "  }\n}\n"
    )


def _format_bicep_graph(grant: CollectionGrant) -> str:
    if not grant.permissions:
        return ""
    wanted = "\n".join(f"  '{one}'" for one in grant.permissions)
    return (
        f"var permissions = [\n{wanted}\n]\n\n"
        "resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {\n"
        f"  appId: '{GRAPH_APP}'\n}}\n\n"
        "resource granted 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [for permission in permissions: {\n"
        "  appRoleId: filter(graph.appRoles, role => role.value == permission)[0].id\n"
        "  principalId: principalId\n"
        "  resourceId: graph.id\n"
        "}]\n"
    )


def _quote_text(text: str) -> str:
    """A text of a checked scope for bash: none holds a quote."""
    return f"'{text}'"
