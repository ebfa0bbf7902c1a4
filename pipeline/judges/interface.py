"""What is asked of a judge, whether it is a set of rules, a model behind an endpoint, or one in a local folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Item:
    """A response to be rated by one rubric, beside the question and its right answer."""

    question: str
    answer: str
    response: str
    rubric: str  # its name, a key of pipeline.judges.rubrics.SCALES


@dataclass(frozen=True)
class Rating:
    """What a judge said. ``rating`` is on the rubric's own scale, or None where no rating can be read from ``raw``."""

    rating: float | None
    raw: str


OnRating = Callable[[int, Rating], None]


class Judge(Protocol):
    """Rates responses in the order of its inputs."""

    @property
    def identity(self) -> str:
        """Everything about the judge, apart from the rubrics, that could change a rating."""
        ...

    def rate(self, items: Sequence[Item], on_rating: OnRating | None = None) -> list[Rating]:
        """A rating for each item.

        ``on_rating`` is told the item's index and its rating as soon as there is one, in any order, in the caller's thread.
        Raises InputError when the judge has to stop before the last item; what ``on_rating`` was told holds.
        """
        ...
