"""Run a search, from the request to the summary."""

from __future__ import annotations

import json
import secrets
import time
from argparse import Namespace
from contextlib import ExitStack
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.console import Console

from search import display
from search.errors import RequestError, SearchFailedError
from search.halving import Halving
from search.home import Home, check_store, sqlite_file
from search.records import front_of, hypervolume_of
from search.resources import Resources
from search.rules import Limit, Stopping
from search.session import Session, Status
from search.study import Study, check_name, find_study, shipped
from search.trials import SearchInfo, SearchTrials, describe_search, search_names
from swast.config import TrainConfig
from swast.data import ArrayData, Places, load_data
from swast.files import replacing, writable
from swast.models import outline
from swast.run import check_coreset

if TYPE_CHECKING:
    from search.tracking import Tracker

DEFAULT_BUDGET = 50


def launch(options: Namespace) -> None:
    """Run the search that the command line asks for.

    Raises:
        RequestError: the request was wrong; nothing was written.
        SearchFailedError: no trial finished.
    """
    home = Home.find(options.home)
    gpus = count_gpus(options)
    if options.dry_run:
        study = find_study(default_study(gpus) if options.study is None else options.study)
        data = load(study, options, home)
        show_price(study, data, options.budget or DEFAULT_BUDGET, options.seed)
        return
    check_places(options, home)
    trials, status = search(options, home, gpus)
    summary = describe_search(trials) | {"seconds": status.seconds}
    if options.json:
        with replacing(options.json) as file:
            file.write((json.dumps(summary, indent=2) + "\n").encode())
    if not options.quiet:
        show_end(trials, home, status)
    if not summary["front"]:
        raise SearchFailedError(f"no trial of {trials.info.name!r} finished")


def search(options: Namespace, home: Home, gpus: int) -> tuple[SearchTrials, Status]:
    """Run a search; returns its trials, and how it stands at the end.

    All that can be refused is refused before anything is made: what the request says, then what
    Ray has not got.
    """
    from search.runner import concurrency, ray_running, run_trials
    from search.tracking import Tracker

    storage = options.storage or home.storage
    with ExitStack() as stack:
        if options.resume is None:
            info = new_info(options, storage, gpus)
        else:
            info = old_info(options.resume, storage, gpus)
            stack.enter_context(home.lock(info.name))
        data = load(info.study, options, home)
        resources = make_resources(options, gpus)
        stack.enter_context(ray_running(resources))
        concurrent = concurrency(resources)
        tracker = Tracker(options.tracking_uri or home.tracking, home.artifacts)
        if options.resume is None:
            trials = SearchTrials.create(storage, info)
            stack.enter_context(home.lock(info.name))
        else:
            trials = SearchTrials.load(storage, info.name)
            trials.remember(budget=options.budget or info.budget)
        begin_tracking(trials, tracker)
        shown = stack.enter_context(display.choose(quiet=options.quiet))
        rules = make_rules(options.max_flops, info.study, data)
        session = Session(trials, tracker, shown, home.search(info.name), *rules)
        try:
            run_trials(session, data, resources, concurrent, options.time_budget)
        finally:
            session.close()
    return trials, session.status


def load(study: Study, options: Namespace, home: Home) -> ArrayData:
    """A study's data, once all that it may train has been tried on them.

    Raises:
        DataError: they are missing or unusable.
        ConfigError: a network cannot be built or trained on them, or a coreset that the study asks
            for could not hold every class.
    """
    places = Places.find(options.data_dir, home.path, download=options.download)
    data = load_data(study.fixed.data, study.fixed.loading, places)
    for config in smallest(study):
        check_coreset(config, data)
    names = set(study.ends("model"))
    for name in sorted(names | {config.model for config in study.references.values()}):
        outline(name, data.input_shape, data.num_classes)
    return data


def smallest(study: Study) -> list[TrainConfig]:
    """The references, and what is fixed at either end of the coreset sizes that are searched."""
    name = "coreset.fraction"
    ends = [study.fixed.with_values({name: end}) for end in study.ends(name)]
    return [*study.references.values(), *ends]


