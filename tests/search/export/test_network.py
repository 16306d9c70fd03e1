"""`export --model`: weights, ONNX, and a registered model that loads in another process."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from search import cli
from search.export.retrain import Retraining
from search.tracking.client import open_store
from search.tracking.model_registry import registered_name
from swast import load_network, read_config
from swast.data import load_data
from tests.search.recorded import recorded
from tests.search.support import tree

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore")  # of PyTorch's exporter and of MLflow

SOURCE = """
[fixed]
model = "cnn-small"
epochs = 2
warmup_epochs = 1
preserve.weight = 0.0

[space]
interval = { low = 1, high = 3 }
"""
LOAD = """
import json, sys
import numpy as np
import torch
import mlflow

uri, address, images = sys.argv[1:]
mlflow.set_tracking_uri(uri)
network, inputs = mlflow.pytorch.load_model(address), np.load(images)
with torch.no_grad():
    logits = network(torch.from_numpy(inputs)).numpy()
    single = network(torch.from_numpy(inputs[:1])).numpy()
told = mlflow.models.get_model_info(address)
print(json.dumps({
    "logits": logits.tolist(),
    "single": single.tolist(),
    "input": told.signature.inputs.to_dict(),
    "example": told.saved_input_example_info is not None,
    "preprocessing": told.metadata["preprocessing"],
    "trainer": "swast" in sys.modules,
}))
"""


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A home with a search of one training and its run in MLflow."""
    folder = tmp_path_factory.mktemp("networks")
    home, uri = folder / "home", f"sqlite:///{folder / 'home' / 'mlflow.db'}"
    home.mkdir()
    client = open_store(uri)
    experiment = client.create_experiment("tiny", artifact_location=str(home / "mlartifacts"))
    run = client.create_run(experiment)
    client.set_terminated(run.info.run_id)
    before = client.get_run(run.info.run_id)
    recorded(home, SOURCE, 1, lambda _: run.info.run_id)
    return SimpleNamespace(home=home, uri=uri, client=client, before=before, folder=folder)


@pytest.fixture(scope="module")
def exported(search):
    """The folder of the exported files, and the lines that the command printed."""
    words = ("export", "trip", "--home", str(search.home), "--out", str(search.folder / "out"))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main([*words, "--model", "--verify"])
    assert (code, err.getvalue()) == (0, "")
    return SimpleNamespace(out=search.folder / "out", lines=out.getvalue().splitlines())


def test_writes_weights_and_onnx_beside_the_configuration(search, exported):
    names = sorted(path.name for path in exported.out.iterdir())
    assert names == ["knee.onnx", "knee.pt", "knee.toml"]
    assert [line.split(":")[0] for line in exported.lines[-3:]] == [
        str(exported.out / "knee.pt"),
        str(exported.out / "knee.onnx"),
        "models",
    ]
    assert any("holds: exactly" in line for line in exported.lines)


def test_the_weights_and_the_onnx_are_as_accurate_as_recorded(exported):
    import onnxruntime

    config, data = read_config(exported.out / "knee.toml"), load_data("digits")
    network = load_network(exported.out / "knee.pt", config, data.input_shape, data.num_classes)
    with torch.no_grad():
        logits = network(torch.from_numpy(data.val_images)).numpy()
    session = onnxruntime.InferenceSession(exported.out / "knee.onnx")
    pixels = (data.val_images * data.removed.std[0] + data.removed.mean[0]).astype(np.float32)
    found = session.run(None, {"images": pixels})[0]
    assert np.abs(found - logits).max() <= 1e-4 * max(1, np.abs(logits).max())
    told = session.get_modelmeta().custom_metadata_map
    right = np.mean(logits.argmax(axis=1) == data.val_labels)
    assert float(told["val_accuracy"]) == right == np.mean(found.argmax(axis=1) == data.val_labels)
    assert "0 to 1; the network itself subtracts mean" in told["preprocessing"]
    assert json.loads(told["classes"]) == [str(digit) for digit in range(10)]


