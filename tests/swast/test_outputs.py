"""Outputs of every kind: what is written where, what is kept, and what is refused."""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from swast.outputs import is_same, is_standard_output, output, refusal, write_output
from tests.swast.broken import full_disk

NOBODY = 65534


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def masked(mask):
    """Set the process's mask of permissions."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def of_another_user():
    """Drop the superuser's rights, since permissions do not bind the superuser."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def names(folder):
    return sorted(each.name for each in folder.iterdir())


class TestARegularFile:
    @pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
    def test_gets_the_mode_that_open_gives(self, place, mask):
        with masked(mask):
            write_output(Path("new"), "text")
        assert stat.S_IMODE(Path("new").stat().st_mode) == 0o666 & ~mask

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
    def test_keeps_its_mode(self, place, mode):
        Path("old").write_text("old")
        Path("old").chmod(mode)
        write_output(Path("old"), "new")
        assert (Path("old").read_text(), stat.S_IMODE(Path("old").stat().st_mode)) == ("new", mode)

    def test_is_made_with_its_folder(self, place):
        write_output(Path("deep/er/new"), "text")
        assert Path("deep/er/new").read_text() == "text"

    def test_has_the_longest_name_that_there_is(self, place):
        write_output(Path("n" * 255), "text")
        assert names(place) == ["n" * 255]

    def test_keeps_its_content_after_an_error(self, place):
        Path("old").write_text("old")
        with pytest.raises(TypeError), output(Path("old")) as file:
            file.writelines([b"half", None])
        assert (names(place), Path("old").read_text()) == (["old"], "old")

    @pytest.mark.parametrize("is_linked", [False, True])
    def test_keeps_its_content_on_a_full_disk(self, place, is_linked):
        """A file with a second name is not replaced; its space is reserved first."""
        Path("old").write_text("old")
        if is_linked:
            os.link("old", "other")
        before, limits = names(place), resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(OSError, match="old") as caught:
                write_output(Path("old"), "new" * 1000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert caught.value.errno == errno.EFBIG
        assert (names(place), Path("old").read_text()) == (before, "old")

    @pytest.mark.parametrize("new", ["longer than the old one", "new", ""])
    def test_keeps_its_other_names(self, place, new):
        Path("old").write_text("old text")
        os.link("old", "other")
        write_output(Path("old"), new)
        assert Path("other").read_text() == new

    def test_is_written_where_its_folder_may_not_be(self):
        with tempfile.TemporaryDirectory() as name:
            old = Path(name, "old")
            old.write_text("old")
            old.chmod(0o666)
            Path(name).chmod(0o555)
            with of_another_user():
                assert refusal(old) is None
                write_output(old, "new")
                assert "folder cannot be written" in str(refusal(Path(name, "new")))
            assert (names(Path(name)), old.read_text()) == (["old"], "new")

    def test_that_is_read_only_is_refused(self):
        with tempfile.TemporaryDirectory() as name:
            old = Path(name, "old")
            old.touch(0o444)
            Path(name).chmod(0o777)
            with of_another_user():
                assert refusal(old) == "it is read-only"
                with pytest.raises(PermissionError):
                    write_output(old, "new")
            assert names(Path(name)) == ["old"]


class TestALink:
    @pytest.mark.parametrize("target", ["old", "new", "deep/new", "../sibling"])
    def test_stays_and_its_target_is_written(self, place, target):
        Path("old").write_text("old")
        Path("folder").mkdir()
        Path("folder/link").symlink_to(Path("..", target))
        Path("second").symlink_to("folder/link")
        write_output(Path("second"), "text")
        assert Path("second").readlink() == Path("folder/link")
        assert Path("folder/link").readlink() == Path("..", target)
        assert Path(target).read_text() == "text"

    def test_in_a_circle_is_refused(self, place):
        Path("one").symlink_to("other")
        Path("other").symlink_to("one")
        assert "links" in str(refusal(Path("one")))
        with pytest.raises(OSError, match="links"):
            write_output(Path("one"), "text")


class TestWhatIsNoFile:
    def test_a_pipe_is_written_to(self, place):
        os.mkfifo("pipe")
        assert refusal(Path("pipe")) is None
        found = []
        reader = threading.Thread(target=lambda: found.append(Path("pipe").read_bytes()))
        reader.start()
        write_output(Path("pipe"), b"x" * 200_000)
        reader.join()
        assert found == [b"x" * 200_000]
        assert stat.S_ISFIFO(Path("pipe").stat().st_mode)

    def test_a_device_is_written_to(self):
        controller, terminal = os.openpty()
        path = Path(os.ttyname(terminal))
        assert refusal(path) is None
        write_output(path, "text\n")
        assert os.read(controller, 100) == b"text\r\n"
        assert path.is_char_device()
        for each in (controller, terminal):
            os.close(each)

    def test_a_full_disk_is_an_error_that_names_it(self):
        with full_disk() as disk:
            path = Path(f"/dev/fd/{disk.fileno()}")
            assert refusal(path) is None
            with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
                write_output(path, "text")

    @pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"])
    def test_an_open_file_is_written_on_where_it_is(self, place, folder):
        with Path("log").open("w") as file:
            file.write("before ")
            file.flush()
            write_output(Path(folder, str(file.fileno())), "output")
            file.write(" after")
        assert Path("log").read_text() == "before output after"

    def test_a_linked_open_file_too(self, place):
        reader, writer = os.pipe()
        Path("link").symlink_to(f"/proc/self/fd/{writer}")
        write_output(Path("link"), "text")
        assert os.read(reader, 100) == b"text"
        assert refusal(Path(f"/dev/fd/{reader}")) == "it is open for reading alone"
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            write_output(Path("link"), "text")
        os.close(writer)


class TestStandardOutput:
    def test_is_a_dash(self, place, capsysbinary):
        assert is_standard_output(Path("-"))
        write_output(Path("-"), b"\xff\x00")
        assert capsysbinary.readouterr().out == b"\xff\x00"
        assert names(place) == []

    @pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "log"])
    def test_has_many_names(self, place, monkeypatch, name):
        """Also that of a file that a shell redirects it to; the text printed there stays."""
        kept = os.dup(1)
        with Path("log").open("w") as file:
            os.dup2(file.fileno(), 1)
        try:
            with open(1, "w", closefd=False) as stream, monkeypatch.context() as patch:
                patch.setattr(sys, "stdout", stream)
                stream.write("before ")
                assert is_standard_output(Path(name))
                write_output(Path(name), "output")
                stream.write(" after")
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        assert Path("log").read_text() == "before output after"
        assert names(place) == ["log"]

    def test_that_is_closed_is_refused(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", None)
        assert refusal(Path("-")) == "standard output is closed"
        with pytest.raises(OSError, match="standard output is closed"):
            write_output(Path("-"), "text")

    def test_is_not_any_other_file(self, place):
        assert not any(map(is_standard_output, (Path("-x"), Path("a/-"), Path("/dev/null"))))


REFUSED = {
    ".": "it is a folder",
    "": "it is a folder",
    "file/new": "Not a directory",
    "file/deep/new": "Not a directory",
    "socket": "it is a socket",
    "/proc/nowhere/new": "its folder cannot be written to",
    "n" * 256: "File name too long",
    "nul\0": "embedded null",
    "/dev/fd/987": "Bad file descriptor",
}


@pytest.mark.parametrize(("path", "reason"), REFUSED.items())
def test_refused_before_any_work(place, path, reason):
    Path("file").touch()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        before = names(place)
        assert reason in str(refusal(Path(path)))
    assert names(place) == before


def test_refused_in_a_folder_that_is_gone(place):
    Path("gone").mkdir()
    os.chdir("gone")
    Path("../gone").rmdir()
    assert refusal(Path("new")) is not None
    assert refusal(place / "new") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("new", "./new", True),
        ("link", "file", True),
        ("-", "-", True),
        ("new", "other", False),
        ("/dev/null", "/dev/null", False),
    ],
)
def test_two_outputs_may_be_one(place, one, other, same):
    Path("file").touch()
    Path("link").symlink_to("file")
    assert is_same(Path(one), Path(other)) == same
