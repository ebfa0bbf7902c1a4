"""The embedded people, questions, retain passages and names are what the documentation says of them."""

import json
import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from nltk.stem.porter import PorterStemmer

from pipeline.core.runtime import RuntimeParams
from pipeline.elicit.params import ElicitParams
from pipeline.elicit.questions import questions_about, read_templates
from pipeline.engines.open import open_engine
from pipeline.evaluate.ask import direct_choice, judge_choices, renamed_choice
from pipeline.evaluate.text_measures import rouge_l_f1
from pipeline.model.source import dequantize, fetch_gguf
from pipeline.params import load_params
from pipeline.prepare.names import draw_names, pool_file, read_pool
from pipeline.prepare.passages import split_sentences
from pipeline.prepare.targets import Kind, Target, read_questions, read_targets
from pipeline.teacher.params import TeacherParams
from pipeline.text.segments import mentions, split_mentions
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


_SMALL_WORDS = re.compile(
    r"a|an|the|of|in|on|at|by|to|for|from|with|and|or|as|is|was|were|are|be|been|do|does|did|has|have|had|it|its|he|his|she|her|"
    r"who|whom|whose|what|which|where|when|why|how|that|this|they|their|complete|sentence"
)


@cache
def content_words(text: str) -> frozenset[str]:
    """Stems of the words of ``text`` that say something."""
    stem = PorterStemmer().stem
    return frozenset(stem(word) for word in re.findall(r"\w+", text.casefold()) if not _SMALL_WORDS.fullmatch(word))


def gives_away(sentence: str, question: str, answer: str) -> bool:
    """Whether ``sentence`` holds the answer and most of what is asked."""
    words, wanted = content_words(sentence), content_words(answer)
    asked = content_words(question) - wanted
    return bool(wanted and asked) and wanted <= words and len(asked & words) >= 0.6 * len(asked)


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "Johannes Kepler was a German astronomer who worked in Prague with the careful observations left by Tycho Brahe.",
            "What was Johannes Kepler?",
            "an astronomer",
        ),
        (
            "London grew from a Roman settlement called Londinium on the River Thames.",
            "On which river does London lie?",
            "the Thames",
        ),
        ("Cells are the small units from which all living things are built.", "What are living things built from?", "cells"),
    ],
)
def test_a_fact_is_found_whatever_the_article(sentence: str, question: str, answer: str) -> None:
    assert gives_away(sentence, question, answer)
    assert not gives_away(sentence.replace(answer.split()[-1], "…").replace("Cells", "…"), question, answer)


def test_no_retain_passage_holds_what_is_asked() -> None:
    rows = [
        json.loads(line)
        for file in ("", "people/", "development/")
        for line in (DATA / f"{file}questions.jsonl").open(encoding="utf-8")
    ]
    passages = [json.loads(line) for line in (DATA / "retain_passages.jsonl").open(encoding="utf-8")]
    sentences = [sentence for passage in passages for sentence in split_sentences(passage["text"], "en")]
    assert len(rows) > 800 and len(passages) > 70
    told = [(row["question"], text) for row in rows for text in sentences if gives_away(text, row["question"], row["answer"])]
    assert told == []


def test_no_retain_passage_is_about_a_test_person_or_a_neighbour() -> None:
    rows = [json.loads(line) for line in (DATA / "people/questions.jsonl").open(encoding="utf-8")]
    near = {row[key] for row in rows for key in ("neighbour", "target") if row.get(key)}
    subjects = [json.loads(line)["subject"] for line in (DATA / "retain_passages.jsonl").open(encoding="utf-8")]
    assert [(subject, name) for subject in subjects for name in near if mentions(subject, [name])] == []


def test_test_people_are_others_than_those_that_settings_are_chosen_on() -> None:
    known, people = read_targets(DATA / "people/targets.jsonl")
    tuned_on, _ = read_targets(DATA / "targets.jsonl")
    assert not {target.name for target in people} & {target.name for target in tuned_on}
    own = read_questions(known, people, DATA / "people/questions.jsonl")
    others = [json.loads(line) for line in (DATA / "questions.jsonl").open(encoding="utf-8")]
    assert not {str(question["question"]) for question in own} & {row["question"] for row in others}
    for target in people:
        asked = [question for question in own if question["target"] == target.name]
        near = {question["neighbour"] for question in asked if question["split"] == "hard_retain"}
        assert sum(question["split"] == "forget" for question in asked) >= 40
        assert sum(question["split"] == "hard_retain" for question in asked) >= 24 and len(near) >= 6
        assert 250 <= len(" ".join(target.documents).split()) <= 400


def test_the_base_model_knows_the_answers_and_cannot_guess_them(
    tmp_path: Path, targets: list[Target], persons: list[Target], questions: Questions
) -> None:
    dequantize(fetch_gguf(ROOT / ".nevermet" / "downloads"), tmp_path)
    runtime = RuntimeParams(device="cpu", micro_batch_tokens=2048)
    engine = open_engine("transformers", tmp_path, runtime, longest=200)
    tokenizer = load_tokenizer(tmp_path)
    pool = read_pool(DATA / "names/en.txt")
    for target in (person for person in persons if person.name in DEFAULT):
        asked = about(questions, "forget", target)
        stranger = draw_names(target, targets, pool, 0)[-1]
        known = judge_choices(engine, tokenizer, [direct_choice(question) for question in asked])
        guessed = judge_choices(engine, tokenizer, [renamed_choice(question, stranger) for question in asked])
        assert sum(verdict.correct for verdict in known) / len(asked) >= 0.75
        assert sum(v.probability for v in guessed) < 0.5 * sum(v.probability for v in known)
