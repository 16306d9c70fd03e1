"""Imports of the package: their names and their cost."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "{'torch', 'numpy', 'sklearn', 'rich', 'ray', 'optuna', 'mlflow'}"


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "code",
    ["import swast", "from swast.config import read_config", "from swast import TrainConfig"],
)
def test_reading_a_configuration_loads_nothing_heavy(code):
    done = python(f"{code}; import sys; print(sorted({HEAVY} & set(sys.modules)))")
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_help_loads_nothing_heavy():
    done = python(
        "import sys\n"
        "from swast.cli import main\n"
        "try:\n    main(['--help'])\n"
        f"finally:\n    print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert "--set KEY=VALUE" in done.stdout


def test_the_package_offers_the_functions_it_promises_however_they_are_imported():
    """A submodule of the same name must not replace a function."""
    done = python(
        "from swast import train\n"
        "print(callable(train))\n"
        "import swast.run\n"
        "from swast import train, price\n"
        "print(callable(train), callable(price))\n"
        "import swast\n"
        "print(all(callable(getattr(swast, name)) for name in swast.__all__))"
    )
    assert done.stdout.split() == ["True"] * 4, done.stderr


def test_a_name_that_the_package_lacks_is_an_attribute_error():
    import swast

    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = swast.trian
