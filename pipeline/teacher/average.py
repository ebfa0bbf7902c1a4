"""From what the engine said of a passage's renderings to one distribution a position: swap back, average, cut to K.

Each name's list is sparse; what a list lacks counts as tail. Shapes: T positions, N names, k scored tokens, K kept, of which M
are chosen beforehand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.teacher.counterfactuals import RenderedPassage
from pipeline.teacher.own_name import OwnName
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.reverse_swap import penalise, swap_back
from pipeline.teacher.scores import TextScores

SMALLEST_TAIL = 1e-12  # float32 rounding makes a tail of nothing slightly negative


@dataclass(frozen=True)
class Averaged:
    """The teacher's distribution at T positions: K tokens and the tail. Log-probabilities in nats."""

    ids: np.ndarray  # int32 [T, K], most probable first, ties by id
    logprobs: np.ndarray  # float64 [T, K]
    tail_logprob: np.ndarray  # float64 [T]
    entropy: np.ndarray  # float64 [T], nats, the tail counted as one outcome
    disagreement: np.ndarray  # float64 [T], nats: mean KL of the names' distributions from the average


@dataclass(frozen=True)
class TaughtPassage:
    """The teacher's distribution at the T trained positions of a passage."""

    positions: np.ndarray  # int32 [T], into the original's input_ids, ascending
    averaged: Averaged
    swapped_mass: np.ndarray  # float64 [T], mean over names


def teach(rendered: RenderedPassage, scores: Sequence[TextScores], params: TeacherParams) -> TaughtPassage:
    """The distribution at the trained positions, from the ``scores`` of ``rendered.renderings``."""
    positions = rendered.alignment.positions[0]
    ids_NTk, probs_NTk, swapped_T = _swapped(rendered, scores, params)
    averaged = average(ids_NTk, probs_NTk, params.top_k, kept_tokens(rendered, scores, params, positions))
    own = rendered.own_name
    if own and len(own.positions):
        kept_TM = kept_tokens(rendered, scores, params, own.positions)
        inside = average(*_inside_the_name(own, scores[len(rendered.scored) :]), params.top_k, kept_TM)
        positions = np.concatenate([positions, own.positions])
        swapped_T = np.concatenate([swapped_T, np.zeros(len(own.positions))])
        order = np.argsort(positions, kind="stable")
        pairs = zip(vars(averaged).values(), vars(inside).values(), strict=True)
        averaged = Averaged(*(np.concatenate(pair)[order] for pair in pairs))
        positions, swapped_T = positions[order], swapped_T[order]
    # A retain passage is there to stay as it is, so its targets are never hardened.
    hard = params.targets == "hard" and rendered.passage.kind == "forget"
    return TaughtPassage(positions, hardened(averaged) if hard else averaged, swapped_T)


