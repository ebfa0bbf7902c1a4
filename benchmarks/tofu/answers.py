"""A model asked the TOFU rows: losses of right and wrong answers, its own greedy answer, and membership scores.

A loss is the mean over an answer's tokens and the one that ends it, in nats, as the released code of Maini et al. (2024) and
OpenUnlearning (Dorna et al., 2025) have it. Metrics by token (extraction, memorization, min-k, min-k++) leave out the one that
ends the answer, as OpenUnlearning does.

Given answers are scored by plain transformers: of one question up to seven are asked. The keys and values of the question are
the same for all of them, and those of the chat's system prompt for all questions, so each question is read once for all of its
answers; vLLM can't share them where it is asked for log-probabilities of a prompt.

B answers, T tokens of an answer, Q of a question, L of both, V vocabulary.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from copy import deepcopy
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.methods.example import Example, ended_answer
from benchmarks.tofu.measures import (
    exact_memorization,
    extraction_strength,
    loss_score,
    min_k_plus_plus_score,
    min_k_score,
    share_among_answers,
    truth_ratio,
    vocabulary_moments,
    zlib_score,
)
from benchmarks.tofu.rows import SETS, TofuEvaluateParams, TofuRow, TofuRows
from pipeline.core.batching import batches, padded
from pipeline.core.errors import InputError
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams, free_memory, pick_device
from pipeline.engines.open import check_context, open_engine
from pipeline.evaluate.text_measures import rouge_l_recall
from pipeline.model.folder import load_model
from pipeline.text.chat import answer_text, question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize

Pair = tuple[str, str]  # a question and one of its answers
NON_MEMBERS = "non_members"
AMONG_ANSWERS = ("real_authors", "world_facts")  # sets whose probability is a share among the answers


@dataclass(frozen=True)
class AnswerScore:
    """Of an answer's T tokens; ``logprobs``, in nats, has one more at its end: the token that ends the answer."""

    logprobs: np.ndarray
    correct_T: np.ndarray  # the token is the model's most probable
    moments_T: tuple[np.ndarray, np.ndarray] | None  # see vocabulary_moments, in nats

    @property
    def loss(self) -> float:
        """Mean over all tokens, nats."""
        return float(-self.logprobs.mean())


def answer_rows(model: Path, rows: TofuRows, params: TofuEvaluateParams, runtime: RuntimeParams) -> list[dict[str, Any]]:
    """A dict for every row that is asked, then for every non-member, all with the same keys; what does not apply is null.

    Raises InputError for a model whose probabilities are not numbers, and where the engine can't be opened.
    """
    tokenizer = load_tokenizer(model)
    asked = [(name, row) for name in SETS for row in rows.questions[name]]
    members = [(row.question, row.answer) for row in rows.questions["forget"]]
    pairs = [(row.question, text) for _, row in asked for text in (row.answer, row.paraphrased_answer, *row.perturbed_answer)]
    tokens = {pair: ended_answer(tokenizer, *pair) for pair in [*pairs, *rows.non_members]}
    prompts = [tokenize(tokenizer, question_prefix(tokenizer, row.question))[0] for _, row in asked]
    check_context(model, max(len(answer.input_ids) for answer in tokens.values()))
    scores = score_answers(model, tokens, {*members, *rows.non_members}, runtime)
    free_memory()  # for the engine
    longest = max(map(len, prompts)) + params.max_new_tokens
    engine = open_engine(params.engine, model, runtime, longest=longest)
    with progress_bar(len(prompts), "answer", "write") as bar:
        responses = [answer_text(tokenizer, ids) for ids in engine.generate(prompts, params.max_new_tokens)]
        bar.update(len(prompts))
    unasked = [TofuRow(question=question, answer=text, paraphrased_answer=text) for question, text in rows.non_members]
    return [
        *(_row(name, row, response, scores) for (name, row), response in zip(asked, responses, strict=True)),
        *(_row(NON_MEMBERS, row, None, scores) for row in unasked),
    ]


