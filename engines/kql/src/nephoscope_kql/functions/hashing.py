"""Hashes: xxHash64 of the value's bytes, and MD5, SHA-1, SHA-256 of its text. (xxHash: the specification by its author.)"""

from __future__ import annotations

import struct
from collections.abc import Callable

import xxhash
from sqlglot import exp

from nephoscope_kql.functions.declaration import apply_routine, declare_macro, declare_rowwise
from nephoscope_kql.functions.tostring import get_text_argument
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

_SIGNED = struct.Struct("<q")


def compute_xxhash64(data: bytes, seed: int = 0) -> int:
    """Give the xxHash64 of bytes, as a signed number of 64 bits."""
    found: int = _SIGNED.unpack(xxhash.xxh64_digest(data, seed)[::-1])[0]
    return found


def _make_packer(form: str) -> Callable[[object], int]:
    return lambda value: compute_xxhash64(struct.pack(form, value))


_OF = {
    "VARCHAR": declare_rowwise(
        "kql_xxhash64_text", ("VARCHAR",), "BIGINT", lambda text: compute_xxhash64(text.encode())
    ),
    "BIGINT": declare_rowwise("kql_xxhash64_long", ("BIGINT",), "BIGINT", _make_packer("<q")),
    "INTEGER": declare_rowwise("kql_xxhash64_int", ("BIGINT",), "BIGINT", _make_packer("<i")),
    "DOUBLE": declare_rowwise("kql_xxhash64_real", ("DOUBLE",), "BIGINT", _make_packer("<d")),
    "BOOLEAN": declare_rowwise("kql_xxhash64_bool", ("BIGINT",), "BIGINT", _make_packer("<b")),
}
_MODULO = declare_macro(
    "kql_hash_modulo(h, m)", "CASE WHEN m > 0 THEN CASE WHEN h % m < 0 THEN h % m + m ELSE h % m END END"
)


def _compute_hash(call: Arguments, position: int) -> exp.Expr:
    kind = call.types[position]
    node = call[position]
    storage = kind.physical
    if kind in (KqlType.GUID, KqlType.DECIMAL, KqlType.DYNAMIC):
        node, storage = get_text_argument(call, position), "VARCHAR"
    elif storage in ("INTEGER", "BOOLEAN"):
        node = nodes.build_cast(node, "BIGINT")
    return apply_routine(call, _OF[storage], node)


@declare_function("hash(value: any, [modulo: long]): long", aliases=("hash_xxhash64",))
def hash_(call: Arguments) -> exp.Expr:
    """Give the xxHash64 of a value, or what is left of it by a modulus."""
    found = _compute_hash(call, 0)
    if len(call) == 1:
        return found
    bound = call.bound[1]
    if isinstance(bound, Constant) and isinstance(bound.value, int) and bound.value <= 0:
        raise call.make_error(1, "the modulus is a number above 0")
    return apply_routine(call, _MODULO, found, call[1])


@declare_function("hash_many(value: any, value2: any, ...): long", aliases=("hash_combine",))
def hash_many(call: Arguments) -> exp.Expr:
    """Combine the hashes of values."""
    raise call.make_unsupported_error(f"hash_many() and hash_combine(): {hash_many.extra['refused']}")


hash_many.extra["refused"] = "the way that Kusto combines hashes is not published"


def _make_digest(algorithm: str, label: str) -> ScalarFunction:
    def build_node(call: Arguments) -> exp.Expr:
        return nodes.build_call(algorithm, get_text_argument(call, 0))

    build_node.__doc__ = f"Give the {label} of a value's text in hexadecimal digits."
    build_node.__module__ = __name__
    return declare_function(f"hash_{algorithm}(value: any): string", nullable=False)(build_node)


hash_md5 = _make_digest("md5", "MD5")
hash_sha1 = _make_digest("sha1", "SHA-1")
hash_sha256 = _make_digest("sha256", "SHA-256")
