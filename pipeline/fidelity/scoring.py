"""Every next-token distribution of a passage's renderings over the whole vocabulary, one rendering at a time.

The head is applied to one rendering's text after the other, so the logits that exist at once are R x V floats.
Shapes: B renderings, L tokens, R text rows of a rendering, k scored tokens, V vocabulary, D width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.batching import batches
from pipeline.teacher.rendering import Rendering
from pipeline.teacher.scores import TextScores, first_row, text_scores

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class DenseScores:
    """A rendering's log-probabilities, in nats: row r is about the token after token ``top.first_row`` + r."""

    rendering: int  # place in the list that was scored
    logprobs_RV: "np.ndarray"  # float32
    top: TextScores  # what an engine gives of them


def dense_scores(
    model: "PreTrainedModel", renderings: Sequence[Rendering], top_k: int, max_tokens: int
) -> Iterator[DenseScores]:
    """Score ``renderings`` in float32, at most ``max_tokens`` padded tokens a forward; the order is that of the batches."""
    import torch

    for batch in batches([len(r.input_ids) for r in renderings], max_tokens):
        rows = [torch.tensor(renderings[index].input_ids) for index in batch]
        ids_BL = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(model.device)
        mask_BL = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True).to(model.device)
        with torch.no_grad():
            hidden_BLD = model.base_model(input_ids=ids_BL, attention_mask=mask_BL, use_cache=False).last_hidden_state
        for row, index in enumerate(batch):
            first = first_row(renderings[index])
            with torch.no_grad():
                logits_RV = model.get_output_embeddings()(hidden_BLD[row, first : len(rows[row]) - 1])
                logprobs_RV = logits_RV.float().log_softmax(-1)
                values_Rk, top_Rk = logprobs_RV.topk(top_k, dim=-1)
                own_R = logprobs_RV.gather(1, rows[row][first + 1 :, None].to(model.device))[:, 0]
            top = text_scores(renderings[index], own_R.cpu().numpy(), top_Rk.int().cpu().numpy(), values_Rk.cpu().numpy())
            yield DenseScores(index, logprobs_RV.cpu().numpy(), top)
