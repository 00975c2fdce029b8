"""Lines of configuration files, settings of the form NAME VALUE or NAME=VALUE, and drop-in folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from nephoscope.protect.baseline.baseline_verdict import BaselineEvidence
from nephoscope.protect.baseline.file_view import FileView

#: Options such as those of CIFS mounts.
_SECRET = re.compile(r"\b((?:pass(?:word|wd|phrase)?|secret|token)\s*=\s*)[^\s,]+", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"([^\s=]+)\s*(?:=|\s)\s*(.*)")


class ConfigurationLine(NamedTuple):
    """A line that is no comment: its file, its 1-based number and its text without spaces around it."""

    path: str
    number: int
    text: str

    def evidence(self) -> BaselineEvidence:
        """Return the line as evidence, without the values of passwords and tokens in it."""
        return BaselineEvidence(self.path, self.number, _SECRET.sub(r"\1***", self.text))


def read_lines(view: FileView, path: str, comments: str = "#") -> Iterator[ConfigurationLine]:
    """Yield the lines of a file that say something; none where it does not exist. Raises UnreadableRootFileError."""
    for number, text in enumerate((view.read_text(path) or "").splitlines(), 1):
        stripped = text.strip()
        if stripped and stripped[0] not in comments:
            yield ConfigurationLine(path, number, stripped)


class ConfigurationSetting(NamedTuple):
    """A setting: its name as written, its value without quotes, and its line."""

    name: str
    value: str
    line: ConfigurationLine


def read_settings(lines: Iterable[ConfigurationLine]) -> Iterator[ConfigurationSetting]:
    """Yield the settings of lines of the form NAME VALUE or NAME=VALUE; a name alone has the value ''."""
    for line in lines:
        found = _ASSIGNMENT.fullmatch(line.text)
        name, value = (found[1], found[2]) if found else (line.text, "")
        yield ConfigurationSetting(name, value.strip().strip("\"'"), line)


def drop_in_files(view: FileView, folders: Iterable[str], suffix: str = ".conf") -> list[str]:
    """Return the files of drop-in folders in the order of their names; a name in an earlier folder hides later ones."""
    found: dict[str, str] = {}
    for folder in folders:
        for name in view.names(folder):
            if name.endswith(suffix):
                found.setdefault(name, f"{folder}/{name}")
    return [found[name] for name in sorted(found)]


def expand_glob(view: FileView, pattern: str) -> list[str]:
    """Return the paths that a pattern with wildcards in any part matches, sorted; links are followed."""
    paths = [""]
    for part in pattern.strip("/").split("/"):
        if any(mark in part for mark in "*?["):
            paths = [
                f"{folder}/{name}".lstrip("/")
                for folder in paths
                for name in view.names(folder)
                if fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))
            ]
        else:
            paths = [f"{folder}/{part}".lstrip("/") for folder in paths]
    return sorted(path for path in paths if view.exists(path))
