"""`--dry-run`: print the price of a search in FLOPs and in time; write nothing."""

from __future__ import annotations

import os
from collections.abc import Callable

from rich.console import Console

from search.console import live
from search.driver import prepare, pricing
from search.driver.pricing import SAMPLES, Price, Quote
from search.driver.request import Request
from search.store.home import Home
from search.study.study_file import Study


def show(request: Request) -> None:
    """Print what a search would cost in FLOPs, and how long it would train on this machine.

    Of a cluster's size nothing is known here: on one, trials are counted one after another.
    """
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
    show_price(study, budget, pricing.quote(outlook, pace, budget, concurrent))


def show_price(study: Study, budget: int, quote: Quote) -> None:
    """Print what a search would cost."""

    def spread(price: Price, form: Callable[[float], str]) -> str:
        least, median, most = map(form, (price.least, price.median, price.most))
        return f"least {least}, median {median}, most {most}"

    flops, seconds, lanes = quote.flops, quote.seconds, quote.concurrent
    say = Console(highlight=False, markup=False, soft_wrap=True).print
    say(f"{study.name}: {budget} trials, about {flops.expected:.3g} training FLOPs")
    drawn = f"({SAMPLES} drawn from the space); dense {quote.dense:.3g}"
    say(f"one trial: {spread(flops, '{:.3g}'.format)} {drawn}")
    whole = f"about {span(seconds.expected / lanes)} of training, {lanes} at a time"
    say(f"{whole}; start-up and upkeep are extra")
    say(f"time of one trial: {spread(seconds, span)}")
    if flops.shared:
        less = f"{flops.shared:.3g} FLOPs and {span(seconds.shared / lanes)}"
        say(f"warm-ups that trials share are trained once: about {less} less than that")
    if study.halving and flops.halved is not None and seconds.halved is not None:
        left = f"{flops.halved:.3g} FLOPs and {span(seconds.halved / lanes)}"
        rate = f"every rung lets 1 in {study.halving.reduction} go on"
        say(f"halving: about {left} if {rate}; at most what is above")
    for name, cost in flops.references.items():
        say(f"reference {name}: {cost:.3g}, {span(seconds.references[name])}")


def span(seconds: float) -> str:
    """A duration as ``0.52 s``, ``8.2 s``, or from a minute on as `live.clock` gives it."""
    return f"{seconds:.2g} s" if seconds < 60 else live.clock(seconds)
