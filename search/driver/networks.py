"""Trials of a study that show whether its networks can be trained and pruned."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from search.study.study_file import Study
from swast.config import PRUNER_TRAITS, TrainConfig
from swast.errors import ConfigError

MOST_LAYERS = 16
"""Choices of layers that are tried with each network in a part of the space."""


def networks(study: Study) -> Iterator[TrainConfig]:
    """Yield trials with the study's networks and pruning settings, in its smallest batches.

    In every part of the space, each network is once with each pruning method, and once with each
    choice of the layers to prune, or 16 of them evenly apart. A setting of the same network,
    method and layers is yielded once.
    """
    small = {path: min(study.ends(path)) for path in ("optim.batch_size", "coreset.fraction")}
    seen = set()
    for given, part in study.space.walk():
        ends = {each.path: given.get(each.path, each.values.extremes) for each in part.domains}
        first = {path: values[0] for path, values in ends.items()}
        if "prune.sparsity" in ends:
            first["prune.sparsity"] = max(ends["prune.sparsity"])
        base = {**part.fixed, **first, **small}
        for chosen in _chosen(study, base, ends):
            key = tuple(chosen.items())
            if key in seen:
                continue
            seen.add(key)
            with suppress(ConfigError):  # no sampler proposes what is no configuration
                yield study.fixed.with_values({**base, **chosen})


def _chosen(
    study: Study, base: Mapping[str, Any], ends: Mapping[str, Sequence[Any]]
) -> Iterator[dict[str, Any]]:
    """Yield combinations of network, pruning method and layers in a part of the space."""

    def values(path: str) -> Sequence[Any]:
        return ends.get(path, (base.get(path, study.fixed.value(path)),))

    layers = list(itertools.product(values("prune.scope"), values("prune.layers")))
    layers = layers[:: -(-len(layers) // MOST_LAYERS)]
    methods = values("prune.method")
    pruning = [each for each in methods if PRUNER_TRAITS[each].prunes][:1]
    pairs = [*itertools.product(methods, layers[:1]), *itertools.product(pruning, layers[1:])]
    for model, (method, (scope, names)) in itertools.product(values("model"), pairs):
        yield {
            "model": model,
            "prune.method": method,
            "prune.scope": scope,
            "prune.layers": names,
        }
