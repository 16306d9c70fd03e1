"""Preparation of a search: checks and choices, before anything is written."""

from __future__ import annotations

import math
import secrets
import time
from dataclasses import replace
from typing import Any

from search.driver.identity import models_of
from search.driver.networks import networks
from search.driver.request import Request
from search.engine.resources import Resources
from search.errors import RequestError
from search.objectives import STANDARD
from search.samplers.registry import check_sampler, default_sampler
from search.store.home import Home, check_tracking
from search.store.retrying_storage import open_storage
from search.store.urls import check_store, sqlite_file
from search.study.names import MOST_NAME, check_name
from search.study.study_file import Study, find_study
from search.study.tables import AUTO, TrialResources
from search.trials.repository import SearchTrials
from search.trials.search_info import SearchInfo
from search.trials.stored_searches import check_free
from swast import preflight
from swast.config import TrainConfig
from swast.data import ArrayData, Places, load_data
from swast.models import outline
from swast.outputs import refusal

DEFAULT_BUDGET = 50


def check_places(request: Request, home: Home) -> None:
    """Refuse folders and files that cannot be written, and stores that cannot be used.

    Raises:
        RequestError: naming the option.
    """
    home.check_writable()
    reason = refusal(request.json) if request.json else None
    if reason:
        raise RequestError(f"--json {request.json}: cannot be written to: {reason}")
    if request.resume is not None and not request.storage:
        home.check_exists()
    check_store("the search database", request.storage or home.storage, new=request.resume is None)
    check_tracking(request.tracking_uri or home.tracking, home, new=True)


def choose_study(request: Request, gpus: int) -> Study:
    """Return the requested study, else the default for GPUs or for CPUs."""
    default = "cifar10-resnet18" if gpus else "digits"
    return find_study(str(default if request.study is None else request.study))


def choose_search(request: Request, home: Home, gpus: int) -> SearchInfo:
    """Return the requested search: a new one, or one to resume.

    Raises:
        RequestError: it cannot be created or resumed.
    """
    storage = request.storage or home.storage
    if request.resume is None:
        info = new_info(request, storage, gpus)
    else:
        info = old_info(request.resume, storage, gpus)
    check_sampler(info.sampler)
    check_limits(info.study, request)
    if request.deterministic:
        check_repeatable(info.study, gpus)
    return info


def check_limits(study: Study, request: Request) -> None:
    """Refuse limits and early stopping that do not fit the study's cost.

    Raises:
        RequestError: training FLOPs are limited and the study's cost is another one, or trials
            are compared by a cost that is only measured.
    """
    cost, limits = study.objectives.cost, study.constraints
    if cost.choice != STANDARD.cost.choice:
        given = {
            "--max-flops": request.max_flops is not None,
            "--flops-budget": request.flops_budget is not None,
            "[constraints]": min(limits.max_flops, limits.max_relative_flops) < math.inf,
        }
        named = [name for name, is_given in given.items() if is_given]
        if named:
            raise RequestError(
                f"{named[0]} limits {STANDARD.cost.noun}, but the cost of study {study.name!r} is "
                f"{cost.noun}; leave {named[0]} out"
            )
    if study.halving is not None and cost.price is None:
        raise RequestError(
            f"[halving] compares trials by their cost, but the {cost.noun} of a trial in study "
            f"{study.name!r} are only known after training; leave [halving] out"
        )


def check_repeatable(study: Study, gpus: int) -> None:
    """Refuse a repeatable search of trainings that cannot be repeated.

    Raises:
        RequestError: they run on GPUs, or their cost is measured.
    """
    if gpus:
        raise RequestError(
            "--deterministic: a training on a GPU may give other digits when it is repeated; "
            "--gpus 0 searches on CPUs"
        )
    cost = study.objectives.cost
    if not cost.known:
        raise RequestError(
            f"--deterministic: the cost of study {study.name!r}, {cost.noun}, is measured and "
            "differs from one training to the next; leave --deterministic out"
        )


