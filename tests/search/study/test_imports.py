"""Tests of start-up: studies and help are ready at once, without heavy libraries."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = "{'torch', 'numpy', 'sklearn', 'rich', 'ray', 'optuna', 'mlflow', 'plotly', 'matplotlib'}"


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


def test_reading_a_study_loads_nothing_heavy():
    done = python(
        "from search.study.study_file import find_study\n"
        "find_study('digits')\n"
        f"import sys; print(sorted({HEAVY} & set(sys.modules)))"
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("command", [[], ["export"], ["ui"], ["list"], ["show"], ["studies"]])
def test_help_loads_nothing_heavy(command):
    done = python(
        "import sys\n"
        "from search.cli import main\n"
        f"try:\n    main([*{command}, '--help'])\n"
        f"finally:\n    print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert done.stdout.startswith(f"usage: {' '.join(['swast-search', *command])}")


def test_help_is_there_at_once():
    """Measure processor time: other work on the machine does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = Path(sys.executable).with_name("swast-search")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--max-flops F" in done.stdout
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert spent < 1.0
