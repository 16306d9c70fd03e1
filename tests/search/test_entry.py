"""The commands where the user's folders have modules of the same names, or hide others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import search
import swast_entry

ROOT = Path(__file__).parents[2]
FIND = "import swast_entry, {0}; print({0}.__file__)"
STUDIES = "import swast_entry; raise SystemExit(swast_entry.search())"


def python(code, folder, *words):
    """Run code where a folder comes before everything else on the path."""
    return subprocess.run(
        [sys.executable, "-S", "-c", code, *words],
        env={"PYTHONPATH": f"{folder}:{ROOT}"},
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", swast_entry.NAMES)
def test_the_packages_are_those_beside_the_entry(tmp_path, name):
    if name == "studies":
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    else:
        (tmp_path / f"{name}.py").touch()
    done = python(FIND.format(name), tmp_path)
    assert done.stdout.strip() == str(ROOT / name / "__init__.py"), done.stderr


@pytest.mark.parametrize("hidden", ["argparse.py", "dataclasses/__init__.py"])
def test_a_module_that_hides_another_is_named(tmp_path, hidden):
    path = tmp_path / hidden
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    done = python(STUDIES, tmp_path, "studies")
    assert done.returncode == swast_entry.REFUSED
    (line,) = done.stderr.splitlines()
    name = Path(hidden).parts[0].removesuffix(".py")
    assert line.startswith(f"swast-search: module {name!r} at {path} hides ")
    assert "PYTHONPATH" in line


@pytest.mark.parametrize("text", ["raise RuntimeError('mine')", "raise SystemExit(3)", "1 / 0"])
def test_a_module_that_hides_another_and_raises_is_named(tmp_path, text):
    (tmp_path / "argparse.py").write_text(f"def run():\n    {text}\nrun()\n")
    done = python(STUDIES, tmp_path, "studies")
    assert done.returncode == swast_entry.REFUSED
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"swast-search: module 'argparse' at {tmp_path / 'argparse.py'} hides ")


@pytest.mark.parametrize("command", ["search", "train"])
def test_an_interrupt_while_packages_are_imported_ends_in_a_line(tmp_path, command):
    (tmp_path / "argparse.py").write_text("raise KeyboardInterrupt")
    done = python(STUDIES.replace(".search", f".{command}"), tmp_path)
    assert (done.returncode, done.stderr) == (1, f"swast-{command}: interrupted\n")


def test_an_error_is_an_error_where_nothing_is_hidden(monkeypatch):
    def broken():
        raise AttributeError("lost")

    monkeypatch.setattr("search.cli.main", broken)
    with pytest.raises(AttributeError, match="lost"):
        swast_entry.search()


def test_this_process_has_the_packages_of_the_entry():
    assert Path(search.__file__).parent.parent == Path(swast_entry.FOLDER)
