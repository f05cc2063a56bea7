"""The settings of the port's training."""

from pathlib import Path

import pytest
import yaml

from ssh_ms.settings import read_settings
from ssh_tf.utils.errors import ConfigError

DEFAULT = Path(__file__).parents[2] / "experiments/cfgs/mindspore/default_config.yaml"


def read(*arguments):
    return read_settings(arguments, DEFAULT, "training")


def test_every_key_has_a_meaning_and_only_keys_have():
    values, meanings, choices = yaml.safe_load_all(DEFAULT.read_text())
    assert set(values) == set(meanings)
    assert set(choices) <= set(values)
    assert all(isinstance(value, str | int | float | bool) for value in values.values())


def test_the_ports_defaults():
    settings = read()
    assert (settings.img_height, settings.img_width) == (896, 1024)
    assert (settings.flip_ratio, settings.expand_ratio) == (0.5, 4.0)
    assert (settings.base_lr, settings.momentum, settings.weight_decay) == (1e-3, 0.91, 1e-5)
    assert (settings.epoch_size, settings.keep_checkpoint_max) == (10, 4)


def test_flags_come_before_a_file_before_the_defaults(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("base_lr: 1e-2\nbatch_size: 2\nhard_mining: no\n")
    settings = read("--config_path", str(path), "--batch_size", "4", "--momentum", "1", "--pre_trained", "12")
    assert (settings.base_lr, settings.batch_size, settings.hard_mining) == (0.01, 4, False)
    assert (settings.momentum, settings.pre_trained) == (1.0, "12")
    assert isinstance(settings.momentum, float)


# What YAML takes for something else, or not at all.
NO_YAML = ["out #1", "010", "no", "12:30", "1_000", "null", "@data", "*x", "%d", "", " ", "a: [", "1e-3", "'a'"]


@pytest.mark.parametrize("text", NO_YAML)
def test_the_text_of_a_flag_is_taken_as_it_is(text):
    settings = read("--save_path", text, f"--pre_trained={text}")
    assert (settings.save_path, settings.pre_trained) == (text, text)


def test_a_switch_needs_no_value():
    assert read().skip_missing is False
    assert read("--skip_missing").skip_missing is True
    assert read("--skip_missing", "--seed", "5").seed == 5
    assert read("--skip_missing", "no").skip_missing is False
    assert read("--hard_mining=false").hard_mining is False
    with pytest.raises(ConfigError, match="--skip_missing: skip_missing takes a bool, got 1"):
        read("--skip_missing", "1")


def test_every_key_is_a_flag(capsys):
    with pytest.raises(SystemExit):
        read("--help")
    shown = capsys.readouterr().out
    assert all(f"--{key} " in shown for key in next(yaml.safe_load_all(DEFAULT.read_text())))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base_lrr: 1", r"mine\.yaml: unknown key base_lrr; did you mean base_lr\?"),
        ("batch_size: 1.5", "batch_size takes a int, got 1.5"),
        ("batch_size: true", "batch_size takes a int, got True"),
        ("hard_mining: 1", "hard_mining takes a bool, got 1"),
        ("base_lr: fast", "base_lr takes a float, got 'fast'"),
        ("mode: eager", "mode is one of graph, pynative, got 'eager'"),
        ("[1, 2]", "a configuration is a table of keys"),
        ("a: [", "not valid YAML"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read("--config_path", str(path))


def test_bad_flags(tmp_path):
    with pytest.raises(ConfigError, match="--batch_size: batch_size takes a int, got 'many'"):
        read("--batch_size", "many")
    with pytest.raises(ConfigError, match="no such file"):
        read("--config_path", str(tmp_path / "none.yaml"))
