"""From a passage's hidden states to one distribution a position: head, penalty, swap back, average over the names, cut to K.

Every name's distribution is whole: the mean is over all of the vocabulary, and only the mean is cut. A block of positions at a
time, so that logits exist for ``BLOCK_ROWS`` rows at once, whatever the length of the passage.

Shapes: T positions, N names, R rows of hidden states, S tokens that the swap may touch, K kept tokens, of which M are chosen
beforehand, D width, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.model.head import Head
from pipeline.shards.writer import TaughtPassage
from pipeline.teacher.counterfactuals import RenderedPassage
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.reverse_swap import swap_back

if TYPE_CHECKING:
    import torch

BLOCK_ROWS = 512
SMALLEST = 1e-12  # of a mass whose logarithm is taken


@dataclass(frozen=True)
class DenseTeacher:
    """The averaged distribution at T positions of a passage."""

    positions: np.ndarray  # int32 [T], into the original's input_ids, ascending
    probs_TV: "torch.Tensor"  # float32
    entropy: np.ndarray  # float64 [T], nats
    disagreement: np.ndarray  # float64 [T], nats: mean KL of the names' distributions from the average
    swapped_mass: np.ndarray  # float64 [T], mean over names


def teach(rendered: RenderedPassage, hidden: Sequence["torch.Tensor"], head: Head, params: TeacherParams) -> TaughtPassage:
    """The distribution at the trained positions. ``hidden``: of ``rendered.renderings``, each from its first_row on, [R, D]."""
    # A retain passage is there to stay as it is, so its targets are never hardened.
    hard = params.targets == "hard" and rendered.passage.kind == "forget"
    parts = []
    for dense in dense_teacher(rendered, hidden, head, params):
        if hard:
            ids = dense.probs_TV.argmax(-1, keepdim=True).int().cpu().numpy()
            logprobs, tail = np.zeros((len(ids), 1)), np.full(len(ids), np.log(SMALLEST))
        else:
            chosen_TM = kept_tokens(rendered, hidden, head, params, dense.positions)
            ids, logprobs, tail = cut(dense.probs_TV, chosen_TM, params.top_k)
        parts.append((dense.positions, ids, logprobs, tail, dense.entropy, dense.disagreement, dense.swapped_mass))
    return TaughtPassage(*map(np.concatenate, zip(*parts, strict=True)))


def dense_teacher(
    rendered: RenderedPassage, hidden: Sequence["torch.Tensor"], head: Head, params: TeacherParams
) -> Iterator[DenseTeacher]:
    """The average over the names, a block of the trained positions at a time; at least one block, if an empty one."""
    import torch

    states_RD = torch.cat(list(hidden)).to(head.weight_VD.device)
    positions_T, rows_NT = _rows(rendered)
    swap = _Swap(rendered, positions_T) if rendered.stand_ins and params.reverse_swap != "off" else None
    occurred_NT = None
    if rendered.stand_ins and params.name_penalty:
        occurred_NT = np.zeros(rows_NT.shape, dtype=bool)  # nothing is taken inside the target's own name
        occurred_NT[:, np.searchsorted(positions_T, rendered.alignment.positions[0])] = rendered.occurred_NT()
    step = max(1, BLOCK_ROWS // len(rows_NT))
    for start in range(0, max(len(positions_T), 1), step):
        part = slice(start, start + step)
        with torch.inference_mode():
            states_TND = states_RD[torch.from_numpy(rows_NT[:, part].T.copy())]
            logits_TNV = head.logits(states_TND.flatten(0, 1)).view(*states_TND.shape[:2], head.vocabulary)
            if occurred_NT is not None:
                _penalise(logits_TNV, rendered, occurred_NT[:, part], params.name_penalty)
            probs_TV, before_NTS, entropy_NT = _mean(logits_TNV, swap.tokens_S if swap else np.zeros(0, dtype=np.int64))
            swapped_T = np.zeros(len(probs_TV))
            if swap:
                after_NTS, swapped_T = swap(before_NTS, part, params.reverse_swap)
                entropy_NT += _entropy_terms(after_NTS).sum(-1) - _entropy_terms(before_NTS).sum(-1)
                probs_TV[:, swap.tokens_S] = torch.from_numpy(after_NTS.mean(0)).to(probs_TV)
            probs_TV /= probs_TV.sum(-1, keepdim=True)
            entropy_T = torch.special.entr(probs_TV).sum(-1, dtype=torch.float64).cpu().numpy()
        yield DenseTeacher(positions_T[part], probs_TV, entropy_T, (entropy_T - entropy_NT.mean(0)).clip(0.0), swapped_T)


def _rows(rendered: RenderedPassage) -> tuple[np.ndarray, np.ndarray]:
    """The trained positions, ascending [T], and the row for each, among all hidden states, under each name [N, T]."""
    renderings = rendered.renderings
    offsets = np.cumsum([0, *(len(r.read_ids) - r.first_row for r in renderings)])[:-1]
    starts = offsets - np.array([r.first_row for r in renderings])
    names = len(rendered.scored)
    positions_T, rows_NT = rendered.alignment.positions[0], rendered.alignment.positions[1:] + starts[:names, None]
    if own := rendered.own_name:
        positions_T = np.concatenate([positions_T, own.positions])
        rows_NT = np.concatenate([rows_NT, own.positions_NT + starts[names + own.rendering_NT]], axis=1)
    order = np.argsort(positions_T, kind="stable")
    return positions_T[order], rows_NT[:, order]


def _mean(logits_TNV: "torch.Tensor", tokens_S: np.ndarray) -> "tuple[torch.Tensor, np.ndarray, np.ndarray]":
    """Mean over names of the distributions, float32 [T, V]; their masses on ``tokens_S`` [N, T, S]; their entropies [N, T]."""
    import torch

    (positions, names, vocabulary), new = logits_TNV.shape, logits_TNV.new_empty
    columns = torch.from_numpy(tokens_S).to(logits_TNV.device)
    probs_TV, touched_TNS, entropy_TN = new(positions, vocabulary), new(positions, names, len(columns)), new(positions, names)
    probs_NV, share_1N = new(names, vocabulary), logits_TNV.new_full((1, names), 1 / names)
    for t, logits_NV in enumerate(logits_TNV):  # one position stays in a CPU's cache
        torch.softmax(logits_NV, -1, out=probs_NV)
        torch.mm(share_1N, probs_NV, out=probs_TV[t : t + 1])
        log_z_N = logits_NV.amax(-1) - probs_NV.amax(-1).log()
        entropy_TN[t] = log_z_N - _dot(probs_NV, logits_NV)
        touched_TNS[t] = probs_NV[:, columns]
    masses_NTS, entropy_NT = touched_TNS.transpose(0, 1).double(), entropy_TN.T.double()
    return probs_TV, masses_NTS.cpu().numpy(), entropy_NT.cpu().numpy()


def _dot(left_NV: "torch.Tensor", right_NV: "torch.Tensor") -> "torch.Tensor":
    """Row by row, [N]. On a CPU by BLAS, which makes no table of products."""
    import torch

    if left_NV.is_cuda:
        return torch.linalg.vecdot(left_NV, right_NV)
    return torch.stack([torch.dot(left_V, right_V) for left_V, right_V in zip(left_NV, right_NV, strict=True)])


def _entropy_terms(masses: np.ndarray) -> np.ndarray:
    return -masses * np.log(masses.clip(1e-300))


def _penalise(logits_TNV: "torch.Tensor", rendered: RenderedPassage, occurred_NT: np.ndarray, penalty: float) -> None:
    """Take ``penalty`` from the logits of each stand-in's first tokens where it has occurred (Liu et al. 2024, section 4.1)."""
    import torch

    for name, stand_in in enumerate(rendered.stand_ins):
        tokens, occurred_T = torch.tensor(sorted(stand_in.penalised)), torch.from_numpy(occurred_NT[name])
        logits_TNV[:, name, tokens] -= penalty * occurred_T[:, None].to(logits_TNV)


