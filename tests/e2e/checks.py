"""Checks of what a search has left in Optuna's storage, in MLflow and in its folder."""

from __future__ import annotations

import contextlib

import optuna

from search.trials.repository import SearchTrials
from search.trials.trial_record import contenders_of, front_of
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
    trials = SearchTrials.load(place.database(), name)
    records, objectives = trials.estimated(), trials.info.objectives
    front = {each.number for each in front_of(records, objectives)}
    if not any(each.estimate for each in records):
        assert front == undominated(done)
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
    """Check that contenders are confirmed, and the front is read on the test set.

    Another trial is read there wholly, as a member of the front before the search was extended, or
    not at all. Each reading is in MLflow once.
    """
    trials = SearchTrials.load(place.database(), name)
    score, (_, client) = trials.info.objectives.score, place.parent(name)
    records = trials.estimated()
    members = {each.number for each in front_of(records, trials.info.objectives)}
    contenders = {each.number for each in contenders_of(records)} | members
    for each in records:
        own = each.config.seed if each.config else None
        others = {seed: reading for seed, reading in each.readings.items() if seed != own}
        if each.number in contenders:
            assert len(others) >= trials.info.confirm_seeds
        if each.number in members:
            assert {own, *others} == set(each.readings)
        read = {seed: reading.test_score for seed, reading in each.readings.items()}
        kinds = {found is None for found in read.values()}
        assert kinds in ([{False}] if each.number in members else [set(), {True}, {False}])
        if not read:
            continue
        run = only(runs, each.number).info.run_id
        tests = {seed: found for seed, found in read.items() if found is not None}
        own_test = {each.epochs: tests.pop(own)} if own in tests else {}
        for metric, wanted in (
            (f"test_{score.key}", own_test),
            (f"confirmed_test_{score.key}", tests),
            (f"confirmed_{score.metric}", {seed: r.score for seed, r in others.items()}),
        ):
            logged = [(one.step, one.value) for one in client.get_metric_history(run, metric)]
            assert sorted(logged) == sorted(wanted.items())


def settled(place, name="trip"):
    """Find the trials that have ended, as Optuna has them."""
    with contextlib.suppress(Exception):  # there is no database, or half of one, yet
        ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL)
        return {trial.number: trial for trial in place.trials(name) if trial.state in ended}
    return {}
