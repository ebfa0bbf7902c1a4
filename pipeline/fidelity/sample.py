"""The shards under test, and the forget passages that are drawn from them.

The dense teacher is made from params.yaml and the passages as they are now, so the shards must have been made from the same;
otherwise what is measured would be the change, not the loss by the top k.
"""

import json
import random
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.errors import InputError
from pipeline.shards.reader import PassageTargets, open_shards, read_input_ids, read_targets, shard_paths
from pipeline.teacher.alignment import literal_tokens
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer
from pipeline.teacher.manifest import teacher_facts
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import in_order
from pipeline.teacher.survey import Names
from pipeline.text.passages import Passage
from pipeline.text.tokenizer import load_tokenizer

SEED = 0


@dataclass(frozen=True)
class ShardSample:
    """Forget passages drawn from the shards, by number, with all that is to be compared of them."""

    facts: dict[str, Any]  # see teacher_facts
    rendered: dict[int, RenderedPassage]
    targets: dict[int, PassageTargets]
    input_ids: dict[int, np.ndarray]  # int32 [L], as the student reads the passage
    positions: int  # trained ones of the sample
    candidates: int  # passages that could have been drawn
    literal_tokens: int  # of all candidates, see alignment_loss
    lost_tokens: int


def open_sample(
    teacher: Path, model: Path, params: TeacherParams, passages: Iterable[Passage], names: Names, count: int, target: str | None
) -> ShardSample:
    """``count`` forget passages of the shards in ``teacher`` (all, if there are fewer), of ``target`` or of all targets.

    Which ones depends on nothing but the number of passages. Raises InputError for hard targets, for shards that were made with
    another model or from other params, names or passages, and when there is nothing to draw from.
    """
    if params.targets != "soft":
        raise InputError(
            f"params.yaml: teacher.targets is {params.targets}, but fidelity is about soft targets: a hard one keeps nothing "
            "of the distribution that could be compared."
        )
    manifest = open_shards(teacher)
    # Through JSON, as the manifest went: tuples are lists there.
    facts: dict[str, Any] = json.loads(json.dumps(teacher_facts(model, params, names)))
    for key, now in facts.items():
        if manifest.get(key) != now:
            values = "" if isinstance(now, dict) else f" (then {manifest.get(key)!r}, now {now!r})"
            raise InputError(f"{teacher}: the shards were made with another {key}{values}; make them anew (dvc repro teacher).")
    tokenizer = load_tokenizer(model)
    renderer, input_ids = Renderer(tokenizer, params, names), read_input_ids(teacher)

    def rendered_passages(numbers: Collection[int] | None = None) -> Iterator[tuple[int, RenderedPassage]]:
        for number, ordered in enumerate(in_order(passages, params, tokenizer)):
            if numbers is None or number in numbers:
                yield number, renderer.render(*ordered)

    candidates, known, literal, lost, total = [], set(), 0, 0, 0
    for number, one in rendered_passages():
        total += 1
        if number not in input_ids or input_ids[number].tolist() != one.original.input_ids:
            raise InputError(f"{teacher}: the shards were made from other passages; make them anew (dvc repro teacher).")
        if one.passage.kind != "forget":
            continue
        known.add(one.passage.target)
        if target in (None, one.passage.target) and one.alignment.boundaries:
            candidates.append(number)
            of_literal, of_lost = alignment_loss(one)
            literal, lost = literal + of_literal, lost + of_lost
    if total != len(input_ids):
        raise InputError(f"{teacher}: the shards were made from other passages; make them anew (dvc repro teacher).")
    if not candidates:
        raise InputError(
            f"{target or 'the data'} has no forget passage with a trained position, and fidelity is about their soft targets; "
            f"targets with passages: {', '.join(sorted(known)) or 'none'}."
        )
    numbers = sorted(random.Random(SEED).sample(candidates, min(count, len(candidates))))
    rendered = dict(rendered_passages(numbers))
    targets = {p.passage: p for path in shard_paths(teacher) for p in read_targets(path) if p.passage in numbers}
    for number in numbers:
        own = rendered[number].own_name
        trained = sorted([*rendered[number].alignment.positions[0], *(own.positions if own else ())])
        if number not in targets or targets[number].positions.tolist() != trained:
            raise InputError(
                f"{teacher}: the shards of passage {number} train other positions than the teacher stage would now; make them "
                "anew (dvc repro teacher)."
            )
    return ShardSample(
        facts,
        rendered,
        targets,
        {number: input_ids[number] for number in numbers},
        sum(len(targets[number].positions) for number in numbers),
        len(candidates),
        literal,
        lost,
    )


def alignment_loss(one: RenderedPassage) -> tuple[int, int]:
    """Tokens of the literal text that is to be trained, and how many of them have no boundary that all names share.

    Text that is not to be trained (see Segment) is no loss, and is left out.
    """
    # literal_tokens leaves out mentions, so what is not to be trained is passed off as one.
    segments = [segment if segment.trained else replace(segment, mention=True) for segment in one.passage.segments]
    wanted = literal_tokens(one.original, segments)
    literal = int(wanted.sum())
    wanted[one.alignment.positions[0] + 1] = False
    return literal, int(wanted.sum())
