"""The JSON type of what each function gives, where it does not hang on the arguments ('any' where it does)."""

from __future__ import annotations

from nephoscope_policy.arm.unknown import JsonType

_BY_TYPE: dict[JsonType, str] = {
    "string": "base64 base64tostring datauri datauritostring uricomponent uricomponenttostring uri builduri cidrsubnet cidrhost "
    "datetimeadd datetimefromepoch adddays extensionresourceid tenantresourceid string tolower toupper trim replace join "
    "substring padleft format guid uniquestring",
    "int": "length datetimetoepoch int indexof lastindexof add sub mul div mod min max",
    "float": "float",
    "bool": "startswith endswith iprangecontains contains empty equals less lessorequals greater "
    "greaterorequals and or not bool true false",
    "array": "array createarray range flatten map filter sort items objectkeys split",
    "object": "parsecidr parseuri createobject shallowmerge toobject groupby mapvalues",
    "null": "null",
    "any": "first last take skip indexfromend tryindexfromend intersection union concat base64tojson json reduce if coalesce tryget",
}
_TYPES: dict[str, JsonType] = {name: type_ for type_, names in _BY_TYPE.items() for name in names.split()}


def find_result_type(key: str) -> JsonType:
    """The type of a function's result by its lower-cased name; raises KeyError for a function that the table lacks."""
    return _TYPES[key]
