"""A model as the judge: a real client against a real server, in good and in bad hours, and a real model in a folder."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.judges.models import OPENAI_URL, EndpointModel, JudgeParams, LocalModel
from benchmarks.judges.rate import kept_replies, rate_answers
from benchmarks.stages.agreement import main
from pipeline.core.errors import InputError
from pipeline.core.params import parse_section
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.open import open_engine
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize
from tests.benchmarks.judges.server import Reply, completion, failure, running
from tests.project import ROOT

RUNTIME = RuntimeParams(device="cpu", cpu_kv_cache_gib=1)
ASKED = [f"Where was Orla born? Skell {response}" for response in ("In Skell.", "In Hallin.", "rain")]
PROMPTS = [f"Who? Ada answer {number}" for number in range(6)]
ROWS = [{"split": "hard_retain", "question": "Who?", "answer": "Ada", "response": f"answer {n}"} for n in range(6)]


def params(url: str, **changes: Any) -> JudgeParams:
    settings = {"model": "m", "base_url": url, "api_key_env": "", "concurrency": 3, "retries": 1, **changes}
    return JudgeParams(judge="openai", **settings)


def local(model: Path, judge: str, **changes: Any) -> JudgeParams:
    return JudgeParams(judge=judge, model=str(model), **{"max_new_tokens": 8, **changes})  # type: ignore[arg-type]


def replies(params: JudgeParams, prompts: list[str]) -> list[str]:
    """The endpoint's replies in the order of ``prompts``."""
    return [reply for _, reply in sorted(EndpointModel(params).replies(prompts))]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_replies_belong_to_their_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sesame\n")

    def answer(prompt: str, number: int) -> Reply:
        time.sleep(0.02 * (number % 3))
        return completion(json.dumps({"rating": int(prompt[-1]) % 3}))

    with running(answer) as server:
        texts = replies(params(server.url, api_key_env="MY_KEY", seed=7), PROMPTS)
    assert texts == [f'{{"rating": {number % 3}}}' for number in range(6)]
    assert sorted(server.prompts) == PROMPTS
    request = server.requests[0]
    assert (request["model"], request["temperature"], request["seed"], request["max_completion_tokens"]) == ("m", 0, 7, 64)
    assert {headers["authorization"] for headers in server.headers} == {"Bearer sesame"}


def test_a_rate_limit_and_a_fault_of_the_server_are_waited_out() -> None:
    bad = {1: failure(429), 2: failure(503)}
    with running(lambda _, number: bad.get(number, completion('{"rating": 1}'))) as server:
        assert replies(params(server.url, retries=2, concurrency=1), PROMPTS[:2]) == ['{"rating": 1}'] * 2
    assert len(server.requests) == 4


def test_a_server_that_stays_broken_is_told_in_one_sentence_and_not_asked_on() -> None:
    with running(lambda *_: failure(500, "out of\nmemory")) as server:
        with pytest.raises(InputError) as caught:
            replies(params(server.url, concurrency=1), PROMPTS)
        assert len(server.requests) <= 4  # a try and a retry, and the request that was already on its way
    assert "answered 500 (out of memory); 0 of the 6 missing ratings" in caught.value.message
    assert server.url in caught.value.message


@pytest.mark.parametrize("text", ["It is fine.", "", None, "rating 7"])
def test_a_reply_without_a_rating_is_kept_as_it_is(project: Path, text: str | None) -> None:
    with running(lambda *_: completion(text)) as server:
        assert replies(params(server.url), PROMPTS[:1]) == [text or ""]
        rows, counts = rate_answers(ROWS[:1], params(server.url), RuntimeParams())
    assert (rows[0]["quality"], counts) == (None, {"asked": 1, "cached": 0, "unparsable": 1})


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body="<html>It works!</html>", headers={"content-type": "text/html"}),
        Reply(body="{broken"),
        Reply(body='{"hello": "world"}'),
        Reply(body='{"choices": []}'),
        Reply(body='{"choices": [{"index": 0}]}'),
        Reply(body='"text"'),
        Reply(body='{"choices": [{"index": 0, "message": "text"}]}'),
        Reply(body='{"choices": [{"index": 0, "message": {"role": "assistant", "content": [{"type": "text"}]}}]}'),
    ],
)
def test_what_is_no_chat_completion_is_told(reply: Reply) -> None:
    with running(lambda *_: reply) as server, pytest.raises(InputError, match="not with a chat completion"):
        replies(params(server.url), PROMPTS[:1])


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "see the key in MY_KEY"), (404, "see judge.model and judge.base_url"), (400, r"answered 400 \(no")],
)
def test_what_can_be_mended_is_named(monkeypatch: pytest.MonkeyPatch, status: int, words: str) -> None:
    monkeypatch.setenv("MY_KEY", "sesame")
    with running(lambda *_: failure(status)) as server:
        with pytest.raises(InputError, match=words) as caught:
            replies(params(server.url, api_key_env="MY_KEY", concurrency=1), PROMPTS[:1])
        assert len(server.requests) == 1
    assert "sesame" not in caught.value.message


