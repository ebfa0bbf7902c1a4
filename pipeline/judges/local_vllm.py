"""A model in a local folder as the judge, through vLLM (or plain transformers): greedy, by the model's own chat template."""

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.engines.interface import open_engine
from pipeline.errors import InputError
from pipeline.fingerprint import model_fingerprint, tokenizer_fingerprint
from pipeline.judges.interface import Item, OnRating, Rating
from pipeline.judges.params import JudgeParams
from pipeline.judges.replies import parse_rating
from pipeline.judges.rubrics import Rubric
from pipeline.params import RuntimeParams
from pipeline.progress import progress_bar
from pipeline.tokenizer import load_tokenizer, question_prefix, tokenize

BATCH = 64  # items between two times that ratings are handed on


class LocalJudge:
    """The model in the folder ``params.model``, in the engine ``params.judge``. Raises InputError when there is none."""

    def __init__(self, params: JudgeParams, runtime: RuntimeParams, rubrics: dict[str, Rubric]) -> None:
        self._params, self._runtime, self._rubrics = params, runtime, rubrics
        self._folder = Path(params.model)
        if not (self._folder / "config.json").is_file():
            raise InputError(f"judge.model is {params.model!r}, but that is no folder with a model (config.json) in it.")
        self._tokenizer = load_tokenizer(self._folder)
        prints = [model_fingerprint(self._folder), tokenizer_fingerprint(self._folder)]
        self._identity = json.dumps([params.judge, *prints, params.max_new_tokens])

    @property
    def identity(self) -> str:
        """See Judge.identity."""
        return self._identity

    def rate(self, items: Sequence[Item], on_rating: OnRating | None = None) -> list[Rating]:
        """See Judge.rate."""
        prompts = [self._prompt(item) for item in items]
        if not prompts:
            return []
        longest = max(map(len, prompts)) + self._params.max_new_tokens
        engine = open_engine(self._params.judge, self._folder, self._runtime, longest=longest, top_k=1)
        ratings: list[Rating] = []
        with progress_bar(len(items), "rating", "judge") as bar:
            for start in range(0, len(prompts), BATCH):
                replies = engine.generate(prompts[start : start + BATCH], self._params.max_new_tokens)
                for ids in replies:
                    raw = str(self._tokenizer.decode(ids, skip_special_tokens=True)).strip()
                    index = len(ratings)
                    ratings.append(Rating(parse_rating(raw, items[index].rubric), raw))
                    if on_rating:
                        on_rating(index, ratings[index])
                bar.update(len(replies))
        return ratings

    def _prompt(self, item: Item) -> list[int]:
        return tokenize(self._tokenizer, question_prefix(self._tokenizer, self._rubrics[item.rubric].fill(item)))[0]
