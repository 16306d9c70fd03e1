"""Command `swast-train`, from a user's point of view."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from swast import checkpoint
from swast.cli import main
from swast.config import TrainConfig
from swast.data import DATASETS
from swast.errors import DataError
from tests.swast.broken import full_disk
from tests.swast.support import STEPS, few_digits, tiny, train


@pytest.fixture(autouse=True)
def small_data(monkeypatch):
    monkeypatch.setitem(DATASETS, "digits", lambda *_: few_digits())


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Make a working folder with a valid configuration, an invalid one, and a regular file."""
    monkeypatch.chdir(tmp_path)
    Path("good.toml").write_text(tiny().to_toml())
    Path("broken.toml").write_text("epochs = = 3")
    Path("binary.toml").write_bytes(b"\xff\xfe\x00")
    Path("file").write_text("regular")
    return tmp_path


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


def command(*arguments: str) -> int:
    try:
        return main(list(arguments))
    except SystemExit as left:
        return left.code


BAD_FIELDS = {
    "--set coreset.fractoin=0.1": "did you mean 'coreset.fraction'",
    "--set coreset.scorer=gradmach": "did you mean 'gradmatch'",
    "--set prune.sparsity=1.5": "prune.sparsity must be in [0, 1), got 1.5",
    "--set prune.sparsity=nan": "prune.sparsity must be",
    "--set coreset.fraction=0": "coreset.fraction must be in (0, 1], got 0",
    "--set warmup_epochs=7": "warmup_epochs must be at most epochs (6), got 7",
    "--set epochs=true": "epochs must be a whole number in [1, 100000], got True",
    "--set optim.lr=": "optim.lr must be a number in (0, 1000000], got ''",
    "--set epochs": "--set takes KEY=VALUE",
    "--set optim.lr=1e39": "optim.lr must be in (0, 1000000], got 1e+39",
    "--set optim.batch_size=100000000000000000000": "optim.batch_size must be in [1, 1000000]",
    "--set threads=5000000000": "threads must be in [1, 1024], got 5000000000",
}
BAD_USE = {
    "--json file/result.json": "file/result.json: cannot be written to",
    "--json .": "cannot be written",
    "--json /proc/nowhere/result.json": "its folder cannot be written to",
    "--json /dev/fd/987": "Bad file descriptor",
    "--weights .": "cannot be written to: it is a folder",
    "--json one --weights ./one": "--json and --weights cannot both be one",
    "--resume file": "file: cannot be written to",
    "--resume file/deep/er": "cannot be written to",
    "--resum x": "unrecognized arguments",
}


def test_errors_are_printed_without_control_characters(folder, capsys):
    assert command("\x1b]0;title\x07\u202e.toml") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


