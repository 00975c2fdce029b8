"""Resource-bound rows: fill in the resource of a bound sender and reject rows about another.

The rows are in the types of their table already, so that what is checked is what would be stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from nephoscope.lake.schema.column_types import TENANT, TYPE
from nephoscope.lake.schema.identity_columns import identify_machine_column, list_machine_identities
from nephoscope.lake.schema.machine_identity import Identity
from nephoscope.lake.schema.table import LakeTable
from nephoscope.model.resource_binding import ResourceBinding
from nephoscope_kql.types import KqlType

CONFLICT = "Identity conflict"
"""What the reason of a row begins with that its sender may not say."""
Senders = Sequence[tuple[ResourceBinding | None, int]]
"""Who sent rows that lie behind each other, and how many; None is a sender that is not bound."""
#: An id with what may stand before it: a scheme, a host, both or neither.
_ARM_ID = r"([a-z][a-z0-9+.-]*:)?(//[^/\s]+)?/*subscriptions/\S*"
_IS_ARM_ID = re.compile(_ARM_ID, re.IGNORECASE)
#: The same in a column, where marks that nobody sees may stand around it.
_ARM_ID_IN_COLUMN = rf"(?i)^[\s\p{{Z}}\p{{C}}]*{_ARM_ID}[\s\p{{Z}}\p{{C}}]*$"
#: What JSON holds that may name a resource, also where its letters are escaped.
_MAY_NAME = r"(?i)subscriptions|\\u"
#: Members of an object that tells of the other end of a connection: a machine may say whom it talked to.
_OTHER_END = re.compile(
    r"(?i)(remote|target|destination|dest|dst|source|src|peer|client|server)(_?(endpoint|host))?"
)
#: Columns that Azure fills in by itself: what a bound sender says there is dropped.
_OF_THE_SERVICE = ("_ItemId", "SourceSystem", "ManagementGroupName", "MG")
_SHOWN = 300


@dataclass(slots=True)
class _BoundRows:
    """Rows under inspection: by row the number of its sender in `bindings` (null = not bound), and why rows are refused."""

    table: LakeTable
    rows: pa.Table
    bindings: list[ResourceBinding]
    owners: pa.Array
    bad: dict[int, str] = field(default_factory=dict)

    def owner(self, place: int) -> ResourceBinding:
        """The binding of the sender of a bound row."""
        number: int = self.owners[place].as_py()
        return self.bindings[number]

    def refuse(self, place: int, what: str) -> None:
        """Refuse a row, once."""
        self.bad.setdefault(
            place, f"{CONFLICT}: {what}, but its sender is bound to {self.owner(place).resource}"
        )


def hold_rows(table: LakeTable, rows: pa.Table, senders: Senders) -> tuple[pa.Table, dict[int, str]]:
    """Fill in what bound senders left out of rows in storage types; by place, why rows are not theirs to send.

    The rows that are refused are among those that are given back.
    """
    if all(sender is None for sender, _ in senders):
        return rows, {}
    bound = _inspect_rows(table, rows, senders)
    columns = list_machine_identities(table)
    if columns is None:
        for place in _list_places(bound.owners.is_valid()):
            bound.refuse(place, f"the table {table.name} is not about machines")
        return rows, bound.bad
    for name in rows.column_names:
        if name not in columns and name not in (TENANT, TYPE):
            _check_content(bound, name)
    made = {name: _complete_column(bound, name, kind) for name, kind in columns.items()}
    made |= {name: _clear_column(bound, name) for name in _OF_THE_SERVICE if name in rows.column_names}
    return _with_columns(table, rows, made), bound.bad


def _inspect_rows(table: LakeTable, rows: pa.Table, senders: Senders) -> _BoundRows:
    numbers: dict[ResourceBinding, int] = {}
    owners: list[int | None] = []
    for sender, count in senders:
        number = None if sender is None else numbers.setdefault(sender, len(numbers))
        owners.extend([number] * count)
    return _BoundRows(table, rows, list(numbers), pa.array(owners, pa.int32()))


def _complete_column(bound: _BoundRows, name: str, kind: Identity) -> pa.Array | None:
    """A column of identity with what was left out filled in; None where the rows have none and nothing is to be filled in."""
    fills = kind != Identity.KNOWN and bound.table.types.get(name) == KqlType.STRING
    values = pa.array([_find_bound_value(one, name, kind) for one in bound.bindings], pa.string())
    wanted = values.take(bound.owners)
    if name not in bound.rows.column_names:
        return wanted.fill_null("") if fills else None
    column = _combine_chunks(bound.rows.column(name))
    texts = column if column.type == pa.string() else column.cast(pa.string())
    stated = pc.not_equal(texts, "").fill_null(fill_value=False)
    same = pc.equal(pc.ascii_lower(texts), pc.ascii_lower(wanted)).fill_null(fill_value=False)
    others = pc.and_(pc.and_(stated, bound.owners.is_valid()), pc.invert(same))
    for place in _list_places(others):
        _check_bound_row(bound, place, name, kind, texts[place].as_py())
    if not fills:
        return column
    return pc.if_else(pc.and_(bound.owners.is_valid(), pc.invert(stated)), wanted, column)


def _clear_column(bound: _BoundRows, name: str) -> pa.Array:
    """A column without what bound senders say in it."""
    column = _combine_chunks(bound.rows.column(name))
    empty = pa.scalar("" if pa.types.is_string(column.type) else None, column.type)
    return pc.if_else(bound.owners.is_valid(), empty, column)


def _find_bound_value(binding: ResourceBinding, name: str, kind: Identity) -> str:
    """Return what a column says of a resource; of the standard columns in lower case, as the lake stores them."""
    parts = binding.parts
    return {
        Identity.RESOURCE: binding.key if name.startswith("_") else binding.resource,
        Identity.SUBSCRIPTION: parts.subscription,
        Identity.RESOURCE_GROUP: parts.resource_group,
        Identity.RESOURCE_NAME: binding.resource.rpartition("/")[2],
        Identity.COMPUTER: binding.computer,
        Identity.DEVICE: binding.device,
        Identity.KNOWN: binding.computer,
    }[kind]


def _check_bound_row(bound: _BoundRows, place: int, name: str, kind: Identity, text: str) -> None:
    """Refuse a row where what it says of its machine is not its sender's."""
    try:
        value = _decode_canonical_json(text) if bound.table.types.get(name) == KqlType.DYNAMIC else text
    except (msgspec.DecodeError, RecursionError):
        value = [text]
    if not _is_own_identity(bound.owner(place), name, kind, value):
        bound.refuse(place, f"{name} is {str(value)[:_SHOWN]!r}")


