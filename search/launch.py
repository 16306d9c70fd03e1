"""Run a search, from the request to what it found."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search import display, prepare, summary
from search.confirm import Confirmation
from search.ehvi.costs import Prices
from search.errors import SearchFailedError
from search.halving import Halving
from search.histories import Histories
from search.home import Home
from search.home import shown as shown_url
from search.info import SearchInfo
from search.lock import held
from search.request import Request
from search.result import SearchResult
from search.rules import Rules, Stopping
from search.session import Session
from search.trials import SearchTrials
from swast.config import TrainConfig
from swast.data import ArrayData
from swast.files import replacing
from swast.forecast import dense_flops

if TYPE_CHECKING:
    from search.runner import Workers
    from search.status import Display
    from search.tracking import Tracker


def run_search(study: str | Path | None = None, **options: Any) -> SearchResult:  # noqa: ANN401
    """Run a search; what `swast-search` does, from Python.

    Args:
        study: a shipped study's name, or a study file.
        options: fields of `search.request.Request`, as ``budget=50, gpus=0, home="searches"``.

    Raises:
        TypeError: an option that there is not.
        RequestError: the request was wrong; nothing was written.
        ConfigError, DataError: so was what it names.
        SearchFailedError: no trial finished, or the stores were lost on the way.
    """
    return run(Request(study=study, **{"quiet": True} | options))


def launch(request: Request) -> bool:
    """Run the search that the command line asks for, or price it.

    Returns:
        Whether it came to its end: False if the user interrupted it.
    """
    if request.dry_run:
        price(request)
        return True
    result = run(request)
    if not request.quiet:
        summary.show_end(result, Home.find(request.home))
    return not result.interrupted


def price(request: Request) -> None:
    """Print what a search would cost in FLOPs, and how long it would train on this machine.

    Of a cluster's size nothing is known here: on one, trials are counted one after another.
    """
    from search import pricing

    gpus = prepare.choose_gpus(request.gpus, prepare.present_gpus(request), "this machine")
    study = prepare.choose_study(request, gpus)
    data = prepare.load(study, request, Home.find(request.home))
    budget = request.budget or prepare.DEFAULT_BUDGET
    concurrent = 1
    if not request.address:
        resources = prepare.choose_resources(request, study, gpus)
        concurrent = min(resources.concurrency(os.cpu_count() or 1, gpus), budget)
    outlook = pricing.foresee_search(
        study, data, request.seed, separate_warmups=request.separate_warmups
    )
    pace = pricing.calibrate_search(study, outlook, data, "cuda" if gpus else "cpu")
    summary.show_price(study, budget, pricing.quote(outlook, pace, budget, concurrent))


def run(request: Request) -> SearchResult:
    """Run a search. All that can be refused is refused before anything is made.

    Raises:
        RequestError: the request was wrong; nothing was written.
        SearchFailedError: no trial finished, or the search was stopped or lost its stores.
    """
    home = Home.find(request.home)
    prepare.check_places(request, home)
    with reserved(request, home) as (info, workers):
        try:
            result = search(request, home, open_trials(request, home, info), workers)
        except KeyboardInterrupt:
            raise SearchFailedError(f"stopped; {summary.how_to_resume(info.name, home)}") from None
    if request.json:
        with replacing(request.json) as file:
            file.write((json.dumps(result.to_dict(), indent=2) + "\n").encode())
    if result.end == "failed":
        raise SearchFailedError(f"no trial of {info.name!r} finished")
    return result


@contextmanager
def reserved(request: Request, home: Home) -> Iterator[tuple[SearchInfo, Workers]]:
    """The search, held for this process alone, and workers for it.

    Raises:
        RequestError: it cannot be run here as it is asked for.
    """
    from search.cluster import ray_running
    from search.runner import Workers  # before there is a lock: an import may swallow an interrupt

    with ExitStack() as stack:
        present, where = prepare.present_gpus(request), "this machine"
        if request.address:
            cpus, present = stack.enter_context(ray_running(request.address, 0))
            where = f"the cluster at {request.address}"
        gpus = prepare.choose_gpus(request.gpus, present, where)
        info = prepare.choose_search(request, home, gpus)
        storage = request.storage or home.storage
        lock = held(storage, info.name, home.search(info.name))
        if request.resume is not None:
            stack.enter_context(lock)
        data = prepare.load(info.study, request, home)
        resources = prepare.choose_resources(request, info.study, gpus)
        if not request.address:
            all_at_work = resources.cpus_per_trial <= 1 and info.budget >= (os.cpu_count() or 1)
            ready = all_at_work and not gpus
            cpus, _ = stack.enter_context(ray_running(None, gpus, ready=ready))
        shares = info.study.shares_warmups and not request.separate_warmups
        warmups = home.warmups if shares else None
        workers = Workers(data, resources, resources.concurrency(cpus, gpus), warmups)
        if request.resume is None:
            stack.enter_context(lock)
        yield info, workers


def open_trials(request: Request, home: Home, info: SearchInfo) -> SearchTrials:
    """The search in its storage: made now, or taken up with what the request changes."""
    storage = request.storage or home.storage
    if request.resume is None:
        return SearchTrials.create(storage, info)
    trials = SearchTrials.load(storage, info.name)
    trials.remember(**prepare.limits(request))
    trials.enqueue_references()
    return trials


def search(request: Request, home: Home, trials: SearchTrials, workers: Workers) -> SearchResult:
    """Run a search that this process holds, and read its front at the end."""
    folder = home.search(trials.info.name)
    if workers.warmups is not None:
        workers.warmups.mkdir(parents=True, exist_ok=True)
    histories = Histories(folder / "histories")
    tracker = begin_tracking(request, home, trials, histories)
    with display.choose(quiet=request.quiet) as shown:
        try:
            rules = make_rules(trials.info, workers.data, request.retries)
            trials.tell_prices(make_prices(rules, workers.data))
            session = Session(trials, tracker, shown, histories, folder, rules)
            run_session(session, workers, request.time_budget)
            status = session.status
            if status.end != "failed" and not status.interrupted:
                readings = Confirmation(trials, tracker, shown, folder, request.retries)
                read_front(readings, workers)
                status = replace(status, interrupted=readings.paused)
            if status.end == "finished":
                write_report(trials, tracker, histories, folder, shown)
        finally:
            if not tracker.close():
                again = summary.how_to_resume(trials.info.name, home)
                place = shown_url(tracker.uri)
                shown.say(f"MLflow at {place} lags behind; {again} and brings it up to date")
    trials.complete_runs(tracker.run_of)
    records = tuple(trials.records())
    return SearchResult(trials.info, records, status.end, status.interrupted, status.seconds)


def read_front(readings: Confirmation, workers: Workers) -> None:
    """Read the front: here where nothing has to be trained, else by workers."""
    from search.worker import Worker, work_here

    if readings.is_short:
        work_here(readings, Worker(workers.data))
    else:
        workers.run(readings)


def write_report(
    trials: SearchTrials, tracker: Tracker, histories: Histories, folder: Path, shown: Display
) -> None:
    """Write the report and all plots into the search's folder, and to MLflow."""
    from search.plots import write_all

    try:
        files = write_all(folder, trials.info, trials.records(), histories, tracker.uri)
    except OSError as error:
        shown.say(f"the report cannot be written to {folder}: {error.strerror}")
        return
    tracker.attach([file.name for file in files])


