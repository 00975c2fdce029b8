"""Package managers of programming languages in scripts: what is installed without a version, and what without a hash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.shell.command import ShellCommand, ShellWord
from nephoscope.posture.code.rule_match import CodeMatch

_PIP = re.compile(r"pip(?:[23](?:\.\d+)?)?(?:\.exe)?$")
_PYTHON = re.compile(r"python(?:[23](?:\.\d+)?)?(?:\.exe)?$")
_PIP_VALUED = frozenset(
    [
        "abi",
        "b",
        "build",
        "build-option",
        "c",
        "constraint",
        "cache-dir",
        "config-settings",
        "e",
        "editable",
        "exists-action",
        "extra-index-url",
        "f",
        "find-links",
        "global-option",
        "i",
        "implementation",
        "index-url",
        "install-option",
        "log",
        "no-binary",
        "only-binary",
        "platform",
        "prefer-binary",
        "prefix",
        "progress-bar",
        "proxy",
        "python",
        "python-version",
        "r",
        "requirement",
        "retries",
        "root",
        "root-user-action",
        "src",
        "t",
        "target",
        "timeout",
        "trusted-host",
        "upgrade-strategy",
    ]
)
_NPM_VALUED = frozenset(
    [
        "loglevel",
        "registry",
        "prefix",
        "cache",
        "userconfig",
        "globalconfig",
        "tag",
        "omit",
        "include",
        "install-strategy",
        "w",
        "workspace",
    ]
)
_PINNED = re.compile(r"[=<>!~]=|===|[<>]|@\s*\S")
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:#|$)")
_FULL_VERSION = re.compile(r"@(?:v\d+\.\d+\.\d+|[0-9a-f]{40})")
_GO_VALUED = ("mod", "modfile", "o", "p", "tags", "ldflags", "gcflags", "C")
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+")


def is_pip_install(command: ShellCommand) -> bool:
    """Tell whether a command is `pip install` or `python -m pip install`."""
    return "install" in _list_pip_arguments(command)[:4]


def _list_pip_arguments(command: ShellCommand) -> list[str]:
    arguments = command.arguments
    if _PIP.match(command.program):
        return arguments
    if _PYTHON.match(command.program) and arguments[:1] == ["-m"] and arguments[1:2] == ["pip"]:
        return arguments[2:]
    return []


def find_unpinned_pip_packages(command: ShellCommand) -> Iterator[ShellWord]:
    """Give the packages that pip installs without a version."""
    if not is_pip_install(command) or command.has_flag("r", "requirement", "c", "constraint"):
        return
    words = command.list_operand_words(_PIP_VALUED)
    start = next((index for index, word in enumerate(words) if word.text == "install"), len(words))
    for word in words[start + 1 :]:
        text = word.text
        if _VCS.match(text):
            if "@" not in text.partition("#")[0].rsplit("/", 1)[-1]:
                yield word
        elif not (
            _PINNED.search(text)
            or "/" in text
            or text.startswith(".")
            or text.endswith((".whl", ".gz", ".zip", ".tar"))
        ):
            yield word


def find_unpinned_npm_packages(command: ShellCommand) -> Iterator[ShellWord]:
    """Give the packages that npm installs without a version."""
    words = command.list_operand_words(_NPM_VALUED)
    if command.program != "npm" or not words or words[0].text not in ("install", "i", "add"):
        return
    for word in words[1:]:
        text = word.text
        if re.match(r"git(?:\+\w+)?:", text):
            if "#" not in text:
                yield word
        elif not (
            "@" in text[1:] or text.startswith((".", "/", "~")) or text.endswith((".tgz", ".tar", ".gz"))
        ):
            yield word


def find_unpinned_gems(command: ShellCommand) -> Iterator[ShellWord]:
    """Give the packages that gem installs without a version."""
    if command.program != "gem" or command.has_flag("version", "v"):
        return
    texts = command.arguments
    words = command.words[1:][: texts.index("--") if "--" in texts else None]
    plain = ShellCommand(words=[command.words[0], *words]).list_operand_words(
        ("i", "install-dir", "n", "bindir", "P", "source", "s", "use-system-libraries")
    )
    if not plain or plain[0].text not in ("install", "i"):
        return
    yield from (word for word in plain[1:] if ":" not in word.text and not word.text.endswith(".gem"))


def find_unpinned_go_modules(command: ShellCommand) -> Iterator[ShellWord]:
    """Give the modules that go installs without a version."""
    words = command.list_operand_words(_GO_VALUED)
    if command.program != "go" or not words or words[0].text not in ("install", "get", "run"):
        return
    for word in words[1:2] if words[0].text == "run" else words[1:]:
        local = word.text.startswith((".", "/", "~", "$")) or word.text.endswith(".go") or word.text == "all"
        if not local and ("@" not in word.text or word.text.endswith("@latest")):
            yield word


def match_unpinned_packages(
    file: Dockerfile, find: Callable[[ShellCommand], Iterator[ShellWord]], example: str
) -> Iterator[CodeMatch]:
    """Give a match for each package without a version in the RUN instructions of a Dockerfile."""
    for instruction in file.list_instructions("RUN"):
        for command in instruction.commands:
            for word in find(command):
                yield CodeMatch(word.span, f"{word.text} is installed without a version: write {example}")


def find_unlocked_installs(commands: Iterable[ShellCommand]) -> Iterator[CodeMatch]:
    """Give a match for each command that installs packages without a hash or a lock file."""
    for command in commands:
        if _is_install_unlocked(command):
            yield CodeMatch(command.span, f"{command.program} installs what no hash or lock file pins")


def _is_install_unlocked(command: ShellCommand) -> bool:
    if is_pip_install(command):
        return _is_pip_unlocked(command)
    operands = command.operands
    verb = operands[0] if operands else ""
    match command.program:
        case "npm":
            return verb in ("install", "i", "install-test", "update", "add", "isntall")
        case "go":
            return _is_unpinned_go_install(command)
        case "choco":
            return verb == "install" and not command.has_flag(
                "requirechecksums", "require-checksums", "requirechecksum", "require-checksum"
            )
        case "nuget":
            return verb == "install" and not command.has_flag("Version")
        case "dotnet":
            return "add" in operands and "package" in operands and not command.has_flag("v", "version")
    return command.program == "easy_install"


def _is_unpinned_go_install(command: ShellCommand) -> bool:
    """Tell whether go installs a module by a tag that is no full version; a full one is in the checksum database."""
    words = command.list_operand_words(_GO_VALUED)
    if not words or words[0].text not in ("install", "get", "run"):
        return False
    named = [word.text for word in words[1:] if not word.text.startswith((".", "/", "~", "$"))]
    return any(not _FULL_VERSION.search(text) for text in named if "/" in text)


def _is_pip_unlocked(command: ShellCommand) -> bool:
    if command.has_flag("require-hashes"):
        return False
    words = [word.text for word in command.list_operand_words(_PIP_VALUED)]
    packages = [text for text in words if text not in ("install", "pip")]
    editable = command.list_flag_values("e", "editable")
    if editable and not packages:
        return not (
            all(text.startswith((".", "/")) or _COMMIT.search(text) for text in editable)
            and command.has_flag("no-deps")
        )
    local = packages and all(text.endswith(".whl") or _COMMIT.search(text) for text in packages)
    return not local
