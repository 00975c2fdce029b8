"""Leaked user names with their passwords: found in every form that directories have, by keys that change, and in no file."""

from __future__ import annotations

import hashlib
import hmac
import io
import tarfile
import zipfile
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.cli.main import cli as command
from nephoscope.identity.leaked import leaked_pairs
from nephoscope.identity.leaked.hash_index import PAIRS, PREFIXES, HashListError, index_folder, read_info
from nephoscope.identity.leaked.leaked_pairs import LeakedPairs, hash_pair, normalize_user, read_pairs
from nephoscope.identity.leaked.password_hashes import hash_ntlm, hash_sha1
from nephoscope.lake.backup.backup_writer import back_up
from nephoscope.model.identity_risk import IdentityKind
from nephoscope.service import leaked_credentials as service
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PASSWORD, OTHER = "hunter2:of-the-test", "not-in-any-list"
SAME = [
    ("Kim@Contoso.com", "kim@contoso.com"),
    ("kim+shop@contoso.com", "kim@contoso.com"),
    ("CONTOSO\\Kim", " kim "),
    ("STRASSE", "straße"),
]


@pytest.fixture
def context(state, lake):
    return ServiceContext(LocalUser.current(), state, lake.data, lambda: NOW)


@pytest.fixture
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("lists") / "pairs.txt"
    file.write_bytes(
        f"Kim+shop@contoso.com:{PASSWORD}\n\nlee@contoso.com:x\n".encode() + "zoë:é\n".encode("latin-1")
    )
    return file


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_user_has_several_spellings(one, other):
    assert normalize_user(one) == normalize_user(other)


def test_a_pair_is_found_and_neither_part_alone(context, source):
    service.import_leaked_pairs(context, source)

    def found(user, password):
        return service.check_password_of_user(context, user, password)

    assert found("kim@contoso.com", PASSWORD)
    assert found("zoë", "é")
    assert not found("lee@contoso.com", PASSWORD)
    assert not found("kim@contoso.com", OTHER)
    assert [one.algorithm for one in service.list_hash_lists(context)] == [PAIRS]
    assert dict(context.state.audit.entries()[0].detail) == {"checked": 1, "leaked": 0}


def test_rotation_keeps_the_pairs_and_makes_earlier_copies_useless(context, source):
    before = service.import_leaked_pairs(context, source)
    old = (index_folder(context.data, PAIRS) / before.folder / PREFIXES).read_bytes()
    for keys in (2, 3):
        info = service.rotate_leaked_pairs(context)
        assert (info.entries, len(info.keys), info.origin) == (before.entries, keys, before.origin)
        assert service.check_password_of_user(context, "kim@contoso.com", PASSWORD)
        assert not service.check_password_of_user(context, "kim@contoso.com", OTHER)
    new = (index_folder(context.data, PAIRS) / info.folder / PREFIXES).read_bytes()
    assert not {old[at : at + 8] for at in range(0, len(old), 8)} & {
        new[at : at + 8] for at in range(0, len(new), 8)
    }
    again = service.import_leaked_pairs(context, source)
    assert list(leaked_pairs.open_key_file(context.data).keys()) == again.keys, (
        "a new list has a key of its own alone"
    )


def test_without_their_keys_the_pairs_are_of_no_use(context, source):
    with pytest.raises(HashListError, match="no leaked user names"):
        service.rotate_leaked_pairs(context)
    with pytest.raises(HashListError, match="import-pairs"):
        service.check_password_of_user(context, "kim@contoso.com", PASSWORD)
    service.import_leaked_pairs(context, source)
    leaked_pairs.open_key_file(context.data).path.unlink()
    with pytest.raises(HashListError, match="keys of the pairs are gone"):
        LeakedPairs.open(context.data)


@pytest.mark.parametrize(
    ("text", "hashed", "problem"),
    [
        ("kim:x\nlee\n", "", "line 2: use USER:PASSWORD"),
        (":x\n", "", "line 1"),
        ("kim:\n", "", "line 1"),
        ("kim:00\n", "ntlm", "line 1: a ntlm hash has 32"),
        ("kim\n", "sha1", "use USER:HASH"),
    ],
)
def test_a_wrong_line_is_named_and_leaves_the_pairs_before_it(
    context, source, tmp_path, text, hashed, problem
):
    service.import_leaked_pairs(context, source)
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(text, "utf-8")
    with pytest.raises(HashListError, match=problem):
        service.import_leaked_pairs(context, wrong, hashed)
    assert service.check_password_of_user(context, "kim@contoso.com", PASSWORD)
    assert len(list(index_folder(context.data, PAIRS).iterdir())) == 2


def test_an_empty_list_is_one(context, tmp_path):
    (tmp_path / "none.txt").write_text("\n", "utf-8")
    assert service.import_leaked_pairs(context, tmp_path / "none.txt").entries == 0
    assert not service.check_password_of_user(context, "kim@contoso.com", PASSWORD)


