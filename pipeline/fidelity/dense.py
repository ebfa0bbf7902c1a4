"""The teacher over the whole vocabulary: what the shards would hold if nothing were cut.

The definition is the teacher's own with k = K = V (penalty, reverse swap, mean over names), in two T x V tables and not N: the
renderings are scored one after the other into a running sum; and the reverse swap, which touches nothing but the tokens that
begin a name, is run by the teacher's own function on these alone (a hundred or two) and put into the mean in their place.

Shapes: B renderings, L tokens, R text rows of a rendering, k scored tokens, T positions, N names, S tokens that the swap may
touch, V vocabulary, D width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core.batching import batches, padded
from pipeline.engines.engine import Progress
from pipeline.teacher.counterfactuals import RenderedPassage
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.rendering import Rendering
from pipeline.teacher.reverse_swap import penalise, swap_back
from pipeline.teacher.scores import TextScores, first_row, text_scores
from pipeline.train.student import Student

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class DenseScores:
    """A rendering's log-probabilities, in nats: row r is about the token after token ``top.first_row`` + r."""

    rendering: int  # place in the list that was scored
    logprobs_RV: "np.ndarray"  # float32
    top: TextScores  # what an engine gives of them

    def at(self, positions: "np.ndarray") -> "np.ndarray":
        """Probabilities after the tokens at ``positions``, float64 [T, V]; [V] after a single one."""
        import numpy as np

        return np.exp(self.logprobs_RV[positions - self.top.first_row].astype(np.float64))


def dense_scores(student: Student, renderings: Sequence[Rendering], top_k: int, max_tokens: int) -> Iterator[DenseScores]:
    """Score ``renderings`` in float32, at most ``max_tokens`` padded tokens a forward; the order is that of the batches."""
    import torch

    head = student.model.get_output_embeddings()
    for batch in batches([len(r.input_ids) for r in renderings], max_tokens):
        with torch.no_grad():
            hidden_BLD = student.hidden(*padded([renderings[index].input_ids for index in batch], student.device))
        for row, index in enumerate(batch):
            first, following = first_row(renderings[index]), renderings[index].input_ids[1:]
            with torch.no_grad():
                logprobs_RV = head(hidden_BLD[row, first : len(following)]).float().log_softmax(-1)
                values_Rk, top_Rk = logprobs_RV.topk(top_k, dim=-1)
                own_R = logprobs_RV.gather(1, torch.tensor(following[first:], device=student.device)[:, None])[:, 0]
            top = text_scores(renderings[index], own_R.cpu().numpy(), top_Rk.int().cpu().numpy(), values_Rk.cpu().numpy())
            yield DenseScores(index, logprobs_RV.cpu().numpy(), top)


@dataclass(frozen=True)
class DenseTeacher:
    """The averaged distribution at the T trained positions of a passage."""

    positions: "np.ndarray"  # int32 [T], into the original's input_ids, ascending
    probs_TV: "np.ndarray"  # float64, rows sum to 1
    swapped_mass: "np.ndarray"  # float64 [T], mean over names


def dense_teacher(
    student: Student, rendered: RenderedPassage, params: TeacherParams, top_k: int, max_tokens: int, progress: Progress
) -> tuple[DenseTeacher, list[TextScores]]:
    """The dense teacher of a passage, and what an engine gives of each of its renderings with ``top_k`` scored tokens."""
    import numpy as np

    aligned_NT, own, names = rendered.alignment.positions[1:], rendered.own_name, len(rendered.scored)
    aligned = aligned_NT.shape[1]
    positions = np.concatenate([rendered.alignment.positions[0], *([own.positions] if own else [])])
    # The positions in the mention (see own_name) come last.
    probs_TV = np.zeros((len(positions), student.model.get_output_embeddings().weight.shape[0]))
    occurred_NT = rendered.occurred_NT() if params.name_penalty and rendered.stand_ins else None
    tokens_S = _swap_tokens(rendered)
    before_NTS = np.zeros((names, aligned, len(tokens_S)))
    tops = {}
    for scores in dense_scores(student, rendered.renderings, top_k, max_tokens):
        name = scores.rendering
        tops[name] = scores.top
        if name < names:
            one_TV = scores.at(aligned_NT[name])
            if occurred_NT is not None:
                ids_TV = np.broadcast_to(np.arange(one_TV.shape[1], dtype=np.int32), one_TV.shape)
                one_TV = penalise(ids_TV, one_TV, rendered.stand_ins[name].penalised, occurred_NT[name], params.name_penalty)
            before_NTS[name] = one_TV[:, tokens_S]
            probs_TV[:aligned] += one_TV
        elif own:  # from the base's rendering, the last, nothing is averaged
            for row, place in np.argwhere(own.rendering_NT == name - names):
                probs_TV[aligned + place] += scores.at(own.positions_NT[row, place])
        progress(len(rendered.renderings[name].input_ids))
    probs_TV /= names
    swapped_T = np.zeros(len(probs_TV))
    if rendered.stand_ins and aligned and params.reverse_swap != "off":
        probs_TV[:aligned, tokens_S], swapped_T[:aligned] = _swapped(rendered, tokens_S, before_NTS, params)
    order = np.argsort(positions, kind="stable")
    probs_TV = probs_TV[order]
    dense = DenseTeacher(positions[order], probs_TV / probs_TV.sum(1, keepdims=True), swapped_T[order])
    return dense, [tops[index] for index in range(len(tops))]


def _swapped(
    rendered: RenderedPassage, tokens_S: "np.ndarray", before_NTS: "np.ndarray", params: TeacherParams
) -> "tuple[np.ndarray, np.ndarray]":
    """Mean over names of the touched tokens after the swap [T, S], and the mass moved [T]."""
    import numpy as np

    ids, pairs = np.broadcast_to(tokens_S, before_NTS.shape), [stand_in.form_pairs for stand_in in rendered.stand_ins]
    ids_NTk, probs_NTk, moved_NT = swap_back(
        ids, before_NTS, *rendered.mention_tokens(), pairs, rendered.named_T(), params.reverse_swap
    )
    after_TS = np.zeros(before_NTS.shape[1:])
    np.add.at(after_TS, (np.arange(len(after_TS))[None, :, None], np.searchsorted(tokens_S, ids_NTk)), probs_NTk)
    return after_TS / len(before_NTS), moved_NT.mean(0)


def _swap_tokens(rendered: RenderedPassage) -> "np.ndarray":
    """Every token that the reverse swap may take from or give to, ascending, int32 [S].

    Token 0 is among them: the swap writes it, with no mass, where it moves nothing.
    """
    import numpy as np

    sources_NT, goals_T = rendered.mention_tokens() if rendered.stand_ins else (np.array([0]), np.array([0]))
    pairs = [token for stand_in in rendered.stand_ins for pair in stand_in.form_pairs for token in pair]
    tokens = np.unique(np.concatenate([[0], pairs, sources_NT.ravel(), goals_T]))
    return tokens[tokens >= 0].astype(np.int32)
