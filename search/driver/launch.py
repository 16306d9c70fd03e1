"""Launch of a search: from the request to the result."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.console import live, summary
from search.driver import prepare
from search.driver.prices import limits_of, prices_of, unit_of
from search.driver.request import Request
from search.engine.signals import stoppable
from search.errors import RayLostError, SearchFailedError
from search.loop.confirm import Confirmation
from search.loop.result import SearchResult
from search.loop.session import Session
from search.store.epoch_log import EpochLog
from search.store.home import Home
from search.store.lock import held
from search.store.process import process_settings
from search.store.urls import shown as shown_url
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from swast.files import replacing

if TYPE_CHECKING:
    from search.engine.tune import Workers
    from search.loop.status import Display
    from search.tracking import Tracker


def run_search(study: str | Path | None = None, **options: Any) -> SearchResult:  # noqa: ANN401
    """Run a search, as `swast-search` does, from Python.

    Args:
        study: a shipped study's name, or a study file.
        options: fields of `search.driver.request.Request`, as ``budget=50, gpus=0``.

    Raises:
        TypeError: an unknown option.
        RequestError: the request was wrong; nothing was written.
        ConfigError, DataError: the study or its data are wrong; nothing was written.
        SearchFailedError: no trial finished, or the stores were lost during the search.
    """
    name = None if study is None else str(study)
    return run(Request(study=name, **{"quiet": True} | options))


def launch(request: Request) -> bool:
    """Run the search of the command line, or print its price.

    Returns:
        False if the user interrupted it.
    """
    if request.dry_run:
        from search.driver import dry_run

        dry_run.show(request)
        return True
    result = run(request)
    if not request.quiet:
        summary.show_end(result, Home.find(request.home))
    return not result.interrupted


def run(request: Request) -> SearchResult:
    """Run a search. Wrong requests are refused before anything is written.

    Raises:
        RequestError: the request was wrong; nothing was written.
        SearchFailedError: no trial finished, or the search was stopped or lost its stores.
        RayLostError: Ray did not start, or ended below the search.
    """
    home = Home.find(request.home)
    prepare.check_places(request, home)
    with stoppable(), process_settings(), reserved(request, home) as (info, workers):
        try:
            result = search(request, home, open_trials(request, home, info), workers)
        except KeyboardInterrupt:
            raise SearchFailedError(f"stopped; {summary.how_to_resume(info.name, home)}") from None
        except RayLostError as error:
            hint = summary.how_to_resume(info.name, home)
            raise RayLostError(f"stopped: {error}; {hint}") from None
    if request.json:
        with replacing(request.json) as file:
            file.write((json.dumps(result.to_dict(), indent=2) + "\n").encode())
    if result.end == "failed":
        raise SearchFailedError(f"no trial of {info.name!r} finished")
    return result


@contextmanager
def reserved(request: Request, home: Home) -> Iterator[tuple[SearchInfo, Workers]]:
    """Lock the search for this process, prepare workers for it, and start or join Ray.

    Raises:
        RequestError: it cannot run here as requested.
    """
    from search.engine.cluster import is_running, ray_running
    from search.engine.tune import Workers  # before the lock: an import may swallow an interrupt

    with ExitStack() as stack:
        present, where = prepare.present_gpus(request), "this machine"
        if is_there := bool(request.address) or is_running():
            cpus, present = stack.enter_context(ray_running(request.address, 0))
            place = f"cluster at {request.address}" if request.address else "Ray of this process"
            where = f"the {place}"
        gpus = prepare.choose_gpus(request.gpus, present, where)
        info = prepare.choose_search(request, home, gpus)
        storage = request.storage or home.storage
        lock = held(storage, info.name, home.search(info.name))
        if request.resume is not None:
            stack.enter_context(lock)
        data = prepare.load(info.study, request, home)
        info = replace(info, unit=unit_of(info.study, data))
        resources = prepare.choose_resources(request, info.study, gpus)
        if not is_there:
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
    """Return the search in its storage: a new one, or the old one with the request's changes."""
    storage = request.storage or home.storage
    if request.resume is None:
        return SearchTrials.create(storage, info)
    trials = SearchTrials.load(storage, info.name)
    trials.remember(unit=info.unit, **prepare.changes(request))
    trials.enqueue_references()
    return trials


def search(request: Request, home: Home, trials: SearchTrials, workers: Workers) -> SearchResult:
    """Run a search that this process has locked; at the end read the front on the test set."""
    folder = home.search(trials.info.name)
    if workers.warmups is not None:
        workers.warmups.mkdir(parents=True, exist_ok=True)
    epoch_log = EpochLog(folder / "histories")
    tracker = begin_tracking(request, home, trials, epoch_log)
    with live.choose(quiet=request.quiet) as shown:
        try:
            limits = limits_of(trials.info, workers.data, request.retries)
            trials.know_prices(prices_of(trials.info, limits))
            session = Session(trials, tracker, shown, epoch_log, folder, limits)
            seconds = math.inf if request.time_budget is None else request.time_budget
            run_session(session, workers, seconds)
            status = session.status
            if status.end != "failed" and not status.interrupted:
                readings = Confirmation(trials, tracker, shown, folder, request.retries)
                read_front(readings, workers)
                status = replace(status, interrupted=readings.paused)
            if status.end == "finished":
                write_report(trials, tracker, epoch_log, folder, shown)
        finally:
            if not tracker.close():
                again = summary.how_to_resume(trials.info.name, home)
                place = shown_url(tracker.uri)
                shown.say(f"MLflow at {place} is behind; {again} brings it up to date")
    trials.complete_runs(tracker.run_of)
    records = tuple(trials.records())
    return SearchResult(trials.info, records, status.end, status.interrupted, status.seconds)


def read_front(readings: Confirmation, workers: Workers) -> None:
    """Read the front on the test set: here if nothing has to be trained, else by workers."""
    from search.engine.worker import Worker, work_here

    if readings.is_short:
        work_here(readings, Worker(workers.data))
    else:
        workers.run(readings)


def write_report(
    trials: SearchTrials, tracker: Tracker, epoch_log: EpochLog, folder: Path, shown: Display
) -> None:
    """Write the report and all plots to the search's folder and to MLflow."""
    from search.plots import write_all

    try:
        files = write_all(folder, trials.info, trials.records(), epoch_log, tracker.uri)
    except OSError as error:
        shown.say(f"the report cannot be written to {folder}: {error.strerror}")
        return
    tracker.attach([file.name for file in files])


def begin_tracking(
    request: Request, home: Home, trials: SearchTrials, epoch_log: EpochLog
) -> Tracker:
    """Begin the search in MLflow, and store where that is."""
    from search.tracking import Tracker

    uri = trials.info.tracked_at(request.tracking_uri, home)
    tracker = Tracker(uri, home.artifacts, home.search(trials.info.name), epoch_log)
    experiment_id, run_id = tracker.begin(trials.info, trials.records())
    stored = None if uri == home.tracking else shown_url(uri)
    trials.remember(experiment_id=experiment_id, run_id=run_id, tracking_uri=stored)
    return tracker


def run_session(session: Session, workers: Workers, seconds: float) -> None:
    """Run a session's trials; mark trials that still run at the end as paused.

    If the storage is lost, nothing more is written; a resumed search finds the running trials.
    """
    try:
        workers.run(session, seconds)
    except SearchFailedError:
        raise
    except BaseException:
        session.close()
        raise
    session.close()
