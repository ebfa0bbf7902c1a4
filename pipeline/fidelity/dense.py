"""The teacher over the whole vocabulary: what the shards would hold if nothing were cut.

The definition is that of counterfactuals.teach with k = K = V (penalty, reverse swap, mean over names), in a form that holds
two T x V tables and not N of them:

- the mean is a running sum over names;
- the reverse swap reads and moves nothing but the tokens that begin a name. It is run on these alone (S of them, a hundred or
  two), by the teacher's own function, and its result is put into the mean in their place.

Shapes: T positions, R text rows of a rendering, N names, S tokens that the swap may touch, V vocabulary.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.fidelity.scoring import DenseScores
from pipeline.params import TeacherParams
from pipeline.teacher.counterfactuals import RenderedPassage, mention_tokens, named_boundaries, penalised_probs
from pipeline.teacher.own_name import OwnName
from pipeline.teacher.reverse_swap import swap_back

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class DenseTeacher:
    """The averaged distribution at the T trained positions of a passage."""

    positions: "np.ndarray"  # int32 [T], into the original's input_ids, ascending
    probs_TV: "np.ndarray"  # float64, rows sum to 1
    swapped_mass: "np.ndarray"  # float64 [T], mean over names


class DenseAverage:
    """Takes the scores of a passage's renderings (RenderedPassage.renderings), in any order, and averages them."""

    def __init__(self, rendered: RenderedPassage, params: TeacherParams, vocabulary: int) -> None:
        import numpy as np

        self._rendered, self._params = rendered, params
        positions = rendered.alignment.positions.shape[1]
        own = len(rendered.own_name.positions) if rendered.own_name else 0
        self._sum_TV = np.zeros((positions + own, vocabulary))  # the positions in the mention (see own_name) come last
        self._tokens_S = _swap_tokens(rendered)
        self._before_NTS = np.zeros((len(rendered.scored), positions, len(self._tokens_S)))

    def add(self, scores: DenseScores) -> None:
        """Take in one rendering."""
        import numpy as np

        rendered, name = self._rendered, scores.rendering
        aligned = rendered.alignment.positions.shape[1]
        if name < len(rendered.scored):
            rows = rendered.alignment.positions[name + 1] - scores.top.first_row
            probs_TV = np.exp(scores.logprobs_RV[rows].astype(np.float64))
            if self._params.name_penalty and rendered.stand_ins:
                ids_TV = np.broadcast_to(np.arange(probs_TV.shape[1], dtype=np.int32), probs_TV.shape)
                alone = _one_name(rendered, name)
                probs_TV = penalised_probs(alone, ids_TV[None], probs_TV[None], self._params.name_penalty)[0]
            self._before_NTS[name] = probs_TV[:, self._tokens_S]
            self._sum_TV[:aligned] += probs_TV
        elif rendered.own_name:  # from the base's rendering, the last, nothing is averaged
            self._add_own_name(rendered.own_name, scores, name - len(rendered.scored))

    def _add_own_name(self, own: OwnName, scores: DenseScores, rendering: int) -> None:
        import numpy as np

        aligned = self._rendered.alignment.positions.shape[1]
        for row, place in np.argwhere(own.rendering_NT == rendering):
            position = own.positions_NT[row, place] - scores.top.first_row
            self._sum_TV[aligned + place] += np.exp(scores.logprobs_RV[position].astype(np.float64))

    def teacher(self) -> DenseTeacher:
        """The teacher, once every rendering has been added."""
        import numpy as np

        rendered = self._rendered
        probs_TV = self._sum_TV / len(rendered.scored)
        positions = rendered.alignment.positions[0]
        swapped_T = np.zeros(len(positions))
        if rendered.stand_ins and len(positions) and self._params.reverse_swap != "off":
            after_TS, swapped_T = self._swapped()
            probs_TV[: len(positions), self._tokens_S] = after_TS
        if rendered.own_name and len(rendered.own_name.positions):
            both = np.concatenate([positions, rendered.own_name.positions])
            order = np.argsort(both, kind="stable")
            swapped_T = np.concatenate([swapped_T, np.zeros(len(rendered.own_name.positions))])
            positions, probs_TV, swapped_T = both[order], probs_TV[order], swapped_T[order]
        return DenseTeacher(positions, probs_TV / probs_TV.sum(1, keepdims=True), swapped_T)

    def _swapped(self) -> "tuple[np.ndarray, np.ndarray]":
        """Mean over names of the touched tokens after the swap [T, S], and the mass moved [T]."""
        import numpy as np

        rendered, tokens_S, before_NTS = self._rendered, self._tokens_S, self._before_NTS
        ids_NTk, probs_NTk, moved_NT = swap_back(
            np.broadcast_to(tokens_S, before_NTS.shape),
            before_NTS,
            *mention_tokens(rendered),
            [stand_in.form_pairs for stand_in in rendered.stand_ins],
            named_boundaries(rendered),
            self._params.reverse_swap,
        )
        after_TS = np.zeros(before_NTS.shape[1:])
        places_NTk = np.searchsorted(tokens_S, ids_NTk)
        np.add.at(after_TS, (np.arange(len(after_TS))[None, :, None], places_NTk), probs_NTk)
        return after_TS / len(before_NTS), moved_NT.mean(0)


def _swap_tokens(rendered: RenderedPassage) -> "np.ndarray":
    """Every token that the reverse swap may take from or give to, ascending, int32 [S].

    Token 0 is among them: the swap writes it, with no mass, where it moves nothing.
    """
    import numpy as np

    sources_NT, goals_T = mention_tokens(rendered) if rendered.stand_ins else (np.array([0]), np.array([0]))
    pairs = [token for stand_in in rendered.stand_ins for pair in stand_in.form_pairs for token in pair]
    tokens = np.unique(np.concatenate([[0], pairs, sources_NT.ravel(), goals_T]))
    return tokens[tokens >= 0].astype(np.int32)


def _one_name(rendered: RenderedPassage, name: int) -> RenderedPassage:
    """``rendered`` as if it were scored under one name alone."""
    alignment = rendered.alignment
    rows = [0, name + 1]
    return replace(
        rendered,
        scored=[rendered.scored[name]],
        stand_ins=[rendered.stand_ins[name]],
        alignment=replace(alignment, positions=alignment.positions[rows], begins_mention=alignment.begins_mention[rows]),
    )
