"""Files of response rules: the file of a rule by its name, written whole and removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

from nephoscope.automation.rule_formats.response_rules import (
    FOLDER,
    ResponseRuleError,
    ResponseRuleFile,
    read_rule_file,
)
from nephoscope.model.atomic_file import replace_content

_ODD = re.compile(r"[^a-z0-9]+")


def list_rule_files(data: Path) -> Iterator[tuple[Path, ResponseRuleFile]]:
    """Yield each file that is a rule, with what it says."""
    for path in sorted((data / FOLDER).glob("*.y*ml")):
        try:
            yield path, read_rule_file(path)
        except ResponseRuleError:
            continue  # it is listed as a fault


def find_rule_file(data: Path, name: str) -> tuple[Path, ResponseRuleFile] | None:
    """Return the file of the rule of a name, None where there is none."""
    return next((one for one in list_rule_files(data) if one[1].name == name), None)


def write_rule_file(data: Path, file: ResponseRuleFile, path: Path | None) -> None:
    """Write a rule into its file, or into a new one; a reader finds the former rule or the new one, never a part."""
    folder = data / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        name: value for name, value in msgspec.to_builtins(file, str_keys=True).items() if value != []
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    replace_content(path or _find_free_path(folder, file.name), text.encode())


def _find_free_path(folder: Path, name: str) -> Path:
    stem = _ODD.sub("-", name.casefold()).strip("-")[:80] or "rule"
    tried = [folder / f"{stem}.yaml", *(folder / f"{stem}-{number}.yaml" for number in range(2, 1000))]
    return next(one for one in tried if not one.exists())
