"""The section's rules; its defaults are the published settings."""

from typing import Any

import pytest

from benchmarks.attacks.params import AttackParams
from pipeline.core.errors import InputError
from pipeline.core.params import parse_section


def test_defaults_are_the_published_settings() -> None:
    params = parse_section(AttackParams, None, "attacks")
    assert (params.many_shot_shots, params.many_shot_max_tokens) == (100, 0)
    assert (params.soft_tokens, params.soft_learning_rate, params.soft_epochs, params.soft_restarts) == (20, 0.01, 20, 5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"soft_held_out_folds": 1}, "attacks.soft_held_out_folds is 1"),
        ({"soft_towards": "openings", "soft_openings": []}, "attacks.soft_openings is empty"),
        ({"soft_towards": "anything"}, "attacks.soft_towards is 'anything'"),
        ({"soft_tokens": 0}, "attacks.soft_tokens is 0"),
        ({"many_shot_shots": -1}, "attacks.many_shot_shots is -1"),
        ({"soft_steps": 3}, "attacks.soft_steps is unknown"),
    ],
)
def test_what_can_not_be_is_told(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_section(AttackParams, values, "attacks")
