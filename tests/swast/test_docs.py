"""docs/trainer.md agrees with the code, and its examples run."""

from __future__ import annotations

import re

import pytest
import torch

from docs import trainer
from docs.pages import DOCS, renewed
from swast import load_network
from swast.config import setting_paths
from swast.coresets import SCORERS
from swast.errors import CheckpointError
from swast.pruning import PRUNERS
from tests.swast.support import copied, few_digits, started, tiny, train

PAGE = (DOCS / "trainer.md").read_text(encoding="utf-8")
LIBRARY, WEIGHTS, SCORER, PRUNER = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def run(code: str, **names: object) -> dict[str, object]:
    exec(code, names)
    return names


def test_the_tables_are_those_of_the_code():
    """Regenerate them with `python -m docs.trainer`."""
    assert renewed(PAGE, trainer.PARTS) == PAGE
    for path in setting_paths():
        assert f"| `{path.rpartition('.')[2]}` |" in PAGE
    for name in [*SCORERS, *PRUNERS]:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` | "))
        assert "|  |" not in row.removesuffix("|  |")


def test_the_library_and_its_weights_work_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = run(WEIGHTS, **run(LIBRARY))
    assert len(capsys.readouterr().out.splitlines()) == 9
    images = torch.randn(3, 1, 8, 8)
    twin = load_network(tmp_path / "weights.pt", found["config"], (1, 8, 8), 10)
    assert torch.equal(found["network"](images), twin(images))


def test_the_scorer_that_is_shown_trains(monkeypatch):
    monkeypatch.setitem(SCORERS, "el2n", run(SCORER)["LONGEST"])
    result = train(tiny({"coreset.scorer": "el2n", "coreset.balanced": False}), data=few_digits())
    assert result.predicted_flops == result.train_flops
    assert len(result.rounds[0].indices) == 36


def test_the_pruner_that_is_shown_trains(monkeypatch):
    monkeypatch.setitem(PRUNERS, "magnitude", run(PRUNER)["STEADY"])
    result = train(tiny({"prune.method": "magnitude"}), data=few_digits())
    assert result.predicted_flops == result.train_flops
    assert result.history[-1].sparsity == pytest.approx(0.9, abs=1e-4)


class TestWeights:
    def test_a_network_without_its_channels_comes_back_as_it_was(self, tmp_path):
        from swast import save_weights

        chosen = {"prune.method": "channel", "prune.distribution": "uniform"}
        config = tiny({**chosen, "prune.sparsity": 0.5, "model": "cnn-small"})
        run = started(config, after=6)
        save_weights(tmp_path / "w.pt", copied(run.model))
        plain = torch.load(tmp_path / "w.pt", weights_only=True)  # noqa: TID251
        assert plain["0.weight"].shape == (8, 1, 3, 3)
        network = load_network(tmp_path / "w.pt", config, (1, 8, 8), 10)
        images = torch.randn(3, 1, 8, 8)
        assert torch.equal(network(images), run.model.eval()(images))

    def test_a_missing_or_foreign_file_is_refused_by_name(self, tmp_path):
        with pytest.raises(CheckpointError, match="no such file"):
            load_network(tmp_path / "none.pt", tiny(), (1, 8, 8), 10)
        torch.save({"strange": torch.ones(3)}, tmp_path / "w.pt")
        with pytest.raises(CheckpointError, match="not the weights of a mlp-small"):
            load_network(tmp_path / "w.pt", tiny(), (1, 8, 8), 10)
