"""Image files: formats, sizes, and errors of a folder of images."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from swast.data.files import ImageFiles
from swast.data.pictures import decode
from swast.errors import DataError
from tests.swast.data.layouts import load, noise, save, write_folder

SMOOTH = np.asarray(
    Image.fromarray(noise(1, 4)[0].transpose(1, 2, 0)).resize((48, 32), Image.Resampling.BICUBIC)
).transpose(2, 0, 1)


@pytest.fixture
def pets(tmp_path):
    write_folder(tmp_path / "pets")
    return tmp_path / "pets"


class TestDecoding:
    @pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tif", "webp"])
    def test_formats_without_loss_come_back_bit_for_bit(self, tmp_path, suffix):
        path = tmp_path / f"picture.{suffix}"
        save(path, SMOOTH, **({"lossless": True} if suffix == "webp" else {}))
        assert np.array_equal(decode(path), SMOOTH)

    @pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
    def test_jpeg_is_near_what_it_was_made_of(self, tmp_path, mode):
        path = tmp_path / "picture.JPG"
        made = Image.fromarray(SMOOTH.transpose(1, 2, 0)).convert(mode)
        made.save(path, format="JPEG", quality=95, subsampling=0)
        expected = np.asarray(made.convert("RGB")).transpose(2, 0, 1).astype(int)
        assert np.abs(decode(path) - expected).mean() < 4

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
    def test_other_modes_become_rgb(self, tmp_path, mode):
        path = tmp_path / f"picture.{'tif' if mode == 'CMYK' else 'png'}"
        made = Image.fromarray(SMOOTH.transpose(1, 2, 0)).convert(mode)
        made.save(path, **({"transparency": bytes(range(64))} if mode == "P" else {}))
        assert np.array_equal(decode(path), np.asarray(made.convert("RGB")).transpose(2, 0, 1))

    @pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
    def test_more_than_8_bits_are_refused_and_not_cut_off(self, tmp_path, kind):
        path = tmp_path / "picture.tif"
        Image.fromarray(SMOOTH[0].astype(kind) * 100).save(path)
        with pytest.raises(DataError, match=r"picture.tif: cannot .* not of 8 bits per channel"):
            decode(path)

    def test_a_jpeg_of_another_name_and_a_png_called_jpeg_are_read(self, tmp_path):
        save(tmp_path / "a.jpeg", SMOOTH, format="PNG")
        save(tmp_path / "b.png", SMOOTH, format="JPEG", quality=95)
        assert np.array_equal(decode(tmp_path / "a.jpeg"), SMOOTH)
        assert np.abs(decode(tmp_path / "b.png").astype(int) - SMOOTH).mean() < 8

    @pytest.mark.parametrize("shape", [(40, 60), (60, 40), (33, 34), (10, 10), (7, 100)])
    def test_pictures_are_scaled_by_the_shorter_side_and_cut_in_the_middle(self, tmp_path, shape):
        """A ramp stays a ramp: its centre stays, and its slope follows the scale."""
        height, width = shape
        ramp = np.linspace(0, 255, width)[None, None].repeat(height, 1).repeat(3, 0)
        save(tmp_path / "ramp.png", ramp.astype(np.uint8))
        found = ImageFiles.of(tmp_path, ["ramp.png"], side=20).decoded(1)[0]
        assert found.shape == (3, 20, 20)
        slope = 255 / (width - 1) * min(shape) / 20
        expected = 127.5 + slope * (np.arange(20) - 9.5)
        assert np.abs(found[:, :, 3:-3] - expected[3:-3]).max() <= 3 + slope / 2

    @pytest.mark.parametrize("side", [0, 32])
    def test_a_side_that_is_kept_changes_no_bit(self, tmp_path, side):
        save(tmp_path / "a.png", SMOOTH[:, :, :32])
        assert np.array_equal(
            ImageFiles.of(tmp_path, ["a.png"], side=side).decoded(1)[0], SMOOTH[:, :, :32]
        )

    @pytest.mark.parametrize("workers", [1, 3, 8])
    def test_files_are_decoded_in_order_by_any_number_of_workers(self, tmp_path, workers):
        images = noise(150, 64)
        for number, image in enumerate(images):
            save(tmp_path / f"{number}.png", image)
        files = ImageFiles.of(tmp_path, [f"{number}.png" for number in range(150)], side=0)
        assert (files.shape, files.nbytes) == (images.shape, images.nbytes)
        assert np.array_equal(files.decoded(workers), images)
        assert np.array_equal(files[np.array([7, 3])].decoded(workers), images[[7, 3]])
        assert np.array_equal(files[5:9].decoded(workers), images[5:9])


def remove_test(pets):
    shutil.rmtree(pets / "test")


def empty_class(pets):
    (pets / "train" / "bird").mkdir()
    save(pets / "test" / "bird" / "0.png", noise(1)[0])


def single(pets):
    for path in sorted((pets / "train" / "cat").iterdir())[1:]:
        path.unlink()


def loose(pets):
    for part in ("train", "test"):
        shutil.rmtree(pets / part / "cat")
        shutil.rmtree(pets / part / "dog")
        save(pets / part / "0.png", noise(1)[0])


BAD_FOLDERS = {
    "no train": (lambda p: shutil.rmtree(p / "train"), "expected train/ and test/ or val/"),
    "no test": (remove_test, "train/ but neither a test/ nor a val/"),
    "no class folders": (loose, "train: has no class folders"),
    "an empty class": (empty_class, "train/bird: has no images"),
    "one sample": (single, "class 'cat' has 1 training images; 2 are needed"),
    "a class that test lacks": (lambda p: shutil.rmtree(p / "test" / "cat"), "test: lacks 'cat'"),
    "a class that train lacks": (
        lambda p: save(p / "test" / "emu" / "0.png", noise(1)[0]),
        "test: has 'emu', which train/ lacks",
    ),
    "a text": (
        lambda p: (p / "train" / "cat" / "a.txt").write_text("x"),
        "a.txt: is not an image",
    ),
    "no image": (
        lambda p: (p / "train" / "cat" / "1.png").write_text("x"),
        "train/cat/1.png: cannot be read as an image: cannot identify",
    ),
    "no image first": (
        lambda p: (p / "train" / "cat" / "0.jpg").write_bytes(b"x"),
        "train/cat/0.jpg: cannot be read as an image",
    ),
    "nothing in it": (
        lambda p: (p / "train" / "dog" / "5.png").write_bytes(b""),
        "train/dog/5.png: cannot be read as an image",
    ),
    "another size": (
        lambda p: save(p / "train" / "dog" / "x.png", noise(1, 9)[0]),
        "train/dog/x.png: is 9 × 9 pixels, and",
    ),
    "a dangling link": (
        lambda p: (p / "train" / "dog" / "x.png").symlink_to(p / "nowhere"),
        "train/dog/x.png: cannot be read as an image",
    ),
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("spoil", "said"), BAD_FOLDERS.values(), ids=BAD_FOLDERS)
def test_what_is_wrong_with_a_folder_is_said_in_one_line(pets, spoil, said, streams):
    """Streamed images are checked if measured for normalisation: here all training images."""
    spoil(pets)
    with pytest.raises(DataError) as refused:
        load(pets, f"folder:{pets}", memory_share=0 if streams else 0.25)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(pets) in str(refused.value)


def test_the_error_for_another_size_says_what_to_do_and_that_helps(pets):
    save(pets / "train" / "dog" / "x.png", noise(1, 9, 12)[0])
    with pytest.raises(DataError, match=r"x.png: is 12 × 9 .* is 8 × 8; loading.image_size"):
        load(pets, f"folder:{pets}")
    assert load(pets, f"folder:{pets}", image_size=8).input_shape == (3, 8, 8)


def test_hidden_files_and_deeper_folders(pets):
    """Hidden files are skipped; files in deeper folders belong to their class."""
    (pets / "train" / "cat" / ".DS_Store").write_bytes(b"x")
    (pets / "train" / ".cache").mkdir()
    (pets / "train" / "cat" / ".thumbnails").mkdir()
    (pets / "train" / "cat" / ".thumbnails" / "a.txt").write_text("x")
    (pets / "train" / "README").write_text("beside the class folders")
    before = load(pets, f"folder:{pets}")
    save(pets / "train" / "cat" / "more" / "0.png", noise(1)[0])
    after = load(pets, f"folder:{pets}")
    assert len(before.train_labels) + len(before.val_labels) == 12
    assert len(after.train_labels) + len(after.val_labels) == 13


def test_a_damaged_file_that_streams_stops_the_run_and_is_named(pets):
    from tests.swast.support import tiny, train

    data = load(pets, f"folder:{pets}", memory_share=0, val_fraction=0.5)
    for path in (pets / "train" / "dog").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"train/dog/\d.png: cannot be read as an image"):
        train(tiny({"coreset.fraction": 1.0, "loading.memory_share": 0}), data=data)
