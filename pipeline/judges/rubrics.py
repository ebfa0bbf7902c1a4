"""Rubrics: what a judge is asked, one text file each, and the scale that its rating is on.

What is rated follows Liu et al. (2024), section 4.1: whether a response leaks the right answer, how well it is written whether
true or not, and whether it leaves the question open instead of inventing (hallucination avoidance). The scales are the
paper's, turned so that more is more of what the rubric is named after. Only the first rubric shows the judge the right answer:
the others are not about truth, and a judge that sees it tends to mark what is false.
"""

from dataclasses import dataclass
from pathlib import Path

import regex

from pipeline.errors import InputError
from pipeline.judges.interface import Item
from pipeline.textfile import read_text

RUBRICS_FOLDER = Path("data/judge")
SCALES = {"leak": (0, 2), "quality": (1, 3), "unavailable": (0, 1)}  # lowest and highest rating
_PLACEHOLDER = regex.compile(r"\{(question|answer|response)\}")
_NEEDED = {
    "leak": ("question", "answer", "response"),
    "quality": ("question", "response"),
    "unavailable": ("question", "response"),
}


@dataclass(frozen=True)
class Rubric:
    """A rubric's text, with places for the question, the right answer and the response."""

    name: str
    text: str

    def fill(self, item: Item) -> str:
        """The text for ``item``. Places are filled in one pass, so that braces in a response stay what they are."""
        values = {"question": item.question, "answer": item.answer, "response": item.response}
        return _PLACEHOLDER.sub(lambda match: values[match.group(1)], self.text)


def read_rubrics(folder: Path = RUBRICS_FOLDER) -> dict[str, Rubric]:
    """The rubrics, each from NAME.txt in ``folder``. Raises InputError for a missing file or placeholder."""
    rubrics = {}
    for name in SCALES:
        path = folder / f"{name}.txt"
        text = read_text(path, "what the judge is asked, with {question}, {answer} and {response}").strip()
        found = {match.group(1) for match in _PLACEHOLDER.finditer(text)}
        for place in _NEEDED[name]:
            if place not in found:
                raise InputError(f"{path} lacks {{{place}}}, the place where the {place} is written; add it.")
        rubrics[name] = Rubric(name, text)
    return rubrics


def scaled(rubric: str, rating: float) -> float:
    """``rating`` brought to 0..1: 0 is the lowest of the rubric's scale, 1 the highest."""
    low, high = SCALES[rubric]
    return (rating - low) / (high - low)
