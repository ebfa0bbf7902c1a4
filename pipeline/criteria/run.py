"""All that is measured of one model in one benchmark: answers, the judge's ratings, attacks, and the interventional gap."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.attacks.interface import Attack, AttackAnswer
from pipeline.attacks.many_shot import ManyShot, draw_shots
from pipeline.attacks.params import AttackParams
from pipeline.attacks.run import attack_all, known_attacks
from pipeline.benchmark.folders import NO_METHOD
from pipeline.benchmark.params import BenchmarkParams, model_of
from pipeline.criteria.base_loss import base_losses
from pipeline.criteria.held_out import teacher_kl
from pipeline.criteria.measures import MEASURES, counts_of, floors_of, values_of
from pipeline.device import free_memory
from pipeline.distill.data import check_same_model
from pipeline.errors import InputError
from pipeline.evaluate.ask import ask
from pipeline.judges.rate import rate_answers
from pipeline.params import RuntimeParams
from pipeline.tables import read_names, read_question_rows

_WHY_LEFT_OUT = {
    "probability": "no question of this split has wrong answers",
    "self_consistency": "evaluate.consistency_samples is 0",
    "many_shot_rouge_l_recall": "attacks.many_shot_shots is 0",
    "soft_embedding_rouge_l_recall": "attacks.soft_restarts is 0",
    "leak": "the judge gave no rating that could be read",
    "quality": "the judge gave no rating that could be read",
    "unavailable": "the judge gave no rating that could be read",
    "": "no attack was run, or no finite value came out",
}


def measure(
    benchmark: BenchmarkParams, method: str, seed: int, runtime: RuntimeParams
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(answer rows, report) of the model that ``method`` left with ``seed``.

    The report has method, seed, values {measure: mean}, questions {measure: how many it is over}, left_out {measure: reason}
    and the judge's counts; the base's also has floors {measure: mean about invented people}.
    """
    folders = benchmark.folders
    model = model_of(benchmark, method, seed)
    check_same_model(folders.held_out, folders.base)  # before the hours, not after them
    # No criterion reads what the question is in other words, which would double the time.
    questions = [{**question, "paraphrased_question": None} for question in read_question_rows(folders.prepared)]
    names = read_names(folders.prepared)
    rows = ask(model, questions, names, benchmark.evaluate, runtime, with_floor=method == NO_METHOD)
    free_memory()
    rows, counts = rate_answers(rows, benchmark.judge, runtime)
    for row, loss in zip(rows, base_losses(folders.base, rows, runtime), strict=True):
        row["base_nll"] = loss
    forms = {target: tuple(drawn[0].replacements) for target, drawn in names.items()}
    attacks, left_out = _possible(known_attacks(benchmark.evaluate.engine, forms), rows, forms, benchmark.attacks)
    for name, answers in attack_all(model, rows, attacks, benchmark.attacks, runtime).items():
        _put(rows, name, answers)
    values = values_of(rows)
    gap = teacher_kl(model, folders.held_out, runtime) / teacher_kl(folders.base, folders.held_out, runtime)
    if math.isfinite(gap):
        values["gap.interventional"] = gap
    return rows, {
        "method": method,
        "seed": seed,
        "values": {key: round(value, 6) for key, value in values.items()},
        "questions": counts_of(rows),
        "left_out": {m.key: left_out.get(m.key) or _why(m.column, m.splits, rows) for m in MEASURES if m.key not in values},
        "floors": {key: round(value, 6) for key, value in floors_of(rows).items()},
        "judge": {"judge": benchmark.judge.judge, **counts},
    }


def _possible(
    attacks: Sequence[Attack], rows: Sequence[dict[str, Any]], forms: Mapping[str, Sequence[str]], params: AttackParams
) -> tuple[list[Attack], dict[str, str]]:
    """The attacks that these questions allow, and why another is left out, by measure."""
    written = [form for of_target in forms.values() for form in of_target]
    forget = [row for row in rows if row["split"] == "forget"]
    try:
        draw_shots(forget, [row for row in rows if row["split"] != "forget"], written, 1, params.seed)
    except InputError as error:
        return [attack for attack in attacks if attack.name != ManyShot.name], {"robustness.many_shot": error.message}
    return list(attacks), {}


def _put(rows: list[dict[str, Any]], attack: str, answers: Sequence[AttackAnswer]) -> None:
    """An attack's answers into the rows of the forget questions; others have null there."""
    for row in rows:
        row |= {f"{attack}_response": None, f"{attack}_rouge_l_recall": None}
    for row, answer in zip([row for row in rows if row["split"] == "forget"], answers, strict=True):
        row |= {f"{attack}_response": answer.response, f"{attack}_rouge_l_recall": answer.rouge_l_recall}


def _why(column: str, splits: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    if splits and not any(row["split"] in splits for row in rows):
        return f"no {splits[0]} question"
    return _WHY_LEFT_OUT.get(column, "no answer that it could be measured on")
