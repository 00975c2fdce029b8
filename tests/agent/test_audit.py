"""The audit code of the agent: records as the kernel writes them, events, and rules as the kernel takes them."""

from __future__ import annotations

import struct

import pytest

from nephoscope_agent.audit.events import build_event
from nephoscope_agent.audit.kernel_tables import RECORD_NUMBERS, SYSTEM_CALL_NUMBERS
from nephoscope_agent.audit.records import AuditRecordError, parse_address, parse_record
from nephoscope_agent.audit.rules import RuleError, build_rule

HEAD = "audit(1700000000.120:7): "
CALL = (
    "arch={arch} syscall={call} success=yes exit=0 a0=1 items=0 ppid=1 pid=2 auid=4294967295 uid=0 gid=0 ses=4294967295 "
    'comm="x" exe=2F746D702F61206220286465 key=(null)'
)
_LOGIN = "pid=1 uid=0 msg='op=login acct=28696E29 exe=\"/usr/sbin/sshd\" addr=192.0.2.1 res=failed'"
_PARTS = 'argc=2 a0="sh" a1_len=6 a1[0]=6162 a1[1]=63'
RECORDS = {
    "a quoted text": ("CWD", 'cwd="/tmp"', {"cwd": "/tmp"}),
    "an encoded text": ("CWD", "cwd=2F746D702F61", {"cwd": "/tmp/a"}),
    "a quoted text of digits": ("CWD", 'cwd="2F74"', {"cwd": "2F74"}),
    "arguments": ("EXECVE", 'argc=2 a0="sh" a1=612062', {"argc": "2", "a0": "sh", "a1": "a b"}),
    "an argument in parts": ("EXECVE", _PARTS, {"argc": "2", "a0": "sh", "a1_len": "6", "a1": "abc"}),
    "a failed login": (
        "USER_LOGIN", _LOGIN,
        {
            "pid": "1", "uid": "0", "op": "login", "acct": "(in)", "exe": "/usr/sbin/sshd", "addr": "192.0.2.1",
            "result": "fail",
        },
    ),
    "nothing said": (
        "USER_ACCT", "pid=1 msg='op=x hostname=? addr=? terminal=(null) res=success'",
        {"pid": "1", "op": "x", "result": "success"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_a_record(name: str) -> None:
    type_, text, wanted = RECORDS[name]
    assert parse_record(HEAD + text, type_).data == wanted


@pytest.mark.parametrize(
    ("arch", "call", "wanted"),
    [("c000003e", 59, ("x86_64", "execve")), ("40000003", 11, ("i386", "execve")), ("c00000b7", 221, ("aarch64", "execve")),
     ("c000003e", 9999, ("x86_64", "9999")), ("deadbeef", 1, ("deadbeef", "1"))],
)  # fmt: skip
def test_calls_have_the_names_of_their_architecture(arch: str, call: int, wanted: tuple[str, str]) -> None:
    data = parse_record(HEAD + CALL.format(arch=arch, call=call), "SYSCALL").data
    assert (data["arch"], data["syscall"]) == wanted


def test_an_argument_that_looks_like_a_part_is_an_argument() -> None:
    data = parse_record(HEAD + 'argc=3 a0="curl" a1="evil" a2="a1[0]=harmless"', "EXECVE").data
    assert (data["a1"], data["a2"]) == ("evil", "a1[0]=harmless")


def test_keys_are_parted_and_decoded() -> None:
    encoded = b"one\x01two".hex().upper()
    record = parse_record(HEAD + CALL.format(arch="c000003e", call=59).replace("(null)", encoded), "SYSCALL")
    assert record.keys == ["one", "two"]


@pytest.mark.parametrize("text", ["", "nothing", "audit(x:1): a=b", "type=CWD msg=cwd"])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(AuditRecordError):
        parse_record(text)


@pytest.mark.parametrize(
    ("saddr", "wanted"),
    [("0200005", {}), ("", {}), ("0200", {"family": "2", "saddr": "0200"}),
     ("02000050C0000201", {"family": "ipv4", "addr": "192.0.2.1", "port": "80"}),
     ("0100002F746D70", {"family": "unix", "path": "/tmp"}),
     ("10000000000000000000", {"family": "netlink", "saddr": "10000000000000000000"})],
)  # fmt: skip
def test_addresses(saddr: str, wanted: dict[str, str]) -> None:
    assert parse_address(saddr) == wanted


def test_an_execution_is_an_event() -> None:
    lines = [
        f"type=SYSCALL msg={HEAD}" + CALL.format(arch="c000003e", call=59),
        f'type=EXECVE msg={HEAD}argc=2 a0="x" a1="-v"',
        f'type=PATH msg={HEAD}item=0 name="/tmp/x" inode=5 mode=0104755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL',
        f"type=EOE msg={HEAD}",
    ]
    event = build_event([parse_record(line) for line in lines])
    assert event["summary"]["action"] == "executed"
    assert event["summary"]["object"] == {"type": "file", "primary": "/tmp/x"}
    assert event["process"]["args"] == ["x", "-v"]
    assert event["file"]["mode"] == "4755"
    assert event["ecs"]["event"] == {"category": ["process"], "type": ["start"]}


def fields(rule: bytes) -> list[tuple[int, int, int]]:
    count = struct.unpack_from("<3I", rule)[2]
    columns = [struct.unpack_from(f"<{count}I", rule, 12 + 256 * number) for number in (1, 2, 3)]
    return list(zip(*columns, strict=True))


def test_a_rule_has_its_fields_and_calls() -> None:
    rule = build_rule("-a always,exit -F arch=b64 -S execve -F auid>=1000 -F exit=-EPERM -k one", "x86_64")
    assert fields(rule) == [
        (11, 0xC000003E, 0x40000000), (9, 1000, 0x60000000), (103, 0xFFFFFFFF, 0x40000000), (210, 3, 0x40000000),
    ]  # fmt: skip
    words = struct.unpack_from("<64I", rule, 12)
    assert [number for number, word in enumerate(words) if word] == [59 // 32]
    assert words[1] == 1 << 59 % 32
    assert rule[12 + 256 * 4 + 4 :] == b"one\0"
    assert len(rule) % 4 == 0


def test_architectures_are_those_of_the_machine() -> None:
    rule = build_rule("-a always,exit -F arch=b64 -S openat", "aarch64")
    assert fields(rule) == [(11, 0xC00000B7, 0x40000000)]
    number = SYSTEM_CALL_NUMBERS["aarch64"]["openat"]
    assert struct.unpack_from("<64I", rule, 12)[number // 32] == 1 << number % 32
    with pytest.raises(RuleError, match="no system call 'open'"):
        build_rule("-a always,exit -F arch=b64 -S open", "aarch64")


WRONG = {
    "-a exit": "give a list and an action", "-F nothing=1": "unknown field", "-x y": "unknown option",
    "-w relative": "must be absolute",
    "-F uid": "needs a field, an operator and a value", "-C uid=pid": "cannot be compared", "-F perm=q": "permissions are",
    "-a always,exit -S": "an option without its value", "-F exit=-ENOTHING": "not a number",
    "-F uid=nobodyofthisname": "unknown name",
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_what_is_no_rule_is_refused(words: str) -> None:
    with pytest.raises(RuleError, match=WRONG[words]):
        build_rule(words, "x86_64")


def test_a_folder_is_watched_as_one(tmp_path) -> None:
    (folder,) = [one for one in fields(build_rule(f"-w {tmp_path}/ -p wa")) if one[0] == 107]
    assert folder[1] == len(str(tmp_path))
    (path,) = [one for one in fields(build_rule(f"-w {tmp_path}/file -p wa")) if one[0] == 105]
    assert path[1] == len(str(tmp_path)) + 5


def test_types_of_records_are_those_of_the_kernel() -> None:
    assert [RECORD_NUMBERS[name] for name in ("SYSCALL", "EXECVE", "USER_LOGIN", "EOE", "CONFIG_CHANGE", "ANOM_ABEND")] == [
        1300, 1309, 1112, 1320, 1305, 1701,
    ]  # fmt: skip
