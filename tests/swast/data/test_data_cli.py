"""Data sets in `swast-train`: input files, exit codes, and errors of one line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from swast import checkpoint
from swast.cli import main
from swast.data import DATASETS
from tests.swast.data.layouts import (
    noise,
    save,
    write_cifar10,
    write_cifar100,
    write_fashion_mnist,
    write_folder,
    write_imagenet,
    write_npz,
    write_tiny_imagenet,
)
from tests.swast.support import tiny

WRITERS = {
    "cifar10": write_cifar10,
    "cifar100": write_cifar100,
    "fashion-mnist": write_fashion_mnist,
    "tiny-imagenet": write_tiny_imagenet,
    "imagenet": write_imagenet,
    "folder:pets": lambda root: write_folder(root / "pets"),
    "npz:own.npz": lambda root: write_npz(root / "own.npz"),
}
GUIDE = Path(__file__).parents[3] / "docs" / "data.md"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("SWAST_DATA", "SWAST_HOME"):
        monkeypatch.delenv(name, raising=False)
    config = tiny(epochs=2, warmup_epochs=1, interval=1).with_values({"coreset.fraction": 0.9})
    Path("run.toml").write_text(config.to_toml())
    return tmp_path


def command(*arguments: str) -> int:
    try:
        return main(["run.toml", *arguments])
    except SystemExit as left:
        return left.code


def test_every_data_set_is_tried_here():
    assert set(WRITERS) >= set(DATASETS) - {"digits"}


@pytest.mark.parametrize("name", WRITERS)
def test_every_data_set_trains(folder, capsys, name):
    WRITERS[name](folder / "sets")
    options = ["--set", f"data={name}", "--data-dir", "sets", "--json", "result.json", "--test"]
    image_size = {"imagenet": ["--set", "loading.image_size=16"]}.get(name, [])
    assert command(*options, *image_size) == 0, capsys.readouterr().err
    found = json.loads(Path("result.json").read_text())
    assert 0 <= found["test_accuracy"] <= 1
    assert found["train_flops"] == found["predicted_flops"]


def spoil_picture(folder):
    path = folder / "pets" / "train" / "cat" / "0.png"
    path.write_bytes(path.read_bytes()[:50])


def spoil_archive(folder, **arrays):
    write_npz(folder / "own.npz", **arrays)


def lone_cat(folder):
    shutil.rmtree(folder / "pets" / "train" / "cat")
    save(folder / "pets" / "train" / "cat" / "0.png", noise(1)[0])


def half_batch(folder):
    write_cifar10(folder)
    path = folder / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(path.read_bytes()[:5000])


PETS = "data=folder:pets"
REFUSED = {
    "nowhere": (None, "data=cifar10", "looked at .*swast-home/data.*--download"),
    "a folder that is none": (None, "data=folder:typo", "data 'folder:typo': looked at"),
    "a form that is none": (None, "data=floder:pets", "data must be one of digits, .*folder:PATH"),
    "truncated picture": (spoil_picture, PETS, "cat/0.png: cannot be read as an image"),
    "one of a class": (lone_cat, PETS, "class 'cat' has 1 training images"),
    "truncated pickle": (half_batch, "data=cifar10", "data_batch_2: is damaged"),
    "NaN": (
        lambda folder: spoil_archive(folder, x_train=np.full((20, 3, 8, 8), np.nan)),
        "data=npz:own.npz",
        "own.npz: x_train has 3840 values that are NaN",
    ),
    "labels out of range": (
        lambda folder: spoil_archive(folder, y_test=np.full(8, 7)),
        "data=npz:own.npz",
        "own.npz: y_test has label 7, and y_train 0 to 3",
    ),
    "coreset too small": (
        lambda folder: write_cifar100(folder),
        "data=cifar100 --set coreset.fraction=0.02",
        "coreset.fraction 0.02 of 200 samples is 4, fewer than the 100 classes",
    ),
    "scaled arrays": (
        None,
        "data=digits --set loading.image_size=32",
        "loading.image_size must be 0 for data 'digits'",
    ),
    "no data folder": (None, "data=digits --data-dir nowhere", "--data-dir nowhere: no such"),
    "bad crop": (None, "augment.crop=-1", "augment.crop must be in .0, 256., got -1"),
    "bad noise": (None, "noise.kind=pairflip", "did you mean 'pair-flip'"),
}


@pytest.mark.parametrize(("spoil", "options", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    folder, capsys, monkeypatch, spoil, options, said
):
    monkeypatch.setenv("SWAST_DATA", str(folder))
    write_folder(folder / "pets")
    if spoil:
        spoil(folder)
    assert command("--set", *options.split(" ")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert re.search(said, err), err


def test_a_stopped_run_on_files_goes_on_to_the_same_result(folder, monkeypatch):
    """The run is interrupted after an epoch, with streamed and augmented images."""
    write_folder(folder / "pets")
    options = ["--set", PETS, "--set", "epochs=3", "--set", "loading.memory_share=0"]
    options += ["--set", "augment.crop=1", "--set", "augment.flip=true"]

    def history(*more: str) -> list[dict]:
        assert command(*options, "--json", "result.json", *more) == 0
        entries = json.loads(Path("result.json").read_text())["history"]
        return [entry | {"seconds": 0} for entry in entries]

    def interrupted(*arguments):
        plain(*arguments)
        raise KeyboardInterrupt

    unbroken, plain = history(), checkpoint.save
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            command(*options, "--resume", "run")
    assert history("--resume", "run") == unbroken


def test_the_guide_does_what_it_says(folder, capsys):
    """Its Python code runs, its data set trains, and its error message is the real one."""
    text = GUIDE.read_text()
    programs = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(programs) >= 2
    for program in programs:
        exec(compile(program, str(GUIDE), "exec"), {})
    assert command("--set", "data=npz:own.npz") == 0
    capsys.readouterr()
    assert command("--set", "data=cifar100") == 2
    shown = re.search(r"swast-train: (data 'cifar100'.*?)\n\n", text, flags=re.DOTALL)[1]
    expected = " ".join(shown.split()).replace("/home/me", str(folder))
    assert capsys.readouterr().err == f"swast-train: {expected}\n"
