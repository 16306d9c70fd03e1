"""Studies of the stories: trainings of a tenth of a second, slow ones, and some that go wrong."""

from __future__ import annotations

from tests.search.support import BARE, TINY

ENDLESS = """
[fixed]
model = "mlp-small"
epochs = 5000
warmup_epochs = 1

[space]
interval = { low = 1, high = 3 }

[references.quick]
epochs = 2
"""
"""One trial that ends and others that do not."""
FAULTS = """
[fixed]
model = "tests.search.faulty:sound"
epochs = 4
warmup_epochs = 1

[space]
interval = { low = 1, high = 3 }

[space.coreset]
fraction = { low = 0.05, high = 0.5, log = true }

[references]
dying.model = "tests.search.faulty:dying"
raising.model = "tests.search.faulty:raising"
eating.model = "tests.search.faulty:eating"
nan.optim.lr = 1e6
"""
SLUGGISH = (
    FAULTS.partition("[references]")[0]
    .replace(":sound", ":slow")
    .replace("warmup_epochs = 1", "warmup_epochs = 3")
)
"""An epoch of the warm-up takes 18 s."""
STUDIES = {
    "tiny": TINY,
    "bare": BARE,
    "slow": BARE.replace("epochs = 4", "epochs = 12", 1),  # half a second a trial
    "halved": TINY + "\n[halving]\ngrace = 1\nreduction = 4\n",
    "endless": ENDLESS,
    "faults": FAULTS,
    "sluggish": SLUGGISH,
}
