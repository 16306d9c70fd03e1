"""Ray as a search starts it: who may use it, what it listens on, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("real_ray.py")
FOREIGN = {
    "RAY_ADDRESS": "127.0.0.1:6399",
    "RAY_NAMESPACE": "theirs",
    "RAY_RUNTIME_ENV_HOOK": "no.such.hook",
    "RAY_JOB_CONFIG_JSON_ENV_VAR": "{",
    "RAY_TMPDIR": "/no/such/folder",
    "RAY_AUTH_MODE": "disabled",
    "RAY_AUTH_TOKEN": "theirs",
    "RAY_REDIS_ADDRESS": "127.0.0.1:6398",
    "TUNE_RESULT_DIR": "/no/such/folder",
}
"""Variables that are meant for another Ray."""


def seen_by(*words, **variables):
    """Run the program, and return what it saw and what is left in its TMPDIR."""
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    try:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RAY_")},
            "TMPDIR": folder,
            **variables,
        }
        done = subprocess.run(
            [sys.executable, PROGRAM, *words],
            cwd=Path(__file__).parents[3],
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        left = [path.name for path in Path(folder).iterdir()]
        return json.loads(done.stdout.splitlines()[-1]) | {"files": left, "said": done.stderr}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def own():
    """A Ray that was started under variables that are meant for another."""
    return seen_by(**FOREIGN)


class TestARayOfOurOwn:
    def test_refuses_who_has_no_token_or_another(self, own):
        assert own["clients"] == ["refused", "refused", "1"]

    def test_keeps_its_token_for_its_user(self, own):
        assert (own["length"], own["private"]) == (64, True)
        assert (own["shown"], own["written"]) == (False, [])

    def test_keeps_its_sockets_and_logs_for_its_user(self, own):
        """Ray lets every user write into the folder that it is given."""
        assert own["mode"] == 0o700

    def test_listens_on_the_loopback_interface_alone(self, own):
        assert set(own["listening"]) - {"127.0.0.1"} == {"::ffff:127.0.0.1"}

    def test_obeys_no_variable_that_is_meant_for_another(self, own):
        assert Path(own["folder"]).name.startswith("swast-ray-")
        assert own["said"] == ""

    def test_leaves_the_process_as_it_was(self, own):
        assert own["changed"] == {}

    def test_leaves_no_process_and_no_folder(self, own):
        assert (own["left"], own["files"]) == ([], [])


@pytest.mark.long
def test_a_ray_that_runs_already_is_used_and_left_as_it_was():
    found = seen_by("connected")
    assert found["cpus"] == [2, 2]
    assert found["changed"] == {}
    assert found["object"] == "mine"
    assert found["refused"].startswith("--address 192.0.2.77:6379: this process is connected to ")