def test_exported_hashes_are_compared_by_the_principal_name_too(context, lake, put, source):
    put(
        "IdentityInfo",
        [
            {
                "TimeGenerated": NOW,
                "AccountObjectId": "id-kim",
                "AccountUPN": "kim@contoso.com",
                "AccountName": "kim",
            }
        ],
        NOW,
    )
    service.import_leaked_pairs(context, source)
    hashes = {
        "CONTOSO\\kim": hash_ntlm(PASSWORD),
        "lee@contoso.com": hash_ntlm(PASSWORD),
        "zoë": hash_ntlm(OTHER),
    }
    assert service.check_hashes(context, lake, "ntlm", hashes) == ["CONTOSO\\kim"]
    (one,) = context.state.identity_risks.list_detections("default", IdentityKind.USER)
    assert (one.identity, one.name) == ("id-kim", "kim@contoso.com")
    assert "together" in one.reasons[0]


def test_a_change_is_answered_by_pairs_and_by_the_list(context, source, tmp_path):
    digest = hash_sha1(PASSWORD)
    with pytest.raises(HashListError):
        service.check_change(context, "kim@contoso.com", "sha1", digest)
    service.import_leaked_pairs(context, source)
    assert service.check_change(context, "kim@contoso.com", "sha1", digest) == (True, 0)
    (tmp_path / "list.txt").write_text(f"{digest.hex()}:12\n", "utf-8")
    service.import_hash_list(context, tmp_path / "list.txt", "sha1")
    assert service.check_change(context, "kim@contoso.com", "sha1", digest) == (True, 12)
    assert service.check_change(context, "lee@contoso.com", "sha1", digest) == (False, 12)
    assert service.check_change(context, "", "sha1", digest) == (False, 12)


@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=20, max_size=20),
)
def test_the_hash_is_that_of_rfc_2104_over_the_one_before(first, second, digest):
    inner = hmac.new(first, b"kim\0sha1\0" + digest, hashlib.sha256).digest()[:8]
    assert hash_pair([first], "KIM", "sha1", digest) == inner
    assert (
        hash_pair([first, second], "kim", "sha1", digest)
        == hmac.new(second, inner, hashlib.sha256).digest()[:8]
    )


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"[ -~]{1,12}", fullmatch=True))
    )
)
def test_lines_are_read_as_they_were_written(several):
    text = "".join(f"{user}:{password}\n" for user, password in several)
    read = [(user, digest) for user, name, digest in read_pairs(io.BytesIO(text.encode())) if name == "sha1"]
    assert read == [(user, hash_sha1(password)) for user, password in several]


def members(file):
    """The contents of an archive: what `strings` would find in the files after they are unpacked, and in the file itself."""
    yield file.name, file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist())
    elif tarfile.is_tarfile(file):
        with tarfile.open(file) as archive:
            for one in archive:
                if (content := archive.extractfile(one)) is not None:
                    yield one.name, content.read()


def test_strings_finds_nothing_in_data_folder_logs_and_backup(
    context, lake, source, tmp_path_factory, caplog
):
    service.import_leaked_pairs(context, source)
    service.rotate_leaked_pairs(context)
    service.check_password_of_user(context, "kim@contoso.com", PASSWORD)
    service.check_hashes(context, lake, "ntlm", {"kim@contoso.com": hash_ntlm(PASSWORD)})
    lake.flush()
    keys = leaked_pairs.open_key_file(context.data)
    marks = [PASSWORD.encode(), PASSWORD.encode("utf-16-le")]
    for digest in (hash_sha1(PASSWORD), hash_ntlm(PASSWORD)):
        marks += [digest, digest[:8], digest[:8][::-1], digest.hex().encode(), digest.hex().upper().encode()]
    outside = tmp_path_factory.mktemp("backups")
    back_up(context.data, lake, context.state, outside / "data.backup")
    back_up(context.data, lake, context.state, outside / "keys.backup", keys=True)
    kept = dict(keys.keys())
    files = [("log", caplog.text.encode())]
    files += [(str(one), one.read_bytes()) for one in context.data.rglob("*") if one.is_file()]
    copied = [found for one in outside.iterdir() for found in members(one)]
    assert len(files) > 4
    assert any(PREFIXES in name for name, _ in copied), "the backup holds the index"
    for name, content in [*files, *copied]:
        assert not [mark for mark in marks if mark in content], name
    secret = [*kept.values(), *(one.split()[1].encode() for one in keys.path.read_text("ascii").splitlines())]
    for name, content in copied:
        assert not [key for key in secret if key in content], name
    assert read_info(context.data, PAIRS) is not None


def test_the_commands(tmp_path, source):
    def run(*arguments, given=""):
        found = CliRunner().invoke(
            command, ["--data", str(tmp_path / "data"), "identity", "leaked", *arguments], input=given
        )
        return found.exit_code, found.output

    assert run("rotate-key")[0] == 2
    assert run("import-pairs", str(source)) == (0, "imported 6 keyed hashes from pairs.txt\n")
    assert run("rotate-key") == (0, "6 keyed hashes, keys: 2\n")
    assert "pairs.txt" in run("list")[1]
    assert run("check", "--user", "kim@contoso.com", given=f"{PASSWORD}\n") == (
        1,
        "found in leaks with this user name\n",
    )
    assert run("check", "--user", "kim@contoso.com", given=f"{OTHER}\n") == (
        0,
        "not found in leaks with this user name\n",
    )
    told = run("check", "--hashes", "-", given=f"kim@contoso.com:{hash_sha1(PASSWORD).hex()}\n")
    assert told == (1, "kim@contoso.com\n1 of 1 passwords are leaked\n")
