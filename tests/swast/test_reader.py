"""Hostile files of settings: each is refused in a line, soon, whatever its language."""

from __future__ import annotations

import os
import time

import pytest

from swast.config import TrainConfig, parse_value, read_config
from swast.config.limits import MOST_DEPTH, MOST_FIELDS, MOST_VALUES
from swast.errors import MOST_LINE, MOST_LINES, ConfigError, limited, shown

DEEP, FIELDS = f"deeper than {MOST_DEPTH} levels", f"more than {MOST_FIELDS:,} fields"
VALUES, DIGITS = f"more than {MOST_VALUES:,} values", "too many digits"
LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{each}: &a{each} [{','.join([f'*a{each - 1}'] * 9)}]\n" for each in range(1, 9)
)
WRONG = {
    "brackets.toml": ("a = " + "[" * 100_000, DEEP),
    "brackets.json": ('{"a":' * 100_000, DEEP),
    "brackets.yaml": ("a: " + "[" * 900, DEEP),
    "dashes.yaml": ("- " * 100_000, DEEP),
    "indents.yaml": ("".join(" " * each + "a:\n" for each in range(100)), DEEP),
    "dots.toml": ("a." * 100_000 + "b = 1", DEEP),
    "header.toml": ("[" + "a." * 50_000 + "b]\n" + "c = 1\n" * 50_000, DEEP),
    "hidden.toml": ('x = ["""x"""", ' + "[" * 100_000, DEEP),
    "number.toml": ("seed = " + "1" * 5000, DIGITS),
    "number.json": ('{"seed":' + "1" * 5000 + "}", DIGITS),
    "number.yaml": ("seed: " + "1" * 5000, DIGITS),
    "hex.toml": ("seed = 0x" + "f" * 100_000, "at most 4096 bits, got a number of 120,4"),
    "hex.yaml": ("seed: 0x" + "f" * 100_000, "at most 4096 bits, got a number of 120,4"),
    "sixty.yaml": ("seed: 1" + ":1" * 100_000, "seed must be a whole number"),
    "float.toml": ("seed = 1e999", "'1e999' is too large"),
    "float.json": ('{"seed": 1e999}', "'1e999' is too large"),
    "float.yaml": ("seed: 1.0e+999", "'1.0e+999' is too large"),
    "nan.json": ('{"seed": NaN}', "NaN is no number"),
    "laughs.yaml": (LAUGHS, VALUES),
    "self.yaml": ("a: &a [*a]", "no value is called 'a'"),
    "chain.yaml": (
        "a0: &a0 [x]\n" + "".join(f"a{each}: &a{each} [*a{each - 1}]\n" for each in range(1, 200)),
        VALUES,
    ),
    "number-key.yaml": ("1: 2", "the key 1 is no text"),
    "list-key.yaml": ("[1, 2]: 3", "unhashable key"),
    "date.yaml": ("seed: 2001-99-99", "seed must be a whole number"),
    "date.toml": ("seed = 2001-01-01", "seed must be a text, a number"),
    "null.json": ('{"seed": null}', "seed is null; leave it out"),
    "twice.toml": ("seed = 1\nseed = 2", "not TOML"),
    "twice.json": ('{"seed": 1, "seed": 2}', "the field 'seed' is there twice"),
    "twice.yaml": ("seed: 1\nseed: 2", "the field 'seed' is there twice"),
    "python.yaml": ("seed: !!python/object/apply:os.getcwd []", "has a tag"),
    "tag.yaml": ("seed: !!int abc", "has a tag"),
    "directives.yaml": ("".join(f"%TAG !a{each}! x\n" for each in range(9)), "one directive"),
    "documents.yaml": ("seed: 1\n---\nseed: 2", "more than one document"),
    "nul.json": (r'{"data": "\u0000"}', "data has a NUL character"),
    "half.json": (r'{"data": "\ud800"}', "data has half a character"),
    "fields.toml": ("".join(f"k{each} = 1\n" for each in range(50_000)), FIELDS),
    "fields.json": ("{" + ",".join(f'"k{each}": 1' for each in range(50_000)) + "}", FIELDS),
    "fields.yaml": ("".join(f"k{each}: 1\n" for each in range(50_000)), FIELDS),
    "tables.toml": ("".join(f"[k{each}]\n" for each in range(5000)), FIELDS),
    "list.toml": ("seed = [" + "1," * 100_000 + "]", VALUES),
    "list.yaml": ("seed:\n" + "- 1\n" * 100_000, VALUES),
    "quotes.toml": ('\\"""\n' * 100_000, "not TOML"),
    "large.toml": ("#" * 2**20 + "\n", "more than 1,048,576 bytes"),
    "long.toml": ('data = "' + "x" * 2**19 + '"', "data must be one of"),
    "dotted.toml": ('"coreset.fraction" = 0.5', "'coreset.fraction' is not a field"),
    "escape.toml": ('"\\u001b[31mred" = 1', r"'\x1b[31mred' is not a field"),
    "empty.json": ("", "not JSON"),
    "empty.yaml": ("", "not a mapping of fields"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_hostile_file_is_refused_in_short_lines(tmp_path, name):
    text, said = WRONG[name]
    (tmp_path / name).write_text(text)
    started = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / name)
    assert time.process_time() - started < 5
    lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert said in lines[0]
    assert len(lines) <= MOST_LINES
    assert all(line.isprintable() and len(line) <= MOST_LINE + 20 for line in lines)


def test_many_wrong_fields_have_twenty_lines(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("".join(f"k{each} = 1\n" for each in range(900)))
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert len(caught.value.problems) == MOST_LINES
    assert caught.value.problems[-1] == f"{path}: … and 881 more"


@pytest.mark.parametrize(
    "text",
    ["a: &a {fraction: 0.5}\n", "seed: 1_000", "seed: 0x10", "optim: {lr: .5}", "---\nseed: 1"],
)
def test_plain_yaml_is_read(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text.replace("a: &a", "coreset: &a"))
    assert read_config(path) != TrainConfig()


def test_an_alias_and_a_merge_stand_for_their_value(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("epochs: &many 7\ninterval: *many\noptim: {<<: {lr: 0.5}, batch_size: 8}")
    found = read_config(path)
    assert (found.epochs, found.interval, found.optim.lr, found.optim.batch_size) == (7, 7, 0.5, 8)


class TestEncodings:
    @pytest.mark.parametrize("ending", ["toml", "json", "yaml"])
    def test_a_byte_order_mark_and_any_ends_of_lines_are_read(self, tmp_path, ending):
        text = {"toml": "seed = 4\r\n\rinterval = 3\n", "json": '{"seed":\r4,\r\n"interval": 3}'}
        path = tmp_path / f"c.{ending}"
        path.write_bytes(b"\xef\xbb\xbf" + text.get(ending, "seed: 4\r\ninterval: 3\r").encode())
        assert read_config(path) == TrainConfig(seed=4, interval=3)

    @pytest.mark.parametrize(
        ("encoding", "name"),
        [
            ("utf-16", "UTF-16"),
            ("utf-16-le", "UTF-16"),
            ("utf-16-be", "UTF-16"),
            ("utf-32", "UTF-32"),
            ("latin-1", "line 2 is not in UTF-8, perhaps in Latin-1"),
        ],
    )
    def test_another_encoding_is_named(self, tmp_path, encoding, name):
        path = tmp_path / "c.toml"
        path.write_bytes("seed = 4\n# Prüfung\n".encode(encoding))
        with pytest.raises(ConfigError, match=f"{name}; save it as UTF-8$"):
            read_config(path)


class TestWhatIsNoFile:
    def test_a_device_and_a_pipe_are_refused_at_once(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.toml")
        for path in ("/dev/zero", "/dev/null", str(tmp_path / "pipe.toml")):
            with pytest.raises(ConfigError, match="it is no regular file"):
                read_config(type(tmp_path)(path))

    @pytest.mark.parametrize("name", ["a\0b", "x" * 300, "y/" * 5000, "missing"])
    def test_a_path_of_no_file_is_refused(self, tmp_path, name):
        with pytest.raises(ConfigError, match=r"cannot be read|no such file"):
            read_config(tmp_path / name)

    def test_the_output_of_a_command_is_read(self, tmp_path):
        reading, writing = os.pipe()
        os.write(writing, b"seed = 4\n")
        os.close(writing)
        try:
            assert read_config(type(tmp_path)(f"/dev/fd/{reading}")) == TrainConfig(seed=4)
        finally:
            os.close(reading)


@pytest.mark.parametrize("text", ["[" * 70, "1" * 5000, "[" + "1," * 20_000 + "]", "1e999"])
def test_a_value_of_the_command_line_has_the_same_limits(text):
    with pytest.raises(ConfigError):
        parse_value(text)


@pytest.mark.parametrize(
    "value", [10**5000, [10**5000], "x" * 10**6, {"a": ["y" * 10**6] * 99}], ids=range(4)
)
def test_a_value_is_shown_in_a_few_characters(value):
    assert len(shown(value)) <= 80


def test_a_long_line_keeps_its_ends():
    (line,) = limited(["a" * 300 + "\x1b" + "z" * 300])
    assert line.startswith("aaa")
    assert line.endswith("zzz")
    assert len(line) <= MOST_LINE
