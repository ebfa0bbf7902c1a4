"""The choices of evaluate, read once in one row, beside vLLM's own log-probabilities of prompts."""

import statistics

from benchmarks.speed.figure import Figure, alone, seconds
from pipeline.core.outputs import BASE_MODEL, PREPARED, check_folder
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.engines.vllm_engine import VllmEngine
from pipeline.evaluate.ask import direct_choice
from pipeline.prepare.tables import read_question_rows
from pipeline.text.chat import answer_tokens
from pipeline.text.tokenizer import load_tokenizer

RUNTIME = RuntimeParams()


def choice_figures(rounds: int = 3) -> list[Figure]:
    """On the questions of the project that have wrong answers, with models/base; a median over ``rounds``."""
    for folder in (BASE_MODEL, PREPARED):
        check_folder(folder)
    ratios = alone(beside_vllm, rounds)
    compared = "vLLM, with its prefix cache, giving the log-probabilities of the same answers; seconds"
    return [Figure("choices_time_over_vllm", statistics.median(ratios), "<= 0.5", compared)]


def beside_vllm(rounds: int) -> list[float]:
    """Of each round, seconds that transformers takes for all answers in trees over those of vLLM."""
    tokenizer = load_tokenizer(BASE_MODEL)
    choices = [direct_choice(question) for question in read_question_rows(PREPARED) if question["wrong_answers"]]
    asked = [answer_tokens(tokenizer, choice.question, answer) for choice in choices for answer in choice.answers]
    sequences, starts = [ids for ids, _ in asked], [start for _, start in asked]
    ours = TransformersEngine(BASE_MODEL, RUNTIME)
    peer = VllmEngine(BASE_MODEL, RUNTIME, longest=max(map(len, sequences)))
    ratios = []
    for number in range(rounds + 1):  # the first one warms both up
        peer.forget_prefixes()
        took = seconds(lambda: ours.next_logprobs(sequences, starts))
        ratio = took / seconds(lambda: peer.prompt_logprobs(sequences, starts))
        ratios += [ratio] if number else []
    return ratios
