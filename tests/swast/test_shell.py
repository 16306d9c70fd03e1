"""Exit codes of commands whose output is lost, and what Python adds when such a process ends."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from swast.shell import run_command
from tests.swast.broken import close, full_disk, no_reader, none

HELP = "import sys; from swast.cli import main; sys.exit(main(['--help']))"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def streams(monkeypatch):
    """Return a function that replaces a standard stream."""
    made = []

    def replace(name, stream):
        made.append(stream)
        monkeypatch.setattr(sys, name, stream)

    yield replace
    for stream in made:
        close(stream)


def printing(code=0):
    """Return the work of a command that prints a line and ends with an exit code."""

    def work():
        sys.stdout.write("line\n")
        return code

    return work


class TestExitCode:
    def test_is_that_of_the_work(self, capsys):
        assert [run_command("x", printing(code)) for code in (0, 1, 2)] == [0, 1, 2]
        assert capsys.readouterr() == ("line\n" * 3, "")

    @pytest.mark.parametrize(
        ("broken", "only_prints", "code", "said"),
        [
            (full_disk, True, 1, "x: not all output could be printed: No space left on device\n"),
            (full_disk, False, 1, "x: not all output could be printed: No space left on device\n"),
            (no_reader, True, 141, ""),
            (no_reader, False, 141, "x: not all output could be printed: Broken pipe\n"),
            (
                lambda: None,
                True,
                1,
                "x: not all output could be printed: standard output is closed\n",
            ),
        ],
    )
    def test_tells_that_output_was_lost(self, streams, capsys, broken, only_prints, code, said):
        streams("stdout", broken())
        assert run_command("x", printing(), only_prints=only_prints) == code
        assert capsys.readouterr().err == said

    @pytest.mark.parametrize("broken", [full_disk, no_reader])
    def test_of_a_failure_stays(self, streams, broken):
        streams("stdout", broken())
        assert run_command("x", printing(2)) == 2

    @pytest.mark.parametrize(("broken", "code"), [(full_disk, 1), (no_reader, 141), (none, 0)])
    def test_tells_that_errors_were_lost_unless_nobody_wants_them(self, streams, broken, code):
        streams("stderr", broken())

        def work():
            sys.stderr.write("line\n")
            return 0

        assert run_command("x", work) == code

    def test_is_raised_where_the_work_raises_it(self, streams):
        streams("stdout", no_reader())

        def work():
            sys.stdout.write("help\n")
            sys.exit(0)

        with pytest.raises(SystemExit) as left:
            run_command("x", work)
        assert left.value.code == 141


@pytest.mark.parametrize("errors", [errno.ENOSPC, errno.EPIPE])
def test_what_the_work_raises_is_raised(streams, errors):
    streams("stdout", full_disk())

    def work():
        sys.stdout.write("line\n")
        raise OSError(errors, os.strerror(errors))

    with pytest.raises(OSError, match=os.strerror(errors)):
        run_command("x", work)


def shell(line, folder):
    """Run a line of a shell; return its exit code and what it wrote to the error stream."""
    done = subprocess.run(
        ["bash", "-c", line, "bash", sys.executable],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (f'"$1" -c "{HELP}" | true; exit ${{PIPESTATUS[0]}}', 141, ""),
        (f'"$1" -c "{HELP}" > /dev/full', 1, "swast-train: not all output could be printed"),
        (f'"$1" -c "{HELP}" >&-', 1, "swast-train: not all output could be printed"),
        (
            f'mkdir gone; cd gone; rmdir ../gone; "$1" -c "{HELP}"',
            2,
            "swast-train: the current folder does not exist any more; change to another one",
        ),
    ],
)
def test_a_process_says_at_most_a_line(tmp_path, line, code, said):
    """Python's own end would add an ignored exception and end with 120."""
    found, errors = shell(line, tmp_path)
    assert (found, errors.count("\n")) == (code, bool(said))
    assert errors.startswith(said)
