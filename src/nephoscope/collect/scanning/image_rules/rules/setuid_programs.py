"""Programs should run with the rights of who starts them."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedRoot
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-setuid-program",
    title="Programs should run with the rights of who starts them",
    severity=Severity.LOW,
    description=(
        "A program with the setuid or setgid bit runs with the rights of its owner or group: a fault in it makes "
        "everybody root. Distributions ship some; a container needs none."
    ),
    steps=(
        "Take the bit away in the image: chmod a-s FILE; on a disk where the program is not needed.",
        "Run containers with no-new-privileges (allowPrivilegeEscalation: false), which makes the bit count for nothing.",
    ),
    judges="root",
    cis="4.8",
)

#: Programs that distributions ship so, by name.
KNOWN = frozenset(
    """
    at atq atrm chage chfn chsh crontab dbus-daemon-launch-helper dotlockfile exim4 expiry fusermount fusermount3 gpasswd mount
    mount.cifs mount.nfs newgidmap newgrp newuidmap ntfs-3g pam_timestamp_check passwd pkexec ping ping6 polkit-agent-helper-1
    postdrop postqueue sg ssh-agent ssh-keysign su sudo sudoedit traceroute6.iputils umount unix_chkpwd unix2_chkpwd userhelper
    usernetctl utempter wall write write.ul bsd-write bbsuid doas screen sudoreplay suexec lockfile procmail mlocate plocate locate
    grub2-set-bootflag krb5_child ldap_child selinux_child proxy_child p11_child chrome-sandbox snap-confine lppasswd
    """.split()  # noqa: SIM905
)


def check(root: ExaminedRoot) -> Iterator[ImageMatch]:
    """Give each program with the bit that distributions ship so."""
    for path, noted in sorted(root.noted.items()):
        if has_owner_rights(noted.mode) and path.rpartition("/")[2] in KNOWN:
            yield ImageMatch(f"it has the {list_set_bits(noted.mode)} bit", path, noted.layer)


def has_owner_rights(mode: int) -> bool:
    """Return whether a file runs with the rights of its owner or group; without the right to run it setgid only locks it."""
    runs = mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return stat.S_ISREG(mode) and bool(runs) and bool(mode & (stat.S_ISUID | stat.S_ISGID))


def list_set_bits(mode: int) -> str:
    """Return the names of the bits that are set."""
    named = (("setuid", stat.S_ISUID), ("setgid", stat.S_ISGID))
    return " and ".join(name for name, bit in named if mode & bit)
