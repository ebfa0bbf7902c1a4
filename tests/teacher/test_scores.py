"""Scores kept on disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.engines.engine import Progress, Scores
from pipeline.teacher.rendering import Rendering
from pipeline.teacher.scores import ScoreStore, text_scores

K = 3


class Counting:
    """An engine whose scores tell which tokens they are of, and that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def score(self, sequences: Sequence[list[int]], top_k: int, progress: Progress | None = None) -> list[Scores]:
        self.asked += sequences
        if progress:
            progress(sum(map(len, sequences)))
        results = []
        for ids in sequences:
            top = np.array([[100 * ids[t] + rank for rank in range(top_k)] for t in range(len(ids) - 1)], dtype=np.int32)
            results.append(
                Scores(np.full(len(ids) - 1, np.log(0.25), dtype=np.float32), top, -np.log1p(top.astype(np.float32)))
            )
        return results


def rendering(*ids: int, prefix: int = 2) -> Rendering:
    """One character a token; the first ``prefix`` of them before the text."""
    count = len(ids)
    return Rendering("x" * count, (prefix, count), list(ids), list(range(count)), list(range(1, count + 1)))


ONE, TWO, THREE = rendering(1, 2, 3, 4), rendering(5, 6, 7, 8, 9), rendering(1, 2, 3, 5)


def store(folder: Path | None, engine: Counting) -> ScoreStore:
    return ScoreStore(folder, lambda: engine, K)  # type: ignore[arg-type,return-value]


def test_rows_of_the_text_are_found_by_position(tmp_path: Path) -> None:
    (scores,) = store(tmp_path, Counting()).score([TWO], lambda _: None)
    assert scores.first_row == 1
    ids, probs = scores.at(np.array([1, 3]))
    assert ids.tolist() == [[7, 600, 601, 602], [9, 800, 801, 802]]
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs[:, 1:], 1 / (1 + ids[:, 1:]), rtol=1e-5)
    np.testing.assert_allclose(probs[:, 0], 0.25, rtol=1e-5)


def test_own_token_has_its_mass_once() -> None:
    top = np.array([[3, 5, 7], [9, 4, 2]], dtype=np.int32)
    logprobs = np.log(np.array([[0.5, 0.2, 0.1], [0.6, 0.2, 0.1]], dtype=np.float32))
    scores = text_scores(rendering(1, 2, 5, 8), np.log(np.array([0.2, 0.01], dtype=np.float32)), top, logprobs)
    ids, probs = scores.at(np.array([1, 2]))
    assert ids.tolist() == [[5, 3, 5, 7], [8, 9, 4, 2]]
    np.testing.assert_allclose(probs, [[0.2, 0.5, 0.0, 0.1], [0.01, 0.6, 0.2, 0.1]], rtol=1e-6)
    assert scores.most_probable(np.array([2, 1]), 2).tolist() == [[9, 4], [3, 5]]
    ids, probs = scores.cut(1).at(np.array([1]))
    assert ids.tolist() == [[5, 3]], "an engine that is asked for fewer still gives the own token"
    np.testing.assert_allclose(probs, [[0.2, 0.5]], rtol=1e-6)


def test_text_without_a_prefix_is_known_from_its_second_token() -> None:
    (scores,) = store(None, Counting()).score([rendering(1, 2, 3, prefix=0)], lambda _: None)
    assert scores.first_row == 0
    assert scores.ids.shape == (2, 1 + K)


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_kept_is_not_asked_again(tmp_path: Path, keep: bool) -> None:
    engine, told = Counting(), []
    first = store(tmp_path if keep else None, engine).score([ONE, TWO], told.append)
    assert engine.asked == [ONE.input_ids, TWO.input_ids]
    assert sum(told) == 9
    again = store(tmp_path if keep else None, engine)
    assert again.has(ONE) == keep
    second = again.score([TWO, ONE], told.append)
    assert len(engine.asked) == (2 if keep else 4)
    for one, other in zip(first, reversed(second), strict=True):
        assert one.first_row == other.first_row
        assert one.ids.dtype == other.ids.dtype
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.logprobs, other.logprobs)
    assert (list(tmp_path.iterdir()) != []) == keep


def test_only_what_is_missing_is_asked_once_and_the_engine_opened_when_needed(tmp_path: Path) -> None:
    engine, opened = Counting(), []

    def opening() -> Counting:
        opened.append(1)
        return engine

    store(tmp_path, engine).score([ONE], lambda _: None)
    again = ScoreStore(tmp_path, opening, K)  # type: ignore[arg-type]
    assert not opened
    again.score([ONE, ONE], lambda _: None)
    assert not opened
    results = again.score([THREE, ONE, TWO, THREE], lambda _: None)
    assert engine.asked == [ONE.input_ids, THREE.input_ids, TWO.input_ids]
    assert [r.ids[0, 1] for r in results] == [200, 200, 600, 200]
    assert len(opened) == 1


def test_same_tokens_with_another_prefix_are_another_text(tmp_path: Path) -> None:
    store(tmp_path, Counting()).score([ONE], lambda _: None)
    assert not store(tmp_path, Counting()).has(rendering(1, 2, 3, 4, prefix=3))


@pytest.mark.parametrize("length", [0, 5, 60, -1])
def test_file_cut_short_is_scored_again(tmp_path: Path, length: int) -> None:
    engine = Counting()
    (wanted,) = store(tmp_path, engine).score([ONE], lambda _: None)
    store(tmp_path, engine).score([TWO], lambda _: None)
    path = next(path for path in tmp_path.iterdir() if store_holds(path, ONE))
    data = path.read_bytes()
    path.write_bytes(data[:length])
    again = store(tmp_path, engine)
    assert (again.has(ONE), again.has(TWO)) == (False, True)
    (result,) = again.score([ONE], lambda _: None)
    assert engine.asked == [ONE.input_ids, TWO.input_ids, ONE.input_ids]
    np.testing.assert_array_equal(result.logprobs, wanted.logprobs)
    assert path.read_bytes() == data


def store_holds(path: Path, wanted: Rendering) -> bool:
    """Whether the file at ``path`` alone holds the scores of ``wanted``."""
    alone = path.parent / "alone"
    alone.mkdir(exist_ok=True)
    (alone / path.name).write_bytes(path.read_bytes()) if path.is_file() else None
    found = path.is_file() and store(alone, Counting()).has(wanted)
    for copy in alone.iterdir():
        copy.unlink()
    alone.rmdir()
    return found


def test_unfinished_file_is_no_score(tmp_path: Path) -> None:
    (tmp_path / "abc.partial").write_bytes(b"half")
    assert not store(tmp_path, Counting()).has(ONE)