def _is_own_identity(binding: ResourceBinding, name: str, kind: Identity, value: object) -> bool:
    if value is None or value == "":
        return True
    if not isinstance(value, str | int | float):
        return False
    text = _lower_ascii(str(value))
    if kind in (Identity.COMPUTER, Identity.DEVICE, Identity.KNOWN):
        return text in binding.known_names
    return text == _lower_ascii(_find_bound_value(binding, name, kind))


def _lower_ascii(text: str) -> str:
    """The text with the letters of ASCII in lower case; other letters stay, so that none of them turns into one of ASCII."""
    return text.lower() if text.isascii() else text


def _check_content(bound: _BoundRows, name: str) -> None:
    """Refuse rows whose content is nothing but the ARM id of another resource, or whose bag says which machine they are about."""
    kind = bound.table.types[name]
    if kind == KqlType.DYNAMIC:
        _check_dynamic(bound, name)
    elif kind == KqlType.STRING:
        column = _combine_chunks(bound.rows.column(name))
        ids = pc.match_substring_regex(column, _ARM_ID_IN_COLUMN).fill_null(fill_value=False)
        for place in _list_places(pc.and_(ids, bound.owners.is_valid())):
            _check_id(bound, place, name, column[place].as_py())


def _check_dynamic(bound: _BoundRows, name: str) -> None:
    column, is_bag = _combine_chunks(bound.rows.column(name)), name == bound.table.bag
    read = column.is_valid()
    if not is_bag:
        read = pc.match_substring_regex(column, _MAY_NAME).fill_null(fill_value=False)
    for place in _list_places(pc.and_(read, bound.owners.is_valid())):
        try:
            value = _decode_canonical_json(column[place].as_py())
        except (msgspec.DecodeError, RecursionError):
            bound.refuse(place, f"{name} is not JSON that can be checked")
            continue
        if is_bag and isinstance(value, dict):
            _check_bag(bound, place, name, value)
        for text in _read_texts(value):
            if "subscriptions" in text.lower() and _IS_ARM_ID.fullmatch(_trim_machine_name(text)):
                _check_id(bound, place, name, text)


