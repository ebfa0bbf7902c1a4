"""The embedded judge: rules on words, with no model, no network and no cost. The same response always gets the same rating.

It sees the surface, so it is right about what can be counted (a fact named word for word, a loop, a stock phrase) and blind to
what has to be understood; the modules of its rules say what they miss, and stages.agreement how often.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline.judges.interface import Item, OnRating, Rating
from pipeline.judges.leak_rules import leak_rating
from pipeline.judges.quality_rules import quality_rating
from pipeline.judges.rubrics import RUBRICS_FOLDER
from pipeline.judges.unavailable_rules import PHRASES_FILE, leaves_open, read_phrases
from pipeline.judges.words import STOP_WORDS_FILE, Words, read_stop_words


class RulesJudge:
    """Rates by rules, with the words and phrases in ``folder``. Raises InputError when one of these files is missing."""

    identity = "rules"

    def __init__(self, folder: Path = RUBRICS_FOLDER) -> None:
        self._words = Words(read_stop_words(folder / STOP_WORDS_FILE.name))
        self._phrases = read_phrases(folder / PHRASES_FILE.name)

    def rate(self, items: Sequence[Item], on_rating: OnRating | None = None) -> list[Rating]:
        """See Judge.rate. ``raw`` is the rating as text; there is no reply."""
        ratings = []
        for index, item in enumerate(items):
            rating = self._rating(item)
            ratings.append(Rating(float(rating), str(rating)))
            if on_rating:
                on_rating(index, ratings[-1])
        return ratings

    def _rating(self, item: Item) -> int:
        if item.rubric == "leak":
            return leak_rating(self._words, item.question, item.answer, item.response)
        is_open = leaves_open(self._words, self._phrases, item.question, item.response)
        if item.rubric == "unavailable":
            return int(is_open)
        return quality_rating(self._words, item.question, item.response, leaves_open=is_open)
