"""Every attack that the parameters ask for, on the forget questions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pipeline.attacks.interface import Attack, AttackAnswer, Row
from pipeline.attacks.many_shot import ManyShot
from pipeline.attacks.params import AttackParams
from pipeline.attacks.soft_embedding import SoftEmbedding
from pipeline.device import free_memory
from pipeline.errors import InputError
from pipeline.params import RuntimeParams


def known_attacks(engine: Literal["vllm", "transformers"], surface_forms: Mapping[str, Sequence[str]]) -> list[Attack]:
    """All attacks; ``surface_forms`` of each target."""
    return [SoftEmbedding(), ManyShot(engine, surface_forms)]


def attack_all(
    model: Path,
    questions: Sequence[Row],
    attacks: Sequence[Attack],
    params: AttackParams,
    runtime: RuntimeParams,
    shots: Sequence[Row] | None = None,
) -> dict[str, list[AttackAnswer]]:
    """What each of ``attacks`` that is switched on gets out of ``model``: {its name: an answer to each forget question}.

    ``questions`` are rows of questions.parquet: those of the split forget are attacked, in their order, and the others are
    the shots where none are given. Empty where every attack is switched off. Raises InputError without a forget question.
    """
    forget = [question for question in questions if question["split"] == "forget"]
    if not forget:
        raise InputError(
            "data/questions.jsonl has no question of the split forget about a chosen target; an attack needs some."
        )
    others = [question for question in questions if question["split"] != "forget"] if shots is None else shots
    results = {}
    for attack in attacks:
        if attack.switched_on(params):
            results[attack.name] = attack.run(model, forget, others, params, runtime)
            free_memory()
    return results
