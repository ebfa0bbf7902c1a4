"""What the engine said, kept on disk: a change of N, K, swap or grouping of shards scores only what was never scored.

One safetensors file a batch, one pair of tensors a rendering, found by the hash of its token ids; only the rows of the text are
kept, about 8 k bytes a token for the top k. The folder is named by what else determines a score: model, engine, k, versions.
Scores come back as they were. An engine's rounding depends on what it scores together, so shards made with scores of an earlier
N may differ from fresh ones in the last bits; where bytes matter, keep none (``runtime.keep_scores``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from pipeline.core.files import replacing
from pipeline.engines.engine import Engine, Progress
from pipeline.teacher.rendering import Rendering


@dataclass(frozen=True)
class TextScores:
    """The text's own next token and the k most probable ones at each place of a rendering from ``first_row`` on.

    No token has mass twice: where the own one is among the k, its entry there has a log-probability of minus infinity.
    """

    first_row: int
    ids: np.ndarray  # int32 [rows, 1 + k], the own token first, then the k, most probable first
    logprobs: np.ndarray  # float32 [rows, 1 + k], nats

    def at(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(ids [T, 1 + k], probabilities [T, 1 + k], float64) after the tokens at ``positions``."""
        rows = positions - self.first_row
        return self.ids[rows], np.exp(self.logprobs[rows].astype(np.float64))

    def most_probable(self, positions: np.ndarray, count: int) -> np.ndarray:
        """The ``count`` most probable tokens (k at most) after the tokens at ``positions``, int32 [T, count]."""
        return self.ids[positions - self.first_row, 1 : 1 + count]

    def cut(self, top_k: int) -> "TextScores":
        """The scores as an engine gives them that is asked for ``top_k`` of these tokens."""
        return replace(self, ids=self.ids[:, : 1 + top_k], logprobs=self.logprobs[:, : 1 + top_k])


def text_scores(rendering: Rendering, next_logprobs: np.ndarray, top_ids: np.ndarray, top_logprobs: np.ndarray) -> TextScores:
    """What an engine said of ``rendering`` (see engines.engine.Scores), given for the rows of the text alone."""
    first = first_row(rendering)
    own_ids = np.array(rendering.input_ids[first + 1 :], dtype=np.int32)[:, None]
    others = np.where(top_ids == own_ids, np.float32(-np.inf), top_logprobs)
    ids, logprobs = np.concatenate([own_ids, top_ids], axis=1), np.concatenate([next_logprobs[:, None], others], axis=1)
    return TextScores(first, ids, logprobs)


class ScoreStore:
    """Scores by rendering. Without a ``folder`` nothing is kept."""

    def __init__(self, folder: Path | None, open_engine: Callable[[], Engine], top_k: int) -> None:
        from safetensors import SafetensorError, safe_open

        self._folder, self._open, self._top_k = folder, open_engine, top_k
        self._engine: Engine | None = None
        self._files: dict[str, Path] = {}
        for path in sorted(folder.glob("*.safetensors")) if folder else ():
            try:
                with safe_open(path, framework="numpy") as file:
                    self._files |= {name.removesuffix(".ids"): path for name in file.keys() if name.endswith(".ids")}  # noqa: SIM118
            except SafetensorError:
                path.unlink()  # cut short by a crash of the machine: score it again

    def has(self, rendering: Rendering) -> bool:
        """Whether ``rendering`` needs no engine."""
        return _key(rendering) in self._files

    def score(self, renderings: Sequence[Rendering], progress: Progress) -> list[TextScores]:
        """The scores of ``renderings``, from the store or else from the engine; ``progress`` counts the engine's tokens."""
        from safetensors.numpy import load_file

        keyed = [(_key(rendering), rendering) for rendering in renderings]
        missing = {key: rendering for key, rendering in keyed if key not in self._files}
        scores = self._ask(missing, progress) if missing else {}
        stored: dict[str, np.ndarray] = {}
        for path in sorted({self._files[key] for key, _ in keyed if key not in scores}):
            stored |= load_file(path)
        for key, rendering in keyed:
            if key not in scores:
                scores[key] = TextScores(first_row(rendering), stored[f"{key}.ids"], stored[f"{key}.logprobs"])
        return [scores[key] for key, _ in keyed]

    def _ask(self, missing: dict[str, Rendering], progress: Progress) -> dict[str, TextScores]:
        """The engine's scores by key, written to the folder if there is one."""
        from safetensors.numpy import save_file

        self._engine = self._engine or self._open()
        asked = self._engine.score([r.input_ids for r in missing.values()], self._top_k, progress)
        scores = {}
        for (key, rendering), one in zip(missing.items(), asked, strict=True):
            rows = slice(first_row(rendering), None)
            scores[key] = text_scores(rendering, one.next_logprobs[rows], one.top_ids[rows], one.top_logprobs[rows])
        if self._folder:
            path = self._folder / f"{sha256(''.join(sorted(scores)).encode()).hexdigest()[:32]}.safetensors"
            tensors = {f"{key}.ids": one.ids for key, one in scores.items()}
            with replacing(path) as fresh:
                save_file(tensors | {f"{key}.logprobs": one.logprobs for key, one in scores.items()}, fresh)
            self._files |= dict.fromkeys(scores, path)
        return scores


def first_row(rendering: Rendering) -> int:
    """The row about the first token of the text: that of the prefix's last token."""
    return max(rendering.prefix_length - 1, 0)


def _key(rendering: Rendering) -> str:
    ids = np.asarray([first_row(rendering), *rendering.input_ids], dtype=np.int64)
    return sha256(ids.tobytes()).hexdigest()[:32]
