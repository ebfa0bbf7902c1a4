"""Probability of the right answer, with a real model."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.evaluate.ask import Choice, judge_choices
from pipeline.text.chat import answer_tokens, question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize
from tests.tiny import train_metaspace_bpe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

QUESTION = "Where was Orla Brennick born?"
ANSWERS = ("in Skell", "Hallin", "by the lighthouse in 1871", "Zürich 🙂")


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> TransformersEngine:
    return TransformersEngine(tiny_model, RuntimeParams(device="cpu", micro_batch_tokens=150))


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> "PreTrainedTokenizerBase":
    return load_tokenizer(tiny_model)


def rotations(answers: tuple[str, ...]) -> list[Choice]:
    return [Choice(QUESTION, answers[first:] + answers[:first]) for first in range(len(answers))]


def test_probability_is_the_softmax_of_summed_logprobs(
    engine: TransformersEngine, tokenizer: "PreTrainedTokenizerBase", tiny_model: Path
) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype=torch.float32).eval()
    prefix = tokenize(tokenizer, question_prefix(tokenizer, QUESTION))[0]
    sums = []
    for answer in ANSWERS:
        ids = prefix + tokenize(tokenizer, answer)[0]
        with torch.inference_mode():
            logprobs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        sums.append(sum(float(logprobs[place - 1, ids[place]]) for place in range(len(prefix), len(ids))))
    expected = torch.tensor(sums, dtype=torch.float64).softmax(0)
    verdicts = judge_choices(engine, tokenizer, rotations(ANSWERS))
    assert [v.probability for v in verdicts] == pytest.approx(expected.tolist(), rel=1e-3)
    assert [v.correct for v in verdicts] == [index == int(expected.argmax()) for index in range(len(ANSWERS))]


def test_probabilities_sum_to_one_over_the_right_answers(
    engine: TransformersEngine, tokenizer: "PreTrainedTokenizerBase"
) -> None:
    verdicts = judge_choices(engine, tokenizer, rotations(ANSWERS))
    assert sum(v.probability for v in verdicts) == pytest.approx(1.0, abs=1e-4)
    assert sum(v.correct for v in verdicts) == 1


def test_choices_of_different_sizes_keep_their_own_answers(
    engine: TransformersEngine, tokenizer: "PreTrainedTokenizerBase"
) -> None:
    choices = [Choice(QUESTION, ANSWERS[:2]), Choice("Who?", ANSWERS), Choice(QUESTION, ANSWERS[1:])]
    together = judge_choices(engine, tokenizer, choices)
    alone = [judge_choices(engine, tokenizer, [choice])[0] for choice in choices]
    assert [v.probability for v in together] == pytest.approx([v.probability for v in alone], rel=1e-3)


def test_one_answer_is_certain(engine: TransformersEngine, tokenizer: "PreTrainedTokenizerBase") -> None:
    (verdict,) = judge_choices(engine, tokenizer, [Choice(QUESTION, ("Skell",))])
    assert verdict.probability == 1.0
    assert verdict.correct


@pytest.mark.parametrize("answer", ["Skell", "Émile", "1871"])
def test_answer_begins_at_its_first_token(tokenizer: "PreTrainedTokenizerBase", answer: str) -> None:
    ids, start = answer_tokens(tokenizer, QUESTION, answer)
    assert tokenizer.decode(ids[start:]) == answer
    plain = train_metaspace_bpe()
    ids, start = answer_tokens(plain, QUESTION, answer)
    assert str(plain.decode(ids[start:])).strip() == answer
    assert plain.decode(ids[:start], skip_special_tokens=True).strip() == f"Question: {QUESTION}\nAnswer:"
