"""Installation: the agent as a service of systemd, and its removal."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from nephoscope_agent.privileges import KEPT, KILLING
from nephoscope_agent.program_runner import ProgramError, find_program, run_program
from nephoscope_agent.settings import write_durably
from nephoscope_agent.update import find_running_program

UNIT = Path("/etc/systemd/system/nephoscope-agent.service")
PROGRAM = Path("/usr/local/lib/nephoscope-agent/nephoscope-agent.pyz")


class InstallationError(Exception):
    """An installation that cannot be made."""


def unit_text(folder: Path, program: Path = PROGRAM, python: str = sys.executable) -> str:
    """Return the unit of the agent: it writes to its own folder and to that of its program, and to nothing else."""
    kept = " ".join((*KEPT, *KILLING))  # the agent itself drops what its settings do not need
    return f"""[Unit]
Description=nephoscope agent
Documentation=https://github.com/nephoscope/nephoscope
After=network-online.target
Wants=network-online.target

[Service]
Type=simple
ExecStart={python} -I {program} --folder {folder} run
Restart=always
RestartSec=5
CPUQuota=20%
MemoryMax=256M
TasksMax=64
OOMScoreAdjust=100
CapabilityBoundingSet={kept}
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={folder} {program.parent}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077

[Install]
WantedBy=multi-user.target
"""


def install(folder: Path) -> None:
    """Copy the program, write the unit, and start it. Raises InstallationError, ProgramError, OSError."""
    source = find_running_program()
    if source is None:
        raise InstallationError("run this from the zipapp that `nephoscope agent build` writes")
    if not (folder / "key").exists():
        raise InstallationError(f"{folder} has no key: run `enrol` first")
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    write_durably(PROGRAM, source.read_bytes())
    PROGRAM.chmod(0o755)
    write_durably(UNIT, unit_text(folder).encode())
    UNIT.chmod(0o644)
    if find_program("systemctl"):
        run_program(["systemctl", "daemon-reload"])
        run_program(["systemctl", "enable", "--now", UNIT.name])


def uninstall(folder: Path) -> list[str]:
    """Stop the service and remove everything that the agent wrote; return what could not be removed."""
    left = []
    if find_program("systemctl") and UNIT.exists():
        try:
            run_program(["systemctl", "disable", "--now", UNIT.name])
        except ProgramError as error:
            left.append(str(error))
    try:
        UNIT.unlink(missing_ok=True)
    except OSError as error:
        left.append(f"{UNIT}: {error.strerror}")
    for one in (PROGRAM.parent, folder):
        if one.is_dir():
            shutil.rmtree(one, onerror=lambda _, path, error: left.append(f"{os.fspath(path)}: {error[1]}"))
    return left
