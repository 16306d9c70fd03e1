"""State files that are damaged in 400 ways: each command gives its result or says why not."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.state import TARGETS


@pytest.mark.long
@pytest.mark.parametrize("seed", range(400))
def test_a_damage_spoils_no_other_search(seed):
    target = TARGETS["state"]
    target.try_out(target.draw(random.Random(seed)))
