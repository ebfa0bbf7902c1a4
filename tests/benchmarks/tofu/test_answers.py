"""Answers asked and scored against plain transformers and the definitions, written out once more."""

import json
import zlib
from dataclasses import replace
from pathlib import Path
from statistics import fmean, harmonic_mean
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.methods.example import ended_answer
from benchmarks.tofu.answers import answer_rows, score_answers
from benchmarks.tofu.metrics import tofu_metrics
from benchmarks.tofu.rows import TofuEvaluateParams, TofuRow, TofuRows, read_tofu_rows
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.text.tokenizer import load_tokenizer
from tests.benchmarks.tofu.benchmark import write_benchmark
from tests.tiny import build_tiny_model

PAIRS = [("Who?", "A mill and a bridge."), ("Where?", "Rain."), ("Who?", "Rain.")]


def test_scores_of_each_answer(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    answers = {pair: ended_answer(tokenizer, *pair) for pair in PAIRS}
    scores = score_answers(tiny_model, answers, {PAIRS[0]}, RuntimeParams(device="cpu"))
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float64).eval()
    for pair, answer in answers.items():
        with torch.no_grad():
            logprobs = model(torch.tensor([answer.input_ids])).logits[0, answer.start - 1 : -1].log_softmax(-1).numpy()
        own = logprobs[range(answer.learnt), answer.input_ids[answer.start :]]
        assert scores[pair].logprobs == pytest.approx(own, rel=1e-4)
        assert scores[pair].loss == pytest.approx(-own.mean(), rel=1e-4)
        assert scores[pair].correct_T.tolist() == (logprobs[:-1].argmax(-1) == answer.input_ids[answer.start : -1]).tolist()
        moments = scores[pair].moments_T
        assert (moments is not None) == (pair == PAIRS[0])
        if moments:
            mean = (np.exp(logprobs) * logprobs).sum(-1)[:-1]
            deviation = np.sqrt((np.exp(logprobs) * logprobs**2).sum(-1)[:-1] - mean**2)
            assert moments[0] == pytest.approx(mean, rel=1e-4)
            assert moments[1] == pytest.approx(deviation, rel=1e-4)


RUNTIME = RuntimeParams(device="cpu")
PARAMS = TofuEvaluateParams(engine="transformers", max_new_tokens=6, rows_per_set=3, retain_rows=20)
COLUMNS = (
    *("set", "question", "answer", "response", "rouge_l_recall", "answer_loss", "paraphrased_loss", "perturbed_losses"),
    *("probability", "probability_among_answers", "truth_ratio_geometric", "truth_ratio_arithmetic"),
    *("extraction_strength", "exact_memorization", "loss_score", "zlib_score", "min_k_score", "min_k_plus_plus_score"),
)
Result = tuple[list[dict[str, Any]], dict[str, Any]]


