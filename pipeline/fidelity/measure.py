"""The measurement: dense teacher and sparse ones passage by passage, then the gradients, one K after the other.

A dense teacher is dropped as soon as its passage has been compared and has added its gradient, so memory does not grow with the
sample: the weights, two gradients, and a few T x V tables.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.device import pick_device
from pipeline.distill.student import Student
from pipeline.errors import InputError
from pipeline.fidelity.compare import Agreement, Errors, agreement, as_stored, errors
from pipeline.fidelity.dense import DenseAverage, DenseTeacher
from pipeline.fidelity.gradients import (
    LogitCosine,
    add_gradient,
    cosine,
    student_probs,
    take_gradient,
    whole_vocabulary,
)
from pipeline.fidelity.sample import ShardSample, open_sample
from pipeline.fidelity.scoring import dense_scores
from pipeline.params import RuntimeParams, TeacherParams
from pipeline.progress import progress_bar
from pipeline.tables import CounterfactualName, Passage
from pipeline.teacher.build import needed_top_k
from pipeline.teacher.counterfactuals import RenderedPassage, TaughtPassage, teach
from pipeline.teacher.scores import TextScores
from pipeline.teacher.shards import PassageTargets
from pipeline.tokenizer import load_tokenizer

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Cut:
    """A way to cut the teacher: the engine gives ``scored`` tokens for each name, of the average ``kept`` are kept."""

    kept: int
    scored: int

    def teach(self, rendered: RenderedPassage, scores: Sequence[TextScores], params: TeacherParams) -> TaughtPassage:
        """The teacher's own path, from ``scores`` that may hold more tokens than an engine would give under this cut."""
        fewer = [one.cut(self.scored) for one in scores]
        return teach(rendered, fewer, replace(params, top_k=self.kept, scored_top_k=self.scored))


@dataclass
class Sparse:
    """What the passages have shown of one sparse teacher with K kept tokens."""

    K: int
    targets: list[PassageTargets] = field(default_factory=list)
    errors: list[Errors] = field(default_factory=list)
    gradient_cosine: float = 0.0
    logits: LogitCosine = field(default_factory=LogitCosine)

    def add(self, dense: DenseTeacher, targets: PassageTargets, student_TV: "np.ndarray") -> None:
        """Take in one passage, with what the student says at its positions."""
        self.logits.add(student_TV, dense, targets)
        self.targets.append(targets)
        self.errors.append(errors(dense, targets))


@dataclass
class Measured:
    """Everything that the report tells."""

    sample: ShardSample
    vocabulary: int
    shards: Sparse  # as written
    by_top_k: list[Sparse]  # as they would be, with transformers for an engine
    agreements: list[Agreement] = field(default_factory=list)
    swapped_mass: list[float] = field(default_factory=list)


def measure(
    model: Path,
    teacher: Path,
    params: TeacherParams,
    runtime: RuntimeParams,
    passages: Sequence[Passage],
    names: Mapping[str, Sequence[CounterfactualName]],
    *,
    wanted: int,
    top_ks: Sequence[int],
    target: str | None,
) -> Measured:
    """Compare the shards in ``teacher``, and teachers cut to each of ``top_ks``, with the dense teacher.

    On ``wanted`` forget passages, of ``target`` or of all targets. Raises InputError where open_sample does, and for a K above
    the size of the vocabulary.
    """
    sample = open_sample(teacher, model, params, passages, names, wanted=wanted, target=target)
    student = Student(model, pick_device(runtime.device))
    student.model.eval()
    vocabulary = int(student.model.get_output_embeddings().weight.shape[0])
    if max(top_ks) > vocabulary:
        raise InputError(f"--top-k holds {max(top_ks)}, but the model's vocabulary has {vocabulary} tokens.")
    tokenizer = load_tokenizer(model)

    def cut(kept: int, scored: int) -> Cut:
        needed = needed_top_k(tokenizer, replace(params, top_k=kept, scored_top_k=scored), names)
        return Cut(kept, min(needed, vocabulary))

    measured = Measured(sample, vocabulary, Sparse(params.top_k), [Sparse(top_k) for top_k in top_ks])
    to_score = sum(len(r.input_ids) for one in sample.rendered.values() for r in one.renderings)
    to_learn = sum(map(len, sample.input_ids.values()))
    with progress_bar(to_score + (2 + len(top_ks)) * to_learn, "tok", "fidelity") as bar:
        of_shards, by_top_k = cut(params.top_k, params.scored_top_k), [cut(top_k, top_k) for top_k in top_ks]
        _compare(measured, student, params, runtime, of_shards, by_top_k, bar)
        full = take_gradient(student)
        for sparse in (measured.shards, *measured.by_top_k):
            _add_gradients(student, sparse.targets, sample, runtime, bar)
            sparse.gradient_cosine = cosine(full, take_gradient(student))
    return measured


def _compare(
    measured: Measured,
    student: Student,
    params: TeacherParams,
    runtime: RuntimeParams,
    of_shards: Cut,
    by_top_k: Sequence[Cut],
    bar: Any,
) -> None:
    """Set every passage's sparse teachers beside the dense one, and leave the dense teacher's gradient in the student."""
    sample = measured.sample
    widest = max(cut.scored for cut in (of_shards, *by_top_k))
    for number, rendered in sample.rendered.items():
        average = DenseAverage(rendered, params, measured.vocabulary)
        found: dict[int, TextScores] = {}
        for scored in dense_scores(student.model, rendered.renderings, widest, runtime.micro_batch_tokens):
            average.add(scored)
            found[scored.rendering] = scored.top
            bar.update(len(rendered.renderings[scored.rendering].input_ids))
        dense, scores = average.teacher(), [found[index] for index in range(len(rendered.renderings))]
        shards = sample.targets[number]
        student_TV = student_probs(student, sample.input_ids[number], dense.positions)
        measured.shards.add(dense, shards, student_TV)
        measured.agreements.append(agreement(shards, of_shards.teach(rendered, scores, params)))
        for cut, sparse in zip(by_top_k, measured.by_top_k, strict=True):
            sparse.add(dense, as_stored(number, cut.teach(rendered, scores, params)), student_TV)
        measured.swapped_mass += dense.swapped_mass.tolist()
        _add_gradients(student, [whole_vocabulary(number, dense)], sample, runtime, bar)


def _add_gradients(
    student: Student, passages: Iterable[PassageTargets], sample: ShardSample, runtime: RuntimeParams, bar: Any
) -> None:
    """Add what ``passages`` contribute to the gradient of the mean KL over all positions of the sample."""
    for targets in passages:
        ids = sample.input_ids[targets.passage]
        add_gradient(student, targets, ids, sample.positions, runtime.logit_chunk)
        bar.update(len(ids))
