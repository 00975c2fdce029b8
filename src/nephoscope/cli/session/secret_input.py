"""Secret input: from the environment, a file or a prompt, never from the command line; stored encrypted."""

from __future__ import annotations

import os
from pathlib import Path

import click


def split_pair(text: str) -> tuple[str, str]:
    """NAME=VALUE as its two parts; a usage error where it is none."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--set {text}: must be NAME=VALUE")
    return name.strip(), value


def split_secret_pair(text: str) -> tuple[str, str]:
    """NAME, NAME=env:VARIABLE or NAME=file:PATH as its two parts; a usage error for a secret itself."""
    name, _, place = text.partition("=")
    if place and not place.startswith(("env:", "file:")):
        raise click.UsageError(
            "--secret must be NAME, NAME=env:VARIABLE or NAME=file:PATH, never the secret itself"
        )
    return name.strip(), place


def read_secret(name: str, place: str) -> str:
    """The secret from its place, or asked for where there is none."""
    kind, _, where = place.partition(":")
    if kind == "env":
        value = os.environ.get(where, "")
        if not value:
            raise click.UsageError(f"--secret {name}: the environment variable {where} is not set")
        return value
    if kind == "file":
        return Path(where).read_text(encoding="utf-8").strip()
    given: str = click.prompt(name, hide_input=True)
    return given
