"""Distributions at every token of given answers, by plain transformers, each question read once for all of its answers.

A benchmark asks of one question how probable each of seven answers is. The keys and values of the question are the same for all
of them, and those of the chat's system prompt for all questions; vLLM can't share them where it is asked for log-probabilities
of a prompt.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import deepcopy
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

from pipeline.batching import batches, padded

if TYPE_CHECKING:
    import torch


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
        read = _cache(model(input_ids=torch.tensor([opening], device=model.device), use_cache=True)) if opening else None
        for question, indices in questions.items():
            answers = [asked[index][0][len(question) :] for index in indices]
            for number, logprobs_TV in _of_one_question(model, question, answers, max_tokens, deepcopy(read)):
                yield indices[number], logprobs_TV


def _cache(output: Any) -> Any:
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
    read, first_1V = _cache(output), output.logits[0, -1:]
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
