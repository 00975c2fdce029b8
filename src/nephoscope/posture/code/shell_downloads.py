"""Downloads that are run: piped into a shell, substituted into one, or written to a file that is run later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.collect.templates.shell.nested_commands import SHELLS
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.rule_match import CodeMatch

_DOWNLOADERS = frozenset({"curl", "wget", "gsutil", "aws", "az", "gcloud"})
_INTERPRETERS = SHELLS | {
    "python",
    "python2",
    "python3",
    "perl",
    "ruby",
    "node",
    "php",
    "pwsh",
    "powershell",
    "su",
}
_SUBSTITUTED = re.compile(r"(?:<\(|\$\(|`)\s*(?:sudo\s+)?(?:curl|wget)\b")
_FETCH = r"\b(?:iwr|irm|curl|wget|Invoke-WebRequest|Invoke-RestMethod)\b|\.DownloadString\("
_EVALUATE = r"\b(?:iex|Invoke-Expression)\b"
#: PowerShell that evaluates a download: as its argument (`iex (irm ...)`), or at the end of a pipeline (`irm ... | iex`).
_POWERSHELL = re.compile(
    rf"{_EVALUATE}[^\n;|]*?(?:{_FETCH})[^\n;|]*|(?:{_FETCH})[^\n;|]*\|\s*{_EVALUATE}", re.IGNORECASE
)
_CHECKING = frozenset(
    {"sha256sum", "sha512sum", "sha1sum", "shasum", "md5sum", "gpg", "gpgv", "cosign", "minisign", "openssl"}
)


def find_run_downloads(commands: Sequence[ShellCommand]) -> Iterator[CodeMatch]:
    """Give a match for each command that runs what the same script downloaded and did not check."""
    files: set[str] = set()
    pipelines: dict[tuple[int, int], ShellCommand] = {}
    for command in commands:
        if command.program in _CHECKING:
            files.clear()
            continue
        source = pipelines.get(command.pipeline)
        if source is not None and command.program in _INTERPRETERS and not _has_script(command):
            yield CodeMatch(
                _join_spans(source, command),
                f"what {source.program} downloads is run by {command.program} unchecked",
            )
        elif _runs_substitution(command):
            yield CodeMatch(command.span, f"what is downloaded is run by {command.program} unchecked")
        elif files & _run_files(command):
            yield CodeMatch(command.span, "a file that was downloaded is run unchecked")
        if is_download(command):
            pipelines[command.pipeline] = command
            files |= _find_written_files(command)
        elif command.pipeline in pipelines:
            files |= {
                _strip_current_folder(redirect.target.text)
                for redirect in command.redirects
                if redirect.operator in (">", ">>", ">|")
            }
            files |= (
                {_strip_current_folder(text) for text in command.operands}
                if command.program == "tee"
                else set()
            )
        elif (
            command.program in ("mv", "cp")
            and {_strip_current_folder(text) for text in command.operands[:-1]} & files
        ):
            files.add(_strip_current_folder(command.operands[-1]))


def find_powershell_downloads(text: str, offset: int) -> Iterator[CodeMatch]:
    """Give a match for each download in a text at an offset that PowerShell evaluates."""
    for found in _POWERSHELL.finditer(text):
        if not text[: found.start()].rpartition("\n")[2].lstrip().startswith("#"):
            span = TextSpan(offset + found.start(), offset + found.end())
            yield CodeMatch(span, "what is downloaded is evaluated by PowerShell unchecked")


def is_download(command: ShellCommand) -> bool:
    """Tell whether a command downloads a file."""
    operands = command.operands
    match command.program:
        case "curl" | "wget":
            return True
        case "gsutil":
            return "cp" in operands or any(text.startswith("gs://") for text in operands)
        case "aws":
            return operands[:2] in (["s3", "cp"], ["s3api", "get-object"])
        case "az":
            return operands[:3] == ["storage", "blob", "download"]
    return command.program == "gcloud" and operands[:2] == ["storage", "cp"]


def _find_written_files(command: ShellCommand) -> set[str]:
    named = command.list_flag_values("o", "output", "O", "output-document", "file")
    found = [redirect.target.text for redirect in command.redirects if redirect.operator in (">", ">>", ">|")]
    operands = command.operands
    if command.program in ("gsutil", "aws", "gcloud") and len(operands) > 1:
        named = [_build_target_path(operands[-1], operands[-2].rsplit("/", 1)[-1])]
    elif _keeps_file_name(command, named):
        found += [text.partition("?")[0].rsplit("/", 1)[-1] for text in operands]
    return {_strip_current_folder(text) for text in (*named, *found) if text not in ("-", "/dev/null", "")}


def _build_target_path(folder: str, name: str) -> str:
    if folder == ".":
        return name
    return folder + name if folder.endswith("/") else folder


def _keeps_file_name(command: ShellCommand, named: Sequence[str]) -> bool:
    if any(not name.startswith(("http", "-")) for name in named):
        return False
    return command.program == "wget" or (command.program == "curl" and command.has_flag("O", "remote-name"))


def _run_files(command: ShellCommand) -> set[str]:
    """Return the files that a command runs."""
    found = {_strip_current_folder(command.name)}
    if command.program in _INTERPRETERS or command.program in ("source", ".", "exec"):
        found |= {_strip_current_folder(text) for text in command.operands[:1]}
    return found - {""}


def _runs_substitution(command: ShellCommand) -> bool:
    if command.program in _INTERPRETERS or command.program in ("source", ".", "eval", "exec"):
        return any(_SUBSTITUTED.match(text) for text in command.arguments)
    return False


def _has_script(command: ShellCommand) -> bool:
    return command.has_flag("c") and command.program in SHELLS


def _strip_current_folder(path: str) -> str:
    return path.removeprefix("./")


def _join_spans(first: ShellCommand, last: ShellCommand) -> TextSpan:
    return TextSpan(min(first.span.start, last.span.start), max(first.span.end, last.span.end))