def _swapped(
    rendered: RenderedPassage, scores: Sequence[TextScores], params: TeacherParams
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each name's list at the boundaries that all renderings share, penalised and swapped back: ids, probabilities, mass moved.

    [N, T, k + extra] twice, and the mean over names [T].
    """
    at = [score.at(positions) for score, positions in zip(scores, rendered.alignment.positions[1:], strict=False)]
    ids_NTk, probs_NTk = np.stack([ids for ids, _ in at]), np.stack([probs for _, probs in at])
    nothing_T = np.zeros(ids_NTk.shape[1])
    if not rendered.stand_ins or not len(nothing_T):
        return ids_NTk, probs_NTk, nothing_T
    if params.name_penalty:
        rows = zip(ids_NTk, probs_NTk, rendered.stand_ins, rendered.occurred_NT(), strict=True)
        probs_NTk = np.stack([penalise(ids, probs, s.penalised, o, params.name_penalty) for ids, probs, s, o in rows])
    if params.reverse_swap == "off":
        return ids_NTk, probs_NTk, nothing_T
    pairs = [stand_in.form_pairs for stand_in in rendered.stand_ins]
    ids_NTk, probs_NTk, moved_NT = swap_back(
        ids_NTk, probs_NTk, *rendered.mention_tokens(), pairs, rendered.named_T(), params.reverse_swap
    )
    return ids_NTk, probs_NTk, moved_NT.mean(0)


def _inside_the_name(own: OwnName, scores: Sequence[TextScores]) -> tuple[np.ndarray, np.ndarray]:
    """Each name's list at the boundaries inside the first mention: ids and probabilities, [N, T, 1 + k]."""
    places = zip(own.rendering_NT.ravel(), own.positions_NT.ravel(), strict=True)
    at = [scores[rendering].at(position) for rendering, position in places]
    shape = (*own.rendering_NT.shape, -1)
    return np.stack([ids for ids, _ in at]).reshape(shape), np.stack([probs for _, probs in at]).reshape(shape)


def kept_tokens(
    rendered: RenderedPassage, scores: Sequence[TextScores], params: TeacherParams, positions: np.ndarray
) -> np.ndarray:
    """Tokens that are among the K at ``positions`` of the original, however improbable the average makes them: int32 [T, M].

    They are what the student says there before it has learnt anything: the document's own next token, whose mass is known
    exactly, and the ``base_top_k`` most probable tokens of the base model on the original text. What is to be forgotten is
    mostly one of them and, with nobody else to say it, mostly not among the K most probable. In the tail's bucket the loss
    could not tell a student that still says it from one that spreads the tail. At most half of the K, the own token first.
    """
    kept_TM = np.array(rendered.original.input_ids, dtype=np.int32)[positions + 1, None]
    if rendered.base:
        kept_TM = np.concatenate([kept_TM, scores[-1].most_probable(positions, params.base_top_k)], axis=1)
    return kept_TM[:, : max(1, params.top_k // 2)]


def average(ids_NTk: np.ndarray, probs_NTk: np.ndarray, top_k: int, chosen_TM: np.ndarray | None = None) -> Averaged:
    """Mean over names of sparse distributions (an id may stand twice in a row: its masses add), cut to ``top_k`` tokens.

    Kept are the M of ``chosen_TM`` (K at most; an id may stand twice there too), whatever their mass, and the most probable
    others. Entropy and disagreement are over the K tokens and one bucket for the rest: lower bounds of the dense values.
    """
    names, positions, _ = ids_NTk.shape
    chosen_TM = np.zeros((positions, 0), dtype=np.int32) if chosen_TM is None else chosen_TM
    ids_TK = np.zeros((positions, top_k), dtype=np.int32)
    probs_TK = np.zeros((positions, top_k))
    disagreement_T = np.zeros(positions)
    for t in range(positions):
        listed = ids_NTk[:, t].ravel()
        tokens, where = np.unique(np.concatenate([listed, chosen_TM[t]]), return_inverse=True)
        per_name = np.zeros((names, len(tokens)))
        np.add.at(per_name, (np.arange(names)[:, None], where[: len(listed)].reshape(names, -1)), probs_NTk[:, t])
        mean = per_name.mean(0)
        others = np.ones(len(tokens), dtype=bool)
        others[where[len(listed) :]] = False
        kept = np.lexsort((tokens, -mean, others))[:top_k]
        kept = kept[np.lexsort((tokens[kept], -mean[kept]))]
        ids_TK[t, : len(kept)], probs_TK[t, : len(kept)] = tokens[kept], mean[kept]
        kept_mass = np.column_stack([per_name[:, kept], 1.0 - per_name[:, kept].sum(1)]).clip(SMALLEST_TAIL)
        mean_mass = np.append(mean[kept], 1.0 - mean[kept].sum()).clip(SMALLEST_TAIL)
        disagreement_T[t] = (kept_mass * np.log(kept_mass / mean_mass)).sum(1).mean()
    tail_T = (1.0 - probs_TK.sum(1)).clip(SMALLEST_TAIL)
    logprobs_TK = np.log(probs_TK.clip(SMALLEST_TAIL))
    entropy_T = -(probs_TK * logprobs_TK).sum(1) - tail_T * np.log(tail_T)
    return Averaged(ids_TK, logprobs_TK, np.log(tail_T), entropy_T, disagreement_T.clip(0.0))


def hardened(averaged: Averaged) -> Averaged:
    """The most probable token of each position with all the mass: hard targets. Entropy and disagreement stay the average's."""
    ids = averaged.ids[:, :1]
    tail_T = np.full(len(ids), np.log(SMALLEST_TAIL))
    return replace(averaged, ids=ids, logprobs=np.zeros(ids.shape), tail_logprob=tail_T)