class _Swap:
    """The reverse swap of a passage, at its trained positions, on the tokens that it may touch."""

    def __init__(self, rendered: RenderedPassage, positions_T: np.ndarray) -> None:
        self._pairs_N = [stand_in.form_pairs for stand_in in rendered.stand_ins]
        sources_NT, goals_T = rendered.mention_tokens()
        # Inside the target's own name nothing moves: its positions are not among the aligned ones.
        places = np.searchsorted(positions_T, rendered.alignment.positions[0])
        self._sources_NT = np.full((len(self._pairs_N), len(positions_T)), -1)
        self._goals_T, self._movable_T = np.full(len(positions_T), -1), np.zeros(len(positions_T), dtype=bool)
        self._sources_NT[:, places], self._goals_T[places], self._movable_T[places] = sources_NT, goals_T, rendered.named_T()
        touched = [token for pairs in self._pairs_N for pair in pairs for token in pair]
        tokens = np.unique(np.concatenate([np.array(touched, dtype=np.int64), sources_NT.ravel(), goals_T]))
        self.tokens_S = tokens[tokens >= 0]

    def __call__(self, probs_NTS: np.ndarray, part: slice, rule: str) -> tuple[np.ndarray, np.ndarray]:
        """Masses [N, T, S] of the positions in ``part`` after the swap, and the mass moved, mean over names [T]."""
        mentions = self._sources_NT[:, part], self._goals_T[part]
        swapped_NTS, moved_NT = swap_back(probs_NTS, self.tokens_S, *mentions, self._pairs_N, self._movable_T[part], rule)
        return swapped_NTS, moved_NT.mean(0)


