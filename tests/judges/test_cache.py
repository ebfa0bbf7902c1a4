"""Each thing is asked once, and a cut line costs its own rating only."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.judges.cache import ReplyCache, rate_cached
from pipeline.judges.interface import Item, OnRating, Rating
from pipeline.judges.replies import parse_rating
from pipeline.judges.rubrics import Rubric

RUBRICS = {"leak": Rubric("leak", "{question}|{answer}|{response}"), "quality": Rubric("quality", "{question}|{response}")}
ITEMS = [Item("Who?", "Ada", response, rubric) for rubric in RUBRICS for response in ("Ada", "Nia")]


class LengthJudge:
    """Rates by the length of the response, and remembers what it was asked."""

    def __init__(self, identity: str = "length") -> None:
        self.identity = identity
        self.asked: list[Item] = []

    def rate(self, items: Sequence[Item], on_rating: OnRating | None = None) -> list[Rating]:
        ratings = []
        for index, item in enumerate(items):
            self.asked.append(item)
            raw = f'{{"rating": {len(item.response) - 2}}}'
            ratings.append(Rating(parse_rating(raw, item.rubric), raw))
            if on_rating:
                on_rating(index, ratings[-1])
        return ratings


def test_duplicates_and_earlier_ratings_are_not_asked_again(tmp_path: Path) -> None:
    judge = LengthJudge()
    ratings, asked = rate_cached(judge, [*ITEMS, *ITEMS], RUBRICS, ReplyCache(tmp_path / "r.jsonl"))
    assert (asked, judge.asked, len(ratings)) == (4, ITEMS, 8)
    again, asked = rate_cached(judge, ITEMS, RUBRICS, ReplyCache(tmp_path / "r.jsonl"))
    assert (asked, again) == (0, ratings[:4])
    assert len(judge.asked) == 4


def test_another_judge_rubric_or_response_is_asked_anew(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    rate_cached(LengthJudge(), ITEMS, RUBRICS, ReplyCache(path))
    assert rate_cached(LengthJudge("other"), ITEMS, RUBRICS, ReplyCache(path))[1] == 4
    edited = {**RUBRICS, "leak": Rubric("leak", "Now: {question}|{answer}|{response}")}
    assert rate_cached(LengthJudge(), ITEMS, edited, ReplyCache(path))[1] == 2
    assert rate_cached(LengthJudge(), [Item("Who?", "Ada", "Eva", "leak")], RUBRICS, ReplyCache(path))[1] == 1


def test_a_judge_that_said_nothing_is_asked_again(tmp_path: Path) -> None:
    class Silent(LengthJudge):
        def rate(self, items: Sequence[Item], on_rating: OnRating | None = None) -> list[Rating]:
            ratings = [Rating(None, " ") for _ in items]
            for index, rating in enumerate(ratings):
                on_rating(index, rating) if on_rating else None
            return ratings

    path = tmp_path / "r.jsonl"
    ratings, asked = rate_cached(Silent(), ITEMS, RUBRICS, ReplyCache(path))
    assert (asked, {rating.rating for rating in ratings}) == (4, {None})
    assert rate_cached(LengthJudge(), ITEMS, RUBRICS, ReplyCache(path))[1] == 4


def test_a_line_cut_by_a_kill_is_passed_over_and_not_joined_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    rate_cached(LengthJudge(), ITEMS, RUBRICS, ReplyCache(path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert rate_cached(LengthJudge(), ITEMS, RUBRICS, ReplyCache(path))[1] == 1
    assert rate_cached(LengthJudge(), ITEMS, RUBRICS, ReplyCache(path))[1] == 0


def test_the_file_is_only_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    rate_cached(LengthJudge(), ITEMS[:2], RUBRICS, ReplyCache(path))
    before = path.read_bytes()
    rate_cached(LengthJudge(), ITEMS, RUBRICS, ReplyCache(path))
    assert path.read_bytes().startswith(before)
    assert path.read_bytes().count(b"\n") == 4
