"""Nephoscope's own component properties in bills of materials."""

from __future__ import annotations

#: What stands before their names.
OWN = "nephoscope:package:"
