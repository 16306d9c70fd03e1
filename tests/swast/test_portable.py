"""Exported networks: ONNX and PyTorch give the same logits for images as published."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from swast import portable
from swast.config import TrainConfig
from swast.data import from_arrays
from swast.errors import ConfigError, DisagreementError
from swast.models import build_model
from swast.portable import Intake, Portable, check_onnx, samples, to_onnx
from tests.swast.support import digits, train

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's exporter has many of its own

NETWORKS = {
    "cnn-small": {"model": "cnn-small", "prune.method": "magnitude", "prune.scope": "all"},
    "resnet20": {"model": "resnet20", "prune.method": "magnitude", "prune.scope": "all"},
    "channel": {
        "model": "cnn-small",
        "prune.method": "channel",
        "prune.distribution": "uniform",
        "prune.scope": "all",
        "prune.sparsity": 0.5,
    },
}


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request):
    """Train a pruned network for two epochs, the second on few samples."""
    if request.param == "channel":
        pytest.importorskip("torch_pruning")
    settings = {"device": "cpu", "epochs": 2, "warmup_epochs": 1, "interval": 1}
    fast = {"warmup_epochs": 0} if request.param == "resnet20" else {}
    chosen = {"coreset.fraction": 0.1, "preserve.weight": 0.0, "prune.update_interval": 1}
    config = TrainConfig().with_values(settings | chosen | NETWORKS[request.param] | fast)
    result = train(config, data=digits())
    network, images = portable.portable(result, digits()), samples(digits())
    content, apart = to_onnx(network, images, {"preprocessing": "as told"})
    return SimpleNamespace(
        name=request.param,
        result=result,
        network=network,
        images=images,
        content=content,
        apart=apart,
    )


def run_onnx(content, images):
    """Compute logits with ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})[0]


def logits_of(network, images):
    with torch.no_grad():
        return network(torch.as_tensor(images)).numpy()


class TestOnnx:
    def test_agrees_with_pytorch_whatever_the_batch(self, trained):
        logits = logits_of(trained.network, trained.images)
        scale = max(1, np.abs(logits).max())
        for count in (1, 3, len(trained.images)):
            found = run_onnx(trained.content, trained.images[:count])
            assert found.shape == (count, 10)
            assert np.abs(found - logits[:count]).max() <= 1e-4 * scale
        assert trained.apart <= 1e-4 * scale

    def test_is_as_accurate_on_published_pixels_as_the_training_said(self, trained):
        """The whole validation set is restored from scikit-learn's pixels only."""
        data = digits()
        pixels = data.val_images * data.removed.std[0] + data.removed.mean[0]
        found = run_onnx(trained.content, pixels.astype(np.float32)).argmax(axis=1)
        assert np.mean(found == data.val_labels) == trained.result.val_accuracy

    def test_is_the_pruned_network(self, trained):
        """It is as sparse as the trained weights, and smaller if channels were removed."""
        graph = onnx.load_from_string(trained.content).graph
        arrays = [onnx.numpy_helper.to_array(each) for each in graph.initializer]
        dense = build_model(trained.result.config.model, (1, 8, 8), 10, 0)
        whole = sum(weight.numel() for weight in dense.parameters() if weight.dim() > 1)
        left = sum(np.count_nonzero(array) for array in arrays if array.ndim in (2, 4))
        assert left < 0.5 * whole
        if trained.name == "channel":
            assert sum(array.size for array in arrays if array.ndim in (2, 4)) < 0.5 * whole

    def test_says_what_goes_in(self, trained):
        told = onnx.load_from_string(trained.content)
        assert {each.key: each.value for each in told.metadata_props} == {
            "preprocessing": "as told"
        }
        assert [each.name for each in told.graph.input] == ["images"]
        assert [each.name for each in told.graph.output] == ["logits"]


class TestARefusal:
    def test_of_a_network_that_says_something_else_in_onnx(self, monkeypatch):
        network = Portable(
            torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)),
            Intake.of(digits()).colours,
        ).eval()
        export = portable._export

        def skewed(network, images):
            made = export(network, images)
            for each in made.graph.initializer:
                if each.name.endswith("bias"):
                    moved = onnx.numpy_helper.to_array(each) + np.float32(0.01)
                    each.CopyFrom(onnx.numpy_helper.from_array(moved, each.name))
            return made

        monkeypatch.setattr(portable, "_export", skewed)
        with pytest.raises(DisagreementError, match=r"differ from PyTorch's by 1\.0e-02"):
            to_onnx(network, samples(digits()), {})

    def test_of_a_network_that_takes_batches_of_one_size_alone(self, monkeypatch):
        """The exporter does so if a network reads its batch size as a number."""

        class Rigid(torch.nn.Module):
            def forward(self, images):
                return images.flatten(1) + torch.zeros(len(images), 1)

        def rigidly(*given, dynamic_shapes, **more):
            return export(*given, **more)

        export = torch.onnx.export
        monkeypatch.setattr(torch.onnx, "export", rigidly)
        with pytest.raises(DisagreementError, match="ONNX Runtime refuses") as caught:
            to_onnx(Rigid(), samples(digits()), {})
        assert "\n" not in str(caught.value)

    def test_of_a_network_that_cannot_be_traced(self):
        class Moody(torch.nn.Module):
            def forward(self, images):
                return images if float(images.sum()) > 0 else images * 2

        with pytest.raises(ConfigError, match="cannot export this network to ONNX") as caught:
            to_onnx(Moody(), samples(digits()), {})
        assert len(caught.value.problems) == 1
        assert "\n" not in caught.value.problems[0]

    @pytest.mark.parametrize("name", portable.NEEDED)
    def test_where_onnx_is_not_installed(self, monkeypatch, name):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ConfigError, match=rf"needs {name}: pip install 'swast\[onnx\]'"):
            check_onnx()


class TestTheIntake:
    def test_of_digits_is_their_pixels_from_0_to_1(self):
        pixels = samples(digits()) * 16
        assert np.abs(pixels - pixels.round()).max() < 1e-4
        assert (round(pixels.min()), round(pixels.max())) == (0, 16)
        assert "0 to 1; the network itself subtracts mean 0.305" in str(Intake.of(digits()))

    @pytest.mark.parametrize("kind", [np.uint8, np.float32])
    def test_of_arrays_is_what_they_hold(self, kind):
        """With the normalisation inside, the network gets the same input as in training."""
        draw = np.random.default_rng(0)
        images = draw.integers(0, 256, (60, 3, 8, 8)).astype(kind)
        labels = np.arange(60) % 2
        data = from_arrays((images, labels), (images[:9], labels[:9]), (images[:9], labels[:9]))
        network = Portable(torch.nn.Identity(), Intake.of(data).colours)
        seen = logits_of(network, samples(data))
        if kind == np.uint8:
            assert np.allclose(samples(data), images[:9] / 255)
            assert "pixels in [0, 1], bytes divided by 255" in str(Intake.of(data))
            expected = data.colours.normaliser(torch.device("cpu"))(
                torch.tensor(data.val_images)
            ).numpy()
        else:
            assert np.allclose(samples(data), images[:9], atol=1e-3)
            expected = data.val_images
        assert np.allclose(seen, expected, atol=1e-5)
