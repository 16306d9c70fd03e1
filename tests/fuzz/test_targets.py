"""Random inputs of every target: a result or a refusal in lines, soon and in little memory."""

from __future__ import annotations

import random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.bounds import CONTROL, Fault, bounded, check_lines, check_printed
from tests.fuzz.corpus import TARGETS, entries, target_of

SEEDS = st.integers(0, 2**63)
TIMES = settings.default.max_examples / 30
"""How many times as many inputs as in CI: the profile `long` has more examples."""
pytestmark = pytest.mark.filterwarnings("ignore")  # of libraries, about damaged files


@pytest.mark.parametrize("name", [*TARGETS])
def test_an_input_gives_a_result_or_is_refused(name):
    target = TARGETS[name]

    @settings(max_examples=round(target.examples * TIMES), database=None, phases=[Phase.generate])
    @given(SEEDS)
    def check(seed):
        target.try_out(target.draw(random.Random(seed)))

    check()


@pytest.mark.parametrize("path", [pytest.param(each, id=each.stem) for each in entries()])
def test_what_was_found_once_stays_found(path):
    target_of(path).try_out(path.read_bytes())


def test_what_takes_too_long_is_a_fault(monkeypatch):
    monkeypatch.setattr("tests.fuzz.bounds.SECONDS", 0.1)
    with pytest.raises(Fault, match="of processor time"), bounded():  # noqa: PT012
        while True:
            try:
                sum(range(1000))
            except Exception:  # noqa: BLE001 - code under test may catch everything
                continue


def test_what_takes_too_much_memory_is_a_fault(monkeypatch):
    monkeypatch.setattr("tests.fuzz.bounds.MEMORY", 2**24)
    with pytest.raises(Fault, match=r"took \d+ MiB"), bounded():
        bytearray(2**26)[::4096] = b"x" * 2**14


@pytest.mark.parametrize(
    "lines", [[], [""], ["x"] * 21, ["x" * 500], ["a\x1b[31m"], ["a\u202eb"], ["a\nb\rc"]]
)
def test_lines_that_no_user_should_see_are_faults(lines):
    with pytest.raises(Fault):
        check_lines(lines)


@pytest.mark.parametrize(
    ("code", "out", "err"), [(3, "", "x"), (None, "", ""), (1, "", ""), (0, "\x1b[2J", "")]
)
def test_ends_that_no_command_should_have_are_faults(code, out, err):
    with pytest.raises(Fault):
        check_printed(code, out, err)


def test_control_characters_are_none_that_texts_need():
    assert not CONTROL.search("a\tb\n größe … → 🙂 “x”")
