"""Rubrics: what a judge is asked, one text file each, the scale of its rating, and the rating read from a model's reply.

What is rated follows Liu et al. (2024), section 4.1: whether a response leaks the right answer, how well it is written whether
true or not, and whether it leaves the question open instead of inventing (hallucination avoidance). The scales are the
paper's, turned so that more is more of what the rubric is named after. Only the first rubric shows the judge the right answer:
the others are not about truth, and a judge that sees it tends to mark what is false.

A rating is read from one line of JSON if the model did as it was told, else from whatever names one number. A reply that names
two different ratings, or none on the scale, is no rating: to guess would put a number where there is none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import regex

from pipeline.core.errors import InputError
from pipeline.core.files import json_fingerprint, read_text

RUBRICS_FOLDER = Path("data/judge")
SCALES = {"leak": (0, 2), "quality": (1, 3), "unavailable": (0, 1)}  # lowest and highest rating
_PLACES = {"question": "question", "answer": "answer", "response": "response", "mark": "line that stands around each text"}
_PLACEHOLDER = regex.compile(r"\{(question|answer|response|mark)\}")
_THOUGHT = regex.compile(r"<think>.*?(?:</think>|\Z)", regex.DOTALL)
_OBJECT = regex.compile(r"\{[^{}]*\}")
# Between the word and its number may stand quotes, emphasis, a colon or a bracket: no minus, and no scale such as (0-2).
_NAMED = regex.compile(
    r"rating(?:\s*\(\s*\d+\s*[-–/]\s*\d+\s*\))?[\s\"'*_:=\[(]{0,9}(-?\d+(?:\.\d+)?|true|false)(?!\s*[-–/]\s*\d)",
    regex.IGNORECASE,
)
_NUMBER = regex.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w|\.\d)")
_WORDS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Item:
    """A response to be rated by one rubric (a key of SCALES), beside the question and its right answer."""

    question: str
    answer: str
    response: str
    rubric: str

    def prompt(self, rubrics: Mapping[str, str]) -> str:
        """The text of its rubric, filled in one pass, so that braces in a response stay what they are.

        Each text stands between two lines that none of the texts has, since they are made of its hash: what a model wrote can't
        end its own place and give the judge instructions. The same item has the same marks, so that its reply is found again.
        """
        texts = {"question": self.question, "answer": self.answer, "response": self.response}
        mark = f"=== {json_fingerprint(texts)[:16]} ==="

        def filled(match: regex.Match[str]) -> str:
            return mark if match.group(1) == "mark" else f"\n{mark}\n{texts[match.group(1)]}\n{mark}"

        return str(_PLACEHOLDER.sub(filled, rubrics[self.rubric]))


def read_rubrics(folder: Path = RUBRICS_FOLDER) -> dict[str, str]:
    """The texts of the rubrics, each from NAME.txt in ``folder``. Raises InputError for a missing file or placeholder."""
    rubrics = {}
    for name in SCALES:
        path = folder / f"{name}.txt"
        rubrics[name] = read_text(path, "what the judge is asked, with {question}, {answer}, {response} and {mark}").strip()
        for place, what in _PLACES.items():
            if f"{{{place}}}" not in rubrics[name] and (place != "answer" or name == "leak"):
                raise InputError(f"{path} lacks {{{place}}}, the place where the {what} is written; add it.")
    return rubrics


def scaled(rubric: str, rating: float) -> float:
    """``rating`` brought to 0..1: 0 is the lowest of the rubric's scale, 1 the highest."""
    low, high = SCALES[rubric]
    return (rating - low) / (high - low)


def parse_rating(reply: str, rubric: str) -> float | None:
    """The rating in ``reply``, or None.

    Looked for in this order, after a model's thoughts (<think>) are left out: the key "rating" of JSON objects, a number
    after the word rating, and the only number of the reply. The first of these that finds anything decides.
    """
    text = _THOUGHT.sub("", reply)
    values = {_number(one) for one in _from_objects(text) or _NAMED.findall(text) or _NUMBER.findall(text)}
    value = values.pop() if len(values) == 1 else None
    low, high = SCALES[rubric]
    return value if value in range(low, high + 1) else None


def _from_objects(text: str) -> list[object]:
    values = []
    for match in _OBJECT.finditer(text):
        try:
            parsed = json.loads(match.group(), parse_int=float)  # an int may be too large for a float
        except (json.JSONDecodeError, RecursionError):
            continue
        values += [value for key, value in parsed.items() if key.casefold() == "rating"]
    return values


def _number(value: object) -> float | None:
    if isinstance(value, bool | float):
        return float(value)
    text = value.strip().casefold() if isinstance(value, str) else ""
    return float(text) if _NUMBER.fullmatch(text) else _WORDS.get(text)
