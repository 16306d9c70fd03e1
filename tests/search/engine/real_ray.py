"""Program of `test_real_ray.py`: starts Ray as a search does, looks at it, and prints what it saw.

With the word ``connected`` it starts a Ray of its own first, as a notebook does.
"""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import ray
from ray import tune

from search.engine.cluster import ray_running
from search.engine.processes import marked
from search.engine.quiet import quiet_tune
from search.errors import RequestError

CLIENT = """
import os, sys
from ray._raylet import AuthenticationTokenLoader, Config, GcsClient
from ray.exceptions import AuthenticationError
for mode, token in (("disabled", ""), ("token", "0" * 64), ("token", sys.stdin.read())):
    os.environ |= {"RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": token}
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
    try:
        print(len(GcsClient(address=sys.argv[1]).get_all_node_info()))
    except AuthenticationError:
        print("refused")
"""


def state():
    """Return what is one for the whole process."""
    names = ["", *(name for name in logging.root.manager.loggerDict if name.startswith("ray"))]
    loggers = {name: logging.getLogger(name) for name in names}
    numbers = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}
    return {
        "variables": dict(os.environ),
        "folder": str(Path.cwd()),
        "modules": list(sys.path),
        "signals": {each.name: str(signal.getsignal(each)) for each in numbers},
        "caught": re.findall(r"SigCgt:\s(\w+)", Path("/proc/self/status").read_text()),
        "loggers": {n: (each.level, len(each.handlers)) for n, each in loggers.items()},
        "warnings": [str(each) for each in warnings.filters],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "actors": [len(tune.execution.class_cache.DEFAULT_ENV_VARS), tune.result_grid.__name__],
    }


def changed(before, after):
    """Return what differs; modules may have been imported meanwhile, with loggers."""
    known = {name: after["loggers"].get(name) for name in before["loggers"]}
    after = after | {"loggers": known}
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}


def listening(processes):
    """Return the addresses that processes listen on."""
    sockets = set()
    for process in processes:
        for path in Path(f"/proc/{process}/fd").iterdir():
            target = str(path.readlink()) if path.is_symlink() else ""
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in sockets:
                packed = bytes.fromhex(words[1].partition(":")[0])
                four = b"".join(packed[i : i + 4][::-1] for i in range(0, len(packed), 4))
                family = socket.AF_INET if table == "tcp" else socket.AF_INET6
                found.append(socket.inet_ntop(family, four))
    return found


def own():
    """Look at a Ray that is started here."""
    before, seen = state(), {}
    with ray_running(None, 0) as there, quiet_tune():
        node = ray._private.worker._global_node
        raylet = node.all_processes["raylet"][0].process.pid
        environ = Path(f"/proc/{raylet}/environ")
        words = environ.read_bytes().split(b"\0")
        token = next(w for w in words if w.startswith(b"RAY_AUTH_TOKEN=")).decode()[15:]
        seen["private"] = not stat.S_IMODE(environ.stat().st_mode) & 0o077
        seen["length"], seen["cpus"] = len(token), there[0]
        outer = Path(node.get_session_dir_path()).parents[1]
        seen["folder"], seen["mode"] = str(outer), stat.S_IMODE(outer.stat().st_mode)
        seen["listening"] = sorted(set(listening([*marked(token), os.getpid()])))
        command = [sys.executable, "-c", CLIENT, node.gcs_address]
        answers = subprocess.run(command, input=token, capture_output=True, text=True, check=True)
        seen["clients"] = answers.stdout.split()
        shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        seen["shown"] = token in shown.stdout
        seen["written"] = [
            str(path)
            for path in Path(seen["folder"]).rglob("*")
            if path.is_file() and token.encode() in path.read_bytes()
        ]
    return seen | {"changed": changed(before, state()), "left": marked(token)}


def connected():
    """Use a Ray that runs here already, from the main thread and from another."""
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(num_cpus=2, _temp_dir=os.environ["TMPDIR"], **quiet)
    mine, before, seen = ray.put("mine"), state(), {"cpus": []}

    def use():
        with ray_running(None, 0) as (cpus, _), quiet_tune():
            seen["cpus"].append(cpus)

    use()
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    try:
        with ray_running("192.0.2.77:6379", 0):
            pass
    except RequestError as error:
        seen["refused"] = str(error)
    seen |= {"changed": changed(before, state()), "object": ray.get(mine, timeout=5)}
    ray.shutdown()
    return seen


sys.stdout.write(json.dumps(connected() if sys.argv[1:] == ["connected"] else own()))
