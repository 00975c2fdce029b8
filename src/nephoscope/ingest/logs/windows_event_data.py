"""The data of a Windows event, in any of the ways in which they are written: named, unnamed, and elements however they nest.

Source: https://learn.microsoft.com/windows/win32/wes/eventschema-eventtype-complextype
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nephoscope.ingest.logs.resource_log import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EVENT_DATA, USER_DATA = "EventData", "UserData"
SPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
_TEXTS = ("#text", "Text", "$t", "Value", "value")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAME = re.compile(r"[^\W\d][\w.-]*")
#: Elements of EventData that are none of the data, which dumps write beside these.
_ELEMENTS = frozenset({"Binary", "ComplexData"})
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class EventData:
    """Content of `element` (EventData or UserData): named data, unnamed `values`, and `nested` elements.

    Nested elements are JSON: an attribute is a member that begins with @, text beside others `#text`, a list several of one name.
    """

    element: str = EVENT_DATA
    data: Mapping[str, object] = field(default_factory=dict)
    values: tuple[Any, ...] = ()
    nested: Mapping[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.data or self.values or self.nested)

    @property
    def values_by_name(self) -> dict[str, object]:
        """The values by their names, on whatever level these stand; of several of one name the first."""
        found = dict(self.data)
        for name, value in list_leaves(self.nested):
            found.setdefault(name, value)
        return found

    @property
    def all_values(self) -> list[object]:
        """The values in their order."""
        return [*self.data.values(), *self.values, *(value for _, value in list_leaves(self.nested))]

    @property
    def document(self) -> dict[str, Any]:
        """All of it as WindowsEvent has it: the values by their names, and what nests also as it does."""
        found = self.values_by_name
        if self.values:
            found["Data"] = list(self.values)
        if self.element == USER_DATA and self.nested:
            return {**found, USER_DATA: dict(self.nested)}
        return {**found, **{name: value for name, value in self.nested.items() if not name.startswith("@")}}

    def to_xml(self) -> str:
        """The element with all that stands in it."""
        attributes = "".join(
            f' {name[1:]}="{_quote_attribute(value)}"'
            for name, value in self.nested.items()
            if _is_attribute(name)
        )
        named = "".join(
            f'<Data Name="{_quote_attribute(name)}">{escape_xml(value)}</Data>'
            for name, several in self.data.items()
            for value in (several if isinstance(several, list) else [several])
        )
        unnamed = "".join(f"<Data>{escape_xml(value)}</Data>" for value in self.values)
        nested = "".join(
            _format_xml(name, value) for name, value in self.nested.items() if not name.startswith("@")
        )
        return f'<{self.element} xmlns="{SPACE}"{attributes}>{named}{unnamed}{nested}</{self.element}>'


def escape_xml(value: object) -> str:
    """A value as text of XML."""
    text = _NOT_IN_XML.sub("\ufffd", to_text(value))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quote_attribute(value: object) -> str:
    return escape_xml(value).replace('"', "&quot;")


def _is_attribute(name: str) -> bool:
    return name != "@xmlns" and name.startswith("@") and _NAME.fullmatch(name[1:]) is not None


def _format_xml(name: str, value: object) -> str:
    if isinstance(value, list):
        return "".join(_format_xml(name, item) for item in value)
    known = _NAME.fullmatch(name) is not None
    begin, end = (name, name) if known else (f'Data Name="{_quote_attribute(name)}"', "Data")
    if not isinstance(value, dict):
        return f"<{begin}>{escape_xml(value)}</{end}>"
    space = f' xmlns="{_quote_attribute(value["@xmlns"])}"' if "@xmlns" in value else ""
    attributes = "".join(
        f' {one[1:]}="{_quote_attribute(item)}"' for one, item in value.items() if _is_attribute(one)
    )
    inner = "".join(_format_xml(one, item) for one, item in value.items() if one[:1] not in ("@", "#"))
    return f"<{begin}{space}{attributes}>{escape_xml(value.get('#text', ''))}{inner}</{end}>"


def list_leaves(nested: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The values of nested elements with the name of the element that holds each, or the one that a Data is given."""
    for name, value in nested.items():
        if name.startswith("@"):
            continue
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict):
                yield name, item
                continue
            if "#text" in item:
                given = item.get("@Name")
                yield (given if name == "Data" and isinstance(given, str) else name), item["#text"]
            yield from list_leaves({one: inner for one, inner in item.items() if one != "#text"})


def get_element_text(value: object) -> object:
    """The value of an element, which some dumps write as {#text, #attributes}."""
    if not isinstance(value, dict):
        return value
    return next((value[name] for name in _TEXTS if name in value), None)


def get_attributes(value: object) -> dict[str, object]:
    """The attributes of an element, without the marks that some dumps put before their names."""
    if not isinstance(value, dict):
        return {}
    inner = value.get("#attributes", value.get("$", value))
    return {name.lstrip("@"): item for name, item in inner.items()} if isinstance(inner, dict) else {}


def build_element_tree(value: object, depth: int = 0) -> Any:
    """Nested elements as EventData has them; what nests too deeply as the text of its JSON."""
    if depth > _DEEPEST and isinstance(value, (dict, list)):
        return to_text(value)
    if isinstance(value, list):
        return [build_element_tree(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, object] = {}
    for name, item in value.items():
        if name in ("#attributes", "$") and isinstance(item, dict):
            found |= {f"@{one}": inner for one, inner in item.items()}
        elif item is not None:
            found["#text" if name == "$t" else name] = build_element_tree(item, depth + 1)
    return found["#text"] if found.keys() == {"#text"} and not isinstance(found["#text"], dict) else found


def read_event_data(found: object) -> EventData:
    """Return what is written as EventData: an object by names, a list of elements Data, or a text."""
    if not isinstance(found, dict):
        return _with_list(
            found if isinstance(found, list) else [found] if found not in (None, "") else [], {}, {}
        )
    listed: list[object] = []
    data: dict[str, Any] = {}
    nested: dict[str, object] = {}
    elements = isinstance(found.get("Data"), (list, dict))
    for name, value in found.items():
        if name in ("xmlns", "@xmlns") or value is None:
            continue
        if name == "Data":
            listed += _read_items(value)
        elif name == "#text":
            listed += value if isinstance(value, list) else [value]
        elif name.startswith(("#", "@", "$")):
            nested |= build_element_tree({name: value})
        elif elements or name in _ELEMENTS or _is_nested_element(value):
            nested[name] = build_element_tree(value)
        else:
            data[name] = get_element_text(value)
    return _with_list(listed, data, nested)


def _read_items(value: object) -> list[object]:
    """The elements Data; an old dump writes the texts of all of them into one."""
    if isinstance(value, dict) and isinstance(value.get("#text"), list):
        return list(value["#text"])
    return value if isinstance(value, list) else [value]


def _is_nested_element(value: object) -> bool:
    """Return whether it is elements within an element, and not its text alone."""
    if isinstance(value, list):
        return any(isinstance(item, dict) for item in value)
    if not isinstance(value, dict):
        return False
    return not (
        value.keys() - {*_TEXTS, "#attributes", "$"} == set() and any(name in value for name in _TEXTS)
    )


def _with_list(items: list[object], data: dict[str, object], nested: Mapping[str, object]) -> EventData:
    """With the elements Data of a list; those of one name are a list."""
    named: dict[str, list[object]] = {}
    values = []
    for item in items:
        name = get_attributes(item).get("Name")
        if isinstance(name, str):
            named.setdefault(name, []).append(_read_datum(item))
        else:
            values.append(_read_datum(item))
    listed = {name: some[0] if len(some) == 1 else some for name, some in named.items()}
    return EventData(EVENT_DATA, {**data, **listed}, tuple(values), nested)


def _read_datum(item: object) -> object:
    """The value of an element Data; one that holds elements is these."""
    text = get_element_text(item)
    if text is not None or not isinstance(item, dict):
        return text
    inner = {
        name: value for name, value in item.items() if name[:1] not in ("@", "#", "$") and name != "Name"
    }
    return build_element_tree(inner) or None


def read_user_data(found: object) -> EventData:
    """Return what is written as UserData: elements, of which a shipper may name the outer one in `xml_name`; or a text."""
    if isinstance(found, dict):
        elements = build_element_tree(found)
        if isinstance(elements, dict):
            elements.pop("@xmlns", None)
            outer = elements.pop("xml_name", None)
            if isinstance(outer, str) and outer:
                elements = {outer: elements}
            return EventData(USER_DATA, nested=elements)
        found = elements
    values = found if isinstance(found, list) else [found] if found not in (None, "") else []
    if any(isinstance(item, dict) for item in values):
        return EventData(USER_DATA, nested={"Data": build_element_tree(values)})
    return EventData(USER_DATA, values=tuple(values))
