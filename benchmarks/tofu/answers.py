"""A model asked the TOFU rows: losses of right and wrong answers, its own greedy answer, and membership scores.

A loss is the mean over an answer's tokens and the one that ends it, in nats, as the released code of Maini et al. (2024) and
OpenUnlearning (Dorna et al., 2025) have it. Metrics by token (extraction, memorization, min-k, min-k++) leave out the one that
ends the answer, as OpenUnlearning does.

Given answers are scored by plain transformers: of one question up to seven are asked, and what answers or questions share is
read once.

T tokens of an answer, V vocabulary.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
from pipeline.core.errors import InputError
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams, free_memory
from pipeline.engines.open import check_context, open_engine
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.evaluate.text_measures import rouge_l_recall
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
    engine, pairs = TransformersEngine(model, runtime), list(answers)
    sequences, starts = zip(*((list(answer.input_ids), answer.start) for answer in answers.values()), strict=True)
    scores = {}
    with progress_bar(len(pairs), "answer", "score") as bar:
        for index, logprobs in engine.distributions(sequences, starts):
            logprobs_TV, tokens = logprobs.cpu().numpy(), np.asarray(sequences[index][starts[index] :])
            own = logprobs_TV[np.arange(len(tokens)), tokens].astype(np.float64)
            if not np.isfinite(own).all():
                raise InputError(f"{model}: the model gives a token no finite log-probability; its weights are broken.")
            moments_T = vocabulary_moments(logprobs_TV[:-1]) if pairs[index] in with_moments else None
            scores[pairs[index]] = AnswerScore(own, logprobs_TV[:-1].argmax(-1) == tokens[:-1], moments_T)
            bar.update(1)
    return scores
