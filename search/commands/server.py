"""Servers that a command starts on this machine, for as long as it runs itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from search.errors import RequestError, SearchFailedError

HOST = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 120.0, 10.0
LOOK_SECONDS = 0.2
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a command that serves: Ctrl-C, `kill`, its terminal closed."""

Server = subprocess.Popen[bytes]


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Let an interrupt of any kind end the block quietly."""
    for number in ENDINGS:
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Server]:
    """A server in a process group of its own, all of which is gone when the block ends.

    Args:
        command: that starts it.
        environment: variables beside those of this process; the place for passwords, since other
            users of the machine can read a command.
    """
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        _stop(server)


def _stop(server: Server) -> None:
    """End a server and all that it started, by force if it takes its time."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)


def free_port(wanted: int) -> int:
    """The port wanted, or a free one where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RequestError(f"--port {wanted}: neither it nor any other port can be used")


def wait_until_up(server: Server, page: str, what: str) -> None:
    """Return when a server answers.

    Args:
        server: that was started.
        page: that it answers with.
        what: to call it in the message.

    Raises:
        SearchFailedError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(page, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(LOOK_SECONDS)
    raise SearchFailedError(f"{what} did not start")


def wait_for_any(servers: Mapping[str, Server]) -> None:
    """Return never, unless a server ends by itself.

    Args:
        servers: by what they are called.

    Raises:
        SearchFailedError: one has.
    """
    while servers:
        for what, server in servers.items():
            if server.poll() is not None:
                raise SearchFailedError(f"{what} ended by itself")
        time.sleep(LOOK_SECONDS)
