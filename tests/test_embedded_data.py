"""The embedded people, questions, retain passages and names are what the documentation says of them."""

import re
from pathlib import Path
from typing import get_args

import pytest

from pipeline.core.runtime import RuntimeParams
from pipeline.elicit.params import ElicitParams
from pipeline.elicit.questions import questions_about, read_templates
from pipeline.engines.open import open_engine
from pipeline.evaluate.ask import direct_choice, judge_choices, renamed_choice
from pipeline.evaluate.text_measures import rouge_l_f1
from pipeline.model.source import dequantize, fetch_gguf
from pipeline.params import load_params
from pipeline.prepare.names import draw_names, pool_file, read_pool
from pipeline.prepare.passages import read_retain_passages, split_sentences
from pipeline.prepare.targets import Kind, Target, read_questions, read_targets
from pipeline.teacher.params import TeacherParams
from pipeline.text.segments import split_mentions
from pipeline.text.tokenizer import load_tokenizer
from tests.project import ROOT

DATA = ROOT / "data"
DEFAULT = load_params(ROOT / "params.yaml")["prepare"].targets
Questions = list[dict[str, object]]


@pytest.fixture(scope="module")
def targets() -> list[Target]:
    """All embedded targets. Not all of them can be forgotten together: a form of one may be part of another's."""
    return read_targets(DATA / "targets.jsonl", wanted=DEFAULT)[0]


@pytest.fixture(scope="module")
def persons(targets: list[Target]) -> list[Target]:
    """The English persons whose linked entities are not renamed, on whom the limits below are set."""
    return [t for t in targets if t.language == "en" and t.kind == "person" and not t.substitutions]


@pytest.fixture(scope="module")
def questions(targets: list[Target]) -> Questions:
    """Every question of the file, whoever is to be forgotten."""
    every = []
    for target in targets:
        every += [q for q in read_questions(targets, [target], DATA / "questions.jsonl") if q not in every]
    return every


def about(questions: Questions, split: str, target: Target | None = None) -> Questions:
    return [q for q in questions if q["split"] == split and (target is None or q["target"] == target.name)]


def test_counts(targets: list[Target], persons: list[Target], questions: Questions) -> None:
    assert len(persons) == 4
    assert set(DEFAULT) <= {target.name for target in persons}
    assert {target.kind for target in targets} >= {"person", "place"}
    assert {target.language for target in targets} >= {"en", "zh"}
    for target in persons:
        assert 15 <= sum(len(split_sentences(document, "en")) for document in target.documents) <= 25
        assert len(about(questions, "forget", target)) >= 12
        assert len(about(questions, "hard_retain", target)) >= 12
    for target in targets:
        assert sum(len(split_sentences(document, target.language)) for document in target.documents) >= 15
        assert len(about(questions, "forget", target)) >= 8
        assert len(about(questions, "hard_retain", target)) >= 6
    assert len(about(questions, "general_retain")) >= 40
    assert len(read_pool(DATA / "names/en.txt")) >= 200


def test_each_target_can_be_forgotten_and_the_defaults_together(targets: list[Target]) -> None:
    for wanted in (DEFAULT, *((target.name,) for target in targets)):
        _, chosen = read_targets(DATA / "targets.jsonl", wanted=wanted, elicits=False)
        assert [target.name for target in chosen] == [t.name for t in targets if t.name in wanted]
        for target in chosen:
            names = draw_names(target, targets, read_pool(pool_file(target, DATA / "names")), 0)
            assert len(names) >= TeacherParams().names
            assert {form for name in names for form in name.replacements} == set(target.surface_forms)


