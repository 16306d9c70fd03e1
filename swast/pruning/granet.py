"""granet: prune gradually during training, and regrow weights by gradient at every update.

Every ΔT steps, not only at rounds, the smallest weights are masked to reach the scheduled
sparsity. Then each layer drops and grows weights as in rigl: half of its weights at first, 0.5 %
at the end.

Cost: the dense part of the weight gradient at every update. Needs: weights, dense gradients.
Source: Liu et al., "Sparse training via boosting pruning plasticity with neuroregeneration",
NeurIPS 2021. (Its shares, 0.5 to 0.005, are relative to the unmasked weights, so final over
initial is 0.01.)
"""

from __future__ import annotations

from swast.pruning.base import Pruner
from swast.pruning.magnitude import prune
from swast.pruning.rigl import by_gradient

GRANET = Pruner(
    prune,
    by_gradient,
    uses_gradient=True,
    on_line=True,
    update_fraction=0.5,
    final_fraction=0.01,
)
