"""Checks of what a search has left in Optuna's storage, in MLflow and in its folder."""

from __future__ import annotations

import contextlib

import optuna

from tests.e2e.support import only, tagged, undominated


def check_whole(place, budget, name="trip"):
    """Check that every trial is settled once, and that the front is the same everywhere."""
    begun = [t for t in place.trials(name) if not t.user_attrs["outcome"]["rejected"]]
    assert len(begun) == budget
    assert {trial.state.name for trial in begun} <= {"COMPLETE", "PRUNED", "FAIL"}
    runs = place.children(name)
    assert sorted(int(run.data.tags["trial"]) for run in runs) == [t.number for t in begun]
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED", "FAILED"}
    parent, client = place.parent(name)
    assert parent.info.status == "FINISHED"
    done = [
        {"number": t.number, "accuracy": t.values[0], "train_flops": t.values[1]}
        for t in begun
        if t.state.name == "COMPLETE"
    ]
    front = undominated(done)
    assert tagged(runs) == front
    rows = (place.home / "searches" / name / "front.csv").read_text().splitlines()[1:]
    assert {int(row.partition(",")[0]) for row in rows} == front
    made = {trial.number: trial.user_attrs["outcome"]["epochs"] for trial in begun}
    kept = place.epochs(name)
    for trial in done:
        run, epochs = only(runs, trial["number"]), made[trial["number"]]
        logged = client.get_metric_history(run.info.run_id, "val_accuracy")
        assert [each.step for each in logged] == list(range(1, epochs + 1))
        assert logged[-1].value == trial["accuracy"]
        assert kept[trial["number"]] == epochs


def settled(place, name="trip"):
    """Find the trials that have ended, as Optuna has them."""
    with contextlib.suppress(Exception):  # there is no database, or half of one, yet
        ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL)
        return {trial.number: trial for trial in place.trials(name) if trial.state in ended}
    return {}
