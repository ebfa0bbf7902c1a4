"""The shards under test, and the forget passages that are drawn from them.

The dense teacher is made from params.yaml and the passages as they are now, so the shards must have been made from the same;
otherwise what is measured would be the change, not the loss by the top k.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import InputError
from pipeline.shards.reader import PassageTargets, read_input_ids, read_manifest, read_shard, shard_paths
from pipeline.teacher.alignment import literal_tokens
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer, render_all
from pipeline.teacher.manifest import teacher_facts
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import group_sentences
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.tokenizer import load_tokenizer

if TYPE_CHECKING:
    import numpy as np

SEED = 0
Names = Mapping[str, Sequence[CounterfactualName]]  # by target


@dataclass(frozen=True)
class ShardSample:
    """Forget passages drawn from the shards, by number, with all that is to be compared of them."""

    facts: dict[str, Any]  # see teacher_facts
    rendered: dict[int, RenderedPassage]
    targets: dict[int, PassageTargets]
    input_ids: "dict[int, np.ndarray]"  # int32 [L], as the student reads the passage
    candidates: list[RenderedPassage]  # passages that could have been drawn
    positions: int  # trained ones of the sample


def open_sample(
    teacher: Path, model: Path, params: TeacherParams, passages: Sequence[Passage], names: Names, count: int, target: str | None
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
    manifest = read_manifest(teacher)
    # Through JSON, as the manifest went: tuples are lists there.
    facts: dict[str, Any] = json.loads(json.dumps(teacher_facts(model, params, names)))
    for key, now in facts.items():
        if manifest.get(key) != now:
            values = "" if isinstance(now, dict) else f" (then {manifest.get(key)!r}, now {now!r})"
            raise InputError(f"{teacher}: the shards were made with another {key}{values}; make them anew (dvc repro teacher).")
    tokenizer = load_tokenizer(model)
    rendered = render_all(Renderer(tokenizer, params, names), group_sentences(passages, params, tokenizer), params.prompts)
    input_ids = read_input_ids(teacher)
    if [input_ids[number].tolist() for number in sorted(input_ids)] != [one.original.input_ids for one in rendered]:
        raise InputError(f"{teacher}: the shards were made from other passages; make them anew (dvc repro teacher).")
    candidates = _forget_passages(rendered, target)
    numbers = sorted(random.Random(SEED).sample(list(candidates), min(count, len(candidates))))
    targets = {p.passage: p for path in shard_paths(teacher) for p in read_shard(path) if p.passage in numbers}
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
        {number: rendered[number] for number in numbers},
        {number: targets[number] for number in numbers},
        {number: input_ids[number] for number in numbers},
        list(candidates.values()),
        sum(len(targets[number].positions) for number in numbers),
    )


def _forget_passages(rendered: Sequence[RenderedPassage], target: str | None) -> dict[int, RenderedPassage]:
    """The forget passages that have a trained position, by number. Raises InputError when there is none."""
    forget = {number: one for number, one in enumerate(rendered) if one.passage.kind == "forget"}
    chosen = {n: one for n, one in forget.items() if target in (None, one.passage.target) and one.alignment.boundaries}
    if not chosen:
        known = ", ".join(sorted({one.passage.target for one in forget.values()})) or "none"
        raise InputError(
            f"{target or 'the data'} has no forget passage with a trained position, and fidelity is about their soft targets; "
            f"targets with passages: {known}."
        )
    return chosen


def alignment_loss(rendered: Sequence[RenderedPassage]) -> tuple[int, int]:
    """Tokens of the literal text that is to be trained, and how many of them have no boundary that all names share.

    Text that is not to be trained (see Segment) is no loss, and is left out.
    """
    literal = lost = 0
    for one in rendered:
        # literal_tokens leaves out mentions, so what is not to be trained is passed off as one.
        segments = [segment if segment.trained else replace(segment, mention=True) for segment in one.passage.segments]
        wanted = literal_tokens(one.original, segments)
        literal += int(wanted.sum())
        wanted[one.alignment.positions[0] + 1] = False
        lost += int(wanted.sum())
    return literal, lost
