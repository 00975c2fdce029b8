"""Small estates for tests, from a compact description of networks, machines and people.

Loaded by path (tests have no packages). A security rule is one line: `100 Allow In Tcp Internet * -> * 22,3389`, that is
priority, access, direction, protocol, source, source ports, destination, destination ports; `asg:NAME` names an application
security group.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

import nephoscope_kql as kql
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.log_queries import DeclaredReads, FileAggregate, LogNotReceivedError
from nephoscope.lake.storage.file_aggregates import GROUPS
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns
from nephoscope_kql.errors import UnknownSourceError
from nephoscope_kql.types import KqlType
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUB}/resourceGroups/rg"
NET = f"{GROUP}/providers/Microsoft.Network"
NOW = datetime(2026, 6, 1, tzinfo=UTC)

Body = dict[str, Any]


def ref(kind: str, name: str) -> Body:
    """`kind` is a path under Microsoft.Network with `{}` for the name."""
    return {"id": f"{NET}/{kind}/{name}"}


def body(id_: str, properties: Body, **more: Any) -> Body:
    parts = id_.rsplit("/providers/", maxsplit=1)[-1].split("/")
    type_ = "/".join([parts[0], *parts[1::2]])
    return {
        "id": id_,
        "name": parts[-1],
        "type": type_,
        "location": "westeurope",
        "properties": properties,
        **more,
    }


def rule(text: str) -> Body:
    words = text.split()
    priority, access, direction, protocol, source, source_ports, arrow, target, ports = words[:9]
    assert arrow == "->", text
    assert len(words) in (9, 10), text
    name = words[9] if len(words) == 10 else f"r{priority}"
    inner = {
        "priority": int(priority),
        "access": access,
        "direction": {"In": "Inbound", "Out": "Outbound"}[direction],
        "protocol": protocol,
    }
    for side, peers, numbers in (("source", source, source_ports), ("destination", target, ports)):
        inner |= _peers(side, peers.split(","))
        inner |= _plural(f"{side}PortRange", numbers.split(","))
    return {"name": name, "properties": inner}


def _peers(side: str, words: list[str]) -> Body:
    groups = [word[4:] for word in words if word.startswith("asg:")]
    if groups:
        return {
            f"{side}ApplicationSecurityGroups": [ref("applicationSecurityGroups", name) for name in groups]
        }
    if len(words) == 1:
        return {f"{side}AddressPrefix": words[0], f"{side}AddressPrefixes": []}
    return {f"{side}AddressPrefixes": words}


def _plural(name: str, words: list[str]) -> Body:
    return {name: words[0], f"{name}s": []} if len(words) == 1 else {f"{name}s": words}


def nsg(name: str, rules: list[str]) -> Body:
    return body(f"{NET}/networkSecurityGroups/{name}", {"securityRules": [rule(text) for text in rules]})


def subnet_ref(path: str) -> Body:
    network, name = path.split("/")
    return {"id": f"{NET}/virtualNetworks/{network}/subnets/{name}"}


def vnet(name: str, spec: Body) -> Body:
    subnets = []
    for child, inner in spec.get("subnets", {}).items():
        properties: Body = {"addressPrefix": inner["prefix"]}
        if "nsg" in inner:
            properties["networkSecurityGroup"] = ref("networkSecurityGroups", inner["nsg"])
        if "routes" in inner:
            properties["routeTable"] = ref("routeTables", inner["routes"])
        subnets.append({**subnet_ref(f"{name}/{child}"), "name": child, "properties": properties})
    peers = [
        {
            "name": peer,
            "properties": {
                "remoteVirtualNetwork": ref("virtualNetworks", peer),
                "peeringState": inner.get("state", "Connected"),
                "allowVirtualNetworkAccess": inner.get("access", True),
                "remoteVirtualNetworkAddressSpace": {"addressPrefixes": inner["space"]},
            },
        }
        for peer, inner in spec.get("peers", {}).items()
    ]
    properties = {
        "addressSpace": {"addressPrefixes": spec["space"]},
        "subnets": subnets,
        "virtualNetworkPeerings": peers,
        **spec.get("properties", {}),
    }
    return body(f"{NET}/virtualNetworks/{name}", properties)


def machine(name: str, spec: Body) -> list[Body]:
    """A machine with one interface (`nics` gives several)."""
    cards = [nic(f"{name}-nic{number}", part) for number, part in enumerate(spec.get("nics", [spec]))]
    properties = {
        "storageProfile": {"osDisk": {"osType": spec.get("os", "Linux")}},
        "networkProfile": {"networkInterfaces": [{"id": card["id"]} for card in cards]},
        **spec.get("properties", {}),
    }
    more = {"identity": spec["identity"]} if "identity" in spec else {}
    vm = body(f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}", properties, **more)
    children = [
        body(f"{vm['id']}/extensions/{child}", inner) for child, inner in spec.get("extensions", {}).items()
    ]
    return [vm, *cards, *children]


def nic(name: str, spec: Body) -> Body:
    inner: Body = {"subnet": subnet_ref(spec["subnet"])}
    if "ip" in spec:
        inner["privateIPAddress"] = spec["ip"]
    if "public" in spec:
        inner["publicIPAddress"] = ref("publicIPAddresses", spec["public"])
    for field, kind, part in (
        ("loadBalancerBackendAddressPools", "loadBalancers", "pool"),
        ("loadBalancerInboundNatRules", "loadBalancers", "nat"),
        ("applicationGatewayBackendAddressPools", "applicationGateways", "gateway"),
    ):
        if part in spec:
            owner, child = spec[part].split("/")
            child_kind = "inboundNatRules" if part == "nat" else "backendAddressPools"
            inner[field] = [ref(kind, f"{owner}/{child_kind}/{child}")]
    if "asg" in spec:
        inner["applicationSecurityGroups"] = [
            ref("applicationSecurityGroups", group) for group in spec["asg"]
        ]
    properties: Body = {"ipConfigurations": [{"name": "ipconfig", "properties": inner}]}
    if "nsg" in spec:
        properties["networkSecurityGroup"] = ref("networkSecurityGroups", spec["nsg"])
    if "forward" in spec:
        properties["enableIPForwarding"] = spec["forward"]
    return body(f"{NET}/networkInterfaces/{name}", properties)


def balancer(name: str, spec: Body) -> Body:
    base = f"{NET}/loadBalancers/{name}"
    front: Body = {"privateIPAddress": spec["private"]} if "private" in spec else {}
    if "public" in spec:
        front["publicIPAddress"] = ref("publicIPAddresses", spec["public"])

    def entry(kind: str, child: str, inner: Body) -> Body:
        properties = {
            "frontendIPConfiguration": {"id": f"{base}/frontendIPConfigurations/front"},
            "protocol": inner.get("protocol", "Tcp"),
            "frontendPort": inner.get("front", 0),
            "backendPort": inner.get("back", inner.get("front", 0)),
            "enableFloatingIP": inner.get("floating", False),
        }
        if "pool" in inner:
            properties["backendAddressPool"] = {"id": f"{base}/backendAddressPools/{inner['pool']}"}
        return {"id": f"{base}/{kind}/{child}", "name": child, "properties": properties}

    pools = [
        {
            "id": f"{base}/backendAddressPools/{pool}",
            "name": pool,
            "properties": {
                "loadBalancerBackendAddresses": [
                    {"properties": {"ipAddress": ip, "virtualNetwork": ref("virtualNetworks", network)}}
                    for network, ip in members
                ]
            },
        }
        for pool, members in spec.get("pools", {}).items()
    ]
    properties = {
        "frontendIPConfigurations": [
            {"id": f"{base}/frontendIPConfigurations/front", "name": "front", "properties": front}
        ],
        "loadBalancingRules": [entry("loadBalancingRules", k, v) for k, v in spec.get("rules", {}).items()],
        "inboundNatRules": [entry("inboundNatRules", k, v) for k, v in spec.get("nat", {}).items()],
        "backendAddressPools": pools,
    }
    return body(base, properties, sku={"name": spec.get("sku", "Standard")})


def gateway(name: str, spec: Body) -> Body:
    base = f"{NET}/applicationGateways/{name}"
    front: Body = {"publicIPAddress": ref("publicIPAddresses", spec["public"])} if "public" in spec else {}

    def part(kind: str, inner: Body) -> Body:
        return {"id": f"{base}/{kind}/x", "name": "x", "properties": inner}

    properties = {
        "gatewayIPConfigurations": [part("gatewayIPConfigurations", {"subnet": subnet_ref(spec["subnet"])})],
        "frontendIPConfigurations": [part("frontendIPConfigurations", front)],
        "httpListeners": [
            part("httpListeners", {"frontendIPConfiguration": {"id": f"{base}/frontendIPConfigurations/x"}})
        ],
        "backendAddressPools": [
            part(
                "backendAddressPools",
                {"backendAddresses": [{"ipAddress": ip} for ip in spec.get("backends", [])]},
            )
        ],
        "backendHttpSettingsCollection": [
            part("backendHttpSettingsCollection", {"port": spec.get("port", 80)})
        ],
        "requestRoutingRules": [
            part(
                "requestRoutingRules",
                {
                    "httpListener": {"id": f"{base}/httpListeners/x"},
                    "backendAddressPool": {"id": f"{base}/backendAddressPools/x"},
                    "backendHttpSettings": {"id": f"{base}/backendHttpSettingsCollection/x"},
                },
            )
        ],
        **spec.get("properties", {}),
    }
    return body(base, properties)


def firewall(name: str, spec: Body) -> Body:
    rules = [
        {
            "name": f"dnat{number}",
            "sourceAddresses": inner.get("sources", ["*"]),
            "destinationPorts": [str(inner["port"])],
            "protocols": inner.get("protocols", ["TCP"]),
            "translatedAddress": inner["to"],
            "translatedPort": str(inner.get("back", inner["port"])),
        }
        for number, inner in enumerate(spec["dnat"])
    ]
    properties = {
        "ipConfigurations": [{"name": "fw", "properties": {"subnet": subnet_ref(spec["subnet"])}}],
        "natRuleCollections": [{"name": "nat", "properties": {"rules": rules}}],
    }
    return body(f"{NET}/azureFirewalls/{name}", properties)


def jit(machines: dict[str, list[int]]) -> Body:
    id_ = f"{GROUP}/providers/Microsoft.Security/locations/westeurope/jitNetworkAccessPolicies/default"
    entries = [
        {
            "id": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}",
            "ports": [
                {"number": port, "protocol": "*", "maxRequestAccessDuration": "PT3H"} for port in ports
            ],
        }
        for name, ports in machines.items()
    ]
    return {**body(id_, {"virtualMachines": entries}), "kind": "Basic"}


def graph(kind: str, name: str, properties: Body) -> Body:
    return {"id": f"/providers/microsoft.graph/{kind}/{name}", "name": name, "properties": properties}


ROLES = {
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
}
SCOPES = {"sub": SUB, "rg": GROUP, "root": "", "mg": "/providers/Microsoft.Management/managementGroups/corp"}


def assignment(number: int, text: str) -> Body:
    """`User:alice Owner sub`: principal type and id, role (a name, or a custom role's), scope (sub, rg, mg, root, or an id)."""
    principal, role, place = text.split()
    kind, name = principal.split(":")
    scope = SCOPES[place] if place in SCOPES else placed({"id": place})["id"]
    definition = ROLES.get(role, role)
    inner = {
        "principalId": name,
        "roleDefinitionId": f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{definition}",
        "scope": scope or "/",
    }
    if kind:
        inner["principalType"] = kind
    id_ = (
        f"{scope}/providers/Microsoft.Authorization/roleAssignments/{number:08d}-0000-0000-0000-000000000000"
    )
    return {"id": id_, "name": id_.rsplit("/", 1)[1], "properties": inner}


def people(spec: Body) -> list[Body]:
    found = [assignment(number, text) for number, text in enumerate(spec.get("assignments", []))]
    for name, text in spec.get("users", {}).items():
        words = text.split()
        found.append(
            graph(
                "users",
                name,
                {
                    "userType": "Guest" if "guest" in words else "Member",
                    "accountEnabled": "blocked" not in words,
                    "userPrincipalName": f"{name}@example.org",
                },
            )
        )
        if "mfa" in words or "nomfa" in words:
            registered = {"isMfaRegistered": "mfa" in words, "isMfaCapable": "mfa" in words}
            found.append(graph("userRegistrationDetails", name, registered))
    for name, members in spec.get("groups", {}).items():
        found.append(graph("groups", name, {"members": members}))
    found += [graph("servicePrincipals", name, {}) for name in spec.get("services", [])]
    for name, permissions in spec.get("roles", {}).items():
        id_ = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{name}"
        found.append({"id": id_, "name": name, "properties": {"permissions": [permissions]}})
    if spec.get("chain", True):
        tenant = {"managementGroupAncestorsChain": [{"name": "corp"}, {"name": "root"}]}
        found.append({"id": SUB, "name": SUB.rsplit("/", 1)[1], "properties": tenant})
    else:
        found.append({"id": SUB, "name": SUB.rsplit("/", 1)[1], "properties": {}})
    return found


def bodies(spec: Body) -> list[Body]:
    """Every resource of a described estate."""
    found: list[Body] = []
    found += [nsg(name, rules) for name, rules in spec.get("nsgs", {}).items()]
    found += [vnet(name, inner) for name, inner in spec.get("vnets", {}).items()]
    found += [
        body(
            f"{NET}/publicIPAddresses/{name}",
            inner.get("properties", {}),
            sku={"name": inner.get("sku", "Standard")},
        )
        for name, inner in spec.get("publics", {}).items()
    ]
    found += [
        body(
            f"{NET}/routeTables/{name}",
            {
                "routes": [
                    {"properties": {"addressPrefix": prefix, "nextHopType": hop}}
                    for prefix, hop in routes.items()
                ]
            },
        )
        for name, routes in spec.get("routes", {}).items()
    ]
    for name, inner in spec.get("vms", {}).items():
        found += machine(name, inner)
    found += [balancer(name, inner) for name, inner in spec.get("lbs", {}).items()]
    found += [gateway(name, inner) for name, inner in spec.get("gateways", {}).items()]
    found += [firewall(name, inner) for name, inner in spec.get("firewalls", {}).items()]
    if "jit" in spec:
        found.append(jit(spec["jit"]))
    if "people" in spec:
        found += people(spec["people"])
    found += [placed(extra) for extra in spec.get("extra", [])]
    return found


def placed(extra: Body) -> Body:
    """A body whose strings may start with `~sub`, `~rg` or `~net`."""
    places = {"~sub": SUB, "~rg": GROUP, "~net": NET}

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: put(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [put(inner) for inner in value]
        if isinstance(value, str):
            for mark, place in places.items():
                if value.startswith(mark):
                    return place + value[len(mark) :]
        return value

    found = put(extra)
    found.setdefault("name", found["id"].rsplit("/", 1)[-1])
    return found


def coverage(spec: Any, types: set[str]) -> Coverage:
    """None: everything. `"inferred"`: the types seen. `{"without": [types]}`: declared, all but those; `{type: why}`: refused.

    With `here` this is so of the one subscription alone.
    """
    if spec is None:
        return Coverage.cover_everything()
    if spec == "inferred":
        return Coverage({SUB: frozenset(types), "": frozenset(types)}, declared=False)
    from nephoscope.analyze.analyzer_runner import list_analyzed_types as read

    without = spec["without"]
    known = frozenset((read() | types) - set(without))
    gaps = without if isinstance(without, dict) else {}
    scopes = {SUB: known} if spec.get("here") else {SUB: known, "": known}
    return Coverage(scopes, declared=True, gaps=gaps)


def estate(spec: Body) -> Estate:
    """The described estate; `drop` leaves out resources of types, `bare` takes their properties."""
    dropped = [text.lower() for text in spec.get("drop", [])]
    bare = [text.lower() for text in spec.get("bare", [])]
    resources = []
    for raw in bodies(spec):
        resource = Resource.of(raw)
        if any(text == resource.type for text in dropped):
            continue
        if resource.type in bare:
            resource = Resource.of({k: v for k, v in raw.items() if k != "properties"}, complete=False)
        resources.append(resource)
    return Estate.of(resources, coverage(spec.get("coverage"), {resource.type for resource in resources}))


def _records(found: pa.Table) -> list[dict[str, Any]]:
    return [
        {
            name: datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=cell // 10)
            if kind is KqlType.DATETIME and cell is not None
            else cell
            for (name, kind), cell in zip(list_typed_columns(found), row, strict=True)
        }
        for row in iterate_rows(found)
    ]


class WrittenLogs:
    """Logs (estate.Logs) at a time that a description spells out: table -> rows, each with how many `days` before NOW it was written.

    A row that is `daily` was written on each of so many days before NOW.
    """

    def __init__(self, spec: Body, now: datetime = NOW) -> None:
        self._now = now
        self._tables = {
            name: pa.Table.from_pylist(
                [
                    {"TimeGenerated": NOW - timedelta(days=days)}
                    | {k: v for k, v in row.items() if k not in ("days", "daily")}
                    for row in rows
                    for days in ([row["days"]] if "days" in row else [0.5 + n for n in range(row["daily"])])
                ]
            )
            for name, rows in spec.items()
        }

    def query(self, text: str, declared: DeclaredReads) -> list[dict[str, Any]]:
        """The rows of a query."""
        tables = {name: rows for name, rows in self._tables.items() if name in declared.tables}
        if not tables:
            raise LogNotReceivedError("rows of logs")
        try:
            return _records(kql.run(text, tables, now=self._now))
        except UnknownSourceError as error:  # a declared table that the description does not spell out
            raise LogNotReceivedError(f"rows of logs: {error}") from error

    def aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> list[dict[str, Any]]:
        """The rows of an aggregate, as if each row of the table lay in a file of its own."""
        rows = self._tables.get(asked.table) if asked.table in declared.tables else None
        if rows is None:
            raise LogNotReceivedError("rows of logs")
        files = [rows.slice(place, 1) for place in range(rows.num_rows)]
        groups = [kql.run(asked.by_file, {asked.table: one}, now=self._now) for one in files]
        return _records(kql.run(asked.merge, {GROUPS: pa.concat_tables(groups)}, now=self._now))

    def read_versions(self, tables: Collection[str]) -> dict[str, object]:
        """Always the same."""
        return dict.fromkeys(tables)


def view(spec: Body) -> EstateView:
    """A view of the described estate at NOW, with the described `logs`."""
    logs = spec.get("logs")
    return EstateView(estate(spec), NOW, logs=WrittenLogs(logs) if logs else None)