class TestRefusals:
    """Invalid input: exit code 2, an error of one line, and no files written."""

    def assert_refused(self, folder: Path, capsys, arguments: str, said: str) -> None:
        before = tree(folder)
        assert command(*arguments.split()) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("swast-train: ")
        assert err.count("\n") == 1
        assert said in err
        assert tree(folder) == before

    @pytest.mark.parametrize(("option", "said"), (BAD_FIELDS | BAD_USE).items())
    def test_a_bad_option(self, folder, capsys, option, said):
        self.assert_refused(folder, capsys, f"good.toml {option}", said)

    @pytest.mark.parametrize(
        ("file", "said"),
        [
            ("none.toml", "none.toml: no such file"),
            ("broken.toml", "broken.toml: not TOML"),
            ("binary.toml", "binary.toml: cannot be read"),
            (".", "cannot be read"),
            ("", "required: file"),
        ],
    )
    def test_a_bad_file(self, folder, capsys, file, said):
        self.assert_refused(folder, capsys, file, said)

    @pytest.mark.parametrize(
        "content", ["colour = 1", "coreset = 3", "epochs = 0", '[prune]\nmethod = "rgil"']
    )
    def test_a_bad_field_in_the_file_is_led_by_its_name(self, folder, capsys, content):
        Path("c.toml").write_text(content)
        self.assert_refused(folder, capsys, "c.toml", "swast-train: c.toml: ")

    def test_an_option_into_what_the_file_makes_no_table(self, folder, capsys):
        Path("c.toml").write_text("coreset = 3")
        self.assert_refused(
            folder, capsys, "c.toml --set coreset.fraction=0.1", "coreset must be a table"
        )

    @pytest.mark.parametrize("content", [b"", b"junk", b"J\xad\xc7\xe0", b"\x80\x9bA", b"PK\x03"])
    def test_a_damaged_checkpoint(self, folder, capsys, content):
        (folder / "run").mkdir()
        (folder / "run" / checkpoint.FILE).write_bytes(content)
        self.assert_refused(folder, capsys, "good.toml --resume run", "damaged checkpoint")

    def test_a_checkpoint_of_another_configuration(self, folder, capsys):
        assert command("good.toml", "--resume", "run", "--set", "epochs=1") == 0
        capsys.readouterr()
        said = "run/checkpoint.pt: belongs to another configuration"
        self.assert_refused(folder, capsys, "good.toml --resume run", said)

    def test_data_that_are_missing(self, folder, capsys, monkeypatch):
        def missing(*_):
            raise DataError("data 'digits' comes with scikit-learn, which is not installed")

        monkeypatch.setitem(DATASETS, "digits", missing)
        self.assert_refused(folder, capsys, "good.toml", "scikit-learn, which is not installed")

    def test_several_problems_are_a_line_each(self, folder, capsys):
        Path("c.toml").write_text("epochs = 0\nseed = -1\n[noise]\nrate = 2")
        assert command("c.toml") == 2
        lines = capsys.readouterr().err.splitlines()
        assert [line.split()[2] for line in lines] == ["noise.rate", "epochs", "seed"]


class TestFailures:
    def test_divergence_is_one_line_and_exit_code_1(self, folder, capsys):
        assert command("good.toml", "--set", "optim.lr=1e6", "--json", "result.json") == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("swast-train: the training loss became ")
        assert err.count("\n") == 1
        assert not Path("result.json").exists()

    def test_divergence_says_which_checkpoint_is_kept_and_it_goes_on_from_there(
        self, folder, capsys, monkeypatch
    ):
        plain = STEPS.train_step

        def step(run, *rest):
            return plain(run, *rest) * (math.nan if run.epoch == 3 else 1)

        with monkeypatch.context() as patch:
            patch.setattr(STEPS, "train_step", step)
            assert command("good.toml", "--resume", "run", "--quiet") == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert err.startswith("swast-train: the training loss became nan in epoch 4; ")
        assert err.endswith("; the checkpoint of epoch 3 is kept in run\n")
        assert command("good.toml", "--resume", "run", "--quiet") == 0


