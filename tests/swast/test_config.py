"""Configuration: reading and writing without loss, and errors with reasons."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from swast import config as schema
from swast.config import (
    ComputeConfig,
    CoresetConfig,
    LrScheduleName,
    NoiseConfig,
    OptimConfig,
    PreserveConfig,
    PruneConfig,
    TrainConfig,
    flatten,
    parse_value,
    read_config,
    set_paths,
    setting_paths,
)
from swast.coresets import SCORERS
from swast.data import DATASETS
from swast.errors import ConfigError
from swast.models import MODELS
from swast.optim import LR_SCHEDULES
from swast.pruning import PRUNERS
from swast.pruning.schedules import SCHEDULES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SECTIONS = [CoresetConfig, PruneConfig, PreserveConfig, OptimConfig, NoiseConfig, ComputeConfig]


EPOCHS = ["epochs", "warmup_epochs", "optim.ramp_epochs"]
"""The first is at least as much as each of the others."""


def values_of(path):
    """Return a strategy for the valid values of the setting at a path."""
    kind, limits, _ = setting_paths()[path]
    if kind.names or limits.names:
        return st.sampled_from(kind.names or limits.names)
    if kind.kind is bool:
        return st.booleans()
    if kind.kind is tuple:
        return st.lists(st.text(), max_size=2).map(tuple)
    low = limits.low if limits.above is None else limits.above
    high = limits.high if limits.below is None else limits.below
    if kind.kind is int:
        return st.integers(low, 10**9 if high is None else high)
    return st.floats(
        low,
        high,
        exclude_min=limits.above is not None,
        exclude_max=limits.below is not None,
        allow_nan=False,
        allow_infinity=False,
    )


@st.composite
def configs(draw) -> TrainConfig:
    values = {path: draw(values_of(path), label=path) for path in setting_paths()}
    for name, (allowed, _) in schema.PRUNER_TRAITS[values["prune.method"]].requires.items():
        values[f"prune.{name}"] = allowed[0]
    values["epochs"] = max(values[path] for path in EPOCHS)
    return TrainConfig().with_values(values)


def problems(make, *arguments, **fields) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        make(*arguments, **fields)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


class TestRoundTrips:
    @given(configs())
    def test_toml_loses_nothing(self, config):
        assert TrainConfig.from_dict(tomllib.loads(config.to_toml())) == config

    @given(configs())
    def test_plain_values_lose_nothing(self, config):
        assert TrainConfig.from_dict(config.to_dict()) == config

    @given(configs())
    def test_flat_values_lose_nothing(self, config):
        assert set_paths({}, flatten(config.to_dict())) == config.to_dict()
        assert set(flatten(config.to_dict())) == set(setting_paths())

    def test_a_file_loses_nothing(self, tmp_path):
        config = TrainConfig(seed=2**63 - 1, optim=OptimConfig(lr=1 / 3))
        (tmp_path / "c.toml").write_text(config.to_toml(), encoding="utf-8")
        assert read_config(tmp_path / "c.toml") == config

    def test_an_empty_file_is_the_default(self, tmp_path):
        (tmp_path / "c.toml").touch()
        assert read_config(tmp_path / "c.toml") == TrainConfig()


class TestSettingFields:
    @given(configs(), st.data())
    def test_a_path_sets_that_field_and_no_other(self, config, data):
        path = data.draw(st.sampled_from(sorted(set(setting_paths()) - {"epochs"})))
        value = data.draw(values_of(path))
        if path in EPOCHS:
            value %= config.epochs
        changed = config.with_values({path: value})
        assert changed.value(path) == value
        assert changed.with_values({path: config.value(path)}) == config

    def test_a_path_that_is_no_field_is_refused_with_the_nearest(self):
        found = problems(TrainConfig().with_values, {"coreset.fractoin": 0.1, "coreset": 1})
        assert found[0] == "coreset.fractoin is not a field; did you mean 'coreset.fraction'?"
        assert found[1].startswith("coreset is not a field")

    @pytest.mark.parametrize(
        ("name", "meant"), [("learning_rate", "lr"), ("weight_decy", "weight_decay")]
    )
    def test_a_field_is_found_by_its_meaning_and_by_its_letters(self, name, meant):
        with pytest.raises(ConfigError, match=f"did you mean '{meant}'"):
            TrainConfig.from_dict({"optim": {name: 0.1}})
        with pytest.raises(ConfigError, match=f"did you mean 'optim.{meant}'"):
            TrainConfig().with_values({f"optim.{name}": 0.1})

    def test_a_path_into_what_is_no_table_is_refused(self):
        """A file may say ``coreset = 3`` while the command line sets ``coreset.fraction``."""
        found = problems(
            lambda: TrainConfig.from_dict(set_paths({"coreset": 3}, {"coreset.fraction": 0.1}))
        )
        assert "coreset must be a table of fields, got 3" in found

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("3", 3),
            ("3.0", 3.0),
            ("1e-3", 1e-3),
            ("true", True),
            ('"rigl"', "rigl"),
            ("rigl", "rigl"),
            ("one-shot", "one-shot"),
            ("", ""),
        ],
    )
    def test_a_value_on_the_command_line_reads_as_toml_or_as_the_bare_text(self, text, value):
        assert parse_value(text) == value
        assert type(parse_value(text)) is type(value)


class TestRefusals:
    @pytest.mark.parametrize("path", sorted(setting_paths()))
    @pytest.mark.parametrize("bad", [None, [], {}, -1, math.nan, math.inf, -math.inf])
    def test_a_value_of_no_field_is_refused_by_field_and_value(self, path, bad):
        if bad == [] and setting_paths()[path][0].kind is tuple:
            bad = [1]
        (found,) = problems(TrainConfig().with_values, {path: bad})
        assert found.startswith(f"{path} must be ")
        assert f"got {bad!r}" in found

    def test_a_whole_number_too_large_for_a_float_is_refused_like_any_other(self):
        huge = 10**400
        numbers = [path for path, (kind, *_) in setting_paths().items() if kind.kind is float]
        whole = [path for path, (kind, *_) in setting_paths().items() if kind.kind is int]
        for path in [*numbers, *whole]:
            (found,) = problems(TrainConfig().with_values, {path: huge})
            assert found.startswith(f"{path} must be ")

    @pytest.mark.parametrize(
        ("path", "bad", "said"),
        [
            ("coreset.fraction", 0, "in (0, 1], got 0"),
            ("coreset.fraction", 1.5, "in (0, 1], got 1.5"),
            ("prune.sparsity", 1.0, "in [0, 1), got 1.0"),
            ("prune.sparsity", -0.1, "in [0, 1), got -0.1"),
            ("prune.end", 0.0, "in (0, 1], got 0.0"),
            ("prune.update_fraction", 1.1, "in [0, 1], got 1.1"),
            ("prune.update_interval", -1, "in [0, 1000000], got -1"),
            ("preserve.weight", -1e-9, "in [0, 10000], got -1e-09"),
            ("optim.lr", 0, "in (0, 1000000], got 0"),
            ("optim.momentum", 1, "in [0, 1), got 1"),
            ("optim.batch_size", 0, "in [1, 1000000], got 0"),
            ("noise.rate", 1.01, "in [0, 1], got 1.01"),
            ("epochs", 0, "in [1, 100000], got 0"),
            ("interval", 0, "in [1, 100000], got 0"),
            ("threads", 0, "in [1, 1024], got 0"),
            ("threads", 1.5, "a whole number in [1, 1024], got 1.5"),
            ("seed", True, "a whole number in [0, 9.22337e+18], got True"),
            ("optim.lr", "high", "a number in (0, 1000000], got 'high'"),
            ("optim.lr", True, "a number in (0, 1000000], got True"),
            ("coreset.balanced", 1, "true or false, got 1"),
            ("device", "gpu", "one of auto, cpu, cuda, got 'gpu'; did you mean 'cpu'?"),
            (
                "prune.schedule",
                "cubik",
                "one of one-shot, linear, cubic, cosine, exponential, got 'cubik'; "
                "did you mean 'cubic'?",
            ),
        ],
    )
    def test_the_message_says_the_range_and_the_nearest_name(self, path, bad, said):
        assert problems(TrainConfig().with_values, {path: bad}) == (f"{path} must be {said}",)

    def test_an_unknown_field_is_refused_with_the_nearest(self):
        found = problems(TrainConfig.from_dict, {"epoch": 3, "prune": {"methud": "rigl"}, "qq": 1})
        assert found == (
            "epoch is not a field; did you mean 'epochs'?",
            "prune.methud is not a field; did you mean 'method'?",
            "qq is not a field",
        )

    def test_a_value_in_place_of_a_table_is_refused(self):
        assert problems(TrainConfig.from_dict, {"optim": 0.1}) == (
            "optim must be a table of fields, got 0.1",
        )

    def test_all_problems_are_named_at_once(self):
        found = problems(
            TrainConfig.from_dict,
            {
                "colour": "red",
                "epochs": "many",
                "seed": -1,
                "coreset": {"fraction": 0, "scorer": "gradmach", "size": 5},
                "noise": {"rate": 2.0},
                "optim": 3,
            },
        )
        wrong = "colour epochs seed coreset.fraction coreset.scorer coreset.size noise.rate optim"
        assert sorted(each.split()[0] for each in found) == sorted(wrong.split())

    def test_a_warm_up_longer_than_the_run_is_refused_beside_other_problems(self):
        said = "warmup_epochs must be at most epochs (5), got 6"
        assert problems(TrainConfig, epochs=5, warmup_epochs=6) == (said,)
        found = problems(
            TrainConfig.from_dict, {"epochs": 5, "warmup_epochs": 6, "noise": {"rate": -1}}
        )
        assert said in found
        assert len(found) == 2
        assert TrainConfig(epochs=5, warmup_epochs=5).warmup_epochs == 5

    @pytest.mark.parametrize("path", sorted(setting_paths()))
    def test_every_number_has_limits_that_a_machine_can_keep(self, path):
        """So that an absurd number gives an error of one line instead of an overflow."""
        kind, limits, _ = setting_paths()[path]
        if kind.kind in (int, float) and path != "seed":
            high = limits.high if limits.below is None else limits.below
            assert high <= 10**6
            (found,) = problems(TrainConfig().with_values, {path: kind.kind(10**20)})
            assert found.startswith(f"{path} must be in ")

    def test_a_ramp_longer_than_the_run_is_refused(self):
        said = "optim.ramp_epochs must be at most epochs (5), got 6"
        assert problems(TrainConfig, epochs=5, optim=OptimConfig(ramp_epochs=6)) == (said,)

    @pytest.mark.parametrize("section", SECTIONS)
    def test_a_section_built_directly_is_checked_too(self, section):
        field = next(each for each in dataclasses.fields(section) if each.type != "bool")
        (found,) = problems(section, **{field.name: -1})
        assert found.startswith(f"{section.table}.{field.name} must be ")

    @pytest.mark.parametrize("bad", [3, None, {"weight": 0.1}, TrainConfig()])
    def test_a_section_must_be_one_however_the_configuration_is_built(self, bad):
        for section in SECTIONS:
            (found,) = problems(TrainConfig, **{section.table: bad})
            assert found.startswith(f"{section.table} must be ")

    def test_a_whole_number_is_taken_for_a_number_and_stored_as_one(self):
        assert type(CoresetConfig(fraction=1).fraction) is float

    @pytest.mark.parametrize("section", [TrainConfig, *SECTIONS])
    def test_a_made_configuration_cannot_be_changed(self, section):
        field = dataclasses.fields(section)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(section(), field, None)


class TestFiles:
    def test_what_an_exported_file_says_of_its_origin_is_skipped(self, tmp_path):
        (tmp_path / "c.toml").write_text('seed = 4\n[provenance]\nsearch = "digits"\n')
        assert read_config(tmp_path / "c.toml") == TrainConfig(seed=4)

    def test_overrides_replace_what_the_file_says(self, tmp_path):
        (tmp_path / "c.toml").write_text("seed = 4\n[coreset]\nfraction = 0.5\n")
        read = read_config(tmp_path / "c.toml", {"coreset.fraction": 0.2, "prune.end": 1})
        assert read == TrainConfig().with_values(
            {"seed": 4, "coreset.fraction": 0.2, "prune.end": 1.0}
        )

    @pytest.mark.parametrize(
        "content",
        [
            b"epochs 3",
            b"epochs = 3\nepochs = 4",
            b"\xff\xfe\x00",
            b"epochs = 0",
            b"[coreset",
            b"seed = " + b"1" * 5000,
        ],
    )
    def test_a_bad_file_is_refused_by_name(self, tmp_path, content):
        path = tmp_path / "c.toml"
        path.write_bytes(content)
        (found,) = problems(read_config, path)
        assert found.startswith(f"{path}: ")

    def test_a_missing_file_is_refused_by_name(self, tmp_path):
        path = tmp_path / "none.toml"
        assert problems(read_config, path) == (f"{path}: no such file",)

    def test_a_folder_is_no_file(self, tmp_path):
        (found,) = problems(read_config, tmp_path)
        assert found.startswith(f"{tmp_path}: cannot be read")


@pytest.mark.parametrize(
    ("names", "registered"),
    [
        (schema.DATA_NAMES, DATASETS),
        (schema.MODEL_NAMES, MODELS),
        (get_args(schema.ScorerName), SCORERS),
        (get_args(schema.PrunerName), {"none": None, **PRUNERS}),
        (get_args(schema.ScheduleName), SCHEDULES),
        (get_args(LrScheduleName), LR_SCHEDULES),
    ],
)
def test_the_names_that_a_configuration_takes_are_those_that_are_registered(names, registered):
    assert names == tuple(registered)


def test_every_setting_says_what_it_means():
    """The generated reference uses these texts."""
    assert all(limits.doc for _, limits, _ in setting_paths().values())


class TestOtherLanguages:
    CONFIG = TrainConfig().with_values({"interval": 7, "coreset.scorer": "el2n"})

    @pytest.mark.parametrize("ending", ["json", "yaml", "yml"])
    def test_say_the_same(self, tmp_path, ending):
        path = tmp_path / f"knee.{ending}"
        write = json.dumps if ending == "json" else yaml.safe_dump
        path.write_text(write(self.CONFIG.to_dict() | {"provenance": {"search": "trip"}}))
        assert read_config(path) == self.CONFIG
        assert read_config(path, {"interval": 3}) == self.CONFIG.with_values({"interval": 3})

    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("a.json", "{", "not JSON: "),
            ("a.json", "[1]", "not a configuration: its JSON is not a mapping of fields"),
            ("a.yaml", "a: [", "not YAML: "),
            ("a.yaml", "just words", "not a configuration: its YAML is not a mapping of fields"),
            ("a.yml", "intervall: 3", "intervall is not a field; did you mean 'interval'?"),
        ],
    )
    def test_are_refused_in_a_line_that_names_the_file(self, tmp_path, name, text, said):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            read_config(path)
        (line,) = str(caught.value).splitlines()
        assert line.startswith(f"{path}: {said}")
