"""Search of any size that was recorded and never trained."""

from __future__ import annotations

import datetime

import numpy as np

from search.trials.trial_record import TrialRecord
from swast.config import TrainConfig
from tests.search.support import TINY, UNIT, epoch, search_info

HALVED = TINY + "\n[halving]\ngrace = 1\n"
EPOCHS = 4


def recorded(count, seed=0, source=HALVED, **info):
    """Return a search and its trials, references first; accuracy depends on the coreset alone."""
    rng = np.random.default_rng(seed)
    made = search_info(source, **{"budget": count} | info)
    trials = [
        _trial(made, number, config, rng, reference=name)
        for number, (name, config) in enumerate(made.study.references.items())
    ]
    return made, trials + [
        _trial(made, number, _drawn(made.study, rng), rng) for number in range(len(trials), count)
    ]


def _drawn(study, rng):
    return study.configure(
        {
            "interval": int(rng.integers(1, 4)),
            "coreset.scorer": str(rng.choice(["random", "el2n"])),
            "coreset.fraction": float(0.05 * 10 ** rng.uniform(0, 1)),
            "prune.sparsity": round(float(rng.choice(np.arange(0.3, 0.91, 0.1))), 1),
            "preserve.weight": float(rng.choice([0.0, 0.1, 0.5])),
        }
    )


def _trial(info, number, config: TrainConfig, rng, reference=None):
    fraction, kept = config.value("coreset.fraction"), 1 - config.value("prune.sparsity")
    relative = fraction * (0.3 + 0.7 * kept)
    accuracy = 0.97 + 0.1 * np.log10(fraction) + 0.002 * rng.normal()
    is_stopped = reference is None and bool(rng.random() < 0.3)
    flops = round(relative * 10**10)
    moment = datetime.datetime(2026, 11, 21) + datetime.timedelta(minutes=number)
    shared = {
        "number": number,
        "config": config,
        "params": info.study.searched(config),
        "reference": reference,
        "score": float(accuracy),
        "unit": UNIT,
        "run_id": f"{number:032x}",
        "ended": moment.isoformat(),
        "predicted_cost": flops,
        "bill": {"warmup": flops // 4, "training": flops // 4, "evaluation": 7},
        "rungs": {1: float(accuracy) - 0.1},
    }
    if is_stopped:
        reason = "place 3 at the rung of epoch 1: the best 1 of 3 continue"
        return TrialRecord(
            state="pruned", stopped_at=1, epochs=1, seconds=1.0, reason=reason, **shared
        )
    shared["bill"]["training"] = flops - flops // 4
    return TrialRecord(
        state="complete",
        epochs=EPOCHS,
        seconds=float(rng.uniform(2, 9)),
        cost=flops,
        **shared,
    )


def epochs_of(trials):
    """Return epochs that lead to the trials' scores."""
    return {
        each.number: [
            epoch(number, each.score - 0.1 * (each.epochs - number) / EPOCHS)
            for number in range(1, each.epochs + 1)
        ]
        for each in trials
    }
