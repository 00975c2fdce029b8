"""Kernel modules: what modprobe.d forbids, what the installed kernels have, and what is loaded.

Source: modprobe.d(5).
"""

from __future__ import annotations

import msgspec

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.configuration_text import drop_in_files, read_lines

_FOLDERS = (
    "etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d",
)  # fmt: skip
_REFUSING = frozenset({"true", "false", "nologin"})
_MODULES = "lib/modules"


class ModprobeSettings(msgspec.Struct):
    """The commands that modules are loaded by, and the modules that are not loaded by their aliases."""

    commands: dict[str, BaselineEvidence] = {}
    blacklisted: dict[str, BaselineEvidence] = {}


class KernelModuleIndex(msgspec.Struct):
    """The modules that the installed kernels can load, and those that are compiled into one."""

    kernels: tuple[str, ...] = ()
    loadable: dict[str, BaselineEvidence] = {}
    compiled: dict[str, BaselineEvidence] = {}


def read_modprobe(system: ExaminedSystem) -> ModprobeSettings:
    """Return the settings of modprobe.d; raises UnreadableRootFileError."""
    found = ModprobeSettings()
    for path in drop_in_files(system.view, _FOLDERS):
        for line in read_lines(system.view, path):
            words = line.text.split()
            if words[0] == "install" and len(words) > 2:
                found.commands[_normalize_module(words[1])] = line.evidence()
            elif words[0] == "blacklist" and len(words) > 1:
                found.blacklisted[_normalize_module(words[1])] = line.evidence()
    return found


def read_module_index(system: ExaminedSystem) -> KernelModuleIndex:
    """Return what the kernels below /lib/modules have; raises UnreadableRootFileError."""
    found = KernelModuleIndex(system.view.names(_MODULES))
    for kernel in found.kernels:
        for name, modules in (("modules.dep", found.loadable), ("modules.builtin", found.compiled)):
            for line in read_lines(system.view, f"{_MODULES}/{kernel}/{name}"):
                path = line.text.partition(":")[0]
                modules[_normalize_module(path.rpartition("/")[2].partition(".ko")[0])] = BaselineEvidence(
                    line.path, line.number, path
                )
    return found


def assess_module(system: ExaminedSystem, module: str) -> BaselineVerdict:
    """Judge that a module is not loaded and cannot be: forbidden by an install command, or not part of any kernel."""
    name = _normalize_module(module)
    loaded = system.facts.kernel_modules if system.facts else None
    if loaded is not None and name in map(_normalize_module, loaded):
        return report_failure(
            f"the module {module} is loaded", BaselineEvidence("live:kernelModules", 0, module)
        )
    index, settings = system.read_cached(read_module_index), system.read_cached(read_modprobe)
    if name in index.compiled:
        return report_failure(f"{module} is compiled into the kernel", index.compiled[name])
    command = settings.commands.get(name)
    if command is not None and command.value.split()[2].rpartition("/")[2] in _REFUSING:
        return report_pass(f"the module {module} cannot be loaded", command)
    if not index.kernels:
        return report_not_applicable("the root has no kernel modules")
    if name not in index.loadable:
        return report_pass(
            f"no installed kernel has the module {module}",
            BaselineEvidence(_MODULES, 0, ", ".join(index.kernels)),
        )
    if name in settings.blacklisted:
        evidence = settings.blacklisted[name]
        return report_failure(
            f"the module {module} is only blacklisted and can be loaded by its name", evidence
        )
    return report_failure(f"the module {module} can be loaded", index.loadable[name])


def _normalize_module(name: str) -> str:
    return name.replace("-", "_")
