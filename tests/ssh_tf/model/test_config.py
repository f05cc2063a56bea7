"""Configuration: what is merged, and what is refused in which words."""

import math
from pathlib import Path

import pytest

from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.layer_utils.proposal_options import ProposalOptions
from ssh_tf.model import options
from ssh_tf.model.config import load_config, to_plain
from ssh_tf.model.config_keys import CONFIG_KEYS, config_page
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.nets.training_graph import SamplingOptions
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.resources import config_path


@pytest.fixture
def yaml_file(tmp_path):
    def write(text):
        path = tmp_path / "settings.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_whole_number_stands_for_a_list_of_one():
    assert load_config(None, ["TRAIN.AUGMENT.CROP_SIZE", "640"]).TRAIN.AUGMENT.CROP_SIZE == [640]
    assert load_config(None, ["TRAIN.AUGMENT.CROP_SIZE", "[640, 1024]"]).TRAIN.AUGMENT.CROP_SIZE == [640, 1024]
    with pytest.raises(ConfigError, match="0 alone"):
        load_config(None, ["TRAIN.AUGMENT.CROP_SIZE", "[640, 0]"])


def test_file_then_command_line(yaml_file):
    path = yaml_file("TEST:\n  SCALES: [800]\n  NMS: 0.4\nTRAIN: {LEARNING_RATE: 1e-3}\n")
    config = load_config(path, ["TEST.NMS", "0.5", "TEST.MODE", "top", "TEST.FLIP", "true"])
    assert config.TEST.SCALES == [800]
    assert config.TEST.NMS == 0.5
    assert config.TEST.MODE == "top"
    assert config.TEST.FLIP is True
    assert config.TRAIN.LEARNING_RATE == 0.001
    assert config.TEST.MAX_SIZE == load_config().TEST.MAX_SIZE


def test_each_call_makes_its_own():
    load_config().TEST.SCALES.append(1)
    assert load_config().TEST.SCALES == [1200]


def test_whole_number_stands_for_a_float():
    assert load_config(None, ["TEST.NMS", "1"]).TEST.NMS == 1.0


def test_plain_form_is_what_was_loaded():
    config = load_config(None, ["TEST.SCALES", "[500, 800]"])
    plain = to_plain(config)
    assert type(plain) is dict
    assert plain["TEST"]["SCALES"] == [500, 800]
    assert plain.keys() == config.keys()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["TEST.SCALE", "[1]"], ["TEST.SCALE", "did you mean SCALES"]),
        (["TESTS.NMS", "1"], ["TESTS", "did you mean TEST"]),
        (["TEST.NMS", "many"], ["TEST.NMS", "float", "many"]),
        (["TEST.NMS", "True"], ["TEST.NMS", "float", "True"]),
        (["TEST.MAX_SIZE", "1.5"], ["TEST.MAX_SIZE", "int", "1.5"]),
        (["TEST.FLIP", "1"], ["TEST.FLIP", "bool", "1"]),
        (["TEST.SCALES", "800"], ["TEST.SCALES", "list of int", "800"]),
        (["TEST.SCALES", "['a']"], ["TEST.SCALES", "int", "a"]),
        (["TEST.SCALES", "[]"], ["TEST.SCALES", "16"]),
        (["TEST.SCALES", "[8]"], ["TEST.SCALES", "16"]),
        (["TEST.MODE", "best"], ["TEST.MODE", "nms, top", "best"]),
        (["TEST.PYRAMID_BASE", "[800]"], ["TEST.PYRAMID_BASE", "2"]),
        (["TEST", "3"], ["TEST", "table"]),
        (["RESNET.FIXED_BLOCKS", "4"], ["RESNET.FIXED_BLOCKS", "between 0 and 3"]),
        (["MOBILENET.DEPTH_MULTIPLIER", "0"], ["MOBILENET.DEPTH_MULTIPLIER", "between 0.001"]),
        (["TRAIN.LEARNING_RATE", "nan"], ["TRAIN.LEARNING_RATE", "nan"]),
        (["TEST.NMS", "7"], ["TEST.NMS", "between 0 and 1", "7"]),
        (["TEST.SCALES", "[100000]"], ["TEST.SCALES", "32768", "100000"]),
        (["TEST.NMS"], ["TEST.NMS", "pairs"]),
        (["TRAIN.AUGMENT.FACE_SIDES", "[]"], ["FACE_SIDES", "above 0"]),
        (["TRAIN.AUGMENT.FACE_SIDES", "[[8, 50, 0]]"], ["FACE_SIDES", "above 0"]),
        (["TRAIN.AUGMENT.FACE_SIDES", "[[8, 50]]"], ["FACE_SIDES", "weight"]),
        (["TRAIN.AUGMENT.FACE_SIDES", "[[50, 8, 1]]"], ["FACE_SIDES", "0 < from < to"]),
        (["TRAIN.AUGMENT.FACE_SIDES", "[[8, 50, -1]]"], ["FACE_SIDES", "weight"]),
        (["TRAIN.AUGMENT.VISIBLE", "[0.5]"], ["VISIBLE", "2 numbers"]),
        (["TRAIN.AUGMENT.VISIBLE", "[0.5, 0.2]"], ["VISIBLE", "ascending"]),
        (["TRAIN.AUGMENT.VISIBLE", "[0.5, 1.2]"], ["VISIBLE", "between 0 and 1"]),
        (["TRAIN.AUGMENT.GROUP_WEIGHTS", "{'a': 'much'}"], ["GROUP_WEIGHTS.a", "float", "much"]),
        (["TRAIN.LAYERS", "[]"], ["TRAIN.LAYERS names layers"]),
        (["TRAIN.SNAPSHOT_PREFIX", "a/b"], ["SNAPSHOT_PREFIX", "a/b"]),
        (["TRAIN.SNAPSHOT_PREFIX", ""], ["SNAPSHOT_PREFIX", "letters"]),
    ],
)
def test_refusals_name_the_key_and_what_was_expected(overrides, words):
    with pytest.raises(ConfigError) as refused:
        load_config(None, overrides)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("TEST: [", ["not valid YAML"]),
        ("- a\n- b\n", ["table of keys", "list"]),
        ("TEST:\n  NMSS: 1\n", ["settings.yml", "TEST.NMSS"]),
        ("!!python/object/apply:os.system ['true']", ["not valid YAML"]),
    ],
)
def test_refused_files(yaml_file, text, words):
    with pytest.raises(ConfigError) as refused:
        load_config(yaml_file(text))
    for word in words:
        assert word in str(refused.value)


