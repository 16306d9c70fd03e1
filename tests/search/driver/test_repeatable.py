"""Tests of requests for repeatable searches: what cannot be repeated is refused."""

from __future__ import annotations

import pytest

from search.driver import prepare
from search.driver.request import Request
from search.errors import RequestError
from search.objectives import register
from search.study.study_file import parse_study
from tests.search.measured import TIME
from tests.search.support import BARE, study


def test_a_study_with_a_known_cost_is_repeatable_on_cpus():
    prepare.check_repeatable(study(), 0)


def test_gpus_are_refused():
    with pytest.raises(RequestError, match="--gpus 0 searches on CPUs"):
        prepare.check_repeatable(study(), 1)


def test_a_measured_cost_is_refused(monkeypatch):
    monkeypatch.setattr("search.objectives.COSTS", {})
    register(TIME)
    timed = parse_study("timed", BARE + '[objectives]\ncost = "time"')
    with pytest.raises(
        RequestError, match="the cost of study 'timed', training time, is measured"
    ):
        prepare.check_repeatable(timed, 0)


def test_a_resumed_search_cannot_become_repeatable():
    with pytest.raises(RequestError, match="leave out --deterministic"):
        Request(resume="trip", deterministic=True)
