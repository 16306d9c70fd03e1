"""Launch of a search: from the request to the result."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.console import live, summary
from search.driver import phases, prepare, tracking
from search.driver.identity import checked_identity
from search.driver.prices import check_affordable, limits_of, prices_of, unit_of
from search.driver.request import Request
from search.engine import machine
from search.engine.signals import stoppable
from search.errors import RayLostError, SearchFailedError
from search.loop.confirm import Confirmation
from search.loop.result import SearchResult
from search.loop.session import Session
from search.store.epoch_log import EpochLog
from search.store.home import Home
from search.store.lock import held
from search.store.process import process_settings
from search.trials import tracebacks
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from swast.libraries import importing
from swast.outputs import is_standard_output, write_output
from swast.printing import guarded, keeping_free

if TYPE_CHECKING:
    from search.engine.resources import Resources
    from search.engine.tune import Workers
    from search.loop.status import Display
    from search.tracking import Tracker
    from swast.data import ArrayData


def run_search(study: str | Path | None = None, **options: Any) -> SearchResult:  # noqa: ANN401
    """Run a search, as `swast-search` does, from Python.

    Args:
        study: a shipped study's name, or a study file.
        options: fields of `search.driver.request.Request`, as ``budget=50, gpus=0``.

    Raises:
        TypeError: an unknown option.
        RequestError: the request was wrong; nothing was written.
        ConfigError, DataError: the study or its data are wrong; nothing was written.
        SearchFailedError: no trial finished, or the stores were lost during the search, or the
            summary could not be written.
    """
    name = None if study is None else str(study)
    request = Request(study=name, **{"quiet": True} | options)
    with guarded(), only_summary_on_output(request):
        result = run(request)
    write_summary(request, result)
    return result


def launch(request: Request) -> bool:
    """Run the search of the command line, or print its price.

    Returns:
        False if the user interrupted it.
    """
    if request.dry_run:
        from search.driver import dry_run

        dry_run.show(request)
        return True
    with only_summary_on_output(request):
        result = run(request)
        if not request.quiet and result.end != "failed":
            summary.show_end(result, Home.find(request.home))
    write_summary(request, result)
    return not result.interrupted


def only_summary_on_output(request: Request) -> AbstractContextManager[None]:
    """Keep standard output free for the summary, if that is where the user wants it."""
    return keeping_free(request.json is not None and is_standard_output(request.json))


def write_summary(request: Request, result: SearchResult) -> None:
    """Write the summary of a search that has ended, if the user wants one.

    Raises:
        SearchFailedError: it cannot be written, or no trial finished.
    """
    if request.json:
        try:
            write_output(request.json, json.dumps(result.to_dict(), indent=2) + "\n")
        except OSError as error:
            raise SearchFailedError(
                f"--json {request.json}: cannot be written: {error.strerror}; "
                f"swast-search show {result.info.name} --json prints the same"
            ) from None
    if result.end == "failed":
        raise SearchFailedError(f"no trial of {result.info.name!r} finished")


def run(request: Request) -> SearchResult:
    """Run a search. Wrong requests are refused before anything is written.

    Raises:
        RequestError: the request was wrong; nothing was written.
        SearchFailedError: the search was stopped or lost its stores.
        RayLostError: Ray did not start, or ended below the search.
    """
    home = Home.find(request.home)
    prepare.check_places(request, home)
    with stoppable(), process_settings(), reserved(request, home) as (info, workers, tracker):
        try:
            result = search(request, home, open_trials(request, home, info), workers, tracker)
        except KeyboardInterrupt:
            raise SearchFailedError(f"stopped; {summary.how_to_resume(info.name, home)}") from None
        except RayLostError as error:
            hint = summary.how_to_resume(info.name, home)
            raise RayLostError(f"stopped: {error}; {hint}") from None
    return result


@contextmanager
def reserved(request: Request, home: Home) -> Iterator[tuple[SearchInfo, Workers, Tracker]]:
    """Lock the search for this process, prepare workers, start or join Ray, and open MLflow.

    Raises:
        RequestError: it cannot run here as requested.
    """
    with importing():
        from search.engine import cluster, tune

    with ExitStack() as stack:
        present, where, memory = prepare.present_gpus(request), "this machine", machine.memory()
        if is_there := bool(request.address) or cluster.is_running():
            cpus, present = stack.enter_context(cluster.ray_running(request.address, 0))
            place = f"cluster at {request.address}" if request.address else "Ray of this process"
            where, memory = f"the {place}", math.inf
        gpus = prepare.choose_gpus(request.gpus, present, where)
        info = prepare.choose_search(request, home, gpus)
        storage = request.storage or home.storage
        lock = held(storage, info.name, home.search(info.name))
        if request.resume is not None:
            stack.enter_context(lock)
        data = prepare.load(info.study, request, home)
        info = with_data(info, data)
        resources = prepare.choose_resources(request, info.study, gpus)
        tracker = tracking.open_tracker(request, home, info, new=False)
        if not is_there:
            phases.begin(request, "starting Ray")
            ready = not gpus and all_cores_work(resources, info.budget)
            cpus, _ = stack.enter_context(cluster.ray_running(None, gpus, ready=ready))
        concurrent = resources.concurrency(cpus, gpus, memory)
        shares = info.study.shares_warmups and not request.separate_warmups
        workers = tune.Workers(data, resources, concurrent, home.warmups if shares else None)
        tracker = tracker or tracking.open_tracker(request, home, info)
        if request.resume is None:
            stack.enter_context(lock)
        yield replace(info, lag=concurrent if request.deterministic else None), workers, tracker


def all_cores_work(resources: Resources, budget: int) -> bool:
    """Return whether a search has a trial for each core."""
    return resources.cpus_per_trial <= 1 and budget >= machine.cores()


def with_data(info: SearchInfo, data: ArrayData) -> SearchInfo:
    """Return the facts of a search with those that its data decide.

    Raises:
        RequestError: other data than before, or limits that no trial keeps.
    """
    identity, unit = checked_identity(info, data), unit_of(info.study, data)
    check_affordable(info.study, data, unit, info.max_flops, info.flops_budget)
    return replace(info, unit=unit, identity=identity)


def open_trials(request: Request, home: Home, info: SearchInfo) -> SearchTrials:
    """Return the search in its storage: a new one, or the old one with the request's changes."""
    storage = request.storage or home.storage
    if request.resume is None:
        return SearchTrials.create(storage, info)
    trials = SearchTrials.load(storage, info.name)
    trials.remember(unit=info.unit, identity=info.identity, **prepare.changes(request))
    trials.enqueue_references()
    return trials