class Oracle:
    """One answer at a time, over the whole vocabulary, in float64."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()

    def prompt(self, question: str) -> list[int]:
        """The asked question."""
        turns = [{"role": "user", "content": question}]
        return list(
            self.tokenizer(self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)).input_ids
        )

    def logprobs(self, question: str, answer: str) -> tuple[np.ndarray, list[int]]:
        """The distributions over each of the answer's tokens and the one that ends it, and those tokens."""
        prompt = self.prompt(question)
        tokens = [*self.tokenizer(answer).input_ids, self.tokenizer.convert_tokens_to_ids("<|im_end|>")]
        with torch.no_grad():
            logits = self.model(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
        return logits.log_softmax(-1).numpy(), tokens

    def loss(self, question: str, answer: str) -> float:
        """Mean over these tokens."""
        logprobs, tokens = self.logprobs(question, answer)
        return float(-np.mean([row[token] for row, token in zip(logprobs, tokens, strict=True)]))

    def response(self, question: str, count: int) -> str:
        """The most probable token, ``count`` times or up to the end."""
        ids = self.prompt(question)
        start = len(ids)
        for _ in range(count):
            with torch.no_grad():
                token = int(self.model(torch.tensor([ids])).logits[0, -1].argmax())
            if token == self.tokenizer.eos_token_id:
                break
            ids.append(token)
        return str(self.tokenizer.decode(ids[start:], skip_special_tokens=True)).strip()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> TofuRows:
    """A small benchmark."""
    return read_tofu_rows(write_benchmark(tmp_path_factory.mktemp("tofu")), PARAMS)


@pytest.fixture(scope="module")
def retain_only(rows: TofuRows, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The answer rows of another model."""
    folder = tmp_path_factory.mktemp("other")
    build_tiny_model(folder, seed=1)
    return answer_rows(folder, rows, PARAMS, RUNTIME)


@pytest.fixture(scope="module")
def result(tiny_model: Path, rows: TofuRows, retain_only: list[dict[str, Any]]) -> Result:
    """Answer rows and metrics of the tiny model."""
    answers = answer_rows(tiny_model, rows, PARAMS, RUNTIME)
    return answers, tofu_metrics(answers, retain_only)


@pytest.fixture(scope="module")
def oracle(tiny_model: Path) -> Oracle:
    """The tiny model, by hand."""
    return Oracle(tiny_model)


def of(result: Result, set_name: str) -> list[dict[str, Any]]:
    """The answer rows of a set."""
    return [row for row in result[0] if row["set"] == set_name]


def pairs(result: Result, rows: TofuRows) -> list[tuple[TofuRow, dict[str, Any]]]:
    """What was asked, with its answer row."""
    asked = [one for name in rows.questions for one in rows.questions[name]]
    return list(zip(asked, [row for row in result[0] if row["set"] != "non_members"], strict=True))


def test_losses_ratios_and_responses_of_every_row(result: Result, rows: TofuRows, oracle: Oracle) -> None:
    for asked, row in pairs(result, rows):
        losses = [
            oracle.loss(asked.question, text) for text in (asked.answer, asked.paraphrased_answer, *asked.perturbed_answer)
        ]
        right, paraphrased, *wrong = losses
        assert (row["question"], row["answer"]) == (asked.question, asked.answer)
        assert row["answer_loss"] == pytest.approx(right, rel=1e-4)
        assert row["probability"] == pytest.approx(np.exp(-right), rel=1e-3)
        assert row["paraphrased_loss"] == pytest.approx(paraphrased, rel=1e-4)
        assert row["perturbed_losses"] == pytest.approx(wrong, rel=1e-4)
        assert row["truth_ratio_geometric"] == pytest.approx(np.exp(paraphrased - np.mean(wrong)), rel=1e-3)
        assert row["truth_ratio_arithmetic"] == pytest.approx(
            np.mean(np.exp(-np.array(wrong))) / np.exp(-paraphrased), rel=1e-3
        )
        assert row["response"] == oracle.response(asked.question, PARAMS.max_new_tokens)
        share = None
        if row["set"] in ("real_authors", "world_facts"):
            share = pytest.approx(np.exp(-right) / np.exp(-np.array([right, *wrong])).sum(), rel=1e-3)
        assert row["probability_among_answers"] == share


def test_metrics_by_token_leave_out_the_end(result: Result, oracle: Oracle) -> None:
    for row in result[0]:
        logprobs, tokens = oracle.logprobs(row["question"], row["answer"])
        correct = [int(one.argmax()) == token for one, token in zip(logprobs, tokens, strict=True)][:-1]
        assert row["exact_memorization"] == pytest.approx(fmean(correct))
        first = next(k for k in range(len(correct) + 1) if all(correct[k:]))
        assert row["extraction_strength"] == pytest.approx(1 - first / len(correct))


def test_membership_scores_of_forget_rows_and_non_members(result: Result, oracle: Oracle) -> None:
    for row in result[0]:
        scores = [row[f"{name}_score"] for name in ("loss", "zlib", "min_k", "min_k_plus_plus")]
        if row["set"] not in ("forget", "non_members"):
            assert scores == [None] * 4
            continue
        logprobs, tokens = oracle.logprobs(row["question"], row["answer"])
        own = np.array([one[token] for one, token in zip(logprobs, tokens, strict=True)])
        mean = (np.exp(logprobs) * logprobs).sum(-1)
        std = np.sqrt((np.exp(logprobs) * logprobs**2).sum(-1) - mean**2)
        least = int(0.4 * (len(own) - 1))
        expected = [
            own.mean(),
            own.mean() / len(zlib.compress(row["answer"].encode())),
            np.sort(own[:-1])[:least].mean(),
            np.sort(((own - mean) / std)[:-1])[:least].mean(),
        ]
        assert scores == pytest.approx(expected, rel=1e-3)


def test_the_nine_means_and_both_utilities(result: Result) -> None:
    values = result[1]["values"]
    for combination, suffix in (("geometric", ""), ("arithmetic", "_arithmetic")):
        nine = []
        for name in ("retain", "real_authors", "world_facts"):
            answers = of(result, name)
            column = "probability" if name == "retain" else "probability_among_answers"
            means = {
                f"tofu.{name}_probability": fmean(row[column] for row in answers),
                f"tofu.{name}_rouge_l_recall": fmean(row["rouge_l_recall"] for row in answers),
                f"tofu.{name}_truth_ratio{suffix}": fmean(max(0, 1 - row[f"truth_ratio_{combination}"]) for row in answers),
            }
            for key, mean in means.items():
                assert values[key] == pytest.approx(mean)
            nine += means.values()
        assert values[f"tofu.model_utility{suffix}"] == pytest.approx(harmonic_mean(nine))
        answers = of(result, "forget")
        ratios = [row[f"truth_ratio_{combination}"] for row in answers]
        assert values[f"tofu.forget_truth_ratio{suffix}"] == pytest.approx(fmean(min(r, 1 / r) for r in ratios))
    for name in ("forget_probability", "forget_rouge_l_recall", "extraction_strength", "exact_memorization"):
        assert values[f"tofu.{name}"] == pytest.approx(fmean(row[name.removeprefix("forget_")] for row in of(result, "forget")))


def auc(answers: list[dict[str, Any]], score: str) -> float:
    """The share of pairs in which the member has the higher score."""
    members, others = ([row[f"{score}_score"] for row in answers if row["set"] == name] for name in ("forget", "non_members"))
    return fmean((a > b) + (a == b) / 2 for a in members for b in others)


def test_membership_and_what_rests_on_the_retain_only_model(result: Result, retain_only: list[dict[str, Any]]) -> None:
    values = result[1]["values"]
    for score in ("loss", "zlib", "min_k", "min_k_plus_plus"):
        assert values[f"tofu.membership_auc_{score}"] == pytest.approx(auc(result[0], score))
    ours, theirs = 1 - auc(result[0], "min_k"), 1 - auc(retain_only, "min_k")
    assert values["tofu.privleak"] == pytest.approx(100 * (ours - theirs) / theirs)
    samples = [
        [row["truth_ratio_geometric"] for row in answers if row["set"] == "forget"] for answers in (result[0], retain_only)
    ]
    gap = max(abs(fmean(r <= x for r in samples[0]) - fmean(r <= x for r in samples[1])) for x in [*samples[0], *samples[1]])
    assert values["tofu.forget_quality_statistic"] == pytest.approx(gap)
    assert 0 < values["tofu.forget_quality"] <= 1
    assert result[1]["left_out"] == {}


def test_against_itself_forget_quality_is_one_and_privleak_zero(tiny_model: Path, rows: TofuRows, result: Result) -> None:
    again = answer_rows(tiny_model, rows, PARAMS, RUNTIME)
    assert again == result[0]
    values = tofu_metrics(again, result[0])["values"]
    assert (values["tofu.forget_quality"], values["tofu.privleak"]) == (1.0, 0.0)


def test_rows_fit_parquet_and_metrics_json(result: Result) -> None:
    answers, report = result
    assert all(tuple(row) == COLUMNS for row in answers)
    assert pa.Table.from_pylist(answers).num_rows == 3 + 3 + 3 + 3 + 3
    assert report["rows"] == dict.fromkeys(("forget", "retain", "real_authors", "world_facts", "non_members"), 3)
    assert all(type(value) is float for value in report["values"].values())
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_broken_weights_are_an_error_that_names_the_model(rows: TofuRows, tmp_path: Path) -> None:
    build_tiny_model(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    model.model.norm.weight.data.fill_(float("nan"))
    model.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="no finite log-probability"):
        answer_rows(tmp_path, rows, PARAMS, RUNTIME)


def test_a_question_without_wrong_answers_is_asked_all_the_same(tiny_model: Path, rows: TofuRows) -> None:
    bare = tuple(one.model_copy(update={"perturbed_answer": ()}) for one in rows.questions["world_facts"])
    answers = answer_rows(tiny_model, replace(rows, questions={**rows.questions, "world_facts": bare}), PARAMS, RUNTIME)
    row = next(row for row in answers if row["set"] == "world_facts")
    assert row["response"] is not None and row["perturbed_losses"] == []
    assert row["truth_ratio_geometric"] is row["probability_among_answers"] is None
    assert "world_facts questions have no wrong answers" in tofu_metrics(answers, None)["left_out"]["tofu.model_utility"]
