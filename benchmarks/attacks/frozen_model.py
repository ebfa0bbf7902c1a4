"""A frozen model that reads a block of trained embeddings between a question and its answer.

Shapes: B rows, L tokens of a padded row with its block, S tokens of the block, T positions that say the answers, D width,
V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.batching import batches
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.model.folder import generate_plainly, load_model

if TYPE_CHECKING:
    import torch

_NOT_SCORED = -100


@dataclass(frozen=True)
class Prompt:
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

    def backward(self, block_SD: "torch.Tensor", prompts: Sequence[Prompt]) -> float:
        """Add to the block's gradient that of the mean loss in nats over all wanted tokens of ``prompts``; returns that mean.

        However the questions are cut into padded batches, the mean is the same.
        """
        total = sum(len(one.wanted) for one in prompts)
        loss = 0.0
        for batch in batches([len(one.prefix) + len(block_SD) + len(one.wanted) for one in prompts], self._max_tokens):
            summed = self._summed_loss(block_SD, [prompts[index] for index in batch])
            (summed / total).backward()
            loss += float(summed.detach()) / total
        return loss

    def _summed_loss(self, block_SD: "torch.Tensor", rows: Sequence[Prompt]) -> "torch.Tensor":
        """Negative log-likelihood of the wanted tokens, in nats. Padded on the right, where no token looks."""
        import torch
        from torch.nn.functional import cross_entropy
        from torch.nn.utils.rnn import pad_sequence

        read = [torch.cat([self.embed(row.prefix), block_SD, self.embed(row.wanted)]) for row in rows]
        embeds_BLD, mask_BL = _padded(read, "right")
        labels = [torch.tensor([_NOT_SCORED] * (len(row.prefix) + len(block_SD)) + row.wanted) for row in rows]
        labels_BL = pad_sequence(labels, batch_first=True, padding_value=_NOT_SCORED).to(self.device)
        first = min(len(row.prefix) for row in rows) + len(block_SD) - 1  # says the first wanted token of the shortest prefix
        positions_T = torch.arange(first, labels_BL.shape[1] - 1, device=self.device)
        inputs = {"inputs_embeds": embeds_BLD, "attention_mask": mask_BL}
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            logits_BTV = self.model(**inputs, use_cache=False, logits_to_keep=positions_T).logits
        scores, tokens = logits_BTV.float().flatten(0, 1), labels_BL[:, positions_T + 1].flatten()
        return cross_entropy(scores, tokens, ignore_index=_NOT_SCORED, reduction="sum")

    def generate(self, block_SD: "torch.Tensor", prefixes: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """The greedy answer after each prefix and the block, up to the end-of-sequence token, which is left out.

        Padded on the left: generate counts positions from the attention mask, and returns new tokens only.
        """
        import torch

        answers: list[list[int]] = [[] for _ in prefixes]
        stop = self.model.generation_config.eos_token_id
        stops = stop if isinstance(stop, list) else [stop]
        settings = {"do_sample": False, "max_new_tokens": max_new_tokens, "pad_token_id": 0}
        with torch.inference_mode():
            for batch in batches([len(prefix) + len(block_SD) for prefix in prefixes], self._max_tokens):
                embeds_BLD, mask_BL = _padded([torch.cat([self.embed(prefixes[i]), block_SD]) for i in batch], "left")
                output = self.model.generate(inputs_embeds=embeds_BLD, attention_mask=mask_BL, **settings)
                for index, tokens in zip(batch, output.tolist(), strict=True):
                    answers[index] = list(takewhile(lambda token: token not in stops, tokens))
        return answers


def _padded(rows: "Sequence[torch.Tensor]", side: str) -> "tuple[torch.Tensor, torch.Tensor]":
    """Rows [tokens, D] as one tensor [B, L, D], and the attention mask [B, L]."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    embeds_BLD, mask_BL = (pad_sequence(list(part), batch_first=True, padding_side=side) for part in (rows, ones))
    return embeds_BLD, mask_BL
