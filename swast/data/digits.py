"""digits: 1,797 handwritten digits of 8 × 8 pixels, included in scikit-learn.

They are split 64 / 16 / 20 % into train, validation and test (1,149 / 288 / 360 images),
stratified by class, with scikit-learn's `train_test_split` at random state 0, independent of the
run's seed. Pixels are divided by their maximum, 16, and normalised with the mean and standard
deviation of the training part.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
"""

from __future__ import annotations

import numpy as np

from swast.config import LoadingConfig
from swast.data.base import ArrayData, Colours
from swast.data.places import Places
from swast.errors import DataError

SPLIT_SEED = 0


def load(_loading: LoadingConfig, _places: Places) -> ArrayData:
    """Load the digits data; the split is fixed, and no files are needed.

    Raises:
        DataError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise DataError(
            "data 'digits' comes with scikit-learn, which is not installed: "
            "pip install scikit-learn"
        ) from error

    pixels, targets = load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    labels = targets.astype(np.int64)
    rest, test = train_test_split(
        np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=SPLIT_SEED
    )
    train, val = train_test_split(
        rest, test_size=0.2, stratify=labels[rest], random_state=SPLIT_SEED
    )
    mean, std = images[train].mean(), images[train].std()
    images = (images - mean) / std
    return ArrayData(
        num_classes=10,
        train_images=images[train],
        train_labels=labels[train],
        clean_train=labels[train],
        val_images=images[val],
        val_labels=labels[val],
        test_images=images[test],
        test_labels=labels[test],
        removed=Colours((float(mean),), (float(std),)),
    )
