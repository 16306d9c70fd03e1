"""Conditions under which trials run in the workers that Ray starts with itself."""

from __future__ import annotations

import importlib.util

from ray.tune.execution import class_cache

from search.engine.cluster import TRAINING
from search.engine.quiet import quiet_tune
from search.engine.tune import JobActor


def test_actors_have_no_environment_of_their_own():
    """For an actor that has one, Ray starts another worker."""
    with quiet_tune():
        actor = class_cache._ActorClassCache().get(JobActor)
    assert not actor._default_options["runtime_env"]


def test_what_workers_import_in_advance_is_there():
    assert all(importlib.util.find_spec(name) for name in TRAINING)
