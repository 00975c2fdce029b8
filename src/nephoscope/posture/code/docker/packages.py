"""Package managers in RUN instructions: what they install, and what of it is pinned, confirmed and cleaned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nephoscope.collect.templates.docker.instruction import Instruction
from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.shell.command import ShellCommand, ShellWord
from nephoscope.posture.code.docker.commands import is_stage_kept, list_cached_folders, run_commands
from nephoscope.posture.code.rule_match import CodeMatch

_VERSIONED_RPM = re.compile(r"-\d|[<>=]|\.rpm$")


@dataclass(frozen=True)
class PackageManager:
    """A package manager: its programs, the verbs that install, the flags that take a value, what pins a package, and its cache.

    `cache` are folders: one under a cache mount is no part of the image, one that is removed after the installation is clean.
    `cleaning` are the argument lists that empty it.
    """

    programs: frozenset[str]
    verbs: frozenset[str]
    is_pinned: Callable[[str], bool]
    valued: frozenset[str] = frozenset()
    cache: tuple[str, ...] = ()
    cleaning: tuple[tuple[str, ...], ...] = ()
    modules: bool = field(default=False)

    def installs(self, command: ShellCommand) -> bool:
        """Tell whether a command installs by this package manager."""
        if command.program not in self.programs:
            return False
        operands = [word.text for word in command.list_operand_words(self.valued)]
        if self.modules and operands[:1] == ["module"]:
            operands = operands[1:]
        return bool(operands) and operands[0] in self.verbs

    def packages(self, command: ShellCommand) -> list[ShellWord]:
        """Return the words that name what a command installs."""
        words = command.list_operand_words(self.valued)
        return words[2 if words and words[0].text == "module" else 1 :]


def _is_rpm_pinned(package: str) -> bool:
    return bool(_VERSIONED_RPM.search(package)) or ":" in package


def _is_apt_pinned(package: str) -> bool:
    return "=" in package or "/" in package or package.endswith(".deb")


def _is_apk_pinned(package: str) -> bool:
    return any(sign in package for sign in "=~<>") or package.endswith(".apk")


def _is_zypper_pinned(package: str) -> bool:
    return any(sign in package for sign in "=<>") or package.endswith(".rpm")


_APT_VALUED = frozenset(
    {"t", "target-release", "default-release", "c", "config-file", "o", "option", "a", "host-architecture"}
)
_RPM_VALUED = frozenset(
    {
        "c",
        "config",
        "enablerepo",
        "disablerepo",
        "x",
        "exclude",
        "installroot",
        "releasever",
        "setopt",
        "R",
        "d",
        "e",
    }
)

APT_GET = PackageManager(frozenset({"apt-get"}), frozenset({"install"}), _is_apt_pinned, _APT_VALUED)
APT = PackageManager(
    frozenset({"apt-get", "apt", "aptitude"}), frozenset({"update"}), _is_apt_pinned, _APT_VALUED,
    ("/var/lib/apt/lists", "/var/lib/apt"),
)  # fmt: skip
APK = PackageManager(
    frozenset({"apk"}), frozenset({"add"}), _is_apk_pinned, frozenset({"t", "virtual", "X", "repository", "p", "root", "wait", "arch",
    "keys-dir", "repositories-file"}), ("/var/cache/apk", "/etc/apk/cache"),
)  # fmt: skip
YUM = PackageManager(
    frozenset({"yum"}), frozenset({"install"}), _is_rpm_pinned, _RPM_VALUED,
    ("/var/cache/yum",), (("clean", "all"),), modules=True,
)  # fmt: skip
DNF = PackageManager(
    frozenset({"dnf", "microdnf"}), frozenset({"install", "in"}), _is_rpm_pinned, _RPM_VALUED,
    ("/var/cache/libdnf5", "/var/cache/yum", "/var/cache/dnf"), (("clean", "all"),), modules=True,
)  # fmt: skip
DNF_CHANGES = PackageManager(
    DNF.programs, DNF.verbs | {"reinstall", "rei", "upgrade", "up", "update", "upgrade-minimal", "up-min", "update-minimal",
    "distro-sync", "dsync", "downgrade", "dg"}, _is_rpm_pinned, _RPM_VALUED, DNF.cache, DNF.cleaning, modules=True,
)  # fmt: skip
ZYPPER = PackageManager(
    frozenset({"zypper"}), frozenset({"install", "in"}), _is_zypper_pinned, frozenset({"r", "repo", "from", "t", "type", "root", "R"}),
    ("/var/cache/zypp",), (("clean",), ("cc",), ("clean", "--all"), ("cc", "--all")),
)  # fmt: skip
ZYPPER_CHANGES = PackageManager(
    ZYPPER.programs, ZYPPER.verbs | {"remove", "rm", "source-install", "si", "patch", "update", "up"}, _is_zypper_pinned, ZYPPER.valued
)  # fmt: skip
YUM_CHANGES = PackageManager(
    YUM.programs, YUM.verbs | {"groupinstall", "localinstall"}, _is_rpm_pinned, _RPM_VALUED, modules=True
)
DNF_INSTALLS = PackageManager(
    DNF.programs, DNF.verbs | {"groupinstall", "localinstall"}, _is_rpm_pinned, _RPM_VALUED, modules=True
)
YARN = PackageManager(
    frozenset({"yarn"}), frozenset({"install", "add"}), lambda _: True, frozenset(),
    ("/root/.cache/yarn", ".cache/yarn", "/usr/local/share/.cache"),
    (("cache", "clean"), ("cache", "clean", "--all"), ("cache", "clean", "--force")),
)  # fmt: skip


def find_unpinned_packages(file: Dockerfile, manager: PackageManager, example: str) -> Iterator[CodeMatch]:
    """Give a match for each package that is installed in whatever version is newest."""
    for instruction, command in run_commands(file):
        if manager.installs(command):
            for word in manager.packages(command):
                if not manager.is_pinned(word.text):
                    yield CodeMatch(
                        word.span,
                        f"{word.text} is installed without a version: write {example}",
                        subject=instruction.keyword,
                    )


def find_unconfirmed_installs(
    file: Dockerfile, manager: PackageManager, flags: tuple[str, ...], fix: str
) -> Iterator[CodeMatch]:
    """Give a match for each installation that would wait for an answer."""
    for _, command in run_commands(file):
        if manager.installs(command) and not command.has_flag(*flags):
            name = command.words[0]
            end = type(name.span)(name.span.end, name.span.end)
            yield CodeMatch(command.span, f"{name.text} waits for an answer: add {fix}", ((end, f" {fix}"),))


def find_uncleaned_caches(file: Dockerfile, manager: PackageManager, message: str) -> Iterator[CodeMatch]:
    """Give a match for each RUN that installs and leaves the package manager's cache in the image."""
    for instruction in file.list_instructions("RUN"):
        commands = instruction.commands
        last = max(
            (index for index, command in enumerate(commands) if manager.installs(command)), default=None
        )
        if (
            last is None
            or not is_stage_kept(file, instruction.stage)
            or _is_cache_mounted(instruction, manager)
        ):
            continue
        if not any(_cleans(command, manager, commands[last].program) for command in commands[last + 1 :]):
            yield CodeMatch(commands[last].span, message)


def _is_cache_mounted(instruction: Instruction, manager: PackageManager) -> bool:
    folders = list_cached_folders(instruction)
    return any(
        folder == cache or folder.endswith("/" + cache) for folder in folders for cache in manager.cache
    )


def _cleans(command: ShellCommand, manager: PackageManager, program: str) -> bool:
    if command.program == "rm":
        return any(cache in text for text in command.arguments for cache in manager.cache)
    given = [text for text in command.arguments if text not in ("-y", "-q")]
    return command.program == program and any(tuple(given[: len(one)]) == one for one in manager.cleaning)
