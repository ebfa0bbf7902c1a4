"""Section ``baseline``: what it takes and what it refuses."""

from typing import Any

import pytest

from benchmarks.methods.params import BaselineParams
from pipeline.core.errors import InputError
from pipeline.core.params import parse_section


def test_defaults_when_nothing_is_given() -> None:
    assert parse_section(BaselineParams, None, "baseline") == BaselineParams()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"objective": "ga"}, "baseline.objective is 'ga', but must be one of 'altpo', 'gradient_ascent'"),
        ({"learning_rate": 0}, "baseline.learning_rate is 0, but must be above 0"),
        ({"beta": -1}, "baseline.beta is -1, but must be at least 0"),
        ({"retain_per_forget": 0}, "baseline.retain_per_forget is 0, but must be above 0"),
        ({"seed": 1}, "baseline.seed is unknown"),
        ({"steps": 2, "epochs": 3}, "baseline.steps is 2, but each of the 3 epochs takes one at least; raise it"),
        ({"prompts": ["Who is it?"]}, "baseline.prompts holds 'Who is it?', which lacks {name}"),
    ],
)
def test_what_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(").replace("?", r"\?").replace("{", r"\{")):
        parse_section(BaselineParams, values, "baseline")