class TestTraining:
    def result(self, *options: str) -> dict:
        assert command("good.toml", "--json", "result.json", *options) == 0
        return json.loads(Path("result.json").read_text(), parse_constant=pytest.fail)

    def test_the_result_is_that_of_the_library(self, folder, capsys):
        found, expected = self.result(), train(tiny(), data=few_digits()).to_dict()
        timed = {"seconds", "history"}
        assert {k: v for k, v in found.items() if k not in timed} == {
            k: v for k, v in expected.items() if k not in timed
        }
        assert len(found["history"]) == 6

    def test_it_prints_accuracy_flops_time_and_the_ledger_and_nothing_else(self, folder, capsys):
        found = self.result()
        out, err = capsys.readouterr()
        assert err == ""
        assert f"validation accuracy {found['val_accuracy']:.4f}" in out
        assert f"{found['relative_flops']:.4f} of dense training" in out
        assert f"wall time           {found['seconds']:.1f} s" in out
        for flops in [*found["flops"].values(), found["train_flops"]]:
            assert f"{flops:,}" in out
        assert "test accuracy" not in out

    def test_the_test_set_is_read_when_asked_for(self, folder, capsys):
        found = self.result("--test")
        assert f"test accuracy       {found['test_accuracy']:.4f}" in capsys.readouterr().out

    def test_fields_can_be_set(self, folder):
        options = ["--set", "coreset.scorer = el2n", "--set", "prune.sparsity=0.5"]
        config = TrainConfig.from_dict(self.result(*options)["config"])
        assert config == tiny({"coreset.scorer": "el2n", "prune.sparsity": 0.5})

    def test_the_result_goes_into_a_folder_that_is_made(self, folder):
        assert command("good.toml", "--json", "new/folder/result.json") == 0
        assert Path("new/folder/result.json").exists()

    def test_the_result_alone_goes_to_standard_output(self, folder, capsys):
        assert command("good.toml", "--json", "-") == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["history"]
        assert err.startswith("validation accuracy 0.")
        assert not Path("-").exists()

    def test_the_outputs_go_through_links(self, folder):
        for name in ("result", "weights"):
            Path(name).write_text("old")
            Path(name).chmod(0o640)
            Path(f"link-{name}").symlink_to(name)
        options = ("--json", "link-result", "--weights", "link-weights")
        assert command("good.toml", "--quiet", *options) == 0
        assert json.loads(Path("result").read_text())["history"]
        assert "1.weight" in checkpoint.read(Path("weights"))
        for name in ("result", "weights"):
            assert Path(f"link-{name}").is_symlink()
            assert Path(name).stat().st_mode & 0o777 == 0o640

    @pytest.mark.parametrize("option", ["--json", "--weights"])
    def test_a_full_disk_is_a_line_after_the_training(self, folder, capsys, option):
        with full_disk() as disk:
            path = f"/dev/fd/{disk.fileno()}"
            assert command("good.toml", "--quiet", option, path) == 1
        assert capsys.readouterr() == ("", f"swast-train: {path}: No space left on device\n")

    def test_without_options_nothing_is_written(self, folder):
        before = tree(folder)
        assert command("good.toml", "--quiet") == 0
        assert tree(folder) == before

    def test_on_a_terminal_a_bar_follows_the_epochs_unless_quiet(
        self, folder, capsys, monkeypatch
    ):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setenv("TERM", "xterm")
        self.result()
        assert "epoch 6/6" in capsys.readouterr().err
        self.result("--quiet")
        assert capsys.readouterr().err == ""

    def test_a_stopped_run_goes_on_to_the_same_result(self, folder, monkeypatch):
        unbroken = self.result()
        with monkeypatch.context() as patch:
            patch.setattr("swast.cli.progress", interrupting(epoch=3))
            with pytest.raises(KeyboardInterrupt):
                command("good.toml", "--resume", "run")
        assert checkpoint.load(Path("run"))["epoch"] == 3
        resumed = self.result("--resume", "run")
        for one, other in zip(unbroken["history"], resumed["history"], strict=True):
            assert one | {"seconds": 0} == other | {"seconds": 0}

    def test_the_configuration_written_reads_back(self, folder):
        again = TrainConfig.from_dict(self.result()["config"])
        Path("again.toml").write_text(again.to_toml())
        assert command("again.toml", "--quiet") == 0


def interrupting(epoch: int):
    """Replace the progress bar by one that raises as Ctrl-C does."""
    from contextlib import contextmanager

    @contextmanager
    def progress(config, *, quiet):
        def on_epoch(record):
            if record.epoch == epoch:
                raise KeyboardInterrupt

        yield on_epoch

    return progress


@pytest.mark.e2e
def test_the_command_in_its_own_process(folder):
    """On the real data, with the real entry point."""
    run = "import sys; from swast.cli import main; sys.exit(main())"
    config = ["good.toml", "--set", "epochs=2", "--json", "result.json", "--resume", "run"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", run, *config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("validation accuracy 0.")
    found = json.loads(Path("result.json").read_text())
    assert found["history"][0]["samples"] == 1149
    assert found["predicted_flops"] == found["train_flops"]
    assert dataclasses.asdict(TrainConfig.from_dict(found["config"]))["epochs"] == 2
    assert torch.is_tensor(checkpoint.load(Path("run"))["model"]["1.weight"])
