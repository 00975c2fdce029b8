"""Lists of leaked hashes: imported sorted or not, looked up exactly, and nothing of a password or a hash in the files."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.identity.leaked.hash_import import import_hashes
from nephoscope.identity.leaked.hash_index import HashIndex, HashListError, index_folder, read_info
from nephoscope.identity.leaked.password_hashes import hash_md4, hash_ntlm, hash_sha1

NOW = datetime(2026, 11, 1, tzinfo=UTC)
#: The test suite of RFC 1320.
MD4 = {
    "": "31d6cfe0d16ae931b73c59d7e0c089c0",
    "a": "bde52cb31de33e46245e05fbdbd6fb24",
    "abc": "a448017aaf21d8525fc10ae87aa6729d",
    "message digest": "d9130a8164549fe818874806e1c7014b",
    "abcdefghijklmnopqrstuvwxyz": "d79e1c308aa5bbcdeea8ed63df412da9",
    "1234567890" * 8: "e33b4ddc9c38f2199c3e7b164fcc0536",
}
NTLM = {"password": "8846f7eaee8fb117ad06bdd830b7586c", "": "31d6cfe0d16ae931b73c59d7e0c089c0"}


@pytest.mark.parametrize("text", MD4)
def test_md4(text):
    assert hash_md4(text.encode()).hex() == MD4[text]


@pytest.mark.parametrize("text", NTLM)
def test_ntlm(text):
    assert hash_ntlm(text).hex() == NTLM[text]


def lines(passwords, start=0):
    found = {hash_sha1(word).hex().upper(): at + 1 for at, word in enumerate(passwords)}
    return sorted(f"{one[start:]}:{count}" for one, count in found.items())


def counts(data, passwords, algorithm="sha1", of=hash_sha1):
    with HashIndex.open(data, algorithm) as index:
        return index.count_all(of(one) for one in passwords)


@pytest.mark.parametrize(
    "order", ["sorted", "reversed", "lower case", "with carriage returns", "without counts"]
)
def test_a_file_in_any_order(tmp_path, order):
    words = [f"word {at}" for at in range(50)]
    given_ = lines(words)
    text = {
        "sorted": "\n".join(given_),
        "reversed": "\n".join(reversed(given_)),
        "lower case": "\n".join(given_).lower(),
        "with carriage returns": "\r\n".join(given_) + "\r\n",
        "without counts": "\n".join(one.partition(":")[0] for one in given_),
    }[order]
    (tmp_path / "list.txt").write_text(text, "utf-8")
    info = import_hashes(tmp_path, tmp_path / "list.txt", "sha1", NOW)
    assert info.entries == 50
    wanted = [1] * 50 if order == "without counts" else list(range(1, 51))
    assert counts(tmp_path, words) == wanted
    assert counts(tmp_path, ["not listed", "", "word 50"]) == [0, 0, 0]


def test_a_folder_of_range_files_with_padding(tmp_path):
    source = tmp_path / "ranges"
    source.mkdir()
    for word, count in (("password", 7), ("hunter2", 3)):
        digest = hash_sha1(word).hex().upper()
        padding = "0" * 35
        (source / f"{digest[:5]}.txt").write_text(f"{padding}:0\r\n{digest[5:]}:{count}", "utf-8")
    (source / "notes.md").write_text("not a range", "utf-8")
    (source / "00000.txt").write_text("", "utf-8")
    assert import_hashes(tmp_path, source, "sha1", NOW).entries == 2
    assert counts(tmp_path, ["password", "hunter2", "other"]) == [7, 3, 0]


def test_ntlm_hashes_have_a_list_of_their_own(tmp_path):
    (tmp_path / "n.txt").write_text(f"{hash_ntlm('password').hex()}:9\n", "utf-8")
    import_hashes(tmp_path, tmp_path / "n.txt", "ntlm", NOW)
    assert counts(tmp_path, ["password", "other"], "ntlm", hash_ntlm) == [9, 0]
    assert HashIndex.open(tmp_path, "sha1") is None


@given(st.sets(st.integers(0, 2000), max_size=60))
def test_what_is_listed_is_found_and_nothing_else(tmp_path_factory, listed):
    data = tmp_path_factory.mktemp("lists")
    words = [str(one) for one in sorted(listed)]
    (data / "list.txt").write_text("\n".join(lines(words)), "utf-8")
    import_hashes(data, data / "list.txt", "sha1", NOW)
    found = counts(data, [str(one) for one in range(0, 2000, 7)])
    assert [bool(one) for one in found] == [one in listed for one in range(0, 2000, 7)]


def test_values_that_are_not_spread_evenly_are_found_too(tmp_path):
    digests = [at.to_bytes(8, "big") + bytes(12) for at in range(300)]
    text = "\n".join(f"{one.hex()}:{at + 1}" for at, one in enumerate(digests))
    (tmp_path / "list.txt").write_text(text, "utf-8")
    import_hashes(tmp_path, tmp_path / "list.txt", "sha1", NOW)
    with HashIndex.open(tmp_path, "sha1") as index:
        assert index.count_all(digests) == list(range(1, 301))
        assert index.count(b"\xff" * 20) == 0


def test_neither_a_password_nor_a_hash_is_in_the_files(tmp_path):
    words = ["correct horse battery staple", "hunter2"]
    source = tmp_path / "source.txt"
    source.write_text("\n".join(lines(words)), "utf-8")
    data = tmp_path / "data"
    import_hashes(data, source, "sha1", NOW)
    files = [one for one in data.rglob("*") if one.is_file()]
    assert files
    for word in words:
        digest = hashlib.sha1(word.encode()).digest()
        marks = (word.encode(), digest, digest.hex().encode(), digest.hex().upper().encode(), digest[::-1])
        for file in files:
            assert not any(mark in file.read_bytes() for mark in marks)
            assert file.stat().st_mode & 0o077 == 0


def test_a_list_replaces_the_one_before_also_while_that_is_read(tmp_path):
    for word in ("first", "second"):
        (tmp_path / f"{word}.txt").write_text("\n".join(lines([word])), "utf-8")
    import_hashes(tmp_path, tmp_path / "first.txt", "sha1", NOW)
    with HashIndex.open(tmp_path, "sha1") as before:
        import_hashes(tmp_path, tmp_path / "second.txt", "sha1", NOW)
        assert before.count(hash_sha1("first")) == 1
    assert counts(tmp_path, ["first", "second"]) == [0, 1]
    assert read_info(tmp_path, "sha1").origin == "second.txt"
    assert sum(one.is_dir() for one in index_folder(tmp_path, "sha1").iterdir()) == 1


@pytest.mark.parametrize(
    ("content", "algorithm", "told"),
    [
        ("not a hash:3\n", "sha1", "not a hash"),
        (f"{hash_ntlm('x').hex()}:1\n", "sha1", "not a hash"),
        (f"{'z' * 40}:1\n", "sha1", "list.txt"),
        (f"{hash_sha1('x').hex()}:1\n", "md5", "unknown algorithm"),
        (None, "sha1", "no such file"),
    ],
)
def test_what_is_no_list_is_refused_and_leaves_nothing(tmp_path, content, algorithm, told):
    if content is not None:
        (tmp_path / "list.txt").write_text(content, "utf-8")
    with pytest.raises(HashListError, match=told):
        import_hashes(tmp_path, tmp_path / "list.txt", algorithm, NOW)
    assert not list(tmp_path.rglob("*.u64"))


def test_damaged_files_are_told(tmp_path):
    (tmp_path / "list.txt").write_text("\n".join(lines(["x"])), "utf-8")
    info = import_hashes(tmp_path, tmp_path / "list.txt", "sha1", NOW)
    (index_folder(tmp_path, "sha1") / info.folder / "prefixes.u64").write_bytes(b"short")
    with pytest.raises(HashListError, match="import the list again"):
        HashIndex.open(tmp_path, "sha1")
