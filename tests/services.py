"""Real services for tests: PostgreSQL, an MLflow server, a Ray cluster of two nodes.

Each lives in processes and a folder of its own and leaves neither. Fixtures are in conftest.py.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from unittest import mock

import pytest

REQUIRED = "SWAST_REQUIRE_SERVICES"
START_SECONDS = 90
MLFLOW = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def absent(what):
    """Skip a test because something is not installed here; fail it where nothing may lack."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{what}, and {REQUIRED} is set")
    pytest.skip(what)


def free_port():
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(address):
    """Whether something listens on HOST:PORT."""
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def until(condition, seconds=START_SECONDS):
    """What a condition gives as soon as that is true, or what it gives at last."""
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def spawn(command, folder, **more):
    """Start a command in a session of its own; what it says goes into a file of the folder."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            **{"cwd": folder, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log} | more,
            start_new_session=True,
        )


def end(process, number=signal.SIGKILL):
    """Signal a process and all of its group, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    process.wait(timeout=START_SECONDS)


def last_words(folder):
    """The end of what a service wrote, for the message of a test that it fails."""
    return (folder / "log").read_text(errors="replace")[-2000:]


def postgres_programs():
    """The folder with `initdb` and `postgres`: Debian's newest, or where the path leads."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    on_path = shutil.which("initdb")
    return found[-1].parent if found else on_path and Path(on_path).parent


class PostgreSQL:
    """A server of its own on 127.0.0.1, asking for a password that no other text contains."""

    def __init__(self):
        programs = postgres_programs() or absent("PostgreSQL is not installed")
        self.programs, self.port = programs, free_port()
        self.password = f"s3cret-{secrets.token_hex(8)}"
        self.folder = Path(tempfile.mkdtemp(prefix="swast-pg-", dir="/tmp"))
        self.process, self._numbers = None, itertools.count()
        # Neither program runs for the superuser.
        self._as = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self.folder, **self._as)
        (self.folder / "password").write_text(self.password)
        (self.folder / "password").chmod(0o644)
        command = [programs / "initdb", "--pgdata", self.folder / "data", "--username", "swast"]
        command += ["--auth", "scram-sha-256", "--pwfile", self.folder / "password"]
        command += ["--encoding", "UTF8", "--no-locale", "--no-sync"]
        done = spawn(command, self.folder, **self._as)
        assert done.wait(timeout=START_SECONDS) == 0, last_words(self.folder)
        self.start()

    def url(self, database="postgres", **changes):
        """The URL of a database; ``user``, ``password`` and ``port`` can be others."""
        given = {"user": "swast", "password": self.password, "port": self.port} | changes
        login = "{user}:{password}@127.0.0.1:{port}".format(**given)
        return f"postgresql+psycopg://{login}/{database}"

    def connect(self, database="postgres"):
        """A connection on which every statement commits."""
        import psycopg

        url = self.url(database).replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def new_database(self):
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def answers(self):
        """Whether it can be used."""
        import psycopg

        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self):
        """Start it, and wait until it answers."""
        command = [self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)]
        command += ["-h", "127.0.0.1", "-k", "", "-F"]  # no socket file, no fsync
        self.process = spawn(command, self.folder, **self._as)
        assert until(lambda: self.process.poll() is not None or self.answers())
        assert self.process.poll() is None, last_words(self.folder)

    def stop(self):
        """Stop it: every connection is cut."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=START_SECONDS)

    def restart(self):
        """Stop and start it, on the same port."""
        self.stop()
        self.start()

    def close(self):
        """Leave nothing."""
        if self.process is not None:
            self.stop()
        shutil.rmtree(self.folder)


