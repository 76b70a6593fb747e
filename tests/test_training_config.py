"""A training's config: what is read, and what is refused in one sentence."""

import re
import sys
from dataclasses import fields, replace

import pytest
from instdiff.instdiff_modules.training import command
from instdiff.instdiff_modules.training.config import TrainConfig, parse_config, read_config
from instdiff.instdiff_modules.training.recipe import AUTHORS, Recipe
from instdiff.instdiff_modules.training.settings import Settings
from support.pack import ROOT
from support.training_inputs import LEAST

if sys.version_info >= (3, 11):
    import tomllib


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learning_rat": 1}, r"learning_rat'\. Did you mean learning_rate\?"),
        (
            {"datasets": [{"image_dir": "a", "num_repeat": 2}]},
            "Dataset 1 has a setting that is not known: 'num_repeat'",
        ),
        ({"output_dir": ""}, "has no output_dir"),
        ({"datasets": []}, r"has no \[\[datasets\]\]"),
        ({"datasets": [{"format": "coco", "image_dir": "a"}]}, "Dataset 1 has no annotations"),
        ({"mixed_precision": "fp8"}, "mixed_precision must be one of no, fp16, bf16"),
        ({"learning_rate": "fast"}, "learning_rate must be a number"),
        ({"learning_rate": -1}, "learning_rate must be above 0"),
        ({"max_train_steps": 2.5}, "max_train_steps must be a whole number"),
        ({"drop_box": 1.5}, r"drop_box must lie in 0\.\.1"),
        ({"use_ema": "yes"}, "use_ema must be true or false"),
        ({"resolution": 500}, "resolution must be a multiple of 8"),
        ({"train_parts": ["unet"]}, "train_parts must be a list of tokenizer, fusers, scaleu"),
        ({"items": "authors"}, "enable_bucket = false"),
        ({"a": {"seed": 1}, "b": {"seed": 2}}, "says seed twice"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_in_one_sentence(change, said):
    with pytest.raises(ValueError, match=said) as error:
        parse_config({**LEAST, **change})
    assert len(str(error.value)) < 300 and "\n" not in str(error.value)


def test_a_config_as_people_write_it(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text(
        'pretrained_model_name_or_path = "base.safetensors"\noutput_dir = "out"\nresolution = "768,512"\n'
        '[optimizer]\nlearning_rate = 1e-4\n[rules]\nrecipe = "authors"\nenable_bucket = false\nresolution_is = 1\n[[datasets]]\nimage_dir = "d"\n'
    )
    with pytest.raises(ValueError, match="Did you mean resolution"):
        read_config(path)
    path.write_text(path.read_text().replace("resolution_is = 1", "drop_all = 0").replace('"768,512"', "512"))
    read = read_config(path)
    assert read.loop.learning_rate == 1e-4 and read.rules == replace(AUTHORS, drop_all=0.0)
    assert read.output == tmp_path / "out" and not read.loop.ema_warmup
    path.write_text("a = ")
    with pytest.raises(ValueError, match=r"train\.toml is not valid TOML"):
        read_config(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_config(tmp_path / "none.toml")


def test_the_config_in_the_documentation_is_read():
    page = (ROOT / "web" / "about" / "training.md").read_text(encoding="utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    read = parse_config(tomllib.loads(text)) if sys.version_info >= (3, 11) else None
    assert read is None or (read.loop.max_train_steps == 20000 and len(read.datasets) == 2)
    known = {f.name for kind in (TrainConfig, Settings, Recipe) for f in fields(kind)}
    table = page.partition("| setting | default")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert len(named) > 10 and named <= known


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The config has no pretrained_model_name_or_path"),
        (
            'pretrained_model_name_or_path = "b"\noutput_dir = "o"\n[[datasets]]\nimage_dir = "none"\n',
            "There is no folder",
        ),
    ],
)
def test_the_command_ends_with_a_sentence(text, said, tmp_path, capsys):
    (tmp_path / "train.toml").write_text(text)

    def no_base(*_: object) -> None:
        raise AssertionError("the base is the last thing to be loaded")

    assert command.main(["--config", str(tmp_path / "train.toml")], no_base) == 2
    errors = capsys.readouterr().err
    assert said in errors and errors.count("\n") == 1
