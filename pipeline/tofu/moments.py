"""What min-k++ needs and no engine gives: moments of the log-probability over the whole vocabulary, at every answer token.

Plain transformers, one sequence at a time: it is asked of the forget rows and the non-members alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.device import pick_device
from pipeline.finetune.answers import AnswerTokens
from pipeline.model import load_model
from pipeline.params import RuntimeParams
from pipeline.progress import progress_bar
from pipeline.tofu.membership import vocabulary_moments

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Moments:
    """Of an answer's T tokens, without the one that ends it, in nats: their log-probabilities, and the moments there."""

    logprobs_T: "np.ndarray"
    mean_T: "np.ndarray"
    std_T: "np.ndarray"


def answer_moments(model: Path, answers: Sequence[AnswerTokens], runtime: RuntimeParams) -> list[Moments]:
    """The moments of each of ``answers`` under the model in ``model``, in float32."""
    import torch

    if not answers:
        return []
    device = pick_device(runtime.device)
    loaded = load_model(model, device)
    moments = []
    with torch.inference_mode(), progress_bar(len(answers), "answer", "moments") as bar:
        for answer in answers:
            ids_1L = torch.tensor([answer.input_ids[:-1]], device=device)
            logits_TV = loaded(input_ids=ids_1L, use_cache=False).logits[0, answer.start - 1 : -1]
            logprobs_TV = logits_TV.float().log_softmax(-1).cpu().numpy()
            own_T = logprobs_TV[range(len(logprobs_TV)), answer.input_ids[answer.start : -1]]
            moments.append(Moments(own_T, *vocabulary_moments(logprobs_TV)))
            bar.update(1)
    return moments
