"""Files of JSON lines, through kills and full disks, and locks between processes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swast.files import JsonLines, lock, lockable, replacing

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
HOLD = """
import sys
from swast.files import lock
with open(sys.argv[1]) as file:
    print(lock(file, shared="shared" in sys.argv), flush=True)
    sys.stdin.read()
"""


class TestJsonLines:
    @given(st.lists(st.lists(VALUES, max_size=3), max_size=4))
    def test_reads_back_all_values_in_their_order(self, tmp_path_factory, batches):
        path = tmp_path_factory.mktemp("lines") / "deep" / "values.jsonl"
        file = JsonLines(path)
        for batch in batches:
            file.append(batch)
        values = [value for batch in batches for value in batch]
        assert file.read() == JsonLines(path).read() == values

    def test_reads_nothing_from_a_file_that_is_not_there(self, tmp_path):
        assert JsonLines(tmp_path / "deep" / "none.jsonl").read() == []
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("cut", [1, 2, 5, 9])
    @pytest.mark.parametrize("read", [True, False])
    def test_overwrites_a_line_that_was_cut_short(self, tmp_path, cut, read):
        """The next writer may read the file first or not."""
        path = tmp_path / "values.jsonl"
        JsonLines(path).append([{"a": 1}, {"b": 2}])
        path.write_bytes(path.read_bytes()[:-cut])
        file = JsonLines(path)
        if read:
            assert file.read() == [{"a": 1}]
        file.append([{"c": 3}])
        assert path.read_text() == '{"a": 1}\n{"c": 3}\n'

    def test_skips_whole_lines_that_are_not_json(self, tmp_path):
        path = tmp_path / "values.jsonl"
        path.write_bytes(b'{"a": 1}\nnonsense\n\xff\xfe\n[2]\n')
        file = JsonLines(path)
        assert file.read() == [{"a": 1}, [2]]
        file.append([3])
        assert file.read() == [{"a": 1}, [2], 3]

    @pytest.mark.parametrize("sync", [True, False])
    def test_waits_for_the_disk_unless_told_otherwise(self, tmp_path, monkeypatch, sync):
        synced = []
        monkeypatch.setattr(os, "fsync", synced.append)
        JsonLines(tmp_path / "values.jsonl").append([1], sync=sync)
        assert len(synced) == sync

    def test_replaces_what_a_full_disk_has_left(self, tmp_path, monkeypatch):
        path, opened = tmp_path / "values.jsonl", Path.open
        file = JsonLines(path)
        file.append([1])

        def full(self, mode="r", *more, **options):
            inner = opened(self, mode, *more, **options)
            if mode == "ab":
                inner.write(b'{"half')
                inner.close()
                raise OSError(errno.ENOSPC, "No space left on device")
            return inner

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", full)
            with pytest.raises(OSError, match="No space left"):
                file.append([2])
        file.append([3])
        assert path.read_text() == "1\n3\n"


class TestLock:
    @pytest.fixture
    def other(self, tmp_path):
        """Start a process that tries to lock a file; return it, and whether it has the lock."""
        (tmp_path / "lock").touch()
        started = []

        def start(*words):
            command = [sys.executable, "-c", HOLD, str(tmp_path / "lock"), *words]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            started.append(process)
            return process, process.stdout.readline() == "True\n"

        yield start
        for process in started:
            process.kill()
            process.communicate()

    def test_excludes_other_processes_until_the_file_is_closed(self, tmp_path, other):
        with (tmp_path / "lock").open() as file:
            assert lock(file)
            _, has = other()
            assert not has
            _, has = other("shared")
            assert not has
        _, has = other()
        assert has

    def test_goes_with_a_killed_process(self, tmp_path, other):
        process, has = other()
        assert has
        with (tmp_path / "lock").open() as file:
            assert not lock(file)
            process.kill()
            process.wait()
            assert lock(file, wait=True)

    def test_that_is_shared_allows_shared_ones_alone(self, tmp_path, other):
        with (tmp_path / "lock").open() as file:
            assert lock(file, shared=True)
            _, has = other("shared")
            assert has
            _, has = other()
            assert not has

    def test_takes_the_descriptor_of_a_folder(self, tmp_path):
        first, second = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))
        try:
            assert lock(first)
            assert not lock(second)
        finally:
            os.close(first)
            assert lock(second)
            os.close(second)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_sync_is_written_to(tmp_path, monkeypatch, number):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    lines = JsonLines(tmp_path / "values.jsonl")
    lines.append([1, 2])
    with replacing(tmp_path / "file") as file:
        file.write(b"new")
    assert lines.read() == [1, 2]
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_without_locks_is_recognised(tmp_path, monkeypatch):
    assert lockable(tmp_path / "new" / "folder")
    monkeypatch.setattr("fcntl.flock", without_locks)
    assert not lockable(tmp_path / "new" / "folder")
    assert not list(tmp_path.iterdir())


def without_locks(file, kind):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
