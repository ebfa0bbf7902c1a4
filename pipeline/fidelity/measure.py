"""The measurement: dense teacher and sparse ones passage by passage, then the gradients, one K after the other.

A dense teacher is dropped as soon as its passage has been compared and has added its gradient, so memory does not grow with the
sample: the weights, two gradients, and a few T x V tables.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import InputError
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.distill.objective import add_gradient
from pipeline.fidelity import compare
from pipeline.fidelity.dense import DenseTeacher, dense_teacher
from pipeline.fidelity.sample import SEED, Names, alignment_loss, open_sample
from pipeline.shards.reader import PassageTargets
from pipeline.teacher.average import TaughtPassage, teach
from pipeline.teacher.build import needed_top_k
from pipeline.teacher.counterfactuals import RenderedPassage
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.scores import TextScores
from pipeline.text.passages import Passage
from pipeline.text.tokenizer import load_tokenizer
from pipeline.train.student import Student

if TYPE_CHECKING:
    import numpy as np

_COLUMNS = {
    "K": "K", "total_variation_mean": "TV mean", "total_variation_max": "TV max", "kl_nats_mean": "KL (nats)",
    "tail_mean": "tail", "dense_tail_mean": "true tail", "logit_cosine": "logit cosine", "gradient_cosine": "grad. cosine",
}  # fmt: skip


@dataclass
class Cut:
    """``scored`` tokens from the engine for each name, ``kept`` of their average, and what that costs on the passages added."""

    kept: int
    scored: int
    targets: list[PassageTargets] = field(default_factory=list)
    errors: list[dict[str, "np.ndarray"]] = field(default_factory=list)
    products: list["np.ndarray"] = field(default_factory=list)  # see logit_products
    gradient_cosine: float = 0.0

    def teach(self, rendered: RenderedPassage, scores: Sequence[TextScores], params: TeacherParams) -> TaughtPassage:
        """The teacher's own path, from ``scores`` that may hold more tokens than an engine would give under this cut."""
        params = params.changed(top_k=self.kept, scored_top_k=self.scored)
        return teach(rendered, [one.cut(self.scored) for one in scores], params)

    def add(self, dense: DenseTeacher, targets: PassageTargets, student_TV: "np.ndarray") -> None:
        """Take in the cut teacher of one passage, ``targets``, with the student's probabilities at its positions."""
        self.targets.append(targets)
        self.errors.append(compare.errors(dense, targets))
        self.products.append(compare.logit_products(student_TV, dense, targets))

    def row(self) -> dict[str, float]:
        """What it costs over all passages."""
        logits, weights = compare.logit_cosine(self.products), self.gradient_cosine
        return {"K": self.kept, **compare.error_summary(self.errors), "logit_cosine": logits, "gradient_cosine": weights}


