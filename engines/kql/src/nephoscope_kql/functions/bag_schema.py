"""Schemas of bags without their values; hidden, for bag_unpack."""

from __future__ import annotations

from nephoscope_kql.functions.declaration import declare_macro, declare_scalar_macro

structure = declare_scalar_macro(
    __name__,
    "_structure(value: dynamic): dynamic",
    summary="Give each property of a bag the name of its type: VARCHAR, BIGINT, UBIGINT, DOUBLE, BOOLEAN, NULL, others are nested.",
    routine=declare_macro("kql_structure(x)", "CAST(json_structure(x) AS VARCHAR)"),
    hidden=True,
)
