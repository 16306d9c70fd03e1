"""Removal of files below a folder that never leaves it: no link is followed, no mount entered."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MOUNTS = Path("/proc/self/mountinfo")


class Remover:
    """Remover of files and folders below a root.

    A link is removed, never its target. Each folder is opened relative to the one above it, so a
    link that takes a folder's place meanwhile is not followed either.

    Args:
        root: the folder to stay in; it may itself be reached through links.

    Attributes:
        freed: bytes of the files that were removed and have no other name.
        left: what could not be removed, and why.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._mounts = mounts()
        self.freed = 0
        self.left: list[str] = []

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder below the root; none if it is missing or behind a link."""
        with self._opened(folder) as descriptor:
            return [] if descriptor is None else names_in(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file, a link or a whole folder below the root, as far as that is allowed."""
        with self._opened(path.parent) as descriptor:
            if descriptor is not None:
                self._remove(path.name, descriptor, Path(os.path.realpath(path.parent), path.name))

    @contextmanager
    def _opened(self, folder: Path) -> Iterator[int | None]:
        """Open a folder below the root; None if it is missing or behind a link."""
        descriptors: list[int] = []
        try:
            descriptors.append(os.open(self._root, FOLDER & ~os.O_NOFOLLOW))
            for name in folder.relative_to(self._root).parts:
                descriptors.append(os.open(name, FOLDER, dir_fd=descriptors[-1]))
            opened: int | None = descriptors[-1]
        except FileNotFoundError:
            opened = None
        except OSError as error:
            self._leave(folder, "is behind a link, which is not followed", error)
            opened = None
        try:
            yield opened
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _remove(self, name: str, above: int, path: Path) -> None:
        """Remove an entry of an open folder.

        Args:
            name: of the entry.
            above: descriptor of the folder.
            path: of the entry, without links.
        """
        try:
            found = os.stat(name, dir_fd=above, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                os.unlink(name, dir_fd=above)
                self.freed += found.st_size if found.st_nlink == 1 else 0
            elif str(path) in self._mounts:
                self.left.append(f"{path}: another file system is mounted there")
            else:
                self._empty(name, above, path)
                os.rmdir(name, dir_fd=above)
        except FileNotFoundError:
            return  # another process removed it
        except OSError as error:
            self._leave(path, "cannot be removed", error)

    def _empty(self, name: str, above: int, path: Path) -> None:
        """Remove all entries of a folder."""
        descriptor = os.open(name, FOLDER, dir_fd=above)
        try:
            for each in names_in(descriptor):
                self._remove(each, descriptor, path / each)
        finally:
            os.close(descriptor)

    def _leave(self, path: Path, problem: str, error: OSError) -> None:
        """Note something that is left; not a folder of which something in it was noted."""
        if not any(each.startswith(f"{path}/") for each in self.left):
            self.left.append(f"{path} {problem}: {error.strerror}")


def names_in(descriptor: int) -> list[str]:
    """Return the names in an open folder, in order."""
    with os.scandir(descriptor) as entries:
        return sorted(entry.name for entry in entries)


def mounts() -> set[str]:
    """Return the paths on which file systems are mounted; none if the machine does not tell."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return set()
    return {_unescaped(line.split(" ")[4]) for line in lines}


def _unescaped(path: str) -> str:
    """Return a path of the kernel's list, where spaces, tabs and backslashes are octal."""
    for code in ("040", "011", "012", "134"):
        path = path.replace(f"\\{code}", chr(int(code, 8)))
    return path
