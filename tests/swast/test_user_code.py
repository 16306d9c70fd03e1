"""Modules of users: what their import does stays theirs, and what fails is one line."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import torch

from swast.errors import ConfigError, UserCodeError
from swast.models import build_model, imported
from tests.swast.support import TRAINING, few_digits, global_generators, tiny

SHAPE = (1, 8, 8)
GOOD = """
from torch import nn
def net(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
"""
REFUSED = {
    "exits": ("raise SystemExit(0)", "cannot be imported: SystemExit: 0"),
    "leaves": ("import sys; sys.exit('bye')", "cannot be imported: SystemExit: bye"),
    "asks": (
        "import argparse; p = argparse.ArgumentParser(); p.add_argument('--lr', required=True)\n"
        "p.parse_args()",
        "cannot be imported: SystemExit: 2",
    ),
    "broken": ("def net(:", "cannot be imported: SyntaxError: "),
    "empty": ("", "cannot be imported: AttributeError: module 'empty' ("),
    "misspelt": (GOOD.replace("net(", "nett("), "has no 'net'; did you mean 'nett'?"),
    "building": ("def net(shape, classes): raise SystemExit(0)", "cannot be built: SystemExit: 0"),
    "running": (
        "from torch import nn\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__(); self.f = nn.Linear(64, 10)\n"
        "    def forward(self, x): raise SystemExit(0)\n"
        "def net(shape, classes): return Net()",
        "does not take images of (1, 8, 8): SystemExit: 0",
    ),
}
CHANGES = """
import os, random, signal, sys, warnings
import numpy, torch
print("printed by Python")
os.system("echo printed by another program")
assert sys.argv == ["meddling"], sys.argv
os.chdir("/")
random.seed(1); numpy.random.seed(1); torch.manual_seed(1)
torch.set_num_threads(torch.get_num_threads() + 1)
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
warnings.simplefilter("ignore")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.argv.append("more")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Make a user's folder, on Python's path while a test runs."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("name", REFUSED)
def test_code_that_fails_or_exits_is_refused_in_one_line(folder, name):
    text, said = REFUSED[name]
    Path(f"{name}.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        build_model(f"{name}:net", SHAPE, 10, 0)
    (line,) = caught.value.problems
    assert line.startswith(f"model '{name}:net' ")
    assert said in line
    assert "\n" not in line


def test_a_module_that_another_hides_is_named(folder):
    Path("swast.py").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"has no 'net'; it hides swast\.py here, so rename"):
        build_model("swast:net", SHAPE, 10, 0)


def test_nothing_that_an_import_changes_stays_changed(folder, capfd):
    def settings() -> tuple[object, ...]:
        handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        kinds = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
        return [*sys.argv], Path.cwd(), handlers, kinds, global_generators()

    Path("meddling.py").write_text(CHANGES + GOOD)
    before = settings()
    build_model("meddling:net", SHAPE, 10, 0)
    assert settings() == before
    written = capfd.readouterr()
    assert written.out == ""
    assert "printed by Python" in written.err
    assert "printed by another program" in written.err


def test_an_import_that_takes_long_is_announced(folder, monkeypatch, capsys):
    monkeypatch.setattr(imported, "PATIENCE", 0.01)
    Path("slow.py").write_text("import time; time.sleep(0.2)" + GOOD)
    build_model("slow:net", SHAPE, 10, 0)
    assert capsys.readouterr().err == "model 'slow:net': the import of slow still runs\n"


def test_an_exit_in_mid_training_is_an_error(monkeypatch):
    run = TRAINING.Run(tiny(), few_digits())
    monkeypatch.setattr(run, "forward", lambda _: sys.exit(0))
    with pytest.raises(UserCodeError, match="ended the program: SystemExit: 0"):
        next(TRAINING.epochs(run))
