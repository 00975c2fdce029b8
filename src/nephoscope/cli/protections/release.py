"""The command `protect release`, which is one of live response."""

from __future__ import annotations

from nephoscope.cli.protections.respond import command as respond

command = respond.commands["release"]
