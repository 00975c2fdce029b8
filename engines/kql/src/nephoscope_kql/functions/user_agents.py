"""User agents: browser, operating system and device of an agent's text, by the list of expressions that ua-parser keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlglot import exp

from nephoscope_kql.functions.declaration import apply_routine, declare_rowwise, require_extra
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from ua_parser import OS, Device, UserAgent

_UNKNOWN = "Other"
_NEEDS = require_extra("agents", "ua_parser", "ua_parser_builtins")
_PARTS = ("browser", "os", "device")


def _build_browser(found: UserAgent | OS | None) -> dict[str, str]:
    if found is None:
        return {"Family": _UNKNOWN, "MajorVersion": "", "MinorVersion": "", "Patch": ""}
    return {
        "Family": found.family,
        "MajorVersion": found.major or "",
        "MinorVersion": found.minor or "",
        "Patch": found.patch or "",
    }


def _build_system(found: OS | None) -> dict[str, str]:
    return {**_build_browser(found), "PatchMinor": "" if found is None else found.patch_minor or ""}


def _build_device(found: Device | None) -> dict[str, str]:
    if found is None:
        return {"Family": _UNKNOWN, "Brand": "", "Model": ""}
    return {"Family": found.family, "Brand": found.brand or "", "Model": found.model or ""}


def _read_user_agent(text: str, wanted: str) -> str | None:
    """The bag of the parts that `wanted` (a JSON array) names; null for ''."""
    from ua_parser import parse

    if not text:
        return None
    found, parts, result = parse(text), json.loads(wanted), {}
    if "browser" in parts:
        result["Browser"] = _build_browser(found.user_agent)
    if "os" in parts:
        result["OperatingSystem"] = _build_system(found.os)
    if "device" in parts:
        result["Device"] = _build_device(found.device)
    return format_json(result)


_AGENT = declare_rowwise("kql_user_agent", ("VARCHAR", "VARCHAR"), "VARCHAR", _read_user_agent)


@declare_function("parse_user_agent(agent: string, look_for: const string|dynamic): dynamic")
def parse_user_agent(call: Arguments) -> exp.Expr:
    """Name the browser, the operating system (os) and the device of a user agent's text; null for ''."""
    _NEEDS(call)
    value = call.get_value(1)
    wanted = value if call.types[1] == KqlType.DYNAMIC and isinstance(value, list) else [value]
    parts = [str(part).lower() for part in wanted]
    if not parts or any(part not in _PARTS for part in parts):
        raise call.make_error(1, "look for 'browser', 'os' or 'device', or an array of these")
    return apply_routine(call, _AGENT, call[0], nodes.build_text(format_json(parts)))


parse_user_agent.extra.update(_NEEDS.extras)
