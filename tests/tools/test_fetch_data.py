"""The tool that downloads, against a server on this machine."""

import io
import tarfile
import zipfile

import pytest

from local_server import serve
from ssh_tf.datasets.archives import ARCHIVES, GROUPS
from ssh_tools import fetch_data
from ssh_tools.fetch_data import main


@pytest.fixture
def shelf():
    with serve() as shelf:
        yield shelf


def zip_of(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


def tar_of(name, content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def run(shelf, folder, *arguments):
    return main([*arguments, "--mirror", shelf.url, "--data", str(folder), "--attempts", "1"])


def test_fetch_and_unpack(shelf, tmp_path, capsys):
    """The toolbox goes where the evaluation looks for it; a second run finds it done."""
    shelf.files["/eval_tools.zip"] = zip_of(eval_tools__ground_truth__wider_face_val="gt")
    assert run(shelf, tmp_path, "wider_eval") == 0
    assert (tmp_path / "WIDER" / "ground_truth" / "wider_face_val").read_text() == "gt"
    assert not (tmp_path / "archives" / "eval_tools.zip").exists()
    assert run(shelf, tmp_path, "wider_eval") == 0
    assert len(shelf.requests) == 1
    assert "unpacked before" in capsys.readouterr().out
    assert run(shelf, tmp_path, "wider_eval", "--again", "--keep") == 0
    assert len(shelf.requests) == 2
    assert (tmp_path / "archives" / "eval_tools.zip").exists()


def test_group_goes_on_after_a_failure(shelf, tmp_path, capsys):
    shelf.files["/FDDB-folds.tgz"] = tar_of("FDDB-folds/FDDB-fold-01.txt", b"a\n")
    assert run(shelf, tmp_path, "fddb") == 1
    assert (tmp_path / "FDDB" / "FDDB-folds" / "FDDB-fold-01.txt").read_bytes() == b"a\n"
    error = capsys.readouterr().err
    assert error.startswith("error: fddb_images: ")
    assert "the server answers 404" in error
    assert len(error.splitlines()) == 1


def test_wrong_checksum(shelf, tmp_path, capsys):
    shelf.files["/WIDER_val.zip"] = zip_of(WIDER_val__images__a="a")
    assert run(shelf, tmp_path, "wider_val") == 1
    assert f"expected {ARCHIVES['wider_val'].check.md5}; it was deleted" in capsys.readouterr().err
    assert not (tmp_path / "WIDER").exists()


def test_offline(tmp_path, capsys):
    with serve() as shelf:
        pass
    assert run(shelf, tmp_path, "vgg16") == 1
    assert "is this machine online?" in capsys.readouterr().err


def test_list_names_everything(capsys):
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown and all(url in shown for url in archive.urls) for name, archive in ARCHIVES.items())
    assert "no published checksum" in shown


@pytest.mark.parametrize("arguments", [[], ["nothing"]])
def test_names_are_checked(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_groups_name_archives():
    assert {name for names in GROUPS.values() for name in names} == set(ARCHIVES)


def test_a_web_page_in_place_of_an_archive_is_not_kept(shelf, tmp_path, capsys):
    """The next run asks the server again."""
    shelf.files["/FDDB-folds.tgz"] = b"<html>come back later</html>"
    assert run(shelf, tmp_path, "fddb_folds") == 1
    assert "web page instead; it was deleted, run again" in capsys.readouterr().err
    assert not list((tmp_path / "archives").iterdir())
    shelf.files["/FDDB-folds.tgz"] = tar_of("FDDB-folds/FDDB-fold-01.txt", b"a\n")
    assert run(shelf, tmp_path, "fddb_folds") == 0


def test_a_run_that_is_killed_as_it_unpacks_again_leaves_no_mark(shelf, tmp_path, monkeypatch, capsys):
    """The next run would take half-written files for whole ones."""
    shelf.files["/FDDB-folds.tgz"] = tar_of("FDDB-folds/FDDB-fold-01.txt", b"a\n")
    assert run(shelf, tmp_path, "fddb_folds") == 0

    def killed(path, folder, strip):
        (folder / "FDDB-folds" / "FDDB-fold-01.txt").write_bytes(b"")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch_data, "extract", killed)
        with pytest.raises(KeyboardInterrupt):
            run(shelf, tmp_path, "fddb_folds", "--again")
    capsys.readouterr()
    assert run(shelf, tmp_path, "fddb_folds") == 0
    assert "unpacked before" not in capsys.readouterr().out
    assert (tmp_path / "FDDB" / "FDDB-folds" / "FDDB-fold-01.txt").read_bytes() == b"a\n"
