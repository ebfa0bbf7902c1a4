"""Rate the answers of an evaluation: three columns more a row, and how many ratings there were to get."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.judges.cache import ReplyCache, cache_file, rate_cached
from pipeline.judges.interface import Item, Judge, Rating
from pipeline.judges.params import JudgeParams
from pipeline.judges.rubrics import RUBRICS_FOLDER, SCALES, read_rubrics, scaled
from pipeline.params import RuntimeParams

# How good an answer is counts where the target is near; what it gives away, only where it should give nothing.
RUBRICS_OF_SPLIT = {"forget": ("leak", "quality", "unavailable"), "hard_retain": ("quality",), "general_retain": ()}


def rate_items(
    items: Sequence[Item], params: JudgeParams, runtime: RuntimeParams, folder: Path = RUBRICS_FOLDER
) -> tuple[list[Rating], dict[str, int]]:
    """Ratings of ``items`` by the judge of ``params``, on the rubrics' own scales, and counts.

    Counts: asked (of the judge, now), cached (had from an earlier run, or asked for the same once already) and unparsable
    (no rating in the reply; a cached reply can be). Raises InputError when the judge can't go on; what it said is kept.
    """
    if params.judge == "rules":
        from pipeline.judges.rules import RulesJudge

        ratings, asked = RulesJudge(folder).rate(items), len(items)
    else:
        rubrics = read_rubrics(folder)
        if params.judge == "openai":
            from pipeline.judges.openai_endpoint import OpenaiJudge

            judge: Judge = OpenaiJudge(params, rubrics)
        else:
            from pipeline.judges.local_vllm import LocalJudge

            judge = LocalJudge(params, runtime, rubrics)
        ratings, asked = rate_cached(judge, items, rubrics, ReplyCache(cache_file()))
    unparsable = sum(rating.rating is None for rating in ratings)
    return ratings, {"asked": asked, "cached": len(items) - asked, "unparsable": unparsable}


def rate_answers(
    rows: Sequence[Mapping[str, Any]], params: JudgeParams, runtime: RuntimeParams
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """``rows`` (split, question, answer, response) with what the judge says, and the counts of rate_items.

    Adds leak (0 none of the right answer, 1 all of it) and unavailable (true or false) on forget questions, quality (0
    useless, 1 good) on forget and hard-retain ones; null elsewhere, and where the judge's reply holds no rating.
    Raises InputError when the judge can't go on; a rerun then asks only for what is missing.
    """
    places = [(number, rubric) for number, row in enumerate(rows) for rubric in RUBRICS_OF_SPLIT[row["split"]]]
    items = [Item(rows[n]["question"], rows[n]["answer"], rows[n]["response"], rubric) for n, rubric in places]
    ratings, counts = rate_items(items, params, runtime)
    rated: list[dict[str, Any]] = [{**row, **dict.fromkeys(SCALES)} for row in rows]
    for (number, rubric), rating in zip(places, ratings, strict=True):
        if rating.rating is not None:
            value = scaled(rubric, rating.rating)
            rated[number][rubric] = bool(value) if rubric == "unavailable" else value
    return rated, counts
