"""The double-loss on digits: does preservation help, and would something simpler help as much?

Weights and samples are removed together, and some runs lose more than either removal costs.
Preservation, the KL term, is SWaST's remedy. Every severity (network, sparsity, coreset share,
schedule) gets it switched on and off, and three controls that could explain a gain away:

1. the cross-entropy of the rounds scaled by 1 + λ, at λ = 0: is it only a larger step?
2. the KL term without pruning: does it help a coreset as much, double-loss or not?
3. coresets redrawn at random, with and without the KL term: does it need the chosen ones?

The protocol, fixed before the confirmation seeds were looked at:

- Tuning seeds 0–3 choose, per severity and by mean *validation* accuracy: first the learning rate,
  at λ = 0, so that what preservation is measured against is tuned; then λ at that rate. Ties go to
  the smaller value. All arms of a severity share the learning rate, so that one thing differs.
- Confirmation seeds 100–115 train every arm anew and give all figures: *test* accuracy after the
  last epoch. Differences are paired by seed, with 95 % percentile bootstrap intervals over seeds
  (10,000 resamples).
- A run has *collapsed* when its test accuracy is more than five points under the lower of two
  medians over the confirmation seeds: that of the coreset without pruning, and that of pruning on
  all data. Neither removal alone explains such a fall.
- Dense training and pruning on all data are references, at the trainer's default learning rate.
- Preservation is *credited* with a severity's gain only if the gain's interval excludes 0, and so
  do those of the gain less each control's (against control 1: KL less scaled cross-entropy).

``python -m studies.double_loss --out DIR --workers N`` runs it, and goes on after a kill.
"""
