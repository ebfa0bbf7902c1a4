"""Log-probabilities of whole sequences under the student, with their gradient.

Shapes: B sequences, L tokens, T learnt tokens of all of them, D width, V vocabulary. Nats, float32.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from pipeline.baselines.examples import Example
from pipeline.batching import batches, padded
from pipeline.distill.student import Student
from pipeline.params import RuntimeParams

if TYPE_CHECKING:
    import torch


def sequence_logprobs(student: Student, examples: Sequence[Example], logit_chunk: int) -> "torch.Tensor":
    """Summed log-probability of each example's learnt tokens, float32 [B].

    Only the positions before learnt tokens go through the head. An objective needs a sequence's sum before any gradient is
    known, so logits are computed ``logit_chunk`` positions at a time, dropped, and computed once more on the way back.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    ids_BL, mask_BL = padded([example.input_ids for example in examples], student.device)
    counts = [example.tokens for example in examples]
    rows_T = torch.repeat_interleave(torch.arange(len(examples)), torch.tensor(counts)).to(student.device)
    learnt_T = torch.cat([torch.arange(e.first, len(e.input_ids)) for e in examples]).to(student.device)
    next_T = ids_BL[rows_T, learnt_T]

    with torch.autocast(student.device, dtype=torch.bfloat16, enabled=student.device == "cuda"):
        hidden_TD = student.hidden(ids_BL, mask_BL)[rows_T, learnt_T - 1]
        token_logprobs = partial(_token_logprobs, student.model.get_output_embeddings())
        logprob_T = torch.cat(
            [
                checkpoint(
                    token_logprobs,
                    hidden_TD[start : start + logit_chunk],
                    next_T[start : start + logit_chunk],
                    use_reentrant=False,
                    preserve_rng_state=False,
                )
                for start in range(0, len(next_T), logit_chunk)
            ]
        )
    # Summed by slices: adding by index is not deterministic on CUDA.
    return torch.stack([part.sum() for part in logprob_T.split(counts)])


def _token_logprobs(head: "torch.nn.Module", hidden_TD: "torch.Tensor", next_T: "torch.Tensor") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return -cross_entropy(head(hidden_TD).float(), next_T, reduction="none")


def reference_logprobs(student: Student, examples: Sequence[Example], runtime: RuntimeParams) -> "torch.Tensor":
    """``sequence_logprobs`` of the forget ``examples`` under the student as it is, without gradient or dropout; 0 for others.

    Called before training, the student still is the frozen model, and no second one is needed.
    """
    import torch

    forget = [index for index, example in enumerate(examples) if example.kind == "forget"]
    logprobs = torch.zeros(len(examples), device=student.device)
    student.model.eval()
    with torch.no_grad():
        for batch in batches([len(examples[index].input_ids) for index in forget], runtime.micro_batch_tokens):
            chosen = [forget[index] for index in batch]
            logprobs[chosen] = sequence_logprobs(student, [examples[index] for index in chosen], runtime.logit_chunk)
    student.model.train()
    return logprobs