def test_a_recipe_of_the_package_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert to_plain(load_config("finetune")) == to_plain(load_config(config_path("finetune")))
    with pytest.raises(ConfigError, match=r"'finetnue' comes with the package; those that do: .*finetune"):
        load_config("finetnue")
    (tmp_path / "finetune").write_text("RNG_SEED: 77")
    assert load_config("finetune").RNG_SEED == 77


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yml: no such file"):
        load_config(tmp_path / "none.yml")


def test_empty_file_changes_nothing(yaml_file):
    assert load_config(yaml_file("# nothing\n")) == load_config()


def test_groups_that_look_like_numbers(tmp_path):
    (tmp_path / "x.yml").write_text("TRAIN: {AUGMENT: {GROUP_WEIGHTS: {2017: 2, afw: 1.5}}}")
    assert load_config(tmp_path / "x.yml").TRAIN.AUGMENT.GROUP_WEIGHTS == {"2017": 2.0, "afw": 1.5}


def test_a_table_is_emptied(yaml_file):
    path = yaml_file("TRAIN: {AUGMENT: {GROUP_WEIGHTS: {afw: 1.5}}}")
    assert load_config(path, ["TRAIN.AUGMENT.GROUP_WEIGHTS", "{}"]).TRAIN.AUGMENT.GROUP_WEIGHTS == {}
    again = load_config(path, ["TRAIN.AUGMENT.GROUP_WEIGHTS", "{}", "TRAIN.AUGMENT.GROUP_WEIGHTS", "{'b': 2}"])
    assert again.TRAIN.AUGMENT.GROUP_WEIGHTS == {"b": 2.0}
    assert load_config(path, ["TRAIN", "{}"]) == load_config(path)


def test_defaults_are_in_their_ranges():
    """`load_config` refuses what is not; and every number has a range."""
    load_config()
    assert [
        name
        for name, key in CONFIG_KEYS.items()
        if (key.low is None or key.high is None) and type(key.default) in (int, float)
    ] == []


ODD = ["", " ", "nan", "-1", "0", "1e999", "1e-3", "9" * 30, "9" * 5000, "x", "True", "None", "[]", "[[]]", "{}", "()"]
ODD += [
    "[nan]",
    "['x']",
    "[-1]",
    "[0]",
    "[1e999]",
    "{'a': -1}",
    "{'a': float('nan')}",
    "{'a': 1e999}",
    "{1: 2}",
    "{'a': []}",
]
ODD += [
    "[" * 300,
    "2020-99-99",
    "\\0",
    "0x10",
    "1_000",
    "b'x'",
    "[[1, 2, 3, 4]]",
    "[['a', 'b', 'c']]",
    "[[1, 1e999, 1]]",
]


def numbers_in(value):
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, dict | list):
            yield from numbers_in(item)
        elif isinstance(item, int | float):
            yield item


@pytest.mark.parametrize("name", CONFIG_KEYS)
def test_any_value_is_refused_in_one_line_or_usable(name):
    for text in ODD:
        try:
            config = load_config(None, [name, text])
        except ConfigError as error:
            refusal = str(error)
            assert name in refusal
        else:
            assert all(math.isfinite(number) and number >= 0 for number in numbers_in(config)), text


def test_layers_have_the_defaults_of_the_configuration():
    config = load_config()
    for backbone in ("vgg16", "mobile", "mobile_v2"):
        assert options.network_options(config, backbone) == NetworkOptions(backbone)
    assert options.match_options(config) == MatchOptions()
    assert options.sampling_options(config) == SamplingOptions()
    assert options.proposal_options(config) == ProposalOptions()


def test_the_page_is_the_tables():
    page = Path(__file__).parents[3] / "docs/configuration.md"
    assert page.read_text(encoding="utf-8") == config_page(), (
        "python -m ssh_tf.model.config_keys > docs/configuration.md"
    )
    assert all(f"| `{name.rpartition('.')[2]}` |" in config_page() for name in CONFIG_KEYS)