def _row(set_name: str, asked: TofuRow, response: str | None, scores: Mapping[Pair, AnswerScore]) -> dict[str, Any]:
    """``response`` is None for what is not asked, a non-member: then nothing is said of other answers either."""
    right, was_asked = scores[asked.question, asked.answer], response is not None
    moments_T = right.moments_T
    paraphrased = scores[asked.question, asked.paraphrased_answer].loss
    wrong = [scores[asked.question, text].loss for text in asked.perturbed_answer]
    return {
        "set": set_name,  # forget, retain, real_authors, world_facts or non_members
        "question": asked.question,
        "answer": asked.answer,
        "response": response,  # greedy
        "rouge_l_recall": None if response is None else rouge_l_recall(asked.answer, response),  # of the answer in the response
        "answer_loss": right.loss,  # nats a token, as the next two
        "paraphrased_loss": paraphrased if was_asked else None,
        "perturbed_losses": wrong if was_asked else None,
        "probability": float(np.exp(-right.loss)),
        "probability_among_answers": share_among_answers(right.loss, wrong) if wrong and set_name in AMONG_ANSWERS else None,
        "truth_ratio_geometric": truth_ratio(paraphrased, wrong, "geometric") if wrong else None,  # wrong / right, as the next
        "truth_ratio_arithmetic": truth_ratio(paraphrased, wrong, "arithmetic") if wrong else None,
        "extraction_strength": extraction_strength(right.correct_T),
        "exact_memorization": exact_memorization(right.correct_T),
        "loss_score": loss_score(right.logprobs) if moments_T else None,  # of forget rows and non-members, as the next three
        "zlib_score": zlib_score(right.logprobs, asked.answer) if moments_T else None,
        "min_k_score": min_k_score(right.logprobs[:-1]) if moments_T else None,
        "min_k_plus_plus_score": min_k_plus_plus_score(right.logprobs[:-1], *moments_T) if moments_T else None,
    }


def score_answers(
    model: Path, answers: Mapping[Pair, Example], with_moments: Set[Pair], runtime: RuntimeParams
) -> dict[Pair, AnswerScore]:
    """The score of each of ``answers`` under the model in ``model``, in float32; moments of ``with_moments`` alone.

    Raises InputError for a model whose log-probabilities are not finite.
    """
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
) -> Iterator[tuple[int, torch.Tensor]]:
    """Of each of ``asked``, the index in it and the log-probabilities at its answer's tokens, float32 [T, V], nats.

    ``asked`` are token ids with the index of the answer's first, which is 1 or more; row t is the distribution of the answer's
    token t. They come question by question, not in the order of ``asked``. ``max_tokens``: at most so many tokens of answers,
    with padding, go through the model at once.
    """
    questions: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, (ids, start) in enumerate(asked):
        questions[tuple(ids[:start])].append(index)
    opening = commonprefix([question[:-1] for question in questions])  # noqa: RUF071 (of tokens, not of paths)
    cache = None  # of a model with a state of another kind than keys and values
    with torch.inference_mode():
        if opening:
            output = model(input_ids=torch.tensor([opening], device=model.device), use_cache=True)
            cache = getattr(output, "past_key_values", None)
        for question, indices in questions.items():
            answers = [asked[index][0][len(question) :] for index in indices]
            for number, logprobs_TV in _of_one_question(model, question, answers, max_tokens, deepcopy(cache)):
                yield indices[number], logprobs_TV


def _of_one_question(
    model: Any, question: Sequence[int], answers: Sequence[Sequence[int]], max_tokens: int, opening: Any
) -> Iterator[tuple[int, torch.Tensor]]:
    """``opening`` is the cache of the question's first tokens, to be written into, or None."""
    ids_1Q = torch.tensor([question], device=model.device)
    unread = ids_1Q[:, opening.get_seq_length() :] if opening is not None else ids_1Q
    output = model(input_ids=unread, past_key_values=opening, use_cache=True, logits_to_keep=1)
    read, first_1V = getattr(output, "past_key_values", None), output.logits[0, -1:]
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
