"""Clusters at an address: asked by another process first, which may hang or die."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.util.client
from ray._private.services import canonicalize_bootstrap_address

from search.errors import RequestError

SECONDS = 15.0
"""Longest wait for a cluster's answer."""
TOKENS = "~/.ray/auth_token, RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
ASK = """
import json, sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
from ray._private.services import canonicalize_bootstrap_address
try:
    address = canonicalize_bootstrap_address(sys.argv[1])
    if address is None:
        print(json.dumps({"fault": "none"}))
        sys.exit()
    client = GcsClient(address=address)
    known = json.loads(client.internal_kv_get(b"CLUSTER_METADATA", b"cluster") or b"{}")
    nodes = [node for node in client.get_all_node_info().values() if node.state == 0]
    cpus = sum(dict(node.resources_total).get("CPU", 0) for node in nodes)
    known = {name: known.get(name) for name in ("ray_version", "python_version")}
    print(json.dumps({"address": address, "cpus": cpus} | known))
except AuthenticationError:
    print(json.dumps({"fault": "token"}))
"""
"""Program that asks a cluster what it is."""


@dataclass(frozen=True)
class Cluster:
    """Cluster that answers.

    Attributes:
        address: of its control process, ``host:port``.
        variables: environment variables to set while joining it.
    """

    address: str
    variables: dict[str, str]


def find(address: str) -> Cluster:
    """Query a cluster, and return how to join it.

    Args:
        address: ``host:port``, or ``auto`` for RAY_ADDRESS or the last cluster of this machine.

    Raises:
        RequestError: there is none, or it cannot be joined; the message names the missing thing.
    """
    _check(address)
    given = {} if "RAY_AUTH_MODE" in os.environ else _mode()
    known = _ask(address, given)
    if "fault" in known:
        raise refused(address, _fault(known["fault"], given))
    for part, theirs, ours in (
        ("Ray", known["ray_version"], importlib.metadata.version("ray")),
        ("Python", known["python_version"], platform.python_version()),
    ):
        if theirs not in (None, ours):
            raise refused(address, f"the cluster runs {part} {theirs}, and this is {part} {ours}")
    if not known["cpus"]:
        raise refused(address, "the cluster has no CPUs; start one with `ray start --num-cpus N`")
    return Cluster(known["address"], given)


def check_connected(address: str | None, connected: str) -> None:
    """Refuse an address other than that of the Ray that this process is connected to.

    Args:
        address: given by the user, or None.
        connected: address of the control process of this Ray.

    Raises:
        RequestError: it is another.
    """
    if ray.util.client.ray.is_connected():
        raise RequestError(
            "this process runs on Ray Client, which Tune cannot use; ray.shutdown()"
        )
    if address not in (None, "auto", connected) and _resolved(address) != connected:
        reason = f"this process is connected to the Ray at {connected}; call ray.shutdown() first"
        raise refused(str(address), reason)


def _resolved(address: str | None) -> str | None:
    """Return an address as Ray writes it, with the machine's own for 127.0.0.1."""
    try:
        resolved: str | None = canonicalize_bootstrap_address(address)
    except ValueError:
        return None
    return resolved


def refused(address: str, reason: str) -> RequestError:
    """Return the error of an address."""
    return RequestError(f"--address {address}: {reason}")


def _check(address: str) -> None:
    """Refuse an address that has the wrong form, or at which nothing listens.

    Raises:
        RequestError: it does, or nothing does.
    """
    if address == "auto":
        return
    if "://" in address:
        raise refused(
            address, "give host:port of `ray start`; URLs of Ray Client are not supported"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise refused(address, "give host:port, as 127.0.0.1:6379, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS / 3).close()
    except OSError as error:
        raise refused(address, f"no Ray cluster answers: {error.strerror or error}") from None


def _mode() -> dict[str, str]:
    """Return the variable that makes Ray send its token, if there is one."""
    there = (
        os.environ.get("RAY_AUTH_TOKEN")
        or os.environ.get("RAY_AUTH_TOKEN_PATH")
        or Path("~/.ray/auth_token").expanduser().is_file()
    )
    return {"RAY_AUTH_MODE": "token"} if there else {"RAY_AUTH_MODE": "disabled"}


def _fault(fault: str, given: dict[str, str]) -> str:
    """Return the meaning of a cluster's answer."""
    if fault == "token":
        asked = "the cluster asks for a token, and"
        if given.get("RAY_AUTH_MODE") == "disabled":
            return f"{asked} there is none: put its `ray get-auth-token` into {TOKENS}"
        if os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
            return f"{asked} RAY_AUTH_MODE={os.environ['RAY_AUTH_MODE']} sends none: unset it"
        return f"{asked} refuses the one in {TOKENS}"
    if fault == "none":
        return "RAY_ADDRESS is not set, and no cluster was started on this machine"
    return f"no Ray cluster answers: {fault}"


def _ask(address: str, given: dict[str, str]) -> dict[str, Any]:
    """Return a cluster's answer, or ``fault``."""
    quiet = {"RAY_BACKEND_LOG_LEVEL": "fatal", "PYTHONSAFEPATH": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK, address],
            env=os.environ | quiet | given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"fault": f"what listens there does not speak Ray's protocol in {SECONDS:g} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"fault": said[:200]}
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer
