"""Identity by content: data and networks that changed are told apart, and named."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import sys

import numpy as np
import pytest

from swast import checkpoint
from swast.errors import CheckpointError
from swast.identity import what_changed
from swast.models.identity import behaviour
from swast.models.source import sources
from swast.run import Run
from swast.warmups import key
from tests.swast.data.layouts import load, noise, save, write_folder, write_npz
from tests.swast.support import few_digits, tiny, train

NET = """
from torch import nn
import blocks
def net(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), blocks.act(), nn.Linear(48, classes))
"""
BLOCKS = "from torch import nn\ndef act():\n    return nn.ReLU()\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a user's network in two modules; `edit` writes one and imports it again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def edit(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        for module in ("ownnet", "blocks"):
            sys.modules.pop(module, None)
        importlib.invalidate_caches()

    edit("blocks", BLOCKS)
    edit("ownnet", NET)
    yield edit
    for module in ("ownnet", "blocks"):
        sys.modules.pop(module, None)


def own(**values):
    return tiny(values, model="ownnet:net")


class TestNetworks:
    def test_the_modules_that_a_network_imports_count_and_installed_ones_do_not(self, project):
        assert set(sources("ownnet:net")) == {"ownnet", "blocks"}
        assert sources("cnn-small") == sources("torchvision:resnet18") == {}

    def test_modules_of_a_package_count_with_relative_imports(self, project, tmp_path):
        (tmp_path / "package" / "inner").mkdir(parents=True)
        (tmp_path / "package" / "__init__.py").write_text("")
        (tmp_path / "package" / "nets.py").write_text(
            "import importlib as i\nimport json\ni.import_module('.inner.parts', __package__)\n"
        )
        (tmp_path / "package" / "inner" / "__init__.py").write_text("from ... import nowhere\n")
        (tmp_path / "package" / "inner" / "parts.py").write_text("from package import nets\n")
        found = set(sources("package.nets:net"))
        assert found == {"package", "package.nets", "package.inner", "package.inner.parts"}
        assert "package" not in sys.modules

    @pytest.mark.parametrize(
        "text",
        [
            "import importlib\nact = importlib.import_module('blocks').act",
            "def net(*_):\n    return __import__('blocks')",
            "from importlib import import_module as get, import_module\nimport_module('blocks')",
            "try:\n    from blocks import *\nexcept ImportError:\n    pass",
        ],
    )
    def test_modules_that_are_imported_by_name_or_late_count(self, project, text):
        project("ownnet", text)
        assert set(sources("ownnet:net")) == {"ownnet", "blocks"}

    def test_an_edit_counts_and_a_comment_does_not(self, project):
        before = sources("ownnet:net")
        project("blocks", BLOCKS.replace("nn.ReLU()", "(nn.ReLU()  # the usual one\n    )"))
        project("ownnet", f"# mine\n\n{NET}\n\n")
        again = sources("ownnet:net")
        assert again["ownnet"] == before["ownnet"]
        project("blocks", BLOCKS.replace("ReLU", "Hardtanh"))
        changed = what_changed(
            {"network": before}, few_digits().fingerprint, sources("ownnet:net")
        )
        assert changed == "the network's code has changed since (blocks)"

    @pytest.mark.parametrize("act", ["Hardtanh()", "LeakyReLU()", "Dropout(0.1)", "Dropout(0.2)"])
    def test_what_a_network_computes_counts_wherever_its_code_is(self, project, act, monkeypatch):
        monkeypatch.setattr("swast.models.source._imports", lambda *_, **__: [])
        before = behaviour("ownnet:net", (1, 8, 8), 10), sources("ownnet:net")
        project("blocks", BLOCKS.replace("ReLU()", act))
        assert sources("ownnet:net") == before[1]
        assert behaviour("ownnet:net", (1, 8, 8), 10) != before[0]

    def test_addresses_in_a_description_do_not_count(self, project):
        project(
            "blocks",
            f"{BLOCKS}class Act(nn.ReLU):\n    def extra_repr(self):\n"
            "        return repr(object())\ndef act():\n    return Act()\n",
        )
        first = behaviour("ownnet:net", (1, 8, 8), 10)
        project("ownnet", NET)
        assert behaviour("ownnet:net", (1, 8, 8), 10) == first

    def test_a_network_that_is_never_the_same_shares_nothing(self, project):
        project(
            "blocks",
            "from torch import nn\nimport os\ndef act():\n"
            "    return nn.LeakyReLU(int.from_bytes(os.urandom(8)) / 2**64)\n",
        )
        run = [behaviour("ownnet:net", (1, 8, 8), 10)]
        project("ownnet", NET)
        assert behaviour("ownnet:net", (1, 8, 8), 10) not in run

    def test_a_warm_up_of_an_edited_network_is_not_taken_over(self, project, tmp_path):
        config, folder = own(warmup_epochs=3, epochs=4), tmp_path / "warmups"
        train(config, data=few_digits(), warmup_dir=folder)
        project("blocks", BLOCKS.replace("nn.ReLU()", "nn.Hardtanh(0.0, 0.05)"))
        alone = train(config, data=few_digits())
        shared = train(config, data=few_digits(), warmup_dir=folder)
        assert shared.val_accuracy == alone.val_accuracy
        assert len(list(folder.iterdir())) == 2

    def test_a_checkpoint_of_an_edited_network_is_refused(self, project, tmp_path):
        train(own(epochs=4), data=few_digits(), checkpoint_dir=tmp_path / "run")
        project("blocks", BLOCKS.replace("ReLU", "Tanh"))
        with pytest.raises(CheckpointError, match=r"run/checkpoint.pt: the network's code has"):
            train(own(epochs=4), data=few_digits(), checkpoint_dir=tmp_path / "run")


def another(pets):
    save(pets / "train" / "cat" / "a.png", noise(1)[0])


def gone(pets):
    (pets / "test" / "cat" / "0.png").unlink()


def edited(pets):
    path = pets / "train" / "dog" / "3.png"
    save(path, noise(1)[0])


def third(pets):
    for part in ("train", "test"):
        shutil.copytree(pets / part / "cat", pets / part / "emu")


def swapped(pets):
    for one, other in (("cat", "x"), ("dog", "cat"), ("x", "dog")):
        (pets / "train" / one).rename(pets / "train" / other)


CHANGES = {
    "another": (another, "10 training samples then, 11 now"),
    "gone": (gone, "6 test samples then, 5 now"),
    "edited": (edited, "other training samples, as many as before"),
    "third": (third, "other classes; 10 training samples then, 15 now"),
    "swapped": (swapped, "other training and validation samples, as many as before"),
}


@pytest.mark.parametrize("share", [0.25, 0.0], ids=["decoded", "streamed"])
@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_folder_is_said(tmp_path, change, said, share):
    write_folder(tmp_path / "pets")
    before = load(tmp_path, "folder:pets", memory_share=share).fingerprint
    shutil.copytree(tmp_path / "pets", tmp_path / "copy")
    copied = load(tmp_path, "folder:copy", memory_share=share).fingerprint
    assert what_changed({"data": before}, copied, {}) == ""
    change(tmp_path / "pets")
    now = load(tmp_path, "folder:pets", memory_share=share).fingerprint
    assert said in what_changed({"data": before}, now, {})


def test_a_replaced_archive_is_another_data_set(tmp_path):
    images = noise(20)
    before = load(tmp_path, f"npz:{write_npz(tmp_path / 'own.npz', x_train=images)}").fingerprint
    images[7] += 1
    now = load(tmp_path, f"npz:{write_npz(tmp_path / 'own.npz', x_train=images)}").fingerprint
    changed = what_changed({"data": before}, now, {})
    assert changed.startswith("the data have changed since (other ")


def test_floats_that_another_machine_rounded_are_compared_by_number(monkeypatch):
    data = few_digits()
    there = data.fingerprint | {"train": [120, "0" * 32], "rounded": "arm64 DEFAULT 2.0"}
    assert what_changed({"data": there}, data.fingerprint, {}) == ""
    assert "121 training" in what_changed(
        {"data": there | {"train": [121, "0" * 32]}}, data.fingerprint, {}
    )


def test_a_checkpoint_without_identity_is_resumed(tmp_path):
    """Version 0.2 wrote neither data nor network."""
    config = tiny(epochs=4)
    whole = train(config, data=few_digits(), checkpoint_dir=tmp_path)
    state = checkpoint.load(tmp_path)
    checkpoint.save(tmp_path, {k: v for k, v in state.items() if k not in ("data", "network")})
    assert train(config, data=few_digits(), checkpoint_dir=tmp_path).history == whole.history


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    config, data = tiny(epochs=4), few_digits()
    train(config, data=data, checkpoint_dir=tmp_path)
    other = dataclasses.replace(data, test_labels=np.roll(data.test_labels, 1))
    with pytest.raises(CheckpointError, match=r"the data have changed since \(other test samples"):
        train(config, data=other, checkpoint_dir=tmp_path)


def test_the_trainers_own_code_is_in_the_key(monkeypatch):
    run = Run(tiny(), few_digits())
    before = key(run, "")
    monkeypatch.setattr("swast.warmups.trainer", lambda: "edited")
    assert key(run, "") != before
