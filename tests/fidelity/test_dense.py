"""The dense teacher against the teacher's own path with nothing cut."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.fidelity.dense import DenseTeacher, dense_scores, dense_teacher
from pipeline.teacher.average import TaughtPassage, average, teach
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer
from pipeline.teacher.params import TeacherParams
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import split_mentions
from pipeline.text.tokenizer import load_tokenizer
from pipeline.train.student import Student

FORMS = ("Orla Brennick", "Brennick")
STAND_INS = ("Tobias Renwick", "Edwin Calloway", "Hallin Tarn")
NAMES = {
    "Orla Brennick": [
        CounterfactualName("Orla Brennick", name, dict(zip(FORMS, (name, name.split()[1]), strict=True))) for name in STAND_INS
    ]
}
PROMPT = "Complete the following passage about {name}."
DOCUMENT = Passage(
    "Orla Brennick", "forget", tuple(split_mentions("In Skell Orla Brennick wrote. She was (Brennick) born.", FORMS))
)
CHAT = Passage(
    "Orla Brennick",
    "forget",
    tuple(split_mentions("The harbour knew Orla Brennick, and Brennick wrote.", FORMS)),
    "chat",
    tuple(split_mentions("Who wrote a book about the tides?", FORMS)),
)


@pytest.fixture(scope="module")
def student(tiny_model: Path) -> Student:
    student = Student(tiny_model, "cpu")
    student.model.eval()
    return student


def both(
    student: Student, folder: Path, passage: Passage, params: TeacherParams, max_tokens: int = 100
) -> tuple[RenderedPassage, DenseTeacher, TaughtPassage]:
    """The dense teacher of ``passage``, and the teacher's own path on whole rows."""
    tokenizer = load_tokenizer(folder)
    rendered = Renderer(tokenizer, params, NAMES).render(passage, PROMPT if passage.format == "document" else "")
    vocabulary, progress = len(tokenizer), list[int]()
    dense, scores = dense_teacher(student, rendered, params, vocabulary, max_tokens, progress.append)
    assert sum(progress) == sum(len(one.input_ids) for one in rendered.renderings)
    return rendered, dense, teach(rendered, scores, params.changed(top_k=vocabulary, scored_top_k=vocabulary))


@pytest.mark.parametrize("passage", [DOCUMENT, CHAT], ids=["document", "chat"])
@pytest.mark.parametrize("rule", ["published", "excess", "off"])
@pytest.mark.parametrize("penalty", [0.0, 3.0])
@pytest.mark.parametrize("own_name", [False, True])
def test_dense_teacher_is_the_teacher_with_nothing_cut(
    student: Student, tiny_model: Path, passage: Passage, rule: str, penalty: float, own_name: bool
) -> None:
    params = TeacherParams(names=3, reverse_swap=rule, name_penalty=penalty, own_name=own_name)  # type: ignore[arg-type]
    rendered, dense, taught = both(student, tiny_model, passage, params)
    assert bool(rendered.own_name) == (own_name and passage is CHAT)
    table = np.zeros_like(dense.probs_TV)
    np.put_along_axis(table, taught.averaged.ids, np.exp(taught.averaged.logprobs), axis=1)
    np.testing.assert_array_equal(dense.positions, taught.positions)
    np.testing.assert_allclose(dense.probs_TV, table, atol=1e-6)
    np.testing.assert_allclose(dense.swapped_mass, taught.swapped_mass, atol=1e-7)
    assert (dense.swapped_mass.max() > 0) == (rule != "off")


def test_mean_of_whole_rows_is_that_of_average(student: Student, tiny_model: Path) -> None:
    rendered, dense, _ = both(student, tiny_model, DOCUMENT, TeacherParams(names=3, reverse_swap="off"))
    vocabulary = dense.probs_TV.shape[1]
    scores = {s.rendering: s for s in dense_scores(student, rendered.renderings, 1, 100)}
    rows = [
        scores[name].logprobs_RV[positions - scores[name].top.first_row]
        for name, positions in enumerate(rendered.alignment.positions[1:])
    ]
    probs_NTV = np.exp(np.stack(rows).astype(np.float64))
    averaged = average(np.broadcast_to(np.arange(vocabulary), probs_NTV.shape), probs_NTV, vocabulary)
    kept = np.take_along_axis(dense.probs_TV, averaged.ids, axis=1)
    np.testing.assert_allclose(kept, np.exp(averaged.logprobs), atol=1e-6)


def test_scores_do_not_depend_on_the_batches(student: Student, tiny_model: Path) -> None:
    params = TeacherParams(names=3)
    _, one, _ = both(student, tiny_model, DOCUMENT, params, max_tokens=1)
    _, many, _ = both(student, tiny_model, DOCUMENT, params, max_tokens=10_000)
    np.testing.assert_allclose(one.probs_TV, many.probs_TV, atol=1e-5)
