"""Figure 4 by its command, on trainings of a tenth of a second: ``python figure_4.py SPACE …``."""

import sys

from search.cli import main
from studies.paper.figure_4 import arms
from studies.paper.settings import BASES

if __name__ == "__main__":
    BASES["digits"].update(model="mlp-small", epochs=4, warmup_epochs=1, interval=2)
    arms.SHARES, arms.SPARSITIES, arms.SCORERS = (0.3,), (0.9,), ("el2n",)
    arms.LENGTHS["small"], arms.SHORTER["small"] = (4,), (2,)
    arms.SPACES["small"] = sys.argv[1]
    sys.exit(main(["reproduce", "figure-4", "--seeds", "1", *sys.argv[2:]]))
