"""The averaged teacher written out in NumPy over [N, T, V], in float64; and hidden states that are themselves the logits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pipeline.model.head import Head
from pipeline.teacher.counterfactuals import RenderedPassage
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.rendering import Rendering

Pairs = Sequence[Sequence[tuple[int, int]]]
UNLIKELY = 1e-9  # of a token that no mass was given to


def identity_head(vocabulary: int) -> Head:
    """A head that gives its hidden states back as logits."""
    return Head(torch.eye(vocabulary), None)


def rows_of(rendering: Rendering) -> int:
    """The hidden states that are read of ``rendering``."""
    return len(rendering.read_ids) - rendering.first_row


def constant(rendering: Rendering, masses: Mapping[int, float], vocabulary: int) -> torch.Tensor:
    """Hidden states that give the same ``masses`` at every place; together they should be 1."""
    return by_row(rendering, [masses] * rows_of(rendering), vocabulary)


def by_row(rendering: Rendering, masses: Sequence[Mapping[int, float]], vocabulary: int) -> torch.Tensor:
    """Hidden states that give the masses of each row."""
    hidden_RV = torch.full((rows_of(rendering), vocabulary), float(np.log(UNLIKELY)))
    for row, given in enumerate(masses):
        for token, mass in given.items():
            hidden_RV[row, token] = float(np.log(mass))
    return hidden_RV


def random_hidden(rendered: RenderedPassage, width: int, seed: int, scale: float = 2.0) -> list[torch.Tensor]:
    """Hidden states of all renderings, normally distributed."""
    rng = np.random.default_rng(seed)
    sizes = [(rows_of(rendering), width) for rendering in rendered.renderings]
    return [torch.from_numpy(rng.normal(0.0, scale, size).astype(np.float32)) for size in sizes]


def softmax(logits: np.ndarray) -> np.ndarray:
    masses = np.exp(logits - logits.max(-1, keepdims=True))
    return masses / masses.sum(-1, keepdims=True)


def swapped(
    before_NTV: np.ndarray, sources_NT: np.ndarray, goals_T: np.ndarray, pairs: Pairs, movable_T: np.ndarray, rule: str
) -> tuple[np.ndarray, np.ndarray]:
    """The reverse swap token by token: masses [N, T, V] after it, and what has moved [N, T]."""
    names, positions, _ = before_NTV.shape
    after_NTV, moved_NT, compared = before_NTV.copy(), np.zeros((names, positions)), rule == "excess" and names > 1
    for t in np.flatnonzero(movable_T):
        votes = sum(any(before_NTV[n, t, source] > 0.1 for source, _ in pairs[n]) for n in range(names))
        for n in range(names):
            moves = {source: goal for source, goal in pairs[n] if compared or votes > names / 2}
            if sources_NT[n, t] >= 0:
                moves[sources_NT[n, t]] = goals_T[t]
            for source, goal in moves.items():
                kept = np.delete(before_NTV[:, t, source], n).mean() if compared else 0.0
                mass = max(before_NTV[n, t, source] - kept, 0.0)
                after_NTV[n, t, source] -= mass
                after_NTV[n, t, goal] += mass
                moved_NT[n, t] += mass
    return after_NTV, moved_NT


def averaged(
    rendered: RenderedPassage, hidden: Sequence[torch.Tensor], head: Head, params: TeacherParams
) -> dict[str, np.ndarray[Any, Any]]:
    """positions, probs_TV, entropy, disagreement and swapped_mass, as DenseTeacher has them."""
    logits = [(states.double() @ head.weight_VD.double().T).numpy() for states in hidden]
    if head.bias_V is not None:
        logits = [one + head.bias_V.double().numpy() for one in logits]

    def at(index: int, positions: np.ndarray) -> np.ndarray:
        return logits[index][positions - rendered.renderings[index].first_row]

    names = len(rendered.scored)
    logits_NTV = np.stack([at(name, rendered.alignment.positions[1 + name]) for name in range(names)])
    if params.name_penalty and rendered.stand_ins:
        for name, stand_in in enumerate(rendered.stand_ins):
            for t in np.flatnonzero(rendered.occurred_NT()[name]):
                logits_NTV[name, t, sorted(stand_in.penalised)] -= params.name_penalty
    probs_NTV = softmax(logits_NTV)
    moved_T = np.zeros(probs_NTV.shape[1])
    if params.reverse_swap != "off" and rendered.stand_ins:
        pairs = [stand_in.form_pairs for stand_in in rendered.stand_ins]
        probs_NTV, moved_NT = swapped(probs_NTV, *rendered.mention_tokens(), pairs, rendered.named_T(), params.reverse_swap)
        moved_T = moved_NT.mean(0)
    positions = rendered.alignment.positions[0]
    if own := rendered.own_name:
        inside_NTV = np.stack(
            [
                [at(names + index, own.positions_NT[n, t]) for t, index in enumerate(own.rendering_NT[n])]
                for n in range(len(own.rendering_NT))
            ]
        )
        order = np.argsort(np.concatenate([positions, own.positions]))
        positions = np.concatenate([positions, own.positions])[order]
        probs_NTV = np.concatenate([probs_NTV, softmax(inside_NTV)], axis=1)[:, order]
        moved_T = np.concatenate([moved_T, np.zeros(len(own.positions))])[order]
    mean_TV = probs_NTV.mean(0)
    log_mean_TV, logs_NTV = np.log(mean_TV.clip(1e-300)), np.log(probs_NTV.clip(1e-300))
    return {
        "positions": positions,
        "probs_TV": mean_TV,
        "entropy": -(mean_TV * log_mean_TV).sum(1),
        "disagreement": (probs_NTV * (logs_NTV - log_mean_TV)).sum(2).mean(0),
        "swapped_mass": moved_T,
    }
