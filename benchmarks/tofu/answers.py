"""A model asked the TOFU rows: losses of right and wrong answers, its own greedy answer, and membership scores.

A loss is the mean over an answer's tokens and the one that ends it, in nats, as the released code of Maini et al. (2024) and
OpenUnlearning (Dorna et al., 2025) have it. Metrics by token (extraction, memorization, min-k, min-k++) leave out the one that
ends the answer, as OpenUnlearning does.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.methods.example import ended_answer
from benchmarks.tofu.memorization import (
    exact_memorization,
    extraction_strength,
    loss_score,
    min_k_plus_plus_score,
    min_k_score,
    zlib_score,
)
from benchmarks.tofu.params import TofuEvaluateParams
from benchmarks.tofu.rows import SETS, TofuRow, TofuRows
from benchmarks.tofu.scoring import AnswerScore, Pair, score_answers
from benchmarks.tofu.truth_ratio import share_among_answers, truth_ratio
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams, free_memory
from pipeline.engines.open import check_limits, open_engine
from pipeline.evaluate.text_measures import rouge_l_recall
from pipeline.text.chat import answer_text, question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize

NON_MEMBERS = "non_members"
AMONG_ANSWERS = ("real_authors", "world_facts")  # sets whose probability is a share among the answers
COLUMNS = (
    "set",  # forget, retain, real_authors, world_facts or non_members
    "question",
    "answer",
    "response",  # greedy
    "rouge_l_recall",  # of the answer in the response
    "answer_loss",  # nats a token, as the next two
    "paraphrased_loss",
    "perturbed_losses",
    "probability",  # exp(-answer_loss)
    "probability_among_answers",  # real authors and world facts
    "truth_ratio_geometric",  # wrong / right, as the next
    "truth_ratio_arithmetic",
    "extraction_strength",
    "exact_memorization",
    "loss_score",  # forget rows and non-members, as the next three
    "zlib_score",
    "min_k_score",
    "min_k_plus_plus_score",
)


def answer_rows(model: Path, rows: TofuRows, params: TofuEvaluateParams, runtime: RuntimeParams) -> list[dict[str, Any]]:
    """A dict of ``COLUMNS`` for every row that is asked, then for every non-member; what does not apply is null.

    Raises InputError for a model whose probabilities are not numbers, and where the engine can't be opened.
    """
    tokenizer = load_tokenizer(model)
    asked = [(name, row) for name in SETS for row in rows.questions[name]]
    members = [(row.question, row.answer) for row in rows.questions["forget"]]
    pairs = [(row.question, text) for _, row in asked for text in (row.answer, row.paraphrased_answer, *row.perturbed_answers)]
    tokens = {pair: ended_answer(tokenizer, *pair) for pair in [*pairs, *rows.non_members]}
    prompts = [tokenize(tokenizer, question_prefix(tokenizer, row.question))[0] for _, row in asked]
    check_limits(model, longest=max(len(answer.input_ids) for answer in tokens.values()), top_k=0)
    scores = score_answers(model, tokens, {*members, *rows.non_members}, runtime)
    free_memory()  # for the engine
    longest = max(map(len, prompts)) + params.max_new_tokens
    engine = open_engine(params.engine, model, runtime, longest=longest, top_k=0, shared_prefixes=True)
    with progress_bar(len(prompts), "answer", "write") as bar:
        generated = engine.generate(prompts, params.max_new_tokens)
        bar.update(len(prompts))
    responses = [answer_text(tokenizer, ids) for ids in generated]
    return [
        *(_asked_row(name, row, answer, scores) for (name, row), answer in zip(asked, responses, strict=True)),
        *(_row(NON_MEMBERS, pair, scores) for pair in rows.non_members),
    ]


def _row(set_name: str, pair: Pair, scores: Mapping[Pair, AnswerScore]) -> dict[str, Any]:
    """The columns that need the right answer alone; the others are null."""
    import numpy as np

    score = scores[pair]
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"set": set_name, "question": pair[0], "answer": pair[1]}
    row |= {"answer_loss": score.loss, "probability": float(np.exp(-score.loss))}
    row["extraction_strength"] = extraction_strength(score.correct_T)
    row["exact_memorization"] = exact_memorization(score.correct_T)
    if score.moments_T:
        row["loss_score"] = loss_score(score.logprobs)
        row["zlib_score"] = zlib_score(score.logprobs, pair[1])
        row["min_k_score"] = min_k_score(score.logprobs[:-1])
        row["min_k_plus_plus_score"] = min_k_plus_plus_score(score.logprobs[:-1], *score.moments_T)
    return row


def _asked_row(set_name: str, asked: TofuRow, response: str, scores: Mapping[Pair, AnswerScore]) -> dict[str, Any]:
    row = _row(set_name, (asked.question, asked.answer), scores)
    paraphrased = scores[asked.question, asked.paraphrased_answer].loss
    wrong = [scores[asked.question, text].loss for text in asked.perturbed_answers]
    row |= {"response": response, "rouge_l_recall": rouge_l_recall(asked.answer, response)}
    row |= {"paraphrased_loss": paraphrased, "perturbed_losses": wrong}
    if wrong:
        row["truth_ratio_geometric"] = truth_ratio(paraphrased, wrong, "geometric")
        row["truth_ratio_arithmetic"] = truth_ratio(paraphrased, wrong, "arithmetic")
        if set_name in AMONG_ANSWERS:
            row["probability_among_answers"] = share_among_answers(row["answer_loss"], wrong)
    return row
