"""Host functions of a template, by lower-cased name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.call_resolution import Host
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.resource_ids import (
    build_management_group_resource_id,
    build_provider_path,
    build_resource_id,
    build_subscription_resource_id,
)
from nephoscope_policy.arm.template import deployment_functions, reference_function
from nephoscope_policy.arm.template.expansion_types import FrameView
from nephoscope_policy.arm.text_patterns import accept_patterns
from nephoscope_policy.arm.unknown import JsonType, UndecidedError, Unknown
from nephoscope_policy.arm.unknown_propagation import build_partial_registry
from nephoscope_policy.arm.value import Value, is_number


def _build_parameters(frame: FrameView, arguments: list[object]) -> Value:
    name = _require_one_text(arguments)
    if frame.arguments is not None:
        if name.lower() in frame.arguments:
            return frame.arguments[name.lower()]
        raise FunctionError(f"the function has no parameter {name!r}")
    return frame.instance.get_parameter(name)


def _build_variables(frame: FrameView, arguments: list[object]) -> Value:
    return frame.instance.get_variable(_require_one_text(arguments))


def _require_one_text(arguments: list[object]) -> str:
    _require_argument_count(arguments, 1, 1)
    return given.get_text(arguments, 0)


def _require_argument_count(arguments: list[object], least: int, most: int) -> None:
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise FunctionError(f"takes {wanted} arguments, not {len(arguments)}")


def _copy_index(frame: FrameView, arguments: list[object]) -> Value:
    _require_argument_count(arguments, 0, 2)
    name = ""
    rest = arguments
    if rest and isinstance(rest[0], str):
        name, rest = rest[0], rest[1:]
    index = frame.get_index(name)
    if not rest:
        return index
    if len(rest) > 1 or not is_number(rest[0]):
        raise given.make_argument_type_error(rest, 0, "an integer, the offset")
    return index if isinstance(index, Unknown) else index + given.get_integer(rest, 0)


def _accept_patterns(host: Host) -> Host:
    """An id function whose arguments may be unknown texts."""
    return lambda frame, arguments: accept_patterns(lambda texts: host(frame, texts))(arguments)


def _find_resource_id(frame: FrameView, arguments: list[object]) -> Value:
    scope = frame.instance.scope
    group = scope.resource_group if scope.kind == "resourceGroup" else ""
    if scope.kind in ("tenant", "managementGroup") and "/" in given.get_text(arguments, 0):
        return build_provider_path(arguments, 0)
    return build_resource_id(arguments, scope.subscription_id, group)


def _evaluate_subscription_resource_id(frame: FrameView, arguments: list[object]) -> Value:
    return build_subscription_resource_id(arguments, frame.instance.scope.subscription_id)


def _evaluate_management_group_resource_id(frame: FrameView, arguments: list[object]) -> Value:
    return build_management_group_resource_id(arguments, frame.instance.scope.management_group)


def _find_string(_: FrameView, arguments: list[object]) -> Value:
    """A template writes booleans as True and False; a policy rule does not."""
    _require_argument_count(arguments, 1, 1)
    if isinstance(arguments[0], bool):
        return str(arguments[0])
    return build_partial_registry()["string"].body(arguments)


def _build_new_guid(_: FrameView, arguments: list[object]) -> Value:
    _require_argument_count(arguments, 0, 0)
    return Unknown("string", "generated", "newGuid() differs each time", filled=True)


def _build_utc_now(_: FrameView, arguments: list[object]) -> Value:
    _require_argument_count(arguments, 0, 1)
    return Unknown("string", "generated", "utcNow() differs each time", filled=True)


def _evaluate_fail(_: FrameView, arguments: list[object]) -> Value:
    raise FunctionError(f"the template ends the deployment: {_require_one_text(arguments)}")


def _find_external_input(frame: FrameView, arguments: list[object]) -> Value:
    return frame.deployment.plan.get_external_input(_require_one_text(arguments))


def _build_runtime(type_: JsonType, least: int, most: int, what: str) -> Host:
    """A host that Azure alone can answer: it checks its arguments and is unknown."""

    def answer(_: FrameView, arguments: list[object]) -> Value:
        _require_argument_count(arguments, least, most)
        for place in range(min(2, len(arguments))):
            given.get_text(arguments, place)
        return Unknown(type_, "runtime", what)

    return answer


def _widen_host(host: Host, gives: JsonType) -> Host:
    """The host where an unknown argument decides: an unknown of its type."""

    def answer(frame: FrameView, arguments: list[object]) -> Value:
        try:
            return host(frame, arguments)
        except UndecidedError as error:
            return error.unknown.derive(gives)

    return answer


_ZONES = "the zones of a region differ by subscription"
_OBJECTS: dict[str, tuple[Host, JsonType]] = {
    name: (host, "object") for name, host in deployment_functions.HOSTS.items()
}
_HOSTS: dict[str, tuple[Host, JsonType]] = {
    "parameters": (_build_parameters, "any"),
    "variables": (_build_variables, "any"),
    "copyindex": (_copy_index, "int"),
    "resourceid": (_accept_patterns(_find_resource_id), "string"),
    "subscriptionresourceid": (_accept_patterns(_evaluate_subscription_resource_id), "string"),
    "managementgroupresourceid": (_accept_patterns(_evaluate_management_group_resource_id), "string"),
    "string": (_find_string, "string"),
    "newguid": (_build_new_guid, "string"),
    "utcnow": (_build_utc_now, "string"),
    "fail": (_evaluate_fail, "any"),
    "externalinputs": (_find_external_input, "any"),
    "reference": (reference_function.evaluate_reference, "any"),
    "references": (reference_function.evaluate_references, "array"),
    "resourceinfo": (reference_function.evaluate_resource_info, "object"),
    "providers": (_build_runtime("object", 1, 2, "providers() is answered by Azure"), "object"),
    "pickzones": (_build_runtime("array", 3, 5, _ZONES), "array"),
    "tologicalzone": (_build_runtime("string", 3, 3, _ZONES), "string"),
    "tologicalzones": (_build_runtime("array", 3, 3, _ZONES), "array"),
    "tophysicalzone": (_build_runtime("string", 3, 3, _ZONES), "string"),
    "tophysicalzones": (_build_runtime("array", 3, 3, _ZONES), "array"),
    **_OBJECTS,
}


class _TemplateHosts(Mapping[str, Host]):
    """The hosts by name; `list*` has many names, and a name with a namespace is a user-defined function's."""

    def __init__(self) -> None:
        self._known = {name: _widen_host(host, gives) for name, (host, gives) in _HOSTS.items()}
        self._list = _widen_host(reference_function.evaluate_list, "any")

    def __getitem__(self, key: str) -> Host:
        known = self._known.get(key)
        if known is not None:
            return known
        if "." in key:
            return _build_user_function(key)
        if key.startswith("list") and len(key) > 4:
            return self._list
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _build_user_function(key: str) -> Host:
    def call(frame: FrameView, arguments: list[Value]) -> Value:
        function = frame.instance.find_function(key)
        if function is None:
            raise FunctionError("the template defines no such function")
        return function.call(frame, arguments)

    return call


HOSTS: Mapping[str, Host] = _TemplateHosts()
