"""The paper's four arms: dense, coreset only, pruning only, and SWaST (trim and cut).

Clean, and with part of the training labels wrong. Every arm on a coreset comes with the samples
that GradMatch chooses, with samples redrawn at random every round, and with those of EL2N, the
paper's scorer under label noise (the hardest samples, and the easiest); and without pruning also
with the KL term alone.
All arms share one learning rate, one schedule and their seeds; nothing is tuned, for no arm. Each
run is judged once, after its last epoch, on the test set.

Differences are paired by seed, with 95 % percentile bootstrap intervals over seeds. With five
seeds such intervals are too narrow (they cover some 80 to 85 % for normal data): read one that
barely excludes 0 as undecided. A run of trim or cut has collapsed when it is more than five
points under the lower of two medians: that of the coreset without pruning, same scorer, and that
of pruning on all data, same scope.

``python -m studies.four_arms --out DIR --workers N [--data …]`` runs it, and goes on after a kill.
"""