def test_a_slow_server_is_given_up() -> None:
    def answer(*_: object) -> Reply:
        time.sleep(0.5)
        return completion("2")

    with running(answer) as server, pytest.raises(InputError, match=r"within judge.timeout_s of 0\.1 s"):
        replies(params(server.url, timeout_s=0.1, retries=0), PROMPTS[:1])


def test_a_missing_key_is_told_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InputError, match=r"OPENAI_API_KEY holds no API key for https://api\.openai\.com/v1"):
        EndpointModel(JudgeParams(judge="openai", model="m"))
    monkeypatch.setenv("OPENAI_API_KEY", "sésame")
    with pytest.raises(InputError, match=r"OPENAI_API_KEY holds a key with letters that no key has") as caught:
        EndpointModel(JudgeParams(judge="openai", model="m"))
    assert "sésame" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/v1", "https://api.openai.com@example.org/v1", "http://api.openai.com/v1", "https://example.org/v1"],
)
def test_another_server_gets_no_key_that_params_do_not_name(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    with pytest.raises(InputError, match=r"judge\.api_key_env is not given, but base_url is 'http") as caught:
        parse_section(JudgeParams, {"judge": "openai", "model": "m", "base_url": url}, "judge")
    assert "sesame" not in caught.value.message
    named = {"judge": "openai", "model": "m", "base_url": url, "api_key_env": "OPENAI_API_KEY"}
    assert parse_section(JudgeParams, named, "judge").key_variable == "OPENAI_API_KEY"
    assert parse_section(JudgeParams, {**named, "base_url": f"{OPENAI_URL}/", "api_key_env": None}, "judge").key_variable


def test_server_that_needs_no_key_is_sent_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    with running(lambda *_: completion("2")) as server:
        assert replies(params(server.url), PROMPTS[:1]) == ["2"]
    assert "sesame" not in str(server.headers)


def test_judge_without_safetensors_is_not_loaded(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "judge"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"judge\.model is '.*', but that folder has no \*\.safetensors"):
        LocalModel(local(folder, "transformers"), RUNTIME)


def test_the_endpoint_model_and_settings_make_the_identity() -> None:
    settings = [{}, {"model": "n"}, {"temperature": 1.0}, {"seed": 1}, {"max_new_tokens": 99}]
    identities = {EndpointModel(params("http://a/v1", **one)).identity for one in settings}
    identities.add(EndpointModel(params("http://b/v1")).identity)
    assert len(identities) == 6
    assert EndpointModel(params("http://a/v1", concurrency=1, budget=1)).identity in identities


def test_the_budget_stops_a_run_and_the_next_one_goes_on(project: Path) -> None:
    with running(lambda *_: completion('{"rating": 3}')) as server:
        settings = params(server.url, budget=4)
        with pytest.raises(InputError, match=r"budget of 4 requests is spent; 4 of the 6 missing ratings"):
            rate_answers(ROWS, settings, RuntimeParams())
        rows, counts = rate_answers(ROWS, settings, RuntimeParams())
    assert counts == {"asked": 2, "cached": 4, "unparsable": 0}
    assert [row["quality"] for row in rows] == [1.0] * 6
    assert len(server.requests) == len(set(server.prompts)) == 6


def test_what_came_before_a_failure_is_kept(project: Path) -> None:
    broken = {"since": 3}

    def answer(_: str, number: int) -> Reply:
        return failure(500) if number > broken["since"] else completion('{"rating": 2}')

    with running(answer) as server:
        settings = params(server.url, retries=0, concurrency=1)
        with pytest.raises(InputError, match="3 of the 6 missing ratings are there now"):
            rate_answers(ROWS, settings, RuntimeParams())
        broken["since"] = 99
        _, counts = rate_answers(ROWS, settings, RuntimeParams())
    assert counts == {"asked": 3, "cached": 3, "unparsable": 0}


KILLED = """
import json, sys
from benchmarks.judges.models import JudgeParams
from benchmarks.judges.rate import rate_answers
from pipeline.core.runtime import RuntimeParams
rate_answers(json.loads(sys.argv[1]), JudgeParams(**json.loads(sys.argv[2])), RuntimeParams())
"""


def test_a_kill_loses_at_most_what_is_in_flight(project: Path) -> None:
    hang = True

    def answer(_: str, number: int) -> Reply:
        if hang and number > 4:
            time.sleep(30)
        return completion('{"rating": 2}')

    with running(answer) as server:
        settings = {"judge": "openai", "model": "m", "base_url": server.url, "api_key_env": "", "concurrency": 2}
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", KILLED, json.dumps(ROWS), json.dumps(settings)]
        process = subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        with kept_replies(project / ".nevermet/ratings") as kept:
            while len(kept) < 4 and time.monotonic() < deadline:
                time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        hang = False
        _, counts = rate_answers(ROWS, JudgeParams(**settings), RuntimeParams())
    assert counts == {"asked": 2, "cached": 4, "unparsable": 0}


def test_an_endpoint_that_is_down_is_one_sentence_and_exit_code_2(project: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    Path("judge.yaml").write_text(
        f"judge: {{judge: openai, model: m, base_url: '{url}', api_key_env: '', retries: 0}}\n", encoding="utf-8"
    )
    result = CliRunner().invoke(main, ["judge.yaml"])
    assert result.exit_code == 2, result.output
    last = result.output.strip().splitlines()[-1]
    assert last.startswith(f"Error: the judge's endpoint {url} can't be reached (")
    assert "0 of the 180 missing ratings" in last


def test_a_local_models_replies_are_its_own_in_order(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    engine = open_engine("transformers", tiny_model, RUNTIME, longest=300)
    expected = []
    for number, prompt in enumerate(ASKED):
        (ids,) = engine.generate([tokenize(tokenizer, question_prefix(tokenizer, prompt))[0]], 8)
        expected.append((number, tokenizer.decode(ids, skip_special_tokens=True).strip()))
    assert list(LocalModel(local(tiny_model, "transformers"), RUNTIME).replies(ASKED)) == expected


def test_vllm_replies_as_transformers_do(tiny_model: Path) -> None:
    texts = [list(LocalModel(local(tiny_model, judge), RUNTIME).replies(ASKED)) for judge in ("vllm", "transformers")]
    assert texts[0] == texts[1]


def test_a_local_model_that_gives_no_ratings_is_counted_and_not_asked_again(project: Path, tiny_model: Path) -> None:
    for name in ("leak", "quality", "unavailable"):
        Path(f"data/judge/{name}.txt").write_text(f"{name}: {{mark}} {{question}} {{answer}} {{response}}", encoding="utf-8")
    rows = [{"split": "forget", "question": "Where?", "answer": "Skell", "response": "In Skell."}]
    settings = local(tiny_model, "transformers")
    rated, counts = rate_answers(rows, settings, RUNTIME)
    assert counts == {"asked": 3, "cached": 0, "unparsable": 3}
    assert rated == [{**rows[0], "leak": None, "quality": None, "unavailable": None}]
    assert rate_answers(rows, settings, RUNTIME)[1] == {"asked": 0, "cached": 3, "unparsable": 3}


def test_a_local_models_weights_and_settings_make_the_identity(tiny_model: Path) -> None:
    settings = [local(tiny_model, "vllm"), local(tiny_model, "transformers"), local(tiny_model, "vllm", max_new_tokens=9)]
    assert len({LocalModel(one, RUNTIME).identity for one in settings}) == 3


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"judge\.model is .* no folder with a model"):
        LocalModel(local(tmp_path, "vllm"), RUNTIME)
