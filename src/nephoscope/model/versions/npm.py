"""Versions of npm packages: semantic versions, read as npm reads them loosely."""

from __future__ import annotations

from nephoscope.model.versions import semantic

TITLE = "npm packages"
ECOSYSTEMS = ("npm", "npm-loose")

order = semantic.order
is_valid = semantic.is_valid