def check_places(options: Namespace, home: Home) -> None:
    """Refuse places that cannot be written to, and stores that cannot be used.

    Raises:
        RequestError: naming the option.
    """
    home.check_writable()
    if options.json and not writable(options.json, folder=False):
        raise RequestError(f"--json {options.json}: cannot be written to")
    if options.resume is not None:
        check_name(options.resume, "--resume")
        if options.study is not None or options.name is not None:
            raise RequestError("--resume goes on with a search as it is: no --study, no --name")
        if not options.storage:
            home.check_exists()
    check_store("the search database", options.storage or home.storage, new=options.resume is None)
    check_store("the MLflow store", options.tracking_uri or home.tracking, new=True)


def new_info(options: Namespace, storage: str, gpus: int) -> SearchInfo:
    """What the search that is asked for will be.

    Raises:
        RequestError: there is no such study, or the name is wrong or taken.
    """
    study = find_study(default_study(gpus) if options.study is None else options.study)
    stamped = f"{study.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    name = stamped if options.name is None else options.name
    check_name(name, "--name")
    path = sqlite_file(storage)
    if (path is None or path.exists()) and name in search_names(storage):
        raise RequestError(
            f"a search named {name!r} exists; --resume {name} goes on with it, "
            "--name chooses another name"
        )
    return SearchInfo(
        name=name,
        uid=secrets.token_hex(8),
        study=study,
        device="cuda" if gpus else "cpu",
        sampler=options.sampler,
        seed=options.seed,
        budget=options.budget or DEFAULT_BUDGET,
    )


def old_info(name: str, storage: str, gpus: int) -> SearchInfo:
    """What the search that is to be resumed is.

    Raises:
        RequestError: there is none of that name, or it cannot go on here.
    """
    info = SearchTrials.load(storage, name).info
    if info.device == "cuda" and not gpus:
        raise RequestError(f"search {name!r} was begun on GPUs, and none are to be used")
    return info


def make_resources(options: Namespace, gpus: int) -> Resources:
    """What the search may use."""
    return Resources(
        gpus=gpus,
        cpus_per_trial=options.cpus_per_trial,
        gpus_per_trial=options.gpus_per_trial or (1.0 if gpus else 0.0),
        address=options.address,
    )


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
    """The study that runs where none is named; without one for GPUs, that for CPUs."""
    wanted = "cifar10-resnet18" if gpus else "digits"
    return wanted if wanted in shipped() else "digits"


def begin_tracking(trials: SearchTrials, tracker: Tracker) -> None:
    """Make the search's parent run, or open it again."""
    if trials.info.run_id is None:
        experiment_id, run_id = tracker.start_search(trials.info)
        trials.remember(experiment_id=experiment_id, run_id=run_id)
    else:
        tracker.reopen_search(trials.info.run_id, trials.records())


def make_rules(
    max_flops: float | None, study: Study, data: ArrayData
) -> tuple[Limit | None, Stopping | None]:
    """The limit on a trial's cost and what stops trials early, each if it is asked for."""
    from swast.training import price

    cost = lru_cache(lambda config: price(config, data).total)
    limit = None if max_flops is None else Limit(max_flops, cost)
    asked = study.halving
    if asked is None:
        return limit, None
    return limit, Stopping(Halving(asked.grace, asked.reduction, asked.brackets), cost)


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


def show_price(study: Study, data: ArrayData, budget: int, seed: int) -> None:
    """Print what a search would cost."""
    from search.pricing import SAMPLES, price_search

    found = price_search(study, data, budget, seed)
    console = Console(highlight=False)
    console.print(f"{study.name}: {budget} trials, about {found.expected:.3g} training FLOPs")
    console.print(
        f"one trial: least {found.least:.3g}, median {found.median:.3g}, most {found.most:.3g} "
        f"({SAMPLES} drawn from the space); dense {found.dense:.3g}"
    )
    for name, flops in found.references.items():
        console.print(f"reference {name}: {flops:.3g}")
