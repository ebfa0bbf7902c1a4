"""A model in a local folder as the judge: its replies are the engine's, and what says nothing is counted."""

from pathlib import Path

import pytest

from pipeline.engines.interface import open_engine
from pipeline.errors import InputError
from pipeline.judges.interface import Item, Rating
from pipeline.judges.local_vllm import LocalJudge
from pipeline.judges.params import JudgeParams
from pipeline.judges.rate import rate_answers
from pipeline.judges.rubrics import Rubric
from pipeline.params import RuntimeParams
from pipeline.tokenizer import load_tokenizer, question_prefix, tokenize

RUNTIME = RuntimeParams(device="cpu", cpu_kv_cache_gib=1)
RUBRICS = {"leak": Rubric("leak", "{question} {answer} {response}")}
ITEMS = [Item("Where was Orla born?", "Skell", response, "leak") for response in ("In Skell.", "In Hallin.", "rain")]


def params(model: Path, judge: str, **changes: int) -> JudgeParams:
    return JudgeParams(judge=judge, model=str(model), **{"max_new_tokens": 8, **changes})  # type: ignore[arg-type]


def test_replies_are_the_models_own_and_told_one_by_one(tiny_model: Path) -> None:
    told: list[tuple[int, Rating]] = []
    ratings = LocalJudge(params(tiny_model, "transformers"), RUNTIME, RUBRICS).rate(ITEMS, lambda *one: told.append(one))
    tokenizer = load_tokenizer(tiny_model)
    engine = open_engine("transformers", tiny_model, RUNTIME, longest=300, top_k=1)
    for number, item in enumerate(ITEMS):
        prompt = tokenize(tokenizer, question_prefix(tokenizer, f"{item.question} {item.answer} {item.response}"))[0]
        (ids,) = engine.generate([prompt], 8)
        assert ratings[number].raw == tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert told == list(enumerate(ratings))


def test_vllm_replies_as_transformers_do(tiny_model: Path) -> None:
    replies = [LocalJudge(params(tiny_model, judge), RUNTIME, RUBRICS).rate(ITEMS) for judge in ("vllm", "transformers")]
    assert replies[0] == replies[1]


def test_a_model_that_gives_no_ratings_is_counted_and_not_asked_again(project: Path, tiny_model: Path) -> None:
    for name in ("leak", "quality", "unavailable"):
        Path(f"data/judge/{name}.txt").write_text(f"{name}: {{question}} {{answer}} {{response}}", encoding="utf-8")
    rows = [{"split": "forget", "question": "Where?", "answer": "Skell", "response": "In Skell."}]
    settings = params(tiny_model, "transformers")
    rated, counts = rate_answers(rows, settings, RUNTIME)
    assert counts == {"asked": 3, "cached": 0, "unparsable": 3}
    assert rated == [{**rows[0], "leak": None, "quality": None, "unavailable": None}]
    assert rate_answers(rows, settings, RUNTIME)[1] == {"asked": 0, "cached": 3, "unparsable": 3}


def test_the_models_weights_and_settings_make_the_identity(tiny_model: Path) -> None:
    settings = [params(tiny_model, "vllm"), params(tiny_model, "transformers"), params(tiny_model, "vllm", max_new_tokens=9)]
    assert len({LocalJudge(one, RUNTIME, RUBRICS).identity for one in settings}) == 3


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"judge\.model is .* no folder with a model"):
        LocalJudge(params(tmp_path, "vllm"), RUNTIME, RUBRICS)
