"""`--dry-run`: the price of a search, in its cost and in time; nothing is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from search.console import live
from search.driver import prepare, pricing
from search.driver.identity import models_of
from search.driver.prices import SAMPLES, check_affordable
from search.driver.pricing import Price, Quote
from search.driver.request import Request
from search.engine import machine
from search.store.home import Home
from search.study.study_file import Study
from swast.printing import out
from swast.trust import imports_code

ROUNDING = 1e-9


def show(request: Request) -> None:
    """Print the cost of a search, and the time of its trainings on this machine.

    The size of a cluster is unknown; for a search on one, trials count one after another.

    Raises:
        RequestError: the search could not run as requested.
    """
    gpus = prepare.choose_gpus(request.gpus, prepare.present_gpus(request), "this machine")
    study = prepare.choose_study(request, gpus)
    prepare.check_limits(study, request)
    if request.deterministic:
        prepare.check_repeatable(study, gpus)
    code = [model for model in models_of(study) if imports_code(model)]
    if request.no_import and code:
        show_unpriced(study, request, code)
        return
    data = prepare.load(study, request, Home.find(request.home))
    budget = request.budget or prepare.DEFAULT_BUDGET
    concurrent = 1
    if not request.address:
        resources = prepare.choose_resources(request, study, gpus)
        concurrent = min(resources.concurrency(machine.cores(), gpus, machine.memory()), budget)
    outlook = pricing.foresee_search(
        study, data, request.seed or 0, separate_warmups=request.separate_warmups
    )
    one, whole = (each or math.inf for each in (request.max_flops, request.flops_budget))
    check_affordable(study, data, outlook.unit, one, whole)
    outlook = outlook.within(min(study.constraints.limit(outlook.unit, one), whole))
    pace = pricing.calibrate_search(study, outlook, data, "cuda" if gpus else "cpu")
    quote = pricing.quote(outlook, pace, budget, concurrent)
    show_price(study, budget, quote)
    if quote.cost and quote.cost.expected > whole:
        trials = round(budget * whole / quote.cost.expected)
        out(f"--flops-budget {whole:.3g} is spent after about {trials} trials")


def show_unpriced(study: Study, request: Request, code: list[str]) -> None:
    """Print that a study cannot be priced without importing the code of its networks."""
    budget = request.budget or prepare.DEFAULT_BUDGET
    named = ", ".join(map(repr, code))
    out(f"{study.name}: {budget} trials")
    out(f"no price: --no-import leaves out the code of {named}, whose layers it needs")


def show_price(study: Study, budget: int, quote: Quote) -> None:
    """Print the quote for a search."""
    for line in lines_of(study, budget, quote):
        out(line)


def lines_of(study: Study, budget: int, quote: Quote) -> Iterator[str]:
    """Yield the lines to print."""
    axis, cost, seconds = study.objectives.cost, quote.cost, quote.seconds
    lanes = quote.concurrent

    def both(part: Callable[[Price], float | None]) -> str:
        prices = [] if cost is None else [axis.absolute_text(part(cost) or 0)]
        return " and ".join([*prices, span((part(seconds) or 0) / lanes)])

    if cost is None:
        yield f"{study.name}: {budget} trials; their {axis.noun} are known only after training"
    else:
        yield f"{study.name}: {budget} trials, about {cost.expected:.3g} {axis.noun}"
        fits = "" if quote.drawn == SAMPLES else f"{quote.drawn} of "
        drawn = f"({fits}{SAMPLES} drawn from the space); dense {quote.unit:.3g}"
        yield f"one trial: {spread(cost, '{:.3g}'.format)} {drawn}"
    whole = f"about {span(seconds.expected / lanes)} of training, {lanes} at a time"
    yield f"{whole}; start-up and upkeep are extra"
    yield f"time of one trial: {spread(seconds, span)}"
    if seconds.shared > ROUNDING * seconds.expected:
        less = both(lambda price: price.shared)
        yield f"warm-ups that trials share are trained once: about {less} less than that"
    if study.halving:
        rate = f"1 in {study.halving.reduction} trials continue at every rung"
        left = both(lambda price: price.halved)
        yield f"halving: about {left} if {rate}; at most what is above"
    for name, time in seconds.references.items():
        price = "" if cost is None else f"{cost.references[name]:.3g}, "
        yield f"reference {name}: {price}{span(time)}"


def spread(price: Price, form: Callable[[float], str]) -> str:
    """Return the prices of single trials in words."""
    least, median, most = map(form, (price.least, price.median, price.most))
    return f"least {least}, median {median}, most {most}"


def span(seconds: float) -> str:
    """Return a duration as ``0.52 s`` or ``8.2 s``; from a minute on as `live.clock` does."""
    return f"{seconds:.2g} s" if seconds < 60 else live.clock(seconds)
