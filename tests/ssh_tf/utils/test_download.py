"""Downloads from a server that breaks off, changes its mind and lies; archives that lead astray."""

import hashlib
import io
import tarfile
import zipfile
from types import SimpleNamespace

import pytest

from local_server import serve
from ssh_tf.utils.download import Check, DamagedArchive, download, extract
from ssh_tf.utils.errors import DataError

CONTENT = bytes(range(256)) * 40
KNOWN = Check(len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest())
NOTHING = Check()


@pytest.fixture
def shelf():
    with serve() as shelf:
        shelf.files["/file"] = CONTENT
        yield shelf


def fetch(shelf, folder, check=KNOWN, **options):
    seen = []
    options = {"attempts": 2, "pause": 0, "timeout": 10} | options
    download(f"{shelf.url}/file", folder / "file", check, lambda *pair: seen.append(pair), **options)
    return seen


def test_whole_file(shelf, tmp_path):
    seen = fetch(shelf, tmp_path / "new")
    assert (tmp_path / "new" / "file").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


@pytest.mark.parametrize("version", ['"one"', None, 'W/"weak"'])
def test_broken_connection_is_taken_up(shelf, tmp_path, version):
    """3,000 bytes an answer: four answers, each from where the last one broke off."""
    shelf.break_after, shelf.version = 3000, version
    fetch(shelf, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [requested for _, requested in shelf.requests] == [None, "bytes=3000-", "bytes=6000-", "bytes=9000-"]


def test_a_later_run_goes_on(shelf, tmp_path):
    shelf.break_after = 3000
    shelf.files["/file"] = CONTENT
    with pytest.raises(RuntimeError):
        interrupted(shelf, tmp_path)
    shelf.break_after = None
    fetch(shelf, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert shelf.requests[-1][1] == "bytes=3000-"


def interrupted(shelf, folder):
    """A run that dies after its first bytes."""

    def report(*_):
        raise RuntimeError("killed")

    download(f"{shelf.url}/file", folder / "file", KNOWN, report)


def test_server_without_ranges_starts_anew(shelf, tmp_path):
    shelf.break_after = 3000
    with pytest.raises(RuntimeError):
        interrupted(shelf, tmp_path)
    shelf.break_after, shelf.ranges = None, False
    fetch(shelf, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("version", "changed"), [('"two"', CONTENT[::-1]), (None, CONTENT[:5000]), (None, CONTENT[:100])]
)
def test_changed_file_is_not_mixed(shelf, tmp_path, version, changed):
    """By its mark, by its length, or because the range is beyond its end."""
    shelf.break_after = 3000
    shelf.version = '"one"' if version else None
    with pytest.raises(RuntimeError):
        interrupted(shelf, tmp_path)
    shelf.break_after, shelf.version, shelf.files["/file"] = None, version, changed
    fetch(shelf, tmp_path, NOTHING)
    assert (tmp_path / "file").read_bytes() == changed


def test_unknown_length(shelf, tmp_path):
    shelf.length = False
    fetch(shelf, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_damaged_notes_start_anew(shelf, tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 100)
    (tmp_path / "file.part.json").write_text("{")
    fetch(shelf, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (Check(size=5), "10,240 bytes, expected 5"),
        (Check(sha256="0" * 64), f"sha256 {KNOWN.sha256}, expected 0000"),
        (Check(md5="0" * 32), f"md5 {KNOWN.md5}, expected 0000"),
    ],
)
def test_wrong_file_is_deleted(shelf, tmp_path, check, words):
    with pytest.raises(DataError, match=words):
        fetch(shelf, tmp_path, check)
    assert not (tmp_path / "file").exists()
    assert not (tmp_path / "file.part").exists()


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (503, 2)])
def test_refusal_is_told(shelf, tmp_path, status, tries):
    """What a second attempt may mend is tried again."""
    shelf.status = status
    with pytest.raises(DataError, match=f"/file: the server answers {status}"):
        fetch(shelf, tmp_path)
    assert len(shelf.requests) == tries


def test_connection_that_brings_nothing_ends(shelf, tmp_path):
    shelf.break_after = 0
    with pytest.raises(DataError, match="the connection broke after 0 of 10,240 bytes"):
        fetch(shelf, tmp_path)


def test_bytes_that_came_are_kept(shelf, tmp_path):
    shelf.break_after = 3000
    with pytest.raises(RuntimeError):
        interrupted(shelf, tmp_path)
    shelf.status = 503
    with pytest.raises(DataError, match="3,000 bytes are kept, run again to resume"):
        fetch(shelf, tmp_path)


def test_no_network(tmp_path):
    with serve() as shelf:
        url = shelf.url
    with pytest.raises(DataError, match=r"cannot be reached .*; is this machine online\?"):
        download(f"{url}/file", tmp_path / "file", NOTHING, lambda *_: None, attempts=1)


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(DataError, match="not an http or https address"):
        download("file:///etc/passwd", tmp_path / "file", NOTHING, lambda *_: None)