class MlflowServer:
    """`mlflow server` on a port of its own.

    Args:
        backend: URI of the database that it keeps runs in.
        folder: for artifacts and its log.
    """

    def __init__(self, backend, folder):
        self.backend, self.folder, self.port = backend, folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", self.backend]
        command += ["--artifacts-destination", (self.folder / "artifacts").as_uri()]
        self._command, self._environment = command, os.environ | MLFLOW
        self.start()
        self._skip_the_command()

    def _skip_the_command(self):
        """Start what `mlflow server` has started the next time, without its own imports."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid:
                    words = (path.parent / "cmdline").read_text().split("\0")[:-1]
                    variables = (path.parent / "environ").read_text().split("\0")[:-1]
                    self._command = words
                    self._environment = dict(each.split("=", 1) for each in variables)

    def answers(self):
        """Whether it can be used."""
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                return True
        except OSError:
            return False

    def start(self):
        """Start it, and wait until it answers."""
        self.process = spawn(self._command, self.folder, env=self._environment)
        assert until(lambda: self.process.poll() is not None or self.answers()), "no answer"
        assert self.process.poll() is None, last_words(self.folder)

    def stop(self):
        """Kill it, and its workers, as a machine that loses power would."""
        end(self.process)

    def close(self):
        """Leave nothing but what it wrote into its folder."""
        self.stop()


class RayCluster:
    """Two nodes of one CPU each on this machine, as `ray start` makes them on two.

    Its folder has a short path, since the names of Ray's sockets must stay under 107 letters. It
    asks for a token, which commands find in the environment until it is closed.
    """

    def __init__(self):
        self._token = mock.patch.dict(os.environ, RAY_AUTH_TOKEN=secrets.token_hex(16))
        self._token.start()
        self.folder = Path(tempfile.mkdtemp(prefix="swray-", dir="/tmp"))
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        common = ["--num-cpus", "1", "--num-gpus", "0", "--node-ip-address", "127.0.0.1"]
        common += ["--object-store-memory", "100000000", "--dashboard-agent-listen-port", "0"]
        common += ["--disable-usage-stats", "--block"]
        head = ["--head", "--port", str(port), "--include-dashboard", "false"]
        head += ["--temp-dir", str(self.folder)]
        self._common, self._commands = common, []
        try:
            self._start("head", head + common)
            self._wait_for(1)
            self.add_worker_node()
        except BaseException:
            self.close()
            raise

    def add_worker_node(self):
        """Start the second node, the first time or again after it was killed."""
        self._start("worker", ["--address", self.address, *self._common])
        self._wait_for(2)

    def _start(self, role, options):
        # Every process of a node inherits its mark, whatever session it moves to.
        mark = {"SWAST_TEST_NODE": f"{self.folder.name}-{role}", "RAY_USAGE_STATS_ENABLED": "0"}
        mark["RAY_AUTH_MODE"] = "token"
        # A dead node is given up after three seconds instead of fifteen.
        mark |= {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3"}
        command = [Path(sys.executable).with_name("ray"), "start", *options]
        self._commands.append(spawn(command, self.folder, env=os.environ | mark))

    def nodes(self):
        """Number of nodes that are alive, as the cluster says."""
        from ray._raylet import AuthenticationTokenLoader, Config, GcsClient

        with mock.patch.dict(os.environ, RAY_AUTH_MODE="token"):
            Config.initialize("")
            AuthenticationTokenLoader.instance().reset_cache()
            found = GcsClient(address=self.address).get_all_node_info()
        return sum(node.state == 0 for node in found.values())

    def _wait_for(self, count):
        def ready():
            ended = self._commands[-1].poll() is not None
            return ended or (listening(self.address) and self.nodes() == count)

        assert until(ready), last_words(self.folder)
        assert self._commands[-1].poll() is None, last_words(self.folder)

    def processes(self, role=""):
        """Ids of the processes of a node, or of both."""
        mark = f"SWAST_TEST_NODE={self.folder.name}-{role}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if re.search(rb"(^|\0)" + mark, path.read_bytes()):
                    found.append(int(path.parent.name))
        return found

    def _kill(self, role=""):
        def gone():
            for process in (left := self.processes(role)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            return not left

        assert until(gone, 30), f"still there: {self.processes(role)}"
        for command in self._commands:
            if not role or command.poll() is not None:
                command.wait(timeout=10)

    def kill_worker_node(self):
        """Kill every process of the second node at once, as a machine that loses power would."""
        self._kill("worker")

    def close(self):
        """Leave nothing. (`ray stop` would end every other Ray of this machine too.)"""
        self._kill()
        self._token.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