def test_general_questions_ask_about_no_default_target(targets: list[Target]) -> None:
    defaults = [target for target in targets if target.name in DEFAULT]
    asked = read_questions(targets, defaults, DATA / "questions.jsonl")
    rows = (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(about(asked, "general_retain")) == sum('"general_retain"' in row for row in rows)


def test_no_template_is_a_forget_question(targets: list[Target], questions: Questions) -> None:
    """Else the questions that measure would be trained on. Names are taken out, since both have them."""
    templates = read_templates(DATA / "question_templates.jsonl")

    def without_name(text: str, target: Target) -> str:
        return "".join(" " if s.mention else s.text for s in split_mentions(text.replace("’", "'"), target.surface_forms))

    for target in targets:
        own = [text for (language, _), texts in templates.items() if language == target.language for text in texts]
        assert len(own) > 50
        asked = [str(q[key]) for q in about(questions, "forget", target) for key in ("question", "paraphrased_question")]
        for question in asked:
            rest = without_name(question, target).replace("'s ", " ")
            for template in own:
                filled = without_name(template.replace("{name}", target.name), target)
                assert rouge_l_f1(filled, rest) < 0.8, (template, question)
                assert filled.split() != rest.split()


@pytest.mark.parametrize("language", ["en", "zh", "de", "ja"])
def test_every_language_has_templates_for_whatever_is_asked_about(language: str) -> None:
    templates = read_templates(DATA / "question_templates.jsonl")
    assert len(templates[language, "person"]) >= 40
    assert len(templates[language, "other"]) >= ElicitParams().neighbour_templates
    for kind in get_args(Kind):
        asked = questions_about(templates, "Skell", kind, language, 4, 0)
        assert len(asked) == 4
        assert all("Skell" in question and "{" not in question for question in asked)


def test_every_question_has_three_wrong_answers_and_a_paraphrase(questions: Questions) -> None:
    for question in questions:
        assert len(question["wrong_answers"]) == 3
        assert question["paraphrased_question"] not in (None, question["question"])
    assert len({question["question"] for question in questions}) == len(questions)


def test_only_forget_questions_name_a_target(targets: list[Target], questions: Questions) -> None:
    for target in targets:
        for question in about(questions, "forget", target):
            assert target.name in f"{question['question']} {question['paraphrased_question']}"
            assert not any(segment.mention for segment in split_mentions(str(question["answer"]), target.surface_forms))
        for question in about(questions, "hard_retain", target):
            asked = f"{question['question']} {question['answer']} {question['paraphrased_question']}"
            assert not any(segment.mention for segment in split_mentions(asked, target.surface_forms))
        for question in [*about(questions, "hard_retain"), *about(questions, "general_retain")]:
            asked = f"{question['question']} {question['answer']}"
            assert target.name not in asked or "Who wrote Pride and Prejudice" in asked


def test_documents_name_one_target_each(targets: list[Target]) -> None:
    for target in targets:
        others = [other.name.split()[-1] for other in targets if other is not target]
        text = " ".join(target.documents)
        assert not any(segment.mention for segment in split_mentions(text, others))


def test_retain_passages_are_held_out_from_the_questions(persons: list[Target], questions: Questions) -> None:
    passages = read_retain_passages(persons, DATA / "retain_passages.jsonl")
    assert len(passages) >= 80
    for question in [*about(questions, "hard_retain"), *about(questions, "general_retain")]:
        answer = re.compile(rf"(?<!\w){re.escape(str(question['answer']).lower())}(?!\w)")
        asked = set(re.findall(r"\w{4,}", str(question["question"])))
        for passage in passages:
            if asked & set(passage.target.split()):
                assert not answer.search(passage.segments[0].text.lower()), (question["question"], passage.target)


def test_the_base_model_knows_the_answers_and_cannot_guess_them(
    tmp_path: Path, targets: list[Target], persons: list[Target], questions: Questions
) -> None:
    dequantize(fetch_gguf(ROOT / ".nevermet" / "downloads"), tmp_path)
    runtime = RuntimeParams(device="cpu", micro_batch_tokens=2048)
    engine = open_engine("transformers", tmp_path, runtime, longest=200)
    tokenizer = load_tokenizer(tmp_path)
    pool = read_pool(DATA / "names/en.txt")
    for target in persons:
        asked = about(questions, "forget", target)
        stranger = draw_names(target, targets, pool, 0)[-1]
        known = judge_choices(engine, tokenizer, [direct_choice(question) for question in asked])
        guessed = judge_choices(engine, tokenizer, [renamed_choice(question, stranger) for question in asked])
        assert sum(verdict.correct for verdict in known) / len(asked) >= 0.75
        assert sum(v.probability for v in guessed) < 0.5 * sum(v.probability for v in known)
