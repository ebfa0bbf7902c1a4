"""Reading a rating from what a model wrote: one line of JSON if it did as it was told, else whatever names one number.

A reply that names two different ratings, or none on the scale, is no rating: to guess would put a number where there is none.
"""

import json
from collections.abc import Iterable

import regex

from pipeline.judges.rubrics import SCALES

_THOUGHT = regex.compile(r"<think>.*?(?:</think>|\Z)", regex.DOTALL)
_OBJECT = regex.compile(r"\{[^{}]*\}")
# Between the word and its number may stand quotes, emphasis, a colon or a bracket: no minus, and no scale such as (0-2).
_NAMED = regex.compile(
    r"rating(?:\s*\(\s*\d+\s*[-–/]\s*\d+\s*\))?[\s\"'*_:=\[(]{0,9}(-?\d+(?:\.\d+)?|true|false)(?!\s*[-–/]\s*\d)",
    regex.IGNORECASE,
)
_NUMBER = regex.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w|\.\d)")
_WORDS = {"true": 1.0, "false": 0.0}


def parse_rating(reply: str, rubric: str) -> float | None:
    """The rating in ``reply``, or None.

    Looked for in this order, after a model's thoughts (<think>) are left out: the key "rating" of JSON objects, a number
    after the word rating, and the only number of the reply. The first of these that finds anything decides.
    """
    told = _THOUGHT.sub("", reply)
    for found in (_from_objects(told), _NAMED.findall(told), _NUMBER.findall(told)):
        values = [_value(one) for one in found]
        if values:
            return _on_scale(values, rubric)
    return None


def _from_objects(text: str) -> list[object]:
    found = []
    for match in _OBJECT.finditer(text):
        try:
            parsed = json.loads(match.group())
        except json.JSONDecodeError:
            continue
        found += [value for key, value in parsed.items() if key.casefold() == "rating"]
    return found


def _value(told: object) -> float | None:
    if isinstance(told, bool | int | float):
        return float(told)
    if not isinstance(told, str):
        return None
    told = told.strip().casefold()
    if told in _WORDS:
        return _WORDS[told]
    return float(told) if _NUMBER.fullmatch(told) else None


def _on_scale(values: Iterable[float | None], rubric: str) -> float | None:
    low, high = SCALES[rubric]
    different = set(values)
    if len(different) != 1:
        return None
    value = different.pop()
    return value if value is not None and value in range(low, high + 1) else None