def kept_tokens(
    rendered: RenderedPassage, hidden: Sequence["torch.Tensor"], head: Head, params: TeacherParams, positions: np.ndarray
) -> np.ndarray:
    """Tokens that are among the K at ``positions`` of the original, however improbable the average makes them: int64 [T, M].

    They are what the student says there before it has learnt anything: the document's own next token, and the ``base_top_k``
    most probable tokens of the base model on the original text. What is to be forgotten is mostly one of them and, with nobody
    else to say it, mostly not among the K most probable. In the tail's bucket the loss could not tell a student that still says
    it from one that spreads the tail. The own token comes first.
    """
    import torch

    kept_TM = np.array(rendered.original.input_ids, dtype=np.int64)[positions + 1, None]
    if rendered.base:
        with torch.inference_mode():
            states_TD = hidden[-1][torch.from_numpy(positions.astype(np.int64) - rendered.base.first_row)]
            logits_TV = head.logits(states_TD.to(head.weight_VD.device))
            likely_TM = logits_TV.topk(min(params.base_top_k, head.vocabulary), dim=-1).indices
        kept_TM = np.concatenate([kept_TM, likely_TM.cpu().numpy()], axis=1)
    return kept_TM


def cut(probs_TV: "torch.Tensor", chosen_TM: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ``top_k`` tokens that stay: those of ``chosen_TM`` (an id may stand twice), then the most probable others.

    The chosen ones are at most half of the K, or one; the first of them count.
    Returns ids, int32 [T, K], most probable first, ties by id; log-probabilities [T, K]; log of the mass outside them [T].
    """
    import torch

    with torch.inference_mode():
        chosen = torch.from_numpy(chosen_TM[:, : max(1, top_k // 2)]).to(probs_TV.device)
        kept_TK = probs_TV.scatter(1, chosen, 2.0).topk(top_k, dim=-1).indices
        masses_TK = probs_TV.gather(1, kept_TK).double().cpu().numpy()
        tail_T = probs_TV.scatter(1, kept_TK, 0.0).sum(-1, dtype=torch.float64).cpu().numpy()
    ids_TK = kept_TK.int().cpu().numpy()
    order_TK = np.lexsort((ids_TK, -masses_TK), axis=-1)
    logprobs_TK = np.log(np.take_along_axis(masses_TK, order_TK, axis=1).clip(SMALLEST))
    return np.take_along_axis(ids_TK, order_TK, axis=1), logprobs_TK, np.log(tail_T.clip(SMALLEST))
