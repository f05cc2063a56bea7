"""Arrays from files that would lead elsewhere, or grow without bound."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from ssh_tf.utils.arrays import read_hdf5, read_npz
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.reading import reader

npz = reader("an .npz")(read_npz)
hdf5 = reader("an HDF5 file")(read_hdf5)


def external_link(file, other):
    file["a"] = h5py.ExternalLink(str(other), "secret")


def soft_link(file, _):
    file["a"] = h5py.SoftLink("/b")


def external_storage(file, other):
    file.create_dataset("a", (4,), np.uint8, external=[(str(other), 0, 4)])


def virtual(file, other):
    layout = h5py.VirtualLayout((4,), np.uint8)
    layout[:] = h5py.VirtualSource(str(other), "secret", (4,))
    file.create_virtual_dataset("a", layout)


def huge(file, _):
    file.create_dataset("a", (2**40,), np.float32, chunks=(1024,))


def text(file, _):
    file["a"] = "words"


def empty(file, _):
    file["a"] = h5py.Empty("f4")


def group(file, _):
    file.create_group("a/b")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (external_link, "a link to another place or file"),
        (soft_link, "a link to another place or file"),
        (external_storage, "kept in other files"),
        (virtual, "kept in other files"),
        (huge, "declares 4,398,046,511,104 bytes"),
        (text, "no array of numbers"),
        (empty, "no array of numbers"),
        (group, "no array of numbers"),
    ],
)
@pytest.mark.parametrize("names", [None, ["a"]])
def test_hdf5_that_leads_elsewhere_or_is_too_large(tmp_path, build, words, names):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.arange(4, dtype=np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        build(file, tmp_path / "other.h5")
    with pytest.raises(DataError, match=rf"a\.h5: .*{words}"):
        hdf5(tmp_path / "a.h5", names)


def test_links_on_the_way_are_seen(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["b"] = np.ones(3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
        file["c/b"] = np.ones(3)
    with pytest.raises(DataError, match="link"):
        hdf5(tmp_path / "a.h5", ["a/b"])
    assert hdf5(tmp_path / "a.h5", ["c/b", "c/none", "none/b"]).keys() == {"c/b"}


def member(name, shape, content=b"", dtype="<f4"):
    """A zip of one array whose header says `shape`."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, header.getvalue() + content)
    return stream.getvalue()


def nested_header():
    stream = io.BytesIO()
    header = b"(" * 9000 + b"\n"
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    return stream.getvalue()


def encrypted():
    content = bytearray(member("a.npy", (1,), bytes(4)))
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + offset] |= 1
    return bytes(content)


def zipped_text():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "words")
    return stream.getvalue()


def npy():
    stream = io.BytesIO()
    np.save(stream, np.ones(3))
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        member("a.npy", (10**11,)),
        member("a.npy", (-1,)),
        member("a.npy", (4,), bytes(3)),
        member("a.npy", (1,), bytes(8), "|O"),
        zipped_text(),
        nested_header(),
        encrypted(),
        npy(),
        b"text",
        b"",
    ],
)
def test_npz_that_is_none(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: "):
        npz(tmp_path / "a.npz")


def test_arrays_that_are_large_together_are_refused_before_they_are_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1000), b=np.zeros(1000))
    monkeypatch.setattr("ssh_tf.utils.arrays.MAX_ARRAY_BYTES", 16000)
    with pytest.raises(DataError, match=r"a\.npz: declares 16,256 bytes of arrays; at most 16,000 are read"):
        npz(tmp_path / "a.npz")
