"""Run a search, from the request to the summary."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from rich.console import Console

from search import display
from search.errors import RequestError, SearchFailedError
from search.home import Home
from search.records import front_of, hypervolume_of
from search.sampler import SearchInfo, SearchTrials, describe_search, search_names
from search.session import Limit, Session, Status
from search.study import Study, check_name, find_study
from swast.data import ArrayData, load_data


def launch(options: Namespace) -> None:
    """Run the search that the command line asks for.

    Raises:
        RequestError: the request was wrong; nothing was written.
        SearchFailedError: no trial finished.
    """
    home = Home.find(options.home)
    home.check_writable()
    gpus = count_gpus(options)
    if options.dry_run:
        study = find_study(options.study or default_study(gpus))
        show_price(study, options.budget or DEFAULT_BUDGET, options.seed)
        return
    storage = options.storage or home.storage
    with ExitStack() as stack:
        trials = open_search(options, home, storage, gpus, stack)
        status = run(trials, options, home, gpus)
    summary = describe_search(trials) | {"seconds": status.seconds}
    if options.json:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
    if not options.quiet:
        show_end(trials, home, status)
    if not summary["front"]:
        raise SearchFailedError(f"no trial of {trials.info.name!r} finished")


DEFAULT_BUDGET = 50


def count_gpus(options: Namespace) -> int:
    """GPUs that the search uses: those asked for, or all present.

    Raises:
        RequestError: more are asked for than this machine has.
    """
    if options.gpus == 0 or (options.gpus and options.address):
        return int(options.gpus)
    import torch

    present = torch.cuda.device_count()
    if options.gpus is not None and options.gpus > present:
        raise RequestError(
            f"--gpus {options.gpus}: this machine has {present}; --gpus 0 searches on CPUs, "
            "--address joins a cluster"
        )
    return present if options.gpus is None else int(options.gpus)


def default_study(gpus: int) -> str:
    """The study that runs where none is named."""
    return "cifar10-resnet18" if gpus else "digits"


def open_search(
    options: Namespace, home: Home, storage: str, gpus: int, stack: ExitStack
) -> SearchTrials:
    """Make the search that is asked for, or take up the one to resume, and hold it."""
    if options.resume:
        check_name(options.resume, "--resume")
        if not options.storage:
            home.check_exists()
        trials = SearchTrials.load(storage, options.resume)
        stack.enter_context(home.lock(options.resume))
        budget = options.budget or trials.info.budget
        trials.remember(budget=budget)
        trials.info = replace(trials.info, budget=budget)
        return trials
    study = find_study(options.study or default_study(gpus))
    name = options.name or f"{study.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    check_name(name, "--name")
    info = SearchInfo(
        name=name,
        study=study,
        device="cuda" if gpus else "cpu",
        sampler=options.sampler,
        seed=options.seed,
        budget=options.budget or DEFAULT_BUDGET,
    )
    refuse_existing(storage, name, home)
    stack.enter_context(home.lock(name))
    return SearchTrials.create(storage, info)


def refuse_existing(storage: str, name: str, home: Home) -> None:
    """Refuse a name that is taken, without making a database that is not there yet."""
    new = storage == home.storage and not (home.path / "optuna.db").exists()
    if not new and name in search_names(storage):
        raise RequestError(
            f"a search named {name!r} exists; --resume {name} goes on with it, "
            "--name chooses another name"
        )


def run(trials: SearchTrials, options: Namespace, home: Home, gpus: int) -> Status:
    """Run the trials; returns how the search stands at the end."""
    from search.runner import Resources, ray_running, run_trials
    from search.tracking import Tracker

    resources = Resources(
        gpus=gpus,
        cpus_per_trial=options.cpus_per_trial,
        gpus_per_trial=options.gpus_per_trial or (1.0 if gpus else 0.0),
        address=options.address,
    )
    data = load_data(trials.info.study.fixed.data)
    with ray_running(resources), display.choose(quiet=options.quiet) as shown:
        tracker = Tracker(options.tracking_uri or home.tracking, home.artifacts)
        begin_tracking(trials, tracker)
        limit = make_limit(options.max_flops, data)
        folder = home.search(trials.info.name)
        session = Session(trials, tracker, shown, folder, limit)
        try:
            run_trials(session, data, resources, options.time_budget)
        finally:
            session.close()
    return session.status


def begin_tracking(trials: SearchTrials, tracker: Any) -> None:  # noqa: ANN401
    """Make the search's parent run, or open it again."""
    if trials.info.run_id is None:
        experiment_id, run_id = tracker.start_search(trials.info)
        trials.remember(experiment_id=experiment_id, run_id=run_id)
        trials.info = replace(trials.info, experiment_id=experiment_id, run_id=run_id)
    else:
        tracker.reopen_search(trials.info.run_id)


def make_limit(max_flops: float | None, data: ArrayData) -> Limit | None:
    """The limit on a trial's cost, if one is asked for."""
    if max_flops is None:
        return None
    from swast.training import price

    return Limit(max_flops, lambda config: price(config, data).total)


def show_end(trials: SearchTrials, home: Home, status: Status) -> None:
    """Print the front, where to browse it and how to export from it."""
    console = Console(highlight=False)
    name, records = trials.info.name, trials.records()
    console.print(f"\n[bold]{name}[/]: {display.progress(status)}")
    console.print(display.front_table(front_of(records)))
    console.print(f"hypervolume {hypervolume_of(records):.4f}")
    plot = home.search(name) / "pareto.html"
    console.print(f"plot    {plot}", soft_wrap=True)
    option = "" if home.is_default else f" --home {home.path}"
    console.print(f"browse  swast-search ui{option}", soft_wrap=True)
    console.print(
        f"export  swast-search export {name} --pick knee --out best{option}", soft_wrap=True
    )


def show_price(study: Study, budget: int, seed: int) -> None:
    """Print what a search would cost."""
    from search.pricing import SAMPLES, price_search

    found = price_search(study, load_data(study.fixed.data), budget, seed)
    console = Console(highlight=False)
    console.print(f"{study.name}: {budget} trials, about {found.expected:.3g} training FLOPs")
    console.print(
        f"one trial: least {found.least:.3g}, median {found.median:.3g}, most {found.most:.3g} "
        f"({SAMPLES} drawn from the space); dense {found.dense:.3g}"
    )
    for name, flops in found.references.items():
        console.print(f"reference {name}: {flops:.3g}")