def begin_tracking(
    request: Request, home: Home, trials: SearchTrials, histories: Histories
) -> Tracker:
    """The search in MLflow, begun; where that is, is kept with it."""
    from search.tracking import Tracker

    uri = trials.info.tracked_at(request.tracking_uri, home)
    tracker = Tracker(uri, home.artifacts, home.search(trials.info.name), histories)
    experiment_id, run_id = tracker.begin(trials.info, trials.records())
    kept = None if uri == home.tracking else shown_url(uri)
    trials.remember(experiment_id=experiment_id, run_id=run_id, tracking_uri=kept)
    return tracker


def run_session(session: Session, workers: Workers, seconds: float | None) -> None:
    """Run a session's trials; however that ends, what runs can be gone on with.

    Where the storage is lost nothing more is told to it: a resumed search finds what ran.
    """
    try:
        workers.run(session, seconds)
    except SearchFailedError:
        raise
    except BaseException:
        session.close()
        raise
    session.close()


def make_rules(info: SearchInfo, data: ArrayData, retries: int) -> Rules:
    """What keeps the search's trials from being started, and what stops them."""
    from swast import training

    asked = info.study.halving
    stopping = None
    if asked is not None:
        stopping = Stopping(Halving(asked.grace, asked.reduction, asked.brackets))
    return Rules(
        price=lru_cache(lambda config: training.price(config, data).total),
        limit=make_limit(info, data),
        flops_budget=info.flops_budget,
        stopping=stopping,
        retries=retries,
    )


def make_limit(info: SearchInfo, data: ArrayData) -> Callable[[TrainConfig], float] | None:
    """The most that a trial may cost, by the request and the study; None for no limit."""
    constraints, asked = info.study.constraints, info.max_flops
    if constraints.limit(1, asked) is None:
        return None
    return lambda config: constraints.limit(dense_flops(config, data), asked) or math.inf


def make_prices(rules: Rules, data: ArrayData) -> Prices:
    """What configurations cost, for a sampler that asks of many.

    Under a global threshold a price takes a rehearsal of the warm-up; there the layers are taken
    to be pruned as ERK would have them.
    """

    def price(config: TrainConfig) -> int:
        if config.prune.distribution == "global":
            config = config.with_values({"prune.distribution": "erk"})
        return rules.price(config)

    return Prices(price, dense=lambda config: dense_flops(config, data), limit=rules.limit)
