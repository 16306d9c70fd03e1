"""Shared by the tests of studies: a study with branches."""

from __future__ import annotations

BRANCHED = """
[fixed]
model = "mlp-small"
epochs = 4
warmup_epochs = 1

[space]
interval = { low = 1, high = 3 }
coreset.scorer = ["random", "el2n"]
coreset.fraction = { low = 0.05, high = 0.5, log = true }
prune.method = ["magnitude", "rigl", "n:m", "channel"]
prune.schedule = ["linear", "cubic"]
prune.sparsity = { low = 0.3, high = 0.9 }
preserve.weight = { low = 0.01, high = 1.0, log = true, also = [0.0] }

[[branch]]
when.prune.method = ["rigl", "magnitude"]
space.prune.distribution = ["uniform", "erk"]

[[branch]]
when.prune.method = "rigl"
space.prune.update_interval = { low = 10, high = 200, log = true, also = [0] }
space.prune.update_fraction = { low = 0.1, high = 0.5 }

[[branch]]
when.prune.method = ["n:m", "channel"]
fixed.prune.distribution = "uniform"

[[branch]]
when.prune.method = "n:m"
space.prune.sparsity = [0.25, 0.5, 0.75]
fixed.prune.schedule = "one-shot"

[[branch]]
when.prune.method = "channel"
when.coreset.scorer = "el2n"
space.prune.sparsity = { low = 0.1, high = 0.6, step = 0.1 }
space.coreset.drop_top = [0.0, 0.1]

[[branch]]
when.preserve.weight = 0.0
fixed.preserve.reduction = "sum"

[references.pattern]
interval = 2
coreset.scorer = "random"
prune.method = "n:m"
prune.schedule = "one-shot"
prune.distribution = "uniform"
prune.sparsity = 0.5
preserve.weight = 0.0
preserve.reduction = "sum"

[references.dense]
coreset.fraction = 1.0
prune.method = "none"
"""