def _check_bag(bound: _BoundRows, place: int, bag: str, values: Mapping[str, object]) -> None:
    for name, value in _read_members(values):
        kind = identify_machine_column(name)
        if kind is not None and not _is_own_identity(bound.owner(place), name, kind, value):
            bound.refuse(place, f"{name} in {bag} is {str(value)[:_SHOWN]!r}")
        elif name in values and not name.isascii():
            bound.refuse(place, f"the name {name[:_SHOWN]!r} in {bag} has letters outside ASCII")


def _read_members(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The members of a bag at any depth, also in JSON that a text holds, but for those below the name of the other end."""
    waiting: list[object] = [values]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from one.items()
            waiting.extend(value for name, value in one.items() if not _OTHER_END.fullmatch(name))
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and (inner := _parse_inner_json(one)) is not None:
            waiting.append(inner)


def _check_id(bound: _BoundRows, place: int, name: str, text: str) -> None:
    """Refuse a row that names another resource than its sender's, or than the groups that this one lies in."""
    plain, own = _lower_ascii(_trim_machine_name(text)).rstrip("/"), bound.owner(place).key
    named = f"/{plain[max(plain.find('subscriptions/'), 0) :]}"
    if own != named and not own.startswith(f"{named}/"):
        bound.refuse(place, f"{name} names the resource {_trim_machine_name(text)[:_SHOWN]!r}")


def _read_texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, the names of members among them."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
            if (inner := _parse_inner_json(one)) is not None:
                waiting.append(inner)
        elif isinstance(one, dict):
            waiting.extend((*one, *one.values()))
        elif isinstance(one, list):
            waiting.extend(one)


def _parse_inner_json(text: str) -> object:
    """The object or list whose JSON a text is; None for another text."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        return _decode_canonical_json(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _trim_machine_name(text: str) -> str:
    """The text without white space, controls and invisible marks around it."""
    seen = [place for place, letter in enumerate(text) if unicodedata.category(letter)[0] not in "ZC"]
    return text[seen[0] : seen[-1] + 1] if seen else ""


def _decode_canonical_json(text: str) -> object:
    """The value of canonical JSON."""
    return msgspec.json.decode(text)


def _combine_chunks(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found


def _list_places(mask: pa.Array) -> list[int]:
    found: list[int] = pc.indices_nonzero(mask).to_pylist()
    return found


def _with_columns(table: LakeTable, rows: pa.Table, made: Mapping[str, pa.Array | None]) -> pa.Table:
    """The rows with the columns that were made, in the order of the table."""
    columns = {name: rows.column(name) for name in rows.column_names}
    columns.update({name: column for name, column in made.items() if column is not None})
    fields = [table.schema.field(name) for name, _ in table.columns if name in columns]
    return pa.Table.from_arrays([columns[one.name] for one in fields], schema=pa.schema(fields))
