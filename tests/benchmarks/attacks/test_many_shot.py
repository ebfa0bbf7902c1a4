"""Many-shot prompts, turn by turn, and what they are cut to."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.attacks.attack import AttackParams
from benchmarks.attacks.many_shot import draw_shots, fitting_prompt, many_shot, many_shot_text, prompt_room
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.open import open_engine
from pipeline.text.chat import answer_text, question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize
from tests.benchmarks.attacks.hiding import FORGET, RETAIN, TARGET, pair
from tests.tiny import train_metaspace_bpe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FORMS = (TARGET, "Orla", "Brennick")
PAIRS = [pair(f"What has town number {number}?", f"a mill and {number} boats") for number in range(12)]
QUESTION = FORGET[0]["question"]
RUNTIME = RuntimeParams(device="cpu")


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> "PreTrainedTokenizerBase":
    return load_tokenizer(tiny_model)


def test_a_chat_holds_the_pairs_as_earlier_turns(tokenizer: "PreTrainedTokenizerBase") -> None:
    assert many_shot_text(tokenizer, PAIRS[:2], QUESTION) == (
        "<|im_start|>user\nWhat has town number 0?<|im_end|>\n<|im_start|>assistant\na mill and 0 boats<|im_end|>\n"
        "<|im_start|>user\nWhat has town number 1?<|im_end|>\n<|im_start|>assistant\na mill and 1 boats<|im_end|>\n"
        f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_system_prompt_of_the_template_stands_once_and_first(tiny_model: Path) -> None:
    own = load_tokenizer(tiny_model)
    own.chat_template = (
        "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}"
        + str(own.chat_template)
    )
    text = many_shot_text(own, PAIRS, QUESTION)
    assert text.startswith("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nWhat has town number 0?")
    assert text.count("Be kind.") == 1


def test_without_a_chat_template_the_pairs_are_lines_after_one_beginning() -> None:
    plain = train_metaspace_bpe()
    assert many_shot_text(plain, PAIRS[:2], QUESTION) == (
        "<s>Question: What has town number 0?\nAnswer:\na mill and 0 boats\n\n"
        "Question: What has town number 1?\nAnswer:\na mill and 1 boats\n\n"
        f"Question: {QUESTION}\nAnswer:\n"
    )


def test_without_pairs_it_is_the_question_as_evaluate_asks_it(tokenizer: "PreTrainedTokenizerBase") -> None:
    for one in (tokenizer, train_metaspace_bpe()):
        assert many_shot_text(one, [], QUESTION) == question_prefix(one, QUESTION)


def test_the_oldest_pairs_are_dropped_until_the_prompt_fits(tokenizer: "PreTrainedTokenizerBase") -> None:
    for one in (tokenizer, train_metaspace_bpe()):
        lengths = [len(tokenize(one, many_shot_text(one, PAIRS[12 - kept :], QUESTION))[0]) for kept in range(13)]
        for kept in range(1, 13):
            for room in (lengths[kept], lengths[kept] + 1):
                ids = fitting_prompt(one, PAIRS, QUESTION, room)
                assert ids == tokenize(one, many_shot_text(one, PAIRS[12 - kept :], QUESTION))[0]
        assert fitting_prompt(one, PAIRS, QUESTION, None) == fitting_prompt(one, PAIRS, QUESTION, 10**6)
        with pytest.raises(InputError, match=f"leaves {lengths[1] - 1} tokens for a prompt, but .* take {lengths[1]};"):
            fitting_prompt(one, PAIRS, QUESTION, lengths[1] - 1)


def test_room_is_what_context_and_budget_leave_beside_the_answer(tiny_model: Path) -> None:
    assert prompt_room(tiny_model, AttackParams(max_new_tokens=30)) == 512 - 1 - 30
    assert prompt_room(tiny_model, AttackParams(max_new_tokens=30, many_shot_max_tokens=200)) == 170
    assert prompt_room(tiny_model, AttackParams(max_new_tokens=30, many_shot_max_tokens=9000)) == 512 - 1 - 30


def test_pairs_about_a_target_and_forget_questions_are_left_out() -> None:
    wrong = [
        pair("Who kept a lighthouse?", "the father of Orla"),
        pair("What did Brennick's town have?", "a harbour"),
        pair("Who is Tobias?", "a cousin of Edwin Calloway"),
        pair("Was it asked?", "yes", "forget"),
        pair(f" {QUESTION.upper()}", "no answer"),
        *FORGET,
    ]
    asked = [*FORGET, {**FORGET[0], "target": "Edwin Calloway", "question": "Who?"}]
    for seed in range(5):
        drawn = draw_shots(asked, [*wrong, *RETAIN], FORMS, 100, seed)
        assert sorted(shot["question"] for shot in drawn) == sorted(shot["question"] for shot in RETAIN)
    with pytest.raises(InputError, match=r"no retain question .* that mentions no target"):
        draw_shots(asked, wrong, FORMS, 100, 0)


def test_pairs_are_drawn_by_the_seed_and_not_more_than_asked_for() -> None:
    first = draw_shots(FORGET, PAIRS, FORMS, 5, seed=1)
    assert len(first) == 5
    assert first == draw_shots(FORGET, PAIRS, FORMS, 5, seed=1)
    assert first != draw_shots(FORGET, PAIRS, FORMS, 5, seed=2)


def test_answers_are_those_of_the_engine_to_each_prompt(hiding_model: Path) -> None:
    params = AttackParams(many_shot_shots=3, max_new_tokens=8, many_shot_max_tokens=150)
    results = many_shot(hiding_model, FORGET, [*RETAIN, *PAIRS], params, RUNTIME, engine="transformers", forms=FORMS)
    tokenizer = load_tokenizer(hiding_model)
    pairs = draw_shots(FORGET, [*RETAIN, *PAIRS], FORMS, 3, params.seed)
    engine = open_engine("transformers", hiding_model, RUNTIME, longest=200)
    for question, result in zip(FORGET, results, strict=True):
        (ids,) = engine.generate([fitting_prompt(tokenizer, pairs, question["question"], 142)], 8)
        assert result == tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert any(results)


def test_prompts_reach_the_edge_of_the_context_and_not_beyond(tiny_model: Path) -> None:
    """The engine refuses a prompt whose answer does not fit."""
    many = [pair(f"What has town number {number}?", "a mill") for number in range(100)]
    params = AttackParams(max_new_tokens=4)
    results = many_shot(tiny_model, FORGET[:2], many, params, RUNTIME, engine="transformers", forms=())
    assert len(results) == 2


def test_a_model_without_a_chat_template_answers_too(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "plain"))
    (folder / "chat_template.jinja").unlink()
    params = AttackParams(max_new_tokens=4, many_shot_max_tokens=120)
    (response,) = many_shot(folder, FORGET[:1], PAIRS, params, RUNTIME, engine="transformers", forms=FORMS)
    assert "\n\nQuestion:" not in response


def test_an_answer_ends_where_the_model_asks_itself_the_next_question(tokenizer: "PreTrainedTokenizerBase") -> None:
    text = " in Skell\n\nQuestion: Who?\nAnswer:\nnobody"
    plain = train_metaspace_bpe()
    assert answer_text(plain, plain(text)["input_ids"]) == "in Skell"
    assert answer_text(tokenizer, tokenizer(text)["input_ids"]) == text.strip()


def test_vllm_that_reads_the_shots_once_answers_as_transformers_does(tiny_model: Path) -> None:
    params = AttackParams(many_shot_shots=2, max_new_tokens=6)
    plain = many_shot(tiny_model, FORGET, PAIRS, params, RUNTIME, engine="transformers", forms=FORMS)
    assert many_shot(tiny_model, FORGET, PAIRS, params, RUNTIME, engine="vllm", forms=FORMS) == plain
