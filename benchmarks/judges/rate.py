"""Rate the answers of an evaluation: three columns more a row, and how many ratings there were to get.

Every reply of a model is kept in a cache (SQLite, by diskcache) and found again by what was asked. A key is the hash of the
judge's identity, the rubric and the filled item, so another model, an edited rubric and another answer are asked anew, and
nothing else is. Each reply is written before the next is waited for: a kill loses what is in flight. The raw reply is kept and
not the rating, so that ratings are always read by the present rules.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from diskcache import Cache, Disk, Timeout
from diskcache.core import MODE_RAW

from benchmarks.judges.models import EndpointModel, JudgeParams, LocalModel
from benchmarks.judges.rubrics import SCALES, Item, parse_rating, read_rubrics, scaled
from benchmarks.judges.rules import RulesJudge
from pipeline.core.errors import InputError
from pipeline.core.files import json_fingerprint, room_on_disk, work_folder
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams

# How good an answer is counts where the target is near; what it gives away, only where it should give nothing.
RUBRICS_OF_SPLIT = {"forget": ("leak", "quality", "unavailable"), "hard_retain": ("quality",), "general_retain": ()}


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
        if rating is not None:
            value = scaled(rubric, rating)
            rated[number][rubric] = bool(value) if rubric == "unavailable" else value
    return rated, counts


def rate_items(items: Sequence[Item], params: JudgeParams, runtime: RuntimeParams) -> tuple[list[float | None], dict[str, int]]:
    """Ratings of ``items`` by the judge of ``params``, on the rubrics' own scales, and counts.

    A rating is None where none can be read from the reply. Counts: asked (of the judge, now), cached (had from an earlier run,
    or asked for the same once already) and unparsable (no rating in the reply; a cached reply can be). Raises InputError when
    the judge can't go on; what it said is kept.
    """
    ratings: list[float | None]
    if params.judge == "rules":
        rules = RulesJudge()
        ratings, asked = [float(rules.rating(item)) for item in items], len(items)
    else:
        model = EndpointModel(params) if params.judge == "openai" else LocalModel(params, runtime)
        ratings, asked = rate_cached(model, items, read_rubrics(), work_folder() / "ratings")
    return ratings, {"asked": asked, "cached": len(items) - asked, "unparsable": ratings.count(None)}


def rate_cached(
    model: EndpointModel | LocalModel, items: Sequence[Item], rubrics: Mapping[str, str], folder: Path
) -> tuple[list[float | None], int]:
    """Ratings of ``items`` by the replies in ``folder``, and how many ``model`` was asked for; the same item is asked once.

    Raises InputError when the model has to stop, or a reply can't be kept; the replies until then are in ``folder``.
    """
    prompts = [item.prompt(rubrics) for item in items]
    keys = [json_fingerprint([model.identity, rubrics[item.rubric], p]) for item, p in zip(items, prompts, strict=True)]
    with kept_replies(folder) as kept:
        missing = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if kept.get(key) is None}
        asked = list(missing)
        if asked:
            replies = model.replies(list(missing.values()))
            with closing(replies), progress_bar(len(asked), "rating", "judge") as bar:
                for index, reply in replies:
                    if reply.strip():  # an endpoint that said nothing may say something the next time
                        kept.set(asked[index], reply)
                    bar.update(1)
        ratings = [parse_rating(kept.get(key) or "", item.rubric) for key, item in zip(keys, items, strict=True)]
    return ratings, len(asked)


class TextDisk(Disk):
    """Texts, each whole in the database. Diskcache's own way would unpickle what somebody else has put there."""

    def store(self, value: str, read: bool, key: object = None) -> tuple[int, int, None, str]:
        """The columns of ``value``; half a surrogate pair, which is no UTF-8, becomes a question mark."""
        return 0, MODE_RAW, None, value.encode("utf-8", "replace").decode()

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> str | None:
        """The text, or None for anything else."""
        return value if mode == MODE_RAW and isinstance(value, str) else None


@contextmanager
def kept_replies(folder: Path) -> Iterator[Any]:
    """The cache in ``folder``, which never throws a reply out. Raises InputError for a full disk or a broken database."""
    try:
        with room_on_disk(folder), Cache(folder, disk=TextDisk, eviction_policy="none") as cache:
            yield cache
    except (sqlite3.Error, Timeout) as error:
        raise InputError(
            f"{folder}: replies can't be kept there ({str(error) or 'another process holds it'}); free some disk space, "
            "or move the folder away if it is damaged, and run the stage again."
        ) from None
