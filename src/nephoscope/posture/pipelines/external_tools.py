"""zizmor and hadolint: programs that judge workflows and Dockerfiles, run where they are installed and never needed.

Each gets copies of the files that it judges in a folder of its own, no network, no token and a bounded time; what it writes is SARIF.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.code.finding import Region, UnreadFile

if TYPE_CHECKING:
    from nephoscope.collect.templates.arm.template_repository import Repository
    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.pipelines.results.tool_results import ToolResults

SECONDS = 120.0
MOST_OUTPUT = 64 << 20
MOST_FILES = 2_000
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


class ExternalTool(msgspec.Struct, frozen=True):
    """A program: the files that it judges, its configuration files, and how it is called with the files behind."""

    name: str
    claims: re.Pattern[str]
    configuration: tuple[str, ...]
    arguments: tuple[str, ...]


TOOLS = (
    ExternalTool(
        "zizmor",
        re.compile(r"(?:^|/)\.github/workflows/[^/]+\.ya?ml$|(?:^|/)action\.ya?ml$|(?:^|/)\.github/dependabot\.ya?ml$"),
        ("zizmor.yml", "zizmor.yaml", ".github/zizmor.yml", ".github/zizmor.yaml"),
        ("--offline", "--no-exit-codes", "--no-progress", "--quiet", "--format", "sarif"),
    ),
    ExternalTool(
        "hadolint",
        re.compile(r"(?:^|/)(?:Dockerfile|Containerfile)(?:\.[^/]+)?$|\.(?:dockerfile|containerfile)$", re.IGNORECASE),
        (".hadolint.yaml", ".hadolint.yml"),
        ("--no-fail", "--no-color", "--format", "sarif"),
    ),
)  # fmt: skip


class ToolFailedError(Exception):
    """A program that gave no results: the message says why."""


class ExternalChecks(msgspec.Struct, frozen=True):
    """The programs that are run, each with its path."""

    programs: Sequence[tuple[ExternalTool, str]]

    @classmethod
    def find_installed_tools(cls) -> ExternalChecks:
        """Return those that stand beside the running Python, or on the path."""
        beside = os.pathsep.join(filter(None, (sysconfig.get_path("scripts"), os.environ.get("PATH", ""))))
        found = ((tool, shutil.which(tool.name, path=beside)) for tool in TOOLS)
        return cls(tuple((tool, path) for tool, path in found if path))

    @property
    def missing(self) -> list[str]:
        """The names of the programs that are not installed."""
        return [tool.name for tool in TOOLS if tool not in {one for one, _ in self.programs}]

    def extend(self, report: CodeReport, opened: Sequence[tuple[Repository, Sequence[str]]]) -> CodeReport:
        """Give a report with what the programs find; files that one could not judge are unread."""
        for tool, path in self.programs:
            for repository, names in opened:
                mine = sorted(name for name in names if tool.claims.search(name))[:MOST_FILES]
                if mine:
                    report = _extend_report(report, repository, mine, tool, path)
        return report


def _extend_report(
    report: CodeReport, repository: Repository, names: Sequence[str], tool: ExternalTool, path: str
) -> CodeReport:
    from nephoscope.posture.pipelines.results.result_merging import merge_results

    def read_text(name: str) -> str | None:
        data = repository.load(name)
        return None if data is None else data.decode("utf-8", "replace")

    try:
        with TemporaryDirectory(prefix="nephoscope-") as folder:
            copied = list(_copy_files(repository, [*names, *tool.configuration], Path(folder)))
            results = run_tool(tool, path, Path(folder), [name for name in names if name in copied])
    except ToolFailedError as error:
        unread = [UnreadFile(Region(name, 1), f"{tool.name}: {error}") for name in names]
        return replace(report, unread=[*report.unread, *unread])
    return merge_results(report, results, read_text)


def _copy_files(repository: Repository, names: Sequence[str], folder: Path) -> Iterator[str]:
    """Write files of a repository into a folder under their names, and give the names of those that there are."""
    for name in names:
        data = repository.load(name)
        target = folder / name
        if data is not None and target.resolve().is_relative_to(folder.resolve()):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            yield name


def run_tool(tool: ExternalTool, path: str, folder: Path, names: Sequence[str]) -> ToolResults:
    """Run a program over files of a folder and read what it wrote; ToolFailedError."""
    from nephoscope.posture.pipelines.results.sarif import read, recognizes
    from nephoscope.posture.pipelines.results.tool_results import ResultsError

    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    output = folder / ".results.sarif"
    command = [path, *tool.arguments, *(f"./{name}" for name in names)]
    try:
        with output.open("wb") as out:
            done = subprocess.run(  # noqa: S603 - a program of the table, files behind ./
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
                timeout=SECONDS, check=False,
            )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolFailedError(f"it did not finish: {error}") from error
    if output.stat().st_size > MOST_OUTPUT:
        raise ToolFailedError(f"its output exceeds {MOST_OUTPUT >> 20} MiB")
    try:
        document = msgspec.json.decode(output.read_bytes())
        if not recognizes(document):
            raise ToolFailedError("it wrote no SARIF")
        return read(document)
    except (msgspec.DecodeError, RecursionError, ResultsError) as error:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ToolFailedError(f"exit code {done.returncode}: {said[-1][:300] if said else error}") from error
