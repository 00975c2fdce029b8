"""A loopback Azure that replays bodies: Resource Graph, Resource Manager, Microsoft Graph and a managed identity's token endpoint.

It answers known query shapes only, enforces page size, order, subscriptions, quotas and tokens, and can fail as Azure does. It
keeps a log: what was asked, what was answered twice, what the content does not need.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nephoscope_policy.model.resource_id import ResourceId

QUERY = re.compile(
    r"(?P<table>[a-z]+)\n"
    r"\| where type in~ \((?P<types>'[^']+'(?:, '[^']+')*)\)"
    r"(?:\n\| where strcat\(subscriptionId, '/', resourceGroup\) in~ \((?P<pairs>[^)]+)\))?"
    r"(?:\n\| where resourceGroup in~ \((?P<groups>[^)]+)\))?"
    r"(?:\n\| where type !in~ \((?P<builtin>[^)]+)\) or properties\.policyType =~ 'Custom')?"
    r"(?:\n\| where name in~ \((?P<names>[^)]+)\))?"
    r"\n\| order by id asc"
)
SUBSCRIPTION = "microsoft.resources/subscriptions"
JIT = "microsoft.security/locations/jitnetworkaccesspolicies"
FAULTS = ("429 retry-after", "429 quota", "429 milliseconds", "503", "truncated", "revoke", "reset")


def quoted(text: str | None) -> list[str]:
    """The words of a quoted list, lower-cased."""
    return [word.lower() for word in re.findall(r"'([^']*)'", text or "")]


@dataclass
class Needed:
    """What content needs, worked out here from its raw documents: types, and which extension under which types."""

    types: set[str] = field(default_factory=set)
    pairs: set[tuple[str, str]] = field(default_factory=set)

    def add_document(self, document: dict[str, Any]) -> None:
        properties = document.get("properties", document)
        if not isinstance(properties.get("policyRule"), dict):
            return
        rule = {key.lower(): value for key, value in properties["policyRule"].items()}
        judged = set(_type_conditions(rule.get("if"), properties.get("parameters") or {}))
        then = {key.lower(): value for key, value in rule.get("then", {}).items()}
        details = then.get("details")
        related = str(details.get("type", "")).lower().strip("/") if isinstance(details, dict) else ""
        self.types |= judged | ({related} if related else set())
        self.pairs |= {(type_, related) for type_ in judged if related}

    def close(self) -> None:
        """Add the parents on the way to nested types, and what stands for the types that policies look up in vaults."""
        for type_ in list(self.types):
            while type_.count("/") > 1:
                type_ = type_.rpartition("/")[0]
                self.types.add(type_)
        if "microsoft.recoveryservices/backupprotecteditems" in self.types:
            self.types.add(
                "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems"
            )
        if "microsoft.dataprotection/backupinstances" in self.types:
            self.types.add("microsoft.dataprotection/backupvaults/backupinstances")


def _type_conditions(node: Any, parameters: dict[str, Any]) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _type_conditions(item, parameters)
    if not isinstance(node, dict):
        return
    lowered = {key.lower(): value for key, value in node.items()}
    if str(lowered.get("field", "")).lower() == "type":
        for operator in ("equals", "in", "like"):
            value = lowered.get(operator)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str):
                    yield one.lower()
    for value in node.values():
        yield from _type_conditions(value, parameters)


class Places:
    """The keys of bodies by what they are listed under: a parent, or a subscription and a type."""

    def __init__(self, bodies: Iterable[str]) -> None:
        self.keys = set(bodies)
        self.children: defaultdict[str, list[str]] = defaultdict(list)
        self.inside: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for key in bodies:
            id_ = ResourceId.parse(key)
            self.children[key.rpartition("/")[0]].append(key)
            self.inside[id_.subscription, id_.type].append(key)


@dataclass
class World:
    """The estate behind the server: ARM bodies, Graph objects by kind, and in which table each type is."""

    bodies: dict[str, dict[str, Any]]
    tables: dict[str, str]
    graph: dict[str, list[dict[str, Any]]]
    tenant: str = "11111111-2222-3333-4444-555555555555"

    @classmethod
    def of(cls, bodies: Iterable[dict[str, Any]], tables: dict[str, str]) -> World:
        found, graph = {}, defaultdict(list)
        for body in bodies:
            id_ = ResourceId.parse(body["id"])
            if id_.type.startswith("microsoft.graph/"):
                graph[id_.type].append(body["properties"])
            else:
                found[id_.key] = body
        world = cls(found, tables, dict(graph))
        world._contain()
        return world

    def _contain(self) -> None:
        """A body for every subscription and resource group that ids name."""
        for key in list(self.bodies):
            id_ = ResourceId.parse(key)
            for container, type_ in (
                (id_.subscription_id, SUBSCRIPTION),
                (id_.resource_group_id, f"{SUBSCRIPTION}/resourcegroups"),
            ):
                if container and container not in self.bodies:
                    name = container.rsplit("/", 1)[-1]
                    self.bodies[container] = {
                        "id": container,
                        "name": name,
                        "type": type_,
                        "properties": {"state": "Enabled"},
                    }

    def table(self, type_: str) -> str:
        """The table that has a type: its own, the main one for top-level types that are no extensions, else none."""
        return self.tables.get(type_) or ("resources" if type_.count("/") == 1 else "")

    def row(self, key: str) -> dict[str, Any]:
        """A body as Resource Graph shows it."""
        id_ = ResourceId.parse(key)
        return {
            **self.bodies[key],
            "type": id_.type,
            "tenantId": self.tenant,
            "subscriptionId": id_.subscription,
            "resourceGroup": id_.resource_group,
        }


@dataclass
class Azure:
    """The server's state: what it serves, how it fails, and its log."""

    world: World
    needed: Needed | None = None
    page: int = 1000
    denied: set[str] = field(default_factory=set)
    refused_types: set[str] = field(default_factory=set)
    actions: list[str] = field(default_factory=lambda: ["*/read"])
    # The ids of the only resource groups in which the sign-in has a role (none: it has one everywhere), and what is answered
    # where it is asked for its permissions elsewhere: refused, or that there are none.
    confined: frozenset[str] = frozenset()
    elsewhere: int = 403
    quota: tuple[int, float] = (15, 5.0)
    faults: dict[int, str] = field(default_factory=dict)
    stop_after: int = 0
    log: list[str] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    over_quota: int = 0
    tokens: int = 0
    valid: set[str] = field(default_factory=set)
    skips: dict[str, tuple[str, int]] = field(default_factory=dict)
    held: threading.Event = field(default_factory=threading.Event)
    origin: str = ""
    _places: Places | None = None
    _used: int = 0
    _window: float = 0.0
    _seen: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # --- every request -------------------------------------------------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        with self._lock:
            if request.url.path == "/msi/token":
                return self._token(request)
            self._seen += 1
            number = self._seen
            shown = f"{request.method} {request.url.path}?{request.url.query} {body.decode()}".strip()
            self.log.append(shown)
            if self.stop_after and len(self.answered) >= self.stop_after:
                self.held.set()
            else:
                return self._answer(request, body, number, shown)
        await _forever()
        raise AssertionError

    def go_on(self) -> None:
        """Answer again, but not what a killed process sent and nobody has read yet: its token is good for nothing now."""
        with self._lock:
            self.valid.clear()
            self.stop_after = 0

    def _answer(self, request: Request, body: bytes, number: int, shown: str) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        fault = self.faults.pop(number, "")
        if fault == "revoke":
            self.valid.clear()
        if token not in self.valid:
            return JSONResponse({"error": {"code": "ExpiredAuthenticationToken", "message": "revoked"}}, 401)
        if fault in FAULTS and fault != "revoke":
            return self._fault(fault)
        answer = self._post(request, body) if request.method == "POST" else self._get(request)
        if answer.status_code != 429:
            if shown in self.answered:
                self.problems.append(f"asked twice: {shown[:300]}")
            self.answered[shown] += 1
        return answer

    def _token(self, request: Request) -> Response:
        if request.headers.get("x-identity-header") != "secret-header" or not request.query_params.get(
            "resource"
        ):
            return JSONResponse({"error": "invalid_request"}, 400)
        self.tokens += 1
        token = f"token-{self.tokens}"
        self.valid.add(token)
        return JSONResponse(
            {
                "access_token": token,
                "expires_on": str(int(time.time()) + 86400),
                "resource": "x",
                "token_type": "Bearer",
            }
        )

    def _fault(self, fault: str) -> Response:
        error = {"error": {"code": "TooManyRequests", "message": "slow down"}}
        headers = {
            "429 retry-after": {"Retry-After": "1"},
            "429 quota": {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:01"},
            "429 milliseconds": {"x-ms-retry-after-ms": "250"},
        }.get(fault)
        if headers is not None:
            return JSONResponse(error, 429, headers)
        if fault == "503":
            return JSONResponse({"error": {"code": "ServerBusy", "message": "busy"}}, 503)
        cut = b'{"data": [{"id": "/subscriptions/'
        declared = {"content-length": str(len(cut) + 100)} if fault == "reset" else {}
        return Response(cut, 200, {"content-type": "application/json", **declared})

    def problem(self, text: str) -> Response:
        self.problems.append(text)
        return JSONResponse({"error": {"code": "BadRequest", "message": text}}, 400)

    # --- Resource Graph ------------------------------------------------------------------------------------------------

    def _post(self, request: Request, body: bytes) -> Response:
        if request.url.path != "/providers/Microsoft.ResourceGraph/resources":
            return self.problem(f"a POST that is no query: {request.url.path}")
        now = time.monotonic()
        limit, seconds = self.quota
        if now - self._window > seconds:
            self._used, self._window = 0, now
        left = max(0, int(self._window + seconds - now) + 1)
        headers = {"x-ms-user-quota-resets-after": f"00:00:{left:02d}"}
        if self._used >= limit:
            self.over_quota += 1
            return JSONResponse(
                {"error": {"code": "RateLimiting"}}, 429, {**headers, "x-ms-user-quota-remaining": "0"}
            )
        self._used += 1
        headers["x-ms-user-quota-remaining"] = str(limit - self._used)
        answer = self._query(json.loads(body), request.query_params.get("api-version", ""))
        answer.headers.update(headers)
        return answer

    def _query(self, body: dict[str, Any], api: str) -> Response:
        match = QUERY.fullmatch(body.get("query", ""))
        options = body.get("options", {})
        if match is None or not api or set(body) - {"query", "options", "subscriptions", "managementGroups"}:
            return self.problem(f"an unknown query shape: {body} {api}")
        if options.get("$top") != 1000 or options.get("resultFormat") != "objectArray":
            return self.problem(f"not a page of 1000: {options}")
        subscriptions = body.get("subscriptions")
        if subscriptions is not None and not 0 < len(subscriptions) <= 200:
            return self.problem(f"{len(subscriptions)} subscriptions in a query")
        types = quoted(match["types"])
        unneeded = [type_ for type_ in types if self.needed and type_ not in self.needed.types]
        if unneeded:
            return self.problem(f"types that no content needs: {unneeded}")
        if self.denied & set(subscriptions or ()) or self.refused_types & set(types):
            return JSONResponse(
                {"error": {"code": "AccessDenied", "message": "no access to the given subscriptions"}}, 403
            )
        rows = self._rows(match, types, body, options)
        return self._page(rows, body, options)

    def _rows(
        self, match: re.Match[str], types: list[str], body: dict[str, Any], options: dict[str, Any]
    ) -> list[str]:
        inherited = options.get("authorizationScopeFilter") == "AtScopeAboveAndBelow"
        pairs, groups, names = quoted(match["pairs"]), quoted(match["groups"]), quoted(match["names"])
        found = []
        for key in sorted(self.world.bodies):
            id_ = ResourceId.parse(key)
            if id_.type not in types or self.world.table(id_.type) != match["table"]:
                continue
            if not self._visible(id_, body, inherited):
                continue
            if pairs and f"{id_.subscription}/{id_.resource_group}" not in pairs:
                continue
            if (groups and id_.resource_group not in groups) or (names and id_.name not in names):
                continue
            if id_.type in quoted(match["builtin"]):
                custom = self.world.bodies[key].get("properties", {}).get("policyType")
                if str(custom).lower() != "custom":
                    continue
            found.append(key)
        return found

    def _visible(self, id_: ResourceId, body: dict[str, Any], inherited: bool) -> bool:
        subscriptions = body.get("subscriptions")
        if id_.subscription in self.denied or not self._reached(id_.key, seen=True):
            return False
        if subscriptions is not None:
            built_in = id_.type == "microsoft.authorization/roledefinitions" and not id_.parent
            return id_.subscription in subscriptions or (inherited and not id_.subscription and not built_in)
        if "managementGroups" in body:
            chain = (
                self.world.bodies.get(id_.subscription_id, {})
                .get("properties", {})
                .get("managementGroupAncestorsChain")
                or []
            )
            above = {str(one.get("name", "")).lower() for one in chain} | (
                {id_.name} if "managementgroups" in id_.type else set()
            )
            return bool(above & {name.lower() for name in body["managementGroups"]})
        return True

    def _page(self, keys: list[str], body: dict[str, Any], options: dict[str, Any]) -> Response:
        token, question, start = (
            options.get("$skipToken"),
            json.dumps([body["query"], body.get("subscriptions")]),
            0,
        )
        if token is not None:
            asked, start = self.skips.get(token, ("", 0))
            if asked != question:
                return self.problem("a $skipToken of another query")
        rows = [self.world.row(key) for key in keys[start : start + self.page]]
        answer = {
            "totalRecords": len(keys),
            "count": len(rows),
            "data": rows,
            "facets": [],
            "resultTruncated": "false",
        }
        if start + self.page < len(keys):
            answer["$skipToken"] = f"skip-{len(self.skips)}"
            self.skips[answer["$skipToken"]] = (question, start + self.page)
        return JSONResponse(answer)

    # --- Resource Manager and Microsoft Graph --------------------------------------------------------------------------

    def _get(self, request: Request) -> Response:
        path = request.url.path
        if path.startswith("/v1.0/"):
            return self._directory(path, dict(parse_qsl(request.url.query)))
        if not request.query_params.get("api-version"):
            return self.problem(f"no api-version: {path}")
        lowered = path.lower()
        subscription = lowered.split("/")[2] if lowered.startswith("/subscriptions/") else ""
        if subscription in self.denied:
            return self.problem(f"a request into a subscription that is known to be refused: {path}")
        asks = lowered.endswith("/providers/microsoft.authorization/permissions")
        if subscription and not self._reached(lowered):
            if not asks:
                return self.problem(f"a request for what may not be read: {path}")
            return JSONResponse({"value": []}) if self.elsewhere == 200 else self._unauthorized(lowered)
        if asks:
            return JSONResponse({"value": [{"actions": self.actions, "notActions": []}]})
        if lowered == "/providers/microsoft.authorization/roledefinitions":
            found = [b for k, b in self.world.bodies.items() if k.startswith(lowered + "/")]
            return JSONResponse({"value": found})
        answer = self._list(lowered, request)
        answer.headers["x-ms-ratelimit-remaining-subscription-reads"] = "249"
        return answer

    def _reached(self, key: str, *, seen: bool = False) -> bool:
        """Whether a lower-cased id lies where the sign-in has a role; the subscription around is `seen` as a container."""
        around = {"/".join(group.split("/")[:3]) for group in self.confined} if seen else set()
        return (
            not self.confined
            or key in around
            or any(key == one or key.startswith(f"{one}/") for one in self.confined)
        )

    def _unauthorized(self, path: str, kind: str = "Microsoft.Authorization/permissions") -> Response:
        message = (
            f"The client 'x' does not have authorization to perform action '{kind}/read' over scope '{path}'"
        )
        return JSONResponse({"error": {"code": "AuthorizationFailed", "message": message}}, 403)

    def _list(self, path: str, request: Request) -> Response:
        last = path.rpartition("/providers/")[2].split("/")
        type_ = "/".join([last[0], *last[1::2]])
        item = path in self.world.bodies
        keys = [path] if item else self._keys_under(path, type_)
        kinds = {ResourceId.parse(key).type for key in keys} or {type_}
        kinds = {JIT if "jitnetwork" in kind else kind for kind in kinds}
        self._check(path, kinds)
        if self.refused_types & kinds:
            return self._unauthorized(path, next(iter(kinds)))
        if item:
            return JSONResponse(self.world.bodies[path])
        start = int(request.query_params.get("$skip", "0"))
        answer: dict[str, Any] = {
            "value": [self.world.bodies[key] for key in sorted(keys)[start : start + self.page]]
        }
        if start + self.page < len(keys):
            url = f"{self.origin}{request.url.path}?api-version={request.query_params['api-version']}&$skip={start + self.page}"
            answer["nextLink"] = url
        if last[-1] == "current" and not keys:
            return JSONResponse({"error": {"code": "NotFound"}}, 404)
        return JSONResponse(answer)

    def _keys_under(self, path: str, type_: str) -> list[str]:
        """The bodies that a list of the path has: children, extensions, or (listed at the subscription) whatever lies in it."""
        if self._places is None or self._places.keys != self.world.bodies.keys():
            self._places = Places(self.world.bodies)
        found = list(self._places.children.get(path, ()))
        parts = path.split("/")
        if (
            len(parts) > 3
            and parts[1] == "subscriptions"
            and parts[3] == "providers"
            and "diagnosticsettings" not in path
        ):
            types = {type_, JIT} if "jitnetwork" in path else {type_}
            found += (key for one in types for key in self._places.inside.get((parts[2], one), ()))
        return list(dict.fromkeys(found))

    def _check(self, path: str, kinds: set[str]) -> None:
        if self.needed is None:
            return
        owner = path.rpartition("/providers/")[0]
        for kind in kinds:
            if kind not in self.needed.types:
                self.problem(f"a type that no content needs: {kind} ({path})")
            elif kind.count("/") == 1 and owner.count("/providers/"):
                pair = (ResourceId.parse(owner).type, kind)
                if (
                    pair not in self.needed.pairs
                    and kind != "microsoft.security/servervulnerabilityassessments"
                ):
                    self.problem(f"no content looks up {pair[1]} under {pair[0]}")

    def _directory(self, path: str, query: dict[str, str]) -> Response:
        members = re.fullmatch(r"/v1\.0/groups/([^/]+)/members", path)
        kind = "microsoft.graph/" + path.rpartition("/")[2].lower()
        if self.refused_types & {kind}:
            return JSONResponse(
                {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}, 403
            )
        if members:
            group = next(one for one in self.world.graph["microsoft.graph/groups"] if one["id"] == members[1])
            values = [{"@odata.type": "#microsoft.graph.user", "id": id_} for id_ in group.get("members", [])]
        else:
            values = [
                {k: v for k, v in one.items() if k != "members"} for one in self.world.graph.get(kind, [])
            ]
        start = int(query.get("$skiptoken", "0"))
        answer: dict[str, Any] = {"value": values[start : start + self.page]}
        if start + self.page < len(values):
            answer["@odata.nextLink"] = f"{self.origin}{path}?$skiptoken={start + self.page}"
        return JSONResponse(answer)


async def _forever() -> None:
    import asyncio

    await asyncio.sleep(3600)


@contextlib.contextmanager
def serving(azure: Azure) -> Iterator[Azure]:
    """Serve on a free loopback port until the block ends."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", azure.handle, methods=methods)])
    # on a busy machine a connection rests longer than the usual five seconds: what is closed then would be tried again, uncounted here
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=0, timeout_keep_alive=300
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended before it had started"
        time.sleep(0.01)
    azure.origin = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield azure
    finally:
        server.should_exit = True
        thread.join(timeout=5)
