"""Checks of what a search has left in Optuna's storage, in MLflow and in its folder."""

from __future__ import annotations

import contextlib

import optuna

from search.trials.repository import SearchTrials
from search.trials.trial_record import front_of
from tests.e2e.support import only, tagged, undominated


def check_whole(place, budget, name="trip"):
    """Check that every trial is settled once, and that the front is the same everywhere.

    Nothing runs, all readings of the front are there, and no file is half written.
    """
    check_nothing_runs(place, name)
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
    check_readings(place, name, runs)
    assert not list(place.home.rglob("*.partial*"))


def check_nothing_runs(place, name):
    """Check that Optuna has no running trial of a search, and MLflow no running run."""
    assert "RUNNING" not in {trial.state.name for trial in place.trials(name)}
    parent, client = place.parent(name)
    runs = client.search_runs([parent.info.experiment_id])
    family = (parent.info.run_id, None)
    mine = [run for run in runs if run.data.tags.get("mlflow.parentRunId") in family]
    assert [run.info.run_name for run in mine if run.info.status == "RUNNING"] == []


def check_readings(place, name, runs):
    """Check that each of the front is read on the test set once with each seed, in MLflow too."""
    trials = SearchTrials.load(place.database(), name)
    score, (_, client) = trials.info.objectives.score, place.parent(name)
    for member in front_of(trials.records(), trials.info.objectives):
        first = member.config.seed
        own, *others = [first + at for at in range(trials.info.confirm_seeds + 1)]
        assert sorted(member.readings) == [own, *others]
        run = only(runs, member.number).info.run_id
        for metric, wanted in (
            (f"test_{score.key}", {member.epochs: member.readings[own].test_score}),
            (
                f"confirmed_test_{score.key}",
                {seed: member.readings[seed].test_score for seed in others},
            ),
        ):
            logged = [(each.step, each.value) for each in client.get_metric_history(run, metric)]
            assert sorted(logged) == sorted(wanted.items())


def settled(place, name="trip"):
    """Find the trials that have ended, as Optuna has them."""
    with contextlib.suppress(Exception):  # there is no database, or half of one, yet
        ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL)
        return {trial.number: trial for trial in place.trials(name) if trial.state in ended}
    return {}
