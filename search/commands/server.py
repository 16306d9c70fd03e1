"""Servers on this machine that run as long as the command that starts them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from search.engine.signals import stoppable
from search.errors import RequestError, SearchFailedError

HOST = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 120.0, 10.0
LOOK_SECONDS = 0.2
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that a command ignores while it ends its server."""

KEEPER = """
import os, signal, subprocess, sys, threading
signal.signal(signal.SIGTERM, lambda *_: None)
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def follow():
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=follow, daemon=True).start()
os._exit(server.wait() & 255)
"""
"""Program of the process that runs a server, and kills its group when its standard input ends.

That is when the command has ended, be it by SIGKILL. On SIGTERM it waits for the server.
"""

Server = subprocess.Popen[bytes]


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Let Ctrl-C or a signal that stops a search end the block quietly, but `nohup` hold."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(KeyboardInterrupt), stoppable():
        yield


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a server in its own process group, which is killed when the block or this process ends.

    Modules in the current folder are not for it: Python would prefer them to the server's own.

    Args:
        command: the server's command.
        environment: variables in addition to those of this process. Passwords belong here, as
            other users of the machine can read a command.
    """
    server = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", KEEPER, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONSAFEPATH": "1", **environment},
        start_new_session=True,
    )
    try:
        yield server
    finally:
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in ENDINGS}
        _stop(server)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _stop(server: Server) -> None:
    """Terminate a server and its child processes, by force after `STOP_SECONDS`."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
    if server.stdin is not None:
        server.stdin.close()


def free_port(wanted: int) -> int:
    """Return the wanted port, or a free one if it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RequestError(f"--port {wanted}: neither it nor any other port can be used")


def opener(*, direct: bool) -> urllib.request.OpenerDirector:
    """Return what opens pages, through the proxy of the environment or directly."""
    handlers = [urllib.request.ProxyHandler({})] if direct else []
    return urllib.request.build_opener(*handlers)


def wait_until_up(server: Server, page: str, what: str) -> None:
    """Wait until a server answers.

    Args:
        server: a started server.
        page: URL of a page that it serves.
        what: name of the server for the message.

    Raises:
        SearchFailedError: the server ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with opener(direct=True).open(page, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(LOOK_SECONDS)
    raise SearchFailedError(f"{what} did not start")


def wait_for_any(servers: Mapping[str, Server]) -> None:
    """Wait until a server ends by itself; return at once if there are no servers.

    Args:
        servers: running servers, by their names for the message.

    Raises:
        SearchFailedError: a server ended.
    """
    while servers:
        for what, server in servers.items():
            if server.poll() is not None:
                raise SearchFailedError(f"{what} ended by itself")
        time.sleep(LOOK_SECONDS)
