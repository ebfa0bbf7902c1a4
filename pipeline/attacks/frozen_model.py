"""A frozen model that reads a block of trained embeddings between a question and its answer.

Shapes: B rows, L tokens of a padded row with its block, S tokens of the block, T positions that say the answers, D width,
V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batching import batches
from pipeline.device import pick_device
from pipeline.model import generate_plainly, load_model
from pipeline.params import RuntimeParams

if TYPE_CHECKING:
    import torch

_NOT_SCORED = -100


@dataclass(frozen=True)
class Asked:
    """A question in token ids."""

    prefix: list[int]  # the question with the answer begun; the block comes after it
    wanted: list[int]  # what the block is to make the model say


class FrozenModel:
    """The model in ``folder`` in float32 and in eval mode; its weights take no gradient."""

    def __init__(self, folder: Path, runtime: RuntimeParams) -> None:
        self._max_tokens = runtime.micro_batch_tokens
        self.device = pick_device(runtime.device)
        self.model = load_model(folder, self.device).requires_grad_(False)
        generate_plainly(self.model)

    def embed(self, ids: Sequence[int]) -> "torch.Tensor":
        """What the model reads for ``ids``, [tokens, D]."""
        import torch

        return self.model.get_input_embeddings()(torch.tensor(ids, dtype=torch.long, device=self.device))

    def backward(self, block_SD: "torch.Tensor", asked: Sequence[Asked]) -> float:
        """Add to the block's gradient that of the mean loss in nats over all wanted tokens of ``asked``; returns that mean.

        However the questions are cut into padded batches, the mean is the same.
        """
        total = sum(len(one.wanted) for one in asked)
        loss = 0.0
        for batch in batches([len(one.prefix) + len(block_SD) + len(one.wanted) for one in asked], self._max_tokens):
            summed = self._summed_loss(block_SD, [asked[index] for index in batch])
            (summed / total).backward()
            loss += float(summed.detach()) / total
        return loss

    def _summed_loss(self, block_SD: "torch.Tensor", rows: Sequence[Asked]) -> "torch.Tensor":
        """Negative log-likelihood of the wanted tokens, in nats. Padded on the right, where no token looks."""
        import torch

        embeds_BLD, mask_BL = _padded(
            [torch.cat([self.embed(r.prefix), block_SD, self.embed(r.wanted)]) for r in rows], "right"
        )
        labels_BL = torch.full_like(mask_BL, _NOT_SCORED)
        for row, one in enumerate(rows):
            start = len(one.prefix) + len(block_SD)
            labels_BL[row, start : start + len(one.wanted)] = torch.tensor(one.wanted)
        first = min(len(one.prefix) for one in rows) + len(block_SD) - 1  # says the first wanted token of the shortest prefix
        positions_T = torch.arange(first, labels_BL.shape[1] - 1, device=self.device)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            logits_BTV = self.model(
                inputs_embeds=embeds_BLD, attention_mask=mask_BL, use_cache=False, logits_to_keep=positions_T
            ).logits
        return torch.nn.functional.cross_entropy(
            logits_BTV.float().flatten(0, 1), labels_BL[:, positions_T + 1].flatten(), ignore_index=_NOT_SCORED, reduction="sum"
        )

    def generate(self, block_SD: "torch.Tensor", prefixes: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """The greedy answer after each prefix and the block, up to the end-of-sequence token, which is left out.

        Padded on the left: generate counts positions from the attention mask, and returns new tokens only.
        """
        import torch

        answers: list[list[int]] = [[] for _ in prefixes]
        stop = self.model.generation_config.eos_token_id
        stops = set(stop if isinstance(stop, list) else [stop])
        with torch.inference_mode():
            for batch in batches([len(prefix) + len(block_SD) for prefix in prefixes], self._max_tokens):
                rows = [torch.cat([self.embed(prefixes[index]), block_SD]) for index in batch]
                embeds_BLD, mask_BL = _padded(rows, "left")
                output = self.model.generate(
                    inputs_embeds=embeds_BLD,
                    attention_mask=mask_BL,
                    do_sample=False,
                    max_new_tokens=max_new_tokens,
                    pad_token_id=0,
                )
                for index, tokens in zip(batch, output.tolist(), strict=True):
                    answers[index] = list(takewhile(lambda token: token not in stops, tokens))
        return answers


def _padded(rows: "Sequence[torch.Tensor]", side: str) -> "tuple[torch.Tensor, torch.Tensor]":
    """Rows [tokens, D] as one tensor [B, L, D], and the attention mask [B, L]."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    return (
        pad_sequence(list(rows), batch_first=True, padding_side=side),
        pad_sequence(ones, batch_first=True, padding_side=side),
    )
