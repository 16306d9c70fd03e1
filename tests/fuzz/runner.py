"""Longer runs: fresh random inputs of many targets, in processes that may die or hang."""

from __future__ import annotations

import json
import multiprocessing
import random
import resource
import tempfile
import time
import traceback
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.bounds import Spent
from tests.fuzz.corpus import TARGETS
from tests.fuzz.home import nothing_starts

PROCESSES = 2
STUCK_SECONDS = 120
"""An input that takes longer, whatever it waits for, is a hang; its process is killed."""
ROOM = 3 * 2**30
"""Bytes of addresses that a process may take beyond those it has at its beginning."""


@dataclass
class Row:
    """Results of a target."""

    inputs: int = 0
    faults: list[tuple[bytes, str]] = field(default_factory=list)
    seconds: float = 0.0
    memory: int = 0

    def add(self, spent: Spent) -> None:
        """Add an input."""
        self.inputs += 1
        self.seconds = max(self.seconds, spent.seconds)
        self.memory = max(self.memory, spent.memory)


def work(names: list[str], folder: Path, until: float) -> None:
    """Try inputs until a moment, and write a line about each into a file of the folder.

    The targets take turns by their shares of the time. The input that is tried is in a file, too.
    """
    warnings.simplefilter("ignore")
    chance, taken = random.Random(), dict.fromkeys(names, 0.0)
    with nothing_starts(), (folder / "log").open("a") as log:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        while time.time() < until:
            name = min(names, key=lambda each: taken[each] / TARGETS[each].share)
            began = time.monotonic()
            content = TARGETS[name].draw(chance)
            (folder / "input").write_bytes(f"{name}\n".encode() + content)
            spent, fault = Spent(), ""
            try:
                spent = TARGETS[name].try_out(content)
            except Exception:  # noqa: BLE001 - each of them is what is looked for
                fault = traceback.format_exc()
            row = [name, spent.seconds, spent.memory, fault, content.hex() if fault else ""]
            log.write(f"{json.dumps(row)}\n")
            log.flush()
            taken[name] += time.monotonic() - began


class Worker:
    """Process that works in a folder until a moment, and is replaced when it dies or hangs."""

    def __init__(self, names: list[str], folder: Path, until: float) -> None:
        self.names, self.folder, self.until = names, folder, until
        self.lost: list[tuple[str, bytes, str]] = []
        self.start()

    def start(self) -> None:
        """Start the process."""
        given = (self.names, self.folder, self.until)
        self.process = multiprocessing.get_context("spawn").Process(target=work, args=given)
        self.process.start()

    def is_done(self) -> bool:
        """Return whether the process has ended well; replace it if it has not."""
        current = self.folder / "input"
        if self.process.exitcode == 0:
            return True
        stuck = current.exists() and time.time() - current.stat().st_mtime > STUCK_SECONDS
        if self.process.exitcode is None and not stuck:
            return False
        self.process.kill()
        self.process.join()
        if not current.exists():
            raise SystemExit("a process of the fuzzing did not start")
        name, _, content = current.read_bytes().partition(b"\n")
        reason = f"hangs for {STUCK_SECONDS} s" if stuck else f"ends with {self.process.exitcode}"
        self.lost.append((name.decode(), content, f"the process {reason}"))
        current.unlink()
        if time.time() < self.until:
            self.start()
            return False
        return True


def fuzz(names: list[str], minutes: float) -> dict[str, Row]:
    """Try inputs of targets for some minutes, and return the results of each."""
    rows: dict[str, Row] = defaultdict(Row)
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place, str(number)) for number in range(PROCESSES)]
        for folder in folders:
            folder.mkdir()
        until = time.time() + 60 * minutes
        workers = [Worker(names, folder, until) for folder in folders]
        while sum(each.is_done() for each in workers) < PROCESSES:
            time.sleep(1)
        for worker in workers:
            for line in (worker.folder / "log").read_text().splitlines():
                name, seconds, memory, fault, content = json.loads(line)
                rows[name].add(Spent(seconds, memory))
                if fault:
                    rows[name].faults.append((bytes.fromhex(content), fault))
            for name, content, fault in worker.lost:
                rows[name].add(Spent())
                rows[name].faults.append((content, fault))
    return rows