def test_the_registered_model_loads_in_another_process_without_the_trainer(
    search, exported, tmp_path
):
    address = exported.lines[-1]
    assert address == "models:/trip@knee"
    data = load_data("digits")
    pixels = (data.val_images * data.removed.std[0] + data.removed.mean[0]).astype(np.float32)
    np.save(tmp_path / "images.npy", pixels)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, search.uri, address, tmp_path / "images.npy"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    config = read_config(exported.out / "knee.toml")
    network = load_network(exported.out / "knee.pt", config, data.input_shape, data.num_classes)
    with torch.no_grad():
        logits = network(torch.from_numpy(data.val_images)).numpy()
    assert np.allclose(told["logits"], logits, atol=1e-4)
    assert np.allclose(told["single"], logits[:1], atol=1e-4)
    assert not told["trainer"]
    assert told["example"]
    assert told["input"][0]["tensor-spec"] == {"dtype": "float32", "shape": [-1, 1, 8, 8]}
    assert "the network itself subtracts mean" in told["preprocessing"]


def test_the_version_says_what_it_is_and_the_run_stays_as_it_was(search, exported):
    version = search.client.get_model_version_by_alias("trip", "knee")
    provenance = read_provenance(exported.out / "knee.toml")
    assert version.run_id == search.before.info.run_id
    assert version.tags["config_digest"] == provenance["config_digest"]
    assert float(version.tags["val_accuracy"]) == provenance["val_accuracy"]
    assert int(version.tags["train_flops"]) == provenance["train_flops"]
    run = search.client.get_run(search.before.info.run_id)
    for name in ("status", "start_time", "end_time"):
        assert getattr(run.info, name) == getattr(search.before.info, name)
    assert [each.model_id for each in run.outputs.model_outputs]


def read_provenance(path):
    from swast.config.files import read_tables

    return read_tables(path)["provenance"]


class TestARefusal:
    """Refusals, before anything is trained or written."""

    @pytest.fixture
    def refused(self, search, tmp_path, monkeypatch, capsys):
        def train(*_, **__):
            raise AssertionError("a training was begun")

        def refused(*words):
            monkeypatch.setattr(Retraining, "train", train)
            before = tree(tmp_path)
            given = ["export", "trip", "--home", search.home, "--out", tmp_path / "out", "--model"]
            assert cli.main([str(word) for word in (*given, *words)]) == 2
            assert tree(tmp_path) == before
            (line,) = capsys.readouterr().err.splitlines()
            return line

        return refused

    def test_where_the_store_is_away(self, refused):
        line = refused("--tracking-uri", "http://127.0.0.1:9")
        assert "the MLflow store http://127.0.0.1:9 cannot be used: " in line

    def test_where_there_is_no_store(self, refused, search):
        """So it is in the home of a search that was tracked on a server; no file is created."""
        line = refused("--tracking-uri", f"sqlite:///{search.folder / 'none.db'}")
        assert "none.db cannot be used: there is no such file" in line
        assert not (search.folder / "none.db").exists()

    def test_where_the_store_lacks_the_run(self, refused, search):
        run_id = search.before.info.run_id
        search.client.delete_run(run_id)
        try:
            line = refused()
        finally:
            search.client.restore_run(run_id)
        assert f"has no run {run_id}, that of the trial; --tracking-uri" in line

    def test_where_onnx_is_not_installed(self, refused, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        assert "needs onnxruntime: pip install 'swast[onnx]'" in refused()


@pytest.mark.parametrize(
    ("search_name", "name"), [("tour-1.b", "tour-1.b"), ("a/b:c", "a-b-c"), ("Größe 2", "Größe-2")]
)
def test_a_model_is_registered_under_the_search_s_name_made_harmless(search_name, name):
    assert registered_name(search_name) == name
