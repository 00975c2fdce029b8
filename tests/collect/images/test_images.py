"""Images from layouts and archives, and what their layers leave."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.collect.images.image_builder import Files, digest_of, make_layer, make_layout, make_saved, pack

from nephoscope.collect.images.archive import open_archive
from nephoscope.collect.images.documents import INDEX_TYPES
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError
from nephoscope.collect.images.image import Image, PlatformSelector
from nephoscope.collect.images.image_name import ImageReference
from nephoscope.collect.images.layer_stream import open_tar
from nephoscope.collect.images.layers import LayerFiles, LayerReader, merge_layers, normalize_path, read_layer
from nephoscope.collect.images.layout import open_layout
from nephoscope.collect.images.tar_entries import TarStream

LAYERS: list[Files] = [
    {
        "etc/": None,
        "etc/a": b"one",
        "etc/b": b"two",
        "opt/x/c": b"three",
        "srv/d/e": b"four",
        "usr/f": b"five",
    },
    {
        "etc/a": b"changed",
        "etc/.wh.b": b"",
        "opt/x/.wh..wh..opq": b"",
        "opt/x/g": b"six",
        "srv/d": "/elsewhere",
    },
    {"./usr/../usr/f": b"seven", ".wh.opt": b"", "opt/x/h": b"eight"},
]
LAYERS[0] = {**LAYERS[0], "etc/unwanted": b"skipped"}
LEFT = {"etc/a": b"changed", "usr/f": b"seven", "opt/x/h": b"eight"}


def reader(most: int = 1_000_000) -> LayerReader[bytes]:
    return LayerReader(
        lambda path, size, mode: True,
        lambda path, head: head != b"skipped",
        most,
        lambda path, content, beside: content,
        lambda path, head: head.startswith(b"alone"),
    )


def layers_of(image: Image, most: int = 1_000_000) -> list[LayerFiles[bytes]]:
    found = []
    for descriptor in image.layers:
        with image.store.open_blob(descriptor) as stream:
            found.append(
                read_layer(TarStream(open_tar(stream, "layer"), "layer"), descriptor.digest, reader(most))
            )
    return found


def contents(image: Image) -> dict[str, bytes]:
    return {path: placed.found for path, placed in merge_layers(layers_of(image)).items()}


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


@pytest.mark.parametrize("compress", [gzip.compress, zstd, bytes], ids=["gzip", "zstd", "plain"])
def test_layers_lie_on_each_other(compress, tmp_path: Path) -> None:
    digest = make_layout(tmp_path / "layout", LAYERS, compress=compress, User="app")
    image = open_layout(tmp_path / "layout")
    assert (image.digest, image.configuration.config.User) == (digest, "app")
    assert contents(image) == LEFT


def test_an_archive_is_the_same_image(tmp_path: Path) -> None:
    digest = make_layout(tmp_path / "layout", LAYERS)
    archive = pack(tmp_path / "layout", tmp_path / "image.tar")
    packed = tmp_path / "image.tar.gz"
    packed.write_bytes(gzip.compress(archive.read_bytes()))
    for path in (archive, packed):
        image = open_archive(path)
        assert (image.digest, contents(image)) == (digest, LEFT)
        image.store.close()


def test_an_image_that_docker_saved(tmp_path: Path) -> None:
    image = open_archive(make_saved(tmp_path / "saved.tar", LAYERS, ["app:1.2", "app:latest"]), "app:1.2")
    assert contents(image) == LEFT
    with pytest.raises(ImageNotFoundError, match=r"has no image named '2'; its names: app:1.2, app:latest"):
        open_archive(tmp_path / "saved.tar", "2")


def test_the_image_for_the_machine_is_taken(tmp_path: Path) -> None:
    digest = make_layout(tmp_path / "layout", LAYERS)
    index = json.loads((tmp_path / "layout/index.json").read_text())
    manifest = {
        **index["manifests"][0],
        "annotations": {},
        "platform": {"os": "linux", "architecture": "arm64"},
    }
    manifests = [manifest, {**manifest, "platform": {"os": "windows"}}]
    inner = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPES[0], "manifests": manifests})
    inner_digest = digest_of(inner.encode())
    (tmp_path / "layout/blobs/sha256" / inner_digest.removeprefix("sha256:")).write_text(inner)
    (tmp_path / "layout/index.json").write_text(
        json.dumps(
            {
                "schemaVersion": 2,
                "manifests": [{"mediaType": INDEX_TYPES[0], "digest": inner_digest, "size": len(inner)}],
            }
        )
    )
    image = open_layout(tmp_path / "layout", wanted=PlatformSelector(architecture="arm64"))
    assert (image.digest, image.index_digest) == (digest, inner_digest)
    with pytest.raises(
        ImageNotFoundError, match=r"has no image for linux/s390x; it has linux/arm64, windows"
    ):
        open_layout(tmp_path / "layout", wanted=PlatformSelector(architecture="s390x"))


def test_a_changed_or_cut_layer_is_told(tmp_path: Path) -> None:
    make_layout(tmp_path / "layout", LAYERS)
    image = open_layout(tmp_path / "layout")
    path = tmp_path / "layout/blobs/sha256" / image.layers[0].digest.removeprefix("sha256:")
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ImageError, match="is longer than"):
        layers_of(image)


def test_files_that_are_too_large_or_lead_out_are_unread(tmp_path: Path) -> None:
    make_layout(tmp_path / "layout", [{"big": bytes(5_000), "../out": b"x", "small": b"y"}])
    layer = layers_of(open_layout(tmp_path / "layout"), most=1_000)[0]
    assert layer.found == {"small": b"y"}
    assert [(file.path, file.reason) for file in layer.unread] == [
        ("big", "it has 5000 bytes, more than 1000"),
        ("../out", "its path leads out of the image"),
    ]


def test_a_huge_header_costs_nothing() -> None:
    entry = tarfile.TarInfo("x" * 10)
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 40
    tar = TarStream(io.BytesIO(entry.tobuf(format=tarfile.GNU_FORMAT)), "the layer")
    with pytest.raises(ImageError, match="has a header of 1099511627776 bytes"):
        list(tar)


@given(content=st.binary(max_size=3_000), place=st.integers(0, 4_000))
def test_any_bytes_are_a_tar_or_an_error(content: bytes, place: int) -> None:
    tar = make_layer({"a/b": b"text", "c" * 200: b"long", "d": "link"})
    broken = tar[:place] + content + tar[place + len(content) :]
    try:
        read_layer(TarStream(io.BytesIO(broken), "it"), "", reader())
    except ImageError as error:
        assert str(error).startswith("it ")  # noqa: PT017


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_as_tarfile_writes_them(format_: int) -> None:
    content = io.BytesIO()
    paths = ["a", "b/" * 40 + "c", "é" * 20, *([] if format_ == tarfile.USTAR_FORMAT else ["d" * 300])]
    with tarfile.open(fileobj=content, mode="w", format=format_) as tar:
        for path in paths:
            entry = tarfile.TarInfo(path)
            entry.size = len(path)
            tar.addfile(entry, io.BytesIO(b"x" * len(path)))
    found = TarStream(io.BytesIO(content.getvalue()), "it")
    assert [(entry.path, len(found.read_content(1_000))) for entry in found] == [
        (path, len(path)) for path in paths
    ]


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("app/web:1.2", "docker.io/app/web:1.2"),
        ("localhost/web", "localhost/web:latest"),
        ("reg.example:5000/a/b-c__d@sha256:" + "0" * 64, "reg.example:5000/a/b-c__d@sha256:" + "0" * 64),
        ("REG.example/web:v1@sha256:" + "a" * 64, "REG.example/web:v1@sha256:" + "a" * 64),
        ("[::1]:5000/web", "[::1]:5000/web:latest"),
    ],
)
def test_names_of_images(text: str, parsed: str) -> None:
    assert str(ImageReference.parse(text)) == parsed


@pytest.mark.parametrize("text", ["", "Web", "a//b", "../x", "web:", "web@sha256:12", "reg.example/", "a b"])
def test_what_is_no_name_of_an_image(text: str) -> None:
    with pytest.raises(ImageError, match="is not an image name"):
        ImageReference.parse(text)


@pytest.mark.parametrize(
    ("path", "clean"),
    [("./a/./b/", "a/b"), ("/a", "a"), ("a/../b", "b"), ("a/../../b", None), (".", ""), ("", "")],
)
def test_paths_stay_inside(path: str, clean: str | None) -> None:
    assert normalize_path(path) == clean


def test_a_file_that_stands_alone_is_read_as_it_passes_and_others_at_the_end() -> None:
    read: list[str] = []
    files: Files = {"a": b"list", "b": b"alone, a program", "c": b"list too"}
    taking = reader()._replace(read=lambda path, content, beside: read.append(path) or content)
    layer = read_layer(TarStream(io.BytesIO(make_layer(files)), "layer"), "sha256:1", taking)
    assert read == ["b", "a", "c"]
    assert layer.found == files