@pytest.mark.parametrize("length", ["abc", "-5", "9" * 5000, "1e9", "٣"])
def test_a_length_that_is_none_is_refused(shelf, tmp_path, length):
    shelf.length = length.encode("utf-8").decode("latin-1")
    with pytest.raises(DataError, match="as the length of the file"):
        fetch(shelf, tmp_path)


def test_a_server_that_sends_more_than_there_is_ends(shelf, tmp_path):
    shelf.break_after = 4000
    with pytest.raises(RuntimeError, match="killed"):
        interrupted(shelf, tmp_path)
    shelf.break_after = None
    shelf.extra = bytes(3_000_000)
    with pytest.raises(DataError, match=r"sends more than [\d,]+ bytes; nothing is kept"):
        fetch(shelf, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1000


@pytest.mark.parametrize("url", ["http://[::1", "http://a b/", "http://a:port/", "http://\0/", "http://" + "a" * 300])
def test_addresses_that_are_none_are_one_line(tmp_path, url):
    with pytest.raises(DataError) as raised:
        download(url, tmp_path / "a", Check(), lambda *_: None, attempts=1, timeout=1, pause=0)
    assert "\n" not in str(raised.value)


# Archives.


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path, members, **attributes):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in attributes.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_extract(tmp_path, pack):
    archive = pack(tmp_path / "archive", {"root/a.txt": b"a", "root/sub/b.txt": b"b", "other.txt": b"c"})
    assert extract(archive, tmp_path / "all") == 3
    assert (tmp_path / "all" / "root" / "sub" / "b.txt").read_bytes() == b"b"
    assert extract(archive, tmp_path / "some", strip="root") == 2
    assert (tmp_path / "some" / "sub" / "b.txt").read_bytes() == b"b"
    assert not (tmp_path / "some" / "other.txt").exists()


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a\\..\\..\\evil", "C:\\evil"])
def test_paths_that_lead_out_are_refused(tmp_path, pack, name):
    archive = pack(tmp_path / "archive", {"good.txt": b"a", name: b"b"})
    with pytest.raises(DataError, match="outside of its folder"):
        extract(archive, tmp_path / "in" / "here")
    assert [path.name for path in tmp_path.rglob("*")] == ["archive"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = tarred(tmp_path / "archive", {"link": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(DataError, match="link is no plain file; nothing was unpacked"):
        extract(archive, tmp_path / "here")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>quota exceeded</html>", "the server may have sent a web page"),
        (b"", "the server may have sent a web page"),
        (b"PK\x03\x04 and noise", "not a whole archive"),
        (b"\x1f\x8b and noise", "not a whole archive"),
    ],
)
def test_what_is_no_archive_is_named(tmp_path, content, words):
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(DataError, match=words):
        extract(tmp_path / "archive", tmp_path / "here")


def test_truncated_archives_are_named(tmp_path):
    archive = tarred(tmp_path / "archive", {"a": bytes(range(256)) * 100})
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(DataError, match="not a whole archive"):
        extract(archive, tmp_path / "here")


def test_empty_archives_are_named(tmp_path):
    with pytest.raises(DataError, match="holds no files under root/"):
        extract(zipped(tmp_path / "archive", {"other/a": b"a"}), tmp_path / "here", strip="root")


@pytest.mark.parametrize("place", [-8, -2])
def test_the_sum_of_a_tgz_is_compared_before_anything_is_unpacked(tmp_path, place):
    """Its last eight bytes are a sum and a length, behind what tarfile reads."""
    archive = tarred(tmp_path / "archive", {"a": b"content" * 100})
    content = bytearray(archive.read_bytes())
    content[place] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DamagedArchive, match="not a whole archive"):
        extract(archive, tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_the_sums_of_a_zip_are_compared_before_anything_is_unpacked(tmp_path):
    archive = zipped(tmp_path / "archive", {"a": b"first", "b": b"second content"})
    archive.write_bytes(archive.read_bytes().replace(b"second", b"secund", 1))
    with pytest.raises(DamagedArchive, match=r"b is damaged; nothing was unpacked|not a whole archive"):
        extract(archive, tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_encrypted_archives_are_named(tmp_path):
    archive = zipped(tmp_path / "archive", {"a": b"secret"})
    content = bytearray(archive.read_bytes())
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + offset] |= 1
    archive.write_bytes(content)
    with pytest.raises(DamagedArchive, match=r"archive: .*encrypted"):
        extract(archive, tmp_path / "here")


def test_what_the_disk_has_no_room_for_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=3))
    with pytest.raises(DataError, match="has room for 3; nothing was unpacked"):
        extract(zipped(tmp_path / "archive", {"a": b"four"}), tmp_path / "here")
