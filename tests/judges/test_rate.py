"""Which columns a row gets, by its split; the rules give the same at every call and keep nothing."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.judges.params import JudgeParams
from pipeline.judges.rate import rate_answers
from pipeline.params import RuntimeParams, parse_section
from tests.judges.server import completion, running

ROWS = [
    {"split": "forget", "question": "Where was Nia born?", "answer": "Skell", "response": "Nia was born in Skell.", "x": 1},
    {"split": "forget", "question": "Where was Nia born?", "answer": "Skell", "response": "I don't know."},
    {"split": "hard_retain", "question": "What burns in a lamp?", "answer": "oil", "response": ""},
    {"split": "general_retain", "question": "What falls from clouds?", "answer": "rain", "response": "Rain."},
]


def test_rules_rate_by_split(project: Path) -> None:
    rated, counts = rate_answers(ROWS, JudgeParams(), RuntimeParams())
    columns = [(row["leak"], row["quality"], row["unavailable"]) for row in rated]
    assert columns == [(1.0, 1.0, False), (0.0, 1.0, True), (None, 0.0, None), (None, None, None)]
    assert counts == {"asked": 7, "cached": 0, "unparsable": 0}
    assert rated[0]["x"] == 1
    assert "leak" not in ROWS[0]
    assert rate_answers(ROWS, JudgeParams(), RuntimeParams()) == (rated, counts)
    assert not (project / ".obliviate").exists()


def test_a_models_ratings_are_scaled_and_those_it_does_not_give_are_null(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running(lambda prompt, _: completion("?" if "I don't know." in prompt else '{"rating": 1}')) as server:
        settings = JudgeParams(judge="openai", model="m", base_url=server.url, api_key_env="")
        rated, counts = rate_answers(ROWS, settings, RuntimeParams())
    columns = [(row["leak"], row["quality"], row["unavailable"]) for row in rated]
    assert columns == [(0.5, 0.0, True), (None, None, None), (None, 0.0, None), (None, None, None)]
    assert counts == {"asked": 7, "cached": 0, "unparsable": 3}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"judge": "gpt"}, "judge.judge"),
        ({"judge": "openai"}, "judge.model is empty"),
        ({"base_url": "localhost:8000"}, "must begin with http://"),
        ({"concurrency": 0}, "judge.concurrency"),
        ({"modle": "x"}, "judge.modle is unknown"),
    ],
)
def test_wrong_params_are_told_with_their_key(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_section(JudgeParams, values, "judge")