def measure(
    model: Path,
    teacher: Path,
    params: TeacherParams,
    runtime: RuntimeParams,
    passages: Sequence[Passage],
    names: Names,
    *,
    wanted: int,
    top_ks: Sequence[int],
    target: str | None,
) -> dict[str, Any]:
    """Compare the shards in ``teacher``, and teachers cut to each of ``top_ks``, with the dense teacher.

    On ``wanted`` forget passages, of ``target`` or of all targets. Returns all numbers, with what determines them: masses as
    shares of 1, six significant digits. Raises InputError where open_sample does, and for a K above the size of the vocabulary.
    """
    sample = open_sample(teacher, model, params, passages, names, wanted, target)
    student = Student(model, pick_device(runtime.device))
    student.model.eval()
    vocabulary = int(student.model.get_output_embeddings().weight.shape[0])
    if max(top_ks) > vocabulary:
        raise InputError(f"--top-k holds {max(top_ks)}, but the model's vocabulary has {vocabulary} tokens.")
    tokenizer = load_tokenizer(model)

    def cut(kept: int, scored: int) -> Cut:
        return Cut(kept, min(needed_top_k(tokenizer, params.changed(top_k=kept, scored_top_k=scored), names), vocabulary))

    # As written, and as the shards would be with transformers for an engine.
    shards, by_top_k = cut(params.top_k, params.scored_top_k), [cut(top_k, top_k) for top_k in top_ks]
    widest = max(one.scored for one in (shards, *by_top_k))
    agreements: list[tuple[np.ndarray, np.ndarray]] = []
    swapped_mass: list[float] = []
    to_score = sum(len(r.input_ids) for one in sample.rendered.values() for r in one.renderings)
    to_learn, chunk = sum(map(len, sample.input_ids.values())), runtime.logit_chunk
    with progress_bar(to_score + (2 + len(top_ks)) * to_learn, "tok", "fidelity") as bar:

        def learn(targets: PassageTargets) -> None:
            """Add what a passage contributes to the gradient of the mean KL over all positions of the sample."""
            add_gradient(
                student, [targets], sample.input_ids, {"forget": 1.0}, total_weight=sample.positions, logit_chunk=chunk
            )
            bar.update(len(sample.input_ids[targets.passage]))

        for number, rendered in sample.rendered.items():
            dense, scores = dense_teacher(student, rendered, params, widest, runtime.micro_batch_tokens, bar.update)
            student_TV = compare.student_probs(student, sample.input_ids[number], dense.positions)
            shards.add(dense, sample.targets[number], student_TV)
            agreements.append(compare.agreement(sample.targets[number], shards.teach(rendered, scores, params)))
            for one in by_top_k:
                one.add(dense, compare.as_stored(number, one.teach(rendered, scores, params)), student_TV)
            swapped_mass += dense.swapped_mass.tolist()
            learn(compare.whole_vocabulary(number, dense))
        whole = compare.take_gradient(student)
        for one in (shards, *by_top_k):
            for targets in one.targets:
                learn(targets)
            one.gradient_cosine = compare.cosine(whole, compare.take_gradient(student))
    literal, lost = alignment_loss(sample.candidates)
    engines = {"shards": sample.facts["engine"], "reference": "transformers"}
    report = {
        "params": {key: value for key, value in sample.facts.items() if key != "counterfactual_names"},
        "sample": {
            "target": target, "seed": SEED, "passages": list(sample.rendered), "of_passages": len(sample.candidates),
            "positions": sample.positions, "vocabulary": vocabulary,
        },
        "shards": shards.row(),
        "by_top_k": [one.row() for one in by_top_k],
        "alignment": {"literal_tokens": literal, "lost_tokens": lost, "lost_share": lost / max(literal, 1)},
        "swapped_mass_mean": sum(swapped_mass) / len(swapped_mass),
        "engines": engines | compare.agreement_summary(agreements),
    }  # fmt: skip
    rounded: dict[str, Any] = json.loads(json.dumps(report), parse_float=lambda digits: float(f"{float(digits):.6g}"))
    return rounded


def report_lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for a person: the shards, the table over K, and what does not depend on K."""
    sample, loss, engines = report["sample"], report["alignment"], report["engines"]
    yield (
        f"{len(sample['passages'])} of {sample['of_passages']} forget passages, {sample['positions']} positions, "
        f"{report['params']['N']} names, {sample['vocabulary']} tokens"
    )
    yield f"{'':6}" + "".join(f"{head:>13}" for head in _COLUMNS.values())
    for label, row in [("shards", report["shards"]), *(("", row) for row in report["by_top_k"])]:
        cells = (f"{row[key]:>13}" if key == "K" else f"{row[key]:>13.5f}" for key in _COLUMNS)
        yield f"{label:6}" + "".join(cells)
    yield f"lost to alignment: {loss['lost_tokens']} of {loss['literal_tokens']} tokens ({loss['lost_share']:.2%})"
    yield f"moved by the reverse swap: {report['swapped_mass_mean']:.2%} of the mass"
    yield (
        f"{engines['shards']} (shards) and {engines['reference']}: log-probabilities differ by "
        f"{engines['logprob_difference_mean']:.5f} nats on average, {engines['logprob_difference_max']:.5f} at most; same top "
        f"token at {engines['same_top_1_share']:.2%} of the positions"
    )


def summary_line(report: dict[str, Any]) -> str:
    """The three numbers that matter."""
    shards, lost = report["shards"], report["alignment"]["lost_share"]
    return (
        f"at K = {shards['K']}: total variation {shards['total_variation_mean']:.4f}, cosine of the gradients "
        f"{shards['logit_cosine']:.5f} in the logits and {shards['gradient_cosine']:.5f} in the weights; {lost:.2%} of the "
        "positions lost"
    )