def new_info(request: Request, storage: str, gpus: int) -> SearchInfo:
    """Return the facts of a new search.

    Raises:
        RequestError: there is no such study, or the name is wrong or taken.
    """
    study = choose_study(request, gpus)
    stamp = time.strftime("-%Y%m%d-%H%M%S")
    stamped = study.name[: MOST_NAME - len(stamp)] + stamp
    name = stamped if request.name is None else request.name
    check_name(name, "--name")
    path = sqlite_file(storage)
    if path is None or path.exists():
        check_free(open_storage(storage), name)
    made = SearchInfo(
        name=name,
        uid=secrets.token_hex(8),
        study=study,
        device="cuda" if gpus else "cpu",
        sampler=request.sampler or default_sampler(request.budget or DEFAULT_BUDGET),
        seed=request.seed or 0,
        budget=DEFAULT_BUDGET,
        replicates=AUTO,
    )
    return replace(made, **changes(request))


def changes(request: Request) -> dict[str, Any]:
    """Return the facts of a search that the request sets; a later request may change them."""
    names = ("budget", "max_flops", "flops_budget", "replicates", "confirm_seeds")
    return {name: value for name in names if (value := getattr(request, name)) is not None}


def old_info(name: str, storage: str, gpus: int) -> SearchInfo:
    """Return the facts of the search to resume.

    Raises:
        RequestError: there is none of that name, or it cannot run here.
    """
    info = SearchTrials.load(storage, name, to_change=True).info
    if info.device == "cuda" and not gpus:
        raise RequestError(f"search {name!r} was started on GPUs, and none are to be used")
    return info


def choose_resources(request: Request, study: Study, gpus: int) -> Resources:
    """Return the resources of the search: the requested ones, else those of its study."""
    usual = study.resources or TrialResources()
    return Resources(
        gpus=gpus,
        cpus_per_trial=request.cpus_per_trial or usual.cpus_per_trial,
        gpus_per_trial=(request.gpus_per_trial or usual.gpus_per_trial) if gpus else 0.0,
        memory_per_trial=request.memory_per_trial or usual.memory_per_trial,
    )


def choose_gpus(requested: int | None, present: int, where: str) -> int:
    """Return the number of GPUs to use: the requested number, or all present.

    Raises:
        RequestError: more are requested than are present.
    """
    if requested is not None and requested > present:
        raise RequestError(
            f"--gpus {requested}: {where} has {present}; --gpus 0 searches on CPUs, "
            "--address joins a cluster"
        )
    return present if requested is None else requested


def present_gpus(request: Request) -> int:
    """Return the GPUs of this machine; import nothing to count them if none are requested."""
    if request.gpus == 0:
        return 0
    import torch

    return torch.cuda.device_count()


def load(study: Study, request: Request, home: Home) -> ArrayData:
    """Load a study's data, and check every network, method and coreset of the study on them.

    Raises:
        DataError: the data are missing or unusable.
        ConfigError: a network cannot be built, pruned or trained on them, a coreset of the study
            is too small to hold every class, or networks cannot be compiled here.
    """
    places = Places.find(request.data_dir, home.path, download=request.download)
    data = load_data(study.fixed.data, study.fixed.loading, places)
    for config in smallest(study):
        preflight.check_data(config, data)
    if not request.address:
        device = "cpu" if request.gpus == 0 else "auto"
        for compiled in set(study.ends("compute.compile")):
            values = {"compute.compile": compiled, "device": device}
            preflight.check_machine(study.fixed.with_values(values))
    for name in models_of(study):
        outline(name, data.input_shape, data.num_classes)
    for config in [*study.references.values(), *networks(study)]:
        preflight.check_network(config, data)
    return data


def smallest(study: Study) -> list[TrainConfig]:
    """Return the references, and ``[fixed]`` at either end of the searched coreset sizes."""
    name = "coreset.fraction"
    ends = [study.fixed.with_values({name: end}) for end in study.ends(name)]
    return [*study.references.values(), *ends]
