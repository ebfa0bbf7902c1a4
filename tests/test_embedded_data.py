"""The embedded people, questions, retain passages and names are what the README says of them."""

import re
from pathlib import Path

import pytest

from pipeline.base import embedded
from pipeline.engines.interface import open_engine
from pipeline.evaluate.ask import direct_choice, renamed_choice
from pipeline.evaluate.multiple_choice import judge_choices
from pipeline.params import RuntimeParams
from pipeline.prepare.names import draw_names, read_pool
from pipeline.prepare.passages import read_retain_passages, split_sentences
from pipeline.prepare.questions import read_questions
from pipeline.prepare.targets import Target, read_targets
from pipeline.segments import split_mentions
from pipeline.tokenizer import load_tokenizer
from tests.project import ROOT

DATA = ROOT / "data"
Questions = list[dict[str, object]]


@pytest.fixture(scope="module")
def targets() -> list[Target]:
    return read_targets(DATA / "targets.jsonl")[0]


@pytest.fixture(scope="module")
def questions(targets: list[Target]) -> Questions:
    return read_questions(targets, targets, DATA / "questions.jsonl")


def about(questions: Questions, split: str, target: Target | None = None) -> Questions:
    return [q for q in questions if q["split"] == split and (target is None or q["target"] == target.name)]


def test_counts(targets: list[Target], questions: Questions) -> None:
    assert 3 <= len(targets) <= 4
    for target in targets:
        assert 15 <= sum(len(split_sentences(document, "en")) for document in target.documents) <= 25
        assert len(about(questions, "forget", target)) >= 12
        assert len(about(questions, "hard_retain", target)) >= 12
    assert len(about(questions, "general_retain")) >= 40
    assert len(read_pool(DATA / "counterfactual_names.txt")) >= 200


def test_every_question_has_three_wrong_answers_and_a_paraphrase(questions: Questions) -> None:
    for question in questions:
        assert len(question["wrong_answers"]) == 3
        assert question["paraphrased_question"] not in (None, question["question"])
    assert len({question["question"] for question in questions}) == len(questions)


def test_only_forget_questions_name_a_target(targets: list[Target], questions: Questions) -> None:
    for target in targets:
        for question in about(questions, "forget", target):
            assert target.name in str(question["question"])
            assert not any(segment.mention for segment in split_mentions(str(question["answer"]), target.surface_forms))
        for question in [*about(questions, "hard_retain"), *about(questions, "general_retain")]:
            assert target.name not in f"{question['question']} {question['answer']}"


def test_documents_name_one_target_each(targets: list[Target]) -> None:
    for target in targets:
        others = [other.name.split()[-1] for other in targets if other is not target]
        text = " ".join(target.documents)
        assert not any(segment.mention for segment in split_mentions(text, others))


def test_retain_passages_are_held_out_from_the_questions(targets: list[Target], questions: Questions) -> None:
    passages = read_retain_passages(targets, DATA / "retain_passages.jsonl")
    assert len(passages) >= 80
    for question in [*about(questions, "hard_retain"), *about(questions, "general_retain")]:
        answer = re.compile(rf"(?<!\w){re.escape(str(question['answer']).lower())}(?!\w)")
        asked = set(re.findall(r"\w{4,}", str(question["question"])))
        for passage in passages:
            if asked & set(passage.target.split()):
                assert not answer.search(passage.segments[0].text.lower()), (question["question"], passage.target)


def test_the_base_model_knows_the_answers_and_cannot_guess_them(
    tmp_path: Path, targets: list[Target], questions: Questions
) -> None:
    embedded.dequantize(embedded.fetch_gguf(ROOT / ".obliviate" / "downloads"), tmp_path)
    runtime = RuntimeParams(device="cpu", micro_batch_tokens=2048)
    engine = open_engine("transformers", tmp_path, runtime, longest=200, top_k=1)
    tokenizer = load_tokenizer(tmp_path)
    pool = read_pool(DATA / "counterfactual_names.txt")
    for target in targets:
        asked = about(questions, "forget", target)
        stranger = draw_names(target, targets, pool, 0)[-1]
        known = judge_choices(engine, tokenizer, [direct_choice(question) for question in asked])
        guessed = judge_choices(engine, tokenizer, [renamed_choice(question, stranger) for question in asked])
        assert sum(verdict.correct for verdict in known) / len(asked) >= 0.75
        assert sum(v.probability for v in guessed) < 0.5 * sum(v.probability for v in known)
