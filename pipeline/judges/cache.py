"""Ratings that were paid for once: every reply of a model is kept, and found again by what was asked.

The file is JSON lines, {"key", "raw"}, appended to and never rewritten. A key is the hash of the judge's identity, the rubric
and the filled item, so another model, an edited rubric and another answer are asked anew, and nothing else is. Each reply is
written before the next is waited for: a kill loses what is in flight, and a line it cut in two is passed over. The raw reply
is kept and not the rating, so that ratings are always read by the present rules.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.fingerprint import json_fingerprint
from pipeline.judges.interface import Item, Judge, Rating
from pipeline.judges.replies import parse_rating
from pipeline.judges.rubrics import Rubric
from pipeline.publish import room_on_disk, work_folder


def cache_file() -> Path:
    """Where ratings are kept."""
    return work_folder() / "ratings.jsonl"


class ReplyCache:
    """The replies in ``path``, by key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._replies: dict[str, str] = {}
        self._cut = False
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
            self._cut = lines[-1] != ""
            for line in lines:
                try:
                    row = json.loads(line)
                    self._replies[row["key"]] = row["raw"]
                except (json.JSONDecodeError, TypeError, KeyError):
                    continue

    def get(self, key: str) -> str | None:
        """The reply kept under ``key``, or None."""
        return self._replies.get(key)

    def add(self, key: str, raw: str) -> None:
        """Keep ``raw`` under ``key``; on disk when this returns."""
        line = json.dumps({"key": key, "raw": raw}, ensure_ascii=False) + "\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with room_on_disk(self._path), self._path.open("a", encoding="utf-8", errors="replace") as stream:
            stream.write("\n" + line if self._cut else line)
        self._cut = False
        self._replies[key] = raw


def rate_cached(
    judge: Judge, items: Sequence[Item], rubrics: Mapping[str, Rubric], cache: ReplyCache
) -> tuple[list[Rating], int]:
    """Ratings of ``items``, and how many the judge was asked for; the same item is asked once.

    Raises InputError when the judge has to stop; the replies until then are in ``cache``.
    """
    keys = [json_fingerprint([judge.identity, rubrics[i.rubric].text, rubrics[i.rubric].fill(i)]) for i in items]
    missing = {key: item for key, item in zip(keys, items, strict=True) if cache.get(key) is None}
    asked = list(missing)

    def keep(index: int, rating: Rating) -> None:
        if rating.raw.strip():  # an endpoint that said nothing may say something the next time
            cache.add(asked[index], rating.raw)

    if asked:
        judge.rate(list(missing.values()), keep)
    ratings = []
    for key, item in zip(keys, items, strict=True):
        raw = cache.get(key) or ""
        ratings.append(Rating(parse_rating(raw, item.rubric), raw))
    return ratings, len(asked)