def search(
    request: Request,
    home: Home,
    trials: SearchTrials,
    workers: Workers,
    tracker: Tracker | None = None,
) -> SearchResult:
    """Run a search that this process has locked; at the end read the front on the test set."""
    tracker = tracker or tracking.open_tracker(request, home, trials.info)
    folder, epoch_log = home.search(trials.info.name), tracker.epoch_log
    if workers.warmups is not None:
        workers.warmups.mkdir(parents=True, exist_ok=True)
    tracker.begin(trials.info, trials.estimated())
    tracking.remember(trials, tracker, home)
    phases.end(request)
    with live.choose(quiet=request.quiet) as shown:
        if workers.data.note:
            shown.say(workers.data.note)
        try:
            allowed = limits_of(trials.info, workers.data, request.retries)
            trials.know_prices(prices_of(trials.info, allowed))
            session = Session(trials, tracker, shown, epoch_log, folder, allowed)
            seconds = math.inf if request.time_budget is None else request.time_budget
            run_session(session, workers, seconds)
            status = session.status
            if status.end != "failed" and not status.interrupted:
                readings = Confirmation(trials, tracker, shown, folder, request.retries)
                read_front(readings, workers)
                status = replace(session.status, interrupted=readings.paused)
            if status.end == "finished":
                write_report(trials, tracker, epoch_log, folder, shown)
            tracker.attach(tracebacks.kept(folder))
        finally:
            tracking.close(trials, tracker, home)
    records = tuple(trials.estimated())
    return SearchResult(trials.info, records, status.end, status.interrupted, status.seconds)


def read_front(readings: Confirmation, workers: Workers) -> None:
    """Confirm contenders and read the front on the test set.

    This process does it if nothing has to be trained, else workers do.
    """
    from search.engine.worker import Worker, work_here

    if readings.is_short:
        work_here(readings, Worker(workers.data))
    else:
        workers.run(readings)
    readings.close()


def write_report(
    trials: SearchTrials, tracker: Tracker, epoch_log: EpochLog, folder: Path, shown: Display
) -> None:
    """Write the report and all plots to the search's folder and to MLflow."""
    from search.plots import write_all

    shown.say("drawing the plots, writing the report")
    try:
        files = write_all(folder, trials.info, trials.estimated(), epoch_log, tracker.uri)
    except OSError as error:
        shown.say(f"the report cannot be written to {folder}: {error.strerror}")
        return
    tracker.attach([file.name for file in files])


def run_session(session: Session, workers: Workers, seconds: float) -> None:
    """Run a session's trials; mark trials that still run at the end as paused.

    If the storage is lost, nothing more is written; a resumed search finds the running trials.
    """
    try:
        workers.run(session, seconds)
    except SearchFailedError:
        raise
    except BaseException:
        with suppress(Exception):  # the first error is the one to report
            session.close()
        raise
    session.close()
