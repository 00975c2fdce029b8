"""Dictionary-encoded rows: each distinct text once, and its index per row.

A source that repeats the same few texts (ids, rules, words) may give string columns so; nothing unpacks them on the way into a
Parquet file, which stores them that way itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_PACKED = pa.dictionary(pa.int32(), pa.string())


def is_packed(kind: pa.DataType) -> bool:
    """Return whether a type is a dictionary of texts."""
    return bool(pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type))


def unpack_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with plain texts."""
    return pa.schema(
        [one.with_type(one.type.value_type) if is_packed(one.type) else one for one in schema],
        schema.metadata,
    )


def has_stored_types(given: pa.Schema, wanted: pa.Schema) -> bool:
    """Return whether rows have the wanted columns and types, or some of the columns in their order, be their texts packed or not."""
    if len(given) < len(wanted):
        places = [wanted.get_field_index(name) for name in given.names]
        if -1 in places or places != sorted(places):
            return False
        wanted = pa.schema([wanted.field(place) for place in places])
    return bool(given.equals(wanted) or unpack_schema(given).equals(wanted))


def build_constant_column(value: str, length: int) -> pa.Array:
    """A column of one text."""
    return pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(length, np.int32)), pa.array([value], pa.string())
    )


def to_lower_case(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """A text column in lower case."""
    if not is_packed(column.type):
        return pc.utf8_lower(column)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    changed = [pa.DictionaryArray.from_arrays(one.indices, pc.utf8_lower(one.dictionary)) for one in chunks]
    return pa.chunked_array(changed, column.type)


def join_tables(tables: Sequence[pa.Table], promote: str = "default") -> pa.Table:
    """Tables one behind the other; a column that one of them has packed is packed in all, with one dictionary.

    `promote` is how Arrow joins other types that differ.
    """
    packed = {field.name for table in tables for field in table.schema if is_packed(field.type)}
    if not packed:
        return pa.concat_tables(tables, promote_options=promote)
    alike = [_pack_columns(table, packed) for table in tables]
    return pa.concat_tables(alike, promote_options=promote).unify_dictionaries().combine_chunks()


def _pack_columns(table: pa.Table, names: set[str]) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.name in names and field.type != _PACKED:
            column = table.column(place)
            plain = column.cast(pa.string()) if is_packed(field.type) else column
            encoded = plain.dictionary_encode() if pa.types.is_string(plain.type) else plain
            table = table.set_column(place, field.with_type(encoded.type), encoded)
    return table


def pack_schema(schema: pa.Schema, rows: pa.Schema) -> pa.Schema:
    """A schema with the texts packed that rows have packed."""
    given = {field.name: field.type for field in rows if is_packed(field.type)}
    return pa.schema([field.with_type(given.get(field.name, field.type)) for field in schema])


def choose_dictionary_columns(schema: pa.Schema) -> bool | list[str]:
    """The columns that a Parquet file tries to keep as dictionaries: all (True), or, where the source has packed the texts that
    repeat, those and the columns of few values; to try it with the others costs a third of the time and makes the file larger.
    """
    packed = [field.name for field in schema if is_packed(field.type)]
    few = [field.name for field in schema if pa.types.is_int32(field.type) or pa.types.is_boolean(field.type)]
    return [*packed, *few] if packed else True


def choose_bounded_columns(schema: pa.Schema) -> bool | list[str]:
    """The columns of which a Parquet file notes the least and the greatest value: all (True), or, where the source has packed the
    texts that repeat, all but the other texts: those are spread over every group, so that their bounds tell nothing and cost time.
    """
    spread = {field.name for field in schema if pa.types.is_string(field.type)}
    packs = any(is_packed(field.type) for field in schema)
    return [field.name for field in schema if field.name not in spread] if packs else True


def pack_column(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column of texts packed where a type wants it; any other column as it is."""
    return column.dictionary_encode() if is_packed(kind) and not is_packed(column.type) else column


def unite_schemas(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """The columns of several schemas; one that is packed in any of them is packed."""
    found: dict[str, pa.Field] = {}
    for schema in schemas:
        for field in schema:
            if field.name not in found or is_packed(field.type):
                found[field.name] = field
    return pa.schema(list(found.values()))
