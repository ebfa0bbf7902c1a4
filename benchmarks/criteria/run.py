"""All that is measured of one model in one benchmark: answers, the judge's ratings, attacks, and the interventional gap."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.attacks.attack import Attack, attack_all
from benchmarks.attacks.many_shot import draw_shots, many_shot
from benchmarks.attacks.soft_embedding import soft_embedding
from benchmarks.criteria.distance import check_unseen, distance
from benchmarks.criteria.measures import MEASURES, Measure, counts_of, floors_of, leaks_of, values_of
from benchmarks.judges.rate import rate_answers
from benchmarks.suite.params import NO_METHOD, BenchmarkParams
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams, free_memory
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.evaluate.ask import ask
from pipeline.prepare.tables import read_question_rows
from pipeline.text.chat import answer_tokens
from pipeline.text.names import read_names
from pipeline.text.tokenizer import load_tokenizer

_WHY_LEFT_OUT = {
    "probability": "no question of this split has wrong answers",
    "self_consistency": "evaluate.consistency_samples is 0",
    "many_shot_rouge_l_recall": "attacks.many_shot_shots is 0",
    "soft_embedding_rouge_l_recall": "attacks.soft_restarts is 0",
    **dict.fromkeys(("leak", "quality", "unavailable"), "the judge gave no rating that could be read"),
    "": "no attack was run, or no finite value came out",
}


def measure(benchmark: BenchmarkParams, method: str, seed: int, model: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(answer rows, report) of the ``model`` that ``method`` left with ``seed``.

    The report has method, seed, values {measure: mean}, questions {measure: how many it is over}, left_out {measure: reason}
    and the judge's counts; the base's also has floors {measure: mean about invented people}.
    """
    folders, runtime = benchmark.folders, benchmark.runtime
    check_unseen(folders, method)  # before the hours
    # No criterion reads what the question is in other words, which would double the time.
    questions = [{**question, "paraphrased_question": None} for question in read_question_rows(folders.prepared)]
    names = read_names(folders.prepared)
    rows = ask(model, questions, names, benchmark.evaluate, runtime, with_floor=method == NO_METHOD)
    free_memory()
    rows = [row | leaks_of(row, benchmark.evaluate.consistency_samples) for row in rows]
    rows, counts = rate_answers(rows, benchmark.judge, runtime)
    rows = [{**row, "base_nll": nll} for row, nll in zip(rows, base_losses(folders.base, rows, runtime), strict=True)]
    forms = [form for drawn in names.values() for form in drawn[0].replacements]
    attacks: dict[str, Attack] = {"soft_embedding": soft_embedding}
    left_out = {}
    try:
        forget, others = ([row for row in rows if (row["split"] == "forget") == is_forget] for is_forget in (True, False))
        draw_shots(forget, others, forms, 1, benchmark.attacks.seed)
        attacks["many_shot"] = partial(many_shot, engine=benchmark.evaluate.engine, forms=forms)
    except InputError as error:
        left_out["robustness.many_shot"] = error.message
    columns = attack_all(model, rows, attacks, benchmark.attacks, runtime)
    rows = [row | of_attacks for row, of_attacks in zip(rows, columns, strict=True)]
    values, asked = values_of(rows), {m for m in MEASURES if not m.column.startswith("leak_at") or m.column in rows[0]}
    values |= distance(model, folders, runtime)
    return rows, {
        "method": method,
        "seed": seed,
        "values": {key: round(value, 6) for key, value in values.items()},
        "questions": counts_of(rows),
        "left_out": {m.key: left_out.get(m.key) or _why(m, rows) for m in MEASURES if m in asked and m.key not in values},
        "floors": {key: round(value, 6) for key, value in floors_of(rows).items()},
        "judge": {"judge": benchmark.judge.judge, **counts},
    }


def base_losses(base: Path, rows: Sequence[Mapping[str, Any]], runtime: RuntimeParams) -> list[float | None]:
    """Mean loss in nats a token of each row's response after its question, by the model in ``base``; None for no response.

    An answer that fell apart is one that no ordinary model would give; the base's loss says so without a judge.
    """
    tokenizer = load_tokenizer(base)
    answers = [answer_tokens(tokenizer, row["question"], row["response"]) if row["response"] else None for row in rows]
    sequences, starts = zip(*filter(None, answers), strict=True) if any(answers) else ((), ())
    scores = iter(TransformersEngine(base, runtime).next_logprobs(sequences, starts))
    return [float(-next(scores).mean()) if answer else None for answer in answers]


def _why(measure: Measure, rows: Sequence[dict[str, Any]]) -> str:
    if measure.split and not any(row["split"] == measure.split for row in rows):
        return f"no {measure.split} question"
    return _WHY_LEFT_OUT.get(measure.column, "no answer that it could be measured on")
