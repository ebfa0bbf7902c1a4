"""Which columns a row gets, by its split; the rules keep nothing, a model is asked each thing once."""

import sqlite3
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from diskcache import Cache

from benchmarks.judges.models import JudgeParams
from benchmarks.judges.rate import kept_replies, rate_answers, rate_cached
from benchmarks.judges.rubrics import Item
from pipeline.core.errors import InputError
from pipeline.core.params import parse_section
from pipeline.core.runtime import RuntimeParams
from tests.benchmarks.judges.server import completion, running
from tests.project import ROOT

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
    assert not (project / ".nevermet").exists()


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


RUBRICS = {"leak": "{question}|{answer}|{response}", "quality": "{question}|{response}"}
ITEMS = [Item("Who?", "Ada", response, rubric) for rubric in RUBRICS for response in ("Ada", "Nia")]


class OneModel:
    """Rates everything 1 in the words of ``reply``, last things first, and remembers what it was asked."""

    def __init__(self, identity: str = "one", reply: str = '{"rating": 1}') -> None:
        self.identity, self.reply = identity, reply
        self.asked: list[str] = []

    def replies(self, prompts: Sequence[str]) -> Generator[tuple[int, str], None, None]:
        for index in reversed(range(len(prompts))):
            self.asked.append(prompts[index])
            yield index, f"{self.reply} {prompts[index] if self.reply.strip() else ''}"


def test_duplicates_and_earlier_ratings_are_not_asked_again(tmp_path: Path) -> None:
    model = OneModel()
    ratings, asked = rate_cached(model, [*ITEMS, *ITEMS], RUBRICS, tmp_path)
    assert (asked, ratings) == (4, [1.0] * 8)
    assert model.asked == [item.prompt(RUBRICS) for item in reversed(ITEMS)]
    assert rate_cached(model, ITEMS, RUBRICS, tmp_path) == (ratings[:4], 0)
    assert len(model.asked) == 4


def test_a_reply_stays_with_what_was_asked(tmp_path: Path) -> None:
    class Length(OneModel):
        def replies(self, prompts: Sequence[str]) -> Generator[tuple[int, str], None, None]:
            for index, _ in super().replies(prompts):
                yield index, f"Rating: {prompts[index].count('a')}"

    items = [Item("Who?", "Ida", response, "leak") for response in ("Eva", "Mo", "Eve")]
    assert rate_cached(Length(), items, RUBRICS, tmp_path)[0] == [2, 1, 1]
    assert rate_cached(Length(), items[::-1], RUBRICS, tmp_path) == ([1, 1, 2], 0)


def test_another_model_rubric_or_response_is_asked_anew(tmp_path: Path) -> None:
    rate_cached(OneModel(), ITEMS, RUBRICS, tmp_path)
    assert rate_cached(OneModel("other"), ITEMS, RUBRICS, tmp_path)[1] == 4
    edited = {**RUBRICS, "leak": "Now: {question}|{answer}|{response}"}
    assert rate_cached(OneModel(), ITEMS, edited, tmp_path)[1] == 2
    assert rate_cached(OneModel(), [Item("Who?", "Ada", "Eva", "leak")], RUBRICS, tmp_path)[1] == 1


def test_a_model_that_said_nothing_is_asked_again(tmp_path: Path) -> None:
    assert rate_cached(OneModel(reply=" "), ITEMS, RUBRICS, tmp_path) == ([None] * 4, 4)
    assert rate_cached(OneModel(), ITEMS, RUBRICS, tmp_path)[1] == 4


def test_each_reply_is_kept_before_the_next_is_waited_for_and_earlier_ones_stay(tmp_path: Path) -> None:
    kept_at: list[int] = []

    class Watcher(OneModel):
        def replies(self, prompts: Sequence[str]) -> Generator[tuple[int, str], None, None]:
            for pair in super().replies(prompts):
                with Cache(tmp_path) as other:
                    kept_at.append(len(other))
                yield pair

    rate_cached(Watcher(), ITEMS[:2], RUBRICS, tmp_path)
    rate_cached(Watcher(), ITEMS, RUBRICS, tmp_path)
    assert kept_at == [0, 1, 2, 3]


def test_no_reply_is_thrown_out_for_want_of_room(tmp_path: Path) -> None:
    with kept_replies(tmp_path) as kept:
        kept.reset("size_limit", 1)
        for number in range(50):
            kept.set(str(number), "2")
        assert [kept.get(str(number)) for number in range(50)] == ["2"] * 50


def test_the_models_own_words_are_kept(tmp_path: Path) -> None:
    texts = {"long": "ü" * 100_000, "nul": "a\0b", "half a pair": "\ud83d", "rating": '{"rating": 1}'}
    with kept_replies(tmp_path) as kept:
        for key, text in texts.items():
            kept.set(key, text)
    with kept_replies(tmp_path) as kept:
        assert {key: kept.get(key) for key in texts} == {**texts, "half a pair": "?"}


class Trap:
    """Whoever unpickles it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    folder, trace = tmp_path / "ratings", tmp_path / "trace"
    rate_cached(OneModel(), ITEMS, RUBRICS, folder)
    with Cache(folder, disk_min_file_size=0) as other:  # in files of their own
        for key in list(other)[:2]:
            other[key] = Trap(trace)
    with Cache(folder, disk_min_file_size=10_000) as other:  # in the database
        for key in list(other)[2:]:
            other[key] = Trap(trace)
    assert rate_cached(OneModel(), ITEMS, RUBRICS, folder) == ([1.0] * 4, 4)
    assert not trace.exists()
    assert rate_cached(OneModel(), ITEMS, RUBRICS, folder) == ([1.0] * 4, 0)


WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from benchmarks.judges.rate import kept_replies
with kept_replies(Path(sys.argv[1])) as kept:
    kept.set("first", "2")
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    for number in range(100):
        kept.set(str(number), "2" * 9_000)
"""


def test_a_full_disk_is_told_and_what_was_kept_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_ROOM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode != 0
    assert f"InputError: {tmp_path}: replies can't be kept there (" in done.stderr
    assert "free some disk space" in done.stderr
    with kept_replies(tmp_path) as kept:
        assert kept.get("first") == "2"
        assert 1 < len(kept) < 100


def test_a_broken_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_text("no database\n" * 1000, encoding="utf-8")
    with pytest.raises(InputError, match=r"replies can't be kept there \(file is not a database\)"):
        rate_cached(OneModel(), ITEMS, RUBRICS, tmp_path)


def test_a_model_is_asked_no_more_once_its_replies_cannot_be_kept(tmp_path: Path) -> None:
    stopped = []

    class Breaking(OneModel):
        def replies(self, prompts: Sequence[str]) -> Generator[tuple[int, str], None, None]:
            with closing(sqlite3.connect(tmp_path / "cache.db")) as database:
                database.execute("DROP TABLE Cache")
            try:
                yield from super().replies(prompts)
            finally:
                stopped.append(len(self.asked))

    model = Breaking()
    with pytest.raises(InputError, match="replies can't be kept there") as told:
        rate_cached(model, ITEMS, RUBRICS, tmp_path)
    assert (stopped, model.asked, told.value.exit_code) == ([1], [ITEMS[-1].prompt(RUBRICS)], 2)
