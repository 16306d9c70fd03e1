"""Shared warm-ups: equal to unshared ones bit for bit, counted, and safe under concurrency."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import zip_longest

import pytest

from swast import checkpoint, warmups
from swast.config import BEGINNING, TrainConfig, setting_paths
from swast.run import Run
from swast.warmups import Warmups, beginning, content, key, shared_epochs
from tests.swast.support import (
    assert_same_run,
    epochs,
    few_digits,
    pruning,
    same_bits,
    tiny,
    train,
)

LONG = {"warmup_epochs": 4, "epochs": 7}
CONFIGS = {
    "magnitude": {"prune.method": "magnitude", "prune.distribution": "global"},
    "rigl on linear layers": {"prune.scope": "fc", "coreset.scorer": "el2n"},
    "dense": {"prune.method": "none", "coreset.fraction": 1.0, "preserve.weight": 0.0},
    "channel": {**pruning("channel"), "model": "cnn-small"},
    "forgetting": {"coreset.scorer": "forgetting"},
    "infobatch, one-cycle": {"coreset.scorer": "infobatch", "optim.schedule": "one-cycle"},
    "adamw, noisy, augmented": {
        "optim.name": "adamw",
        "noise.rate": 0.3,
        "augment.crop": 1,
        "optim.clip_norm": 0.1,
    },
}


def yielded_epochs(run: Run, folder) -> list[int]:
    """Return the numbers of the epochs that a run yields with shared warm-ups."""
    return [record.epoch for record in epochs(run, Warmups(folder, few_digits()))]


def stored_epochs(folder) -> set[int]:
    """Return the stored epochs of the only warm-up in a folder."""
    return {int(path.parent.name) for path in folder.glob("*/*/checkpoint.pt")}


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
def test_a_run_ends_as_if_it_had_trained_its_warm_up_itself(values, tmp_path):
    config = tiny(values, **LONG)
    alone = train(config, data=few_digits())
    writer = train(config, data=few_digits(), warmup_dir=tmp_path)
    reader = train(config, data=few_digits(), warmup_dir=tmp_path)
    assert stored_epochs(tmp_path) == {1, 2, 3, 4}
    assert_same_run(alone, writer)
    assert_same_run(alone, reader)


def test_runs_that_differ_after_the_warm_up_share_it_and_a_longer_one_extends_it(tmp_path):
    short = tiny({"prune.method": "magnitude", "coreset.scorer": "random"}, **LONG)
    longer = tiny({"prune.scope": "fc", "preserve.weight": 2.0}, warmup_epochs=6, epochs=7)
    train(short, data=few_digits(), warmup_dir=tmp_path)
    run = Run(longer, few_digits())
    assert yielded_epochs(run, tmp_path) == [5, 6, 7]
    assert stored_epochs(tmp_path) == {1, 2, 3, 4, 5, 6}
    assert same_bits(run.model.state_dict(), train(longer, data=few_digits()).state)
    assert yielded_epochs(Run(short, few_digits()), tmp_path) == [5, 6, 7]


def test_the_bill_is_in_full_and_says_what_others_paid(tmp_path):
    config = tiny(LONG)
    first, second = Run(config, few_digits()), Run(config, few_digits())
    yielded_epochs(first, tmp_path)
    yielded_epochs(second, tmp_path)
    assert first.ledger == second.ledger
    assert (first.shared_flops, second.shared_flops) == (0, first.ledger.warmup)
    resumed = Run(config, few_digits())
    resumed.load_state_dict(second.state_dict())
    assert resumed.shared_flops == second.shared_flops


@pytest.mark.parametrize(
    "values",
    [
        {"seed": 1},
        {"model": "cnn-small"},
        {"epochs": 8},
        {"optim.lr": 0.04},
        {"optim.momentum": 0.8},
        {"noise.rate": 0.1},
        {"augment.flip": True},
        {"coreset.scorer": "forgetting"},
    ],
    ids=str,
)
def test_runs_that_begin_otherwise_share_nothing(values, tmp_path):
    train(tiny(LONG), data=few_digits(), warmup_dir=tmp_path)
    run = Run(tiny(LONG, **values), few_digits())
    assert yielded_epochs(run, tmp_path)[0] == 1


def test_pruning_from_the_start_shares_nothing(tmp_path):
    config = tiny({**pruning("set"), "prune.start": "init"}, **LONG)
    assert shared_epochs(config) == 0
    train(config, data=few_digits(), warmup_dir=tmp_path)
    assert stored_epochs(tmp_path) == set()


def test_every_setting_that_the_first_epoch_reads_is_in_the_name():
    """A new setting must be added to BEGINNING, or be named here."""
    later = ("warmup_epochs", "interval", "coreset.", "prune.", "preserve.", "diagnose.")
    elsewhere = ("device", "loading.")  # in the machine and in the digest of the data
    unsorted = {
        path
        for path in setting_paths()
        if path.split(".")[0] not in BEGINNING and not path.startswith((*later, *elsewhere))
    }
    assert not unsorted
    assert {path.split(".")[0] for path in beginning(TrainConfig())} == set(BEGINNING)


def test_a_constant_rate_does_not_hang_on_how_long_the_run_is():
    names = {
        key(Run(tiny({"optim.schedule": "constant"}, epochs=epochs), few_digits()), "")
        for epochs in (6, 9)
    }
    assert len(names) == 1


def test_other_data_under_the_same_name_are_told_apart():
    data = few_digits()
    pixels, labels = data.train_images.copy(), data.train_labels.copy()
    pixels[-1] += 1
    labels[0] = (labels[0] + 1) % data.num_classes
    others = [
        dataclasses.replace(data, train_images=pixels),
        dataclasses.replace(data, train_labels=labels),
        dataclasses.replace(
            data, val_images=data.val_images[:-1], val_labels=data.val_labels[:-1]
        ),
    ]
    assert len({content(each) for each in (data, *others)}) == 4


def test_a_damaged_state_is_trained_anew(tmp_path):
    config = tiny(LONG)
    alone = train(config, data=few_digits(), warmup_dir=tmp_path)
    for path in tmp_path.glob("*/[34]/checkpoint.pt"):
        path.write_bytes(path.read_bytes()[:-100])
    run = Run(config, few_digits())
    assert yielded_epochs(run, tmp_path) == [3, 4, 5, 6, 7]
    assert same_bits(run.model.state_dict(), alone.state)
    assert yielded_epochs(Run(config, few_digits()), tmp_path) == [5, 6, 7]


def test_a_state_of_other_parts_is_not_taken(tmp_path):
    config = tiny(LONG)
    train(config, data=few_digits(), warmup_dir=tmp_path)
    (path,) = tmp_path.glob("*/4")
    state = checkpoint.load(path)
    del state["history"]
    checkpoint.save(path, state)
    assert yielded_epochs(Run(config, few_digits()), tmp_path)[0] == 4


def test_where_nothing_can_be_written_a_run_trains_alone(tmp_path):
    (tmp_path / "file").write_text("")
    config = tiny(LONG)
    result = train(config, data=few_digits(), warmup_dir=tmp_path / "file" / "below")
    assert_same_run(train(config, data=few_digits()), result)


HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


def test_a_writer_that_is_killed_holds_nobody_up(tmp_path):
    """The writer holds the lock of a warm-up's second epoch, and dies before saving it."""
    run = Run(tiny(LONG), few_digits())
    shared = Warmups(tmp_path, few_digits())
    steps = epochs(run, shared)
    assert next(steps).epoch == 1
    (lock,) = tmp_path.glob("*/lock")
    writer = subprocess.Popen([sys.executable, "-c", HOLD, lock], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"held\n"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, steps)
        assert not wait([waiting], timeout=0.5).done
        writer.kill()
        assert waiting.result(timeout=60).epoch == 2
    writer.communicate()
    assert [record.epoch for record in steps] == [3, 4, 5, 6, 7]
    assert stored_epochs(tmp_path) == {1, 2, 3, 4}


def test_runs_at_the_same_time_train_each_epoch_once(tmp_path, monkeypatch):
    """Two runs alternate; each epoch of the warm-up is trained by one of them."""
    trained, real = [], warmups.checkpoint.save

    def save(place, state):
        trained.append(int(place.name))
        real(place, state)

    monkeypatch.setattr(warmups.checkpoint, "save", save)
    one, other = (Run(tiny(LONG), few_digits()) for _ in range(2))
    for _ in zip_longest(*(epochs(run, Warmups(tmp_path, few_digits())) for run in (one, other))):
        pass
    assert trained == [1, 2, 3, 4]
    assert one.history[:4] == other.history[:4]
    assert same_bits(one.model.state_dict(), other.model.state_dict())
    assert one.shared_flops + other.shared_flops == one.ledger.warmup
