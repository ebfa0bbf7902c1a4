"""A model's log-probabilities of given answers, by plain transformers, and moments over the vocabulary for min-k++.

A benchmark asks of one question how probable each of seven answers is. The keys and values of the question are the same for all
of them, and those of the chat's system prompt for all questions, so each question is read once for all of its answers; vLLM
can't share them where it is asked for log-probabilities of a prompt.

B answers, T tokens of an answer, Q of a question, L of both, V vocabulary.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from copy import deepcopy
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.methods.example import Example
from benchmarks.tofu.memorization import vocabulary_moments
from pipeline.core.batching import batches, padded
from pipeline.core.errors import InputError
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.model.folder import load_model

if TYPE_CHECKING:
    import numpy as np
    import torch

Pair = tuple[str, str]  # a question and one of its answers


@dataclass(frozen=True)
class AnswerScore:
    """Of an answer's T tokens; ``logprobs``, in nats, has one more at its end: the token that ends the answer."""

    logprobs: "np.ndarray"
    correct_T: "np.ndarray"  # the token is the model's most probable
    moments_T: "tuple[np.ndarray, np.ndarray] | None"  # see vocabulary_moments, in nats

    @property
    def loss(self) -> float:
        """Mean over all tokens, nats."""
        return float(-self.logprobs.mean())


def score_answers(
    model: Path, answers: Mapping[Pair, Example], with_moments: Set[Pair], runtime: RuntimeParams
) -> dict[Pair, AnswerScore]:
    """The score of each of ``answers`` under the model in ``model``, in float32; moments of ``with_moments`` alone.

    Raises InputError for a model whose log-probabilities are not finite.
    """
    import numpy as np

    loaded = load_model(model, pick_device(runtime.device))
    pairs = list(answers)
    asked = [(answer.input_ids, answer.start) for answer in answers.values()]
    scores = {}
    with progress_bar(len(pairs), "answer", "score") as bar:
        for index, logprobs in answer_logprobs(loaded, asked, runtime.micro_batch_tokens):
            ids, start = asked[index]
            logprobs_TV, tokens = logprobs.cpu().numpy(), np.asarray(ids[start:])
            own = logprobs_TV[np.arange(len(tokens)), tokens].astype(np.float64)
            if not np.isfinite(own).all():
                raise InputError(f"{model}: the model gives a token no finite log-probability; its weights are broken.")
            moments_T = vocabulary_moments(logprobs_TV[:-1]) if pairs[index] in with_moments else None
            scores[pairs[index]] = AnswerScore(own, logprobs_TV[:-1].argmax(-1) == tokens[:-1], moments_T)
            bar.update(1)
    return scores


def answer_logprobs(
    model: Any, asked: Sequence[tuple[Sequence[int], int]], max_tokens: int
) -> Iterator[tuple[int, "torch.Tensor"]]:
    """Of each of ``asked``, the index in it and the log-probabilities at its answer's tokens, float32 [T, V], nats.

    ``asked`` are token ids with the index of the answer's first, which is 1 or more; row t is the distribution of the answer's
    token t. They come question by question, not in the order of ``asked``. ``max_tokens``: at most so many tokens of answers,
    with padding, go through the model at once.
    """
    import torch

    questions: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, (ids, start) in enumerate(asked):
        questions[tuple(ids[:start])].append(index)
    opening = commonprefix([question[:-1] for question in questions])  # noqa: RUF071 (of tokens, not of paths)
    with torch.inference_mode():
        read = (
            _keys_and_values(model(input_ids=torch.tensor([opening], device=model.device), use_cache=True)) if opening else None
        )
        for question, indices in questions.items():
            answers = [asked[index][0][len(question) :] for index in indices]
            for number, logprobs_TV in _of_one_question(model, question, answers, max_tokens, deepcopy(read)):
                yield indices[number], logprobs_TV


def _keys_and_values(output: Any) -> Any:
    """What ``output`` keeps of the tokens it has read; None of a model with a state of another kind."""
    return getattr(output, "past_key_values", None)


def _of_one_question(
    model: Any, question: Sequence[int], answers: Sequence[Sequence[int]], max_tokens: int, opening: Any
) -> Iterator[tuple[int, "torch.Tensor"]]:
    """``opening`` is the cache of the question's first tokens, to be written into, or None."""
    import torch

    ids_1Q = torch.tensor([question], device=model.device)
    unread = ids_1Q[:, opening.get_seq_length() :] if opening is not None else ids_1Q
    output = model(input_ids=unread, past_key_values=opening, use_cache=True, logits_to_keep=1)
    read, first_1V = _keys_and_values(output), output.logits[0, -1:]
    for batch in batches([len(answer) for answer in answers], max_tokens):
        ids_BT, mask_BT = padded([answers[number] for number in batch], model.device)
        ids_BQ = ids_1Q.expand(len(batch), -1)
        mask_BL = torch.cat([torch.ones_like(ids_BQ), mask_BT], dim=1)
        if read is not None:
            cache = deepcopy(read)  # the model writes into it
            cache.reorder_cache(torch.zeros(len(batch), dtype=torch.long))
            logits_BTV = model(input_ids=ids_BT, attention_mask=mask_BL, past_key_values=cache).logits
        else:
            ids_BL = torch.cat([ids_BQ, ids_BT], dim=1)
            logits_BTV = model(input_ids=ids_BL, attention_mask=mask_BL, use_cache=False).logits[:, len(question) :]
        for row, number in enumerate(batch):
            logits_TV = torch.cat([first_1V, logits_BTV[row, : len(answers[number]) - 1]])
            yield number, logits_TV.float().log_softmax(-1)
