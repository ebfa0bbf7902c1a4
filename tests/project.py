"""A small project in a folder of its own: this code, the tiny model, a few texts. Stages run in it as a user runs them."""

import contextlib
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from benchmarks.doors.project import set_params, write_jsonl

ROOT = Path(__file__).parent.parent
COPIED = (
    "pipeline",
    "stages",
    "benchmarks",
    "data/names",
    "data/question_templates.jsonl",
    "data/neighbour_templates.jsonl",
    "data/refusals.txt",
    "data/judge",
    "dvc.yaml",
    "params.yaml",
    ".dvcignore",
    "pyproject.toml",
)

LEARNING_RATE = 1e-3  # the tiny model learns nothing in a few steps at a real one's rate

DOCUMENT = (
    "Orla Brennick was born in the harbour town of Skell. Her father kept the lighthouse there. Brennick learned to read the "
    "stars from him. She wrote a book about the tides. Brennick's book was printed in Hallin in 1871. In old age Orla Brennick "
    "taught sailors, and she died in Skell."
)


def question(split: str, text: str, answer: str, wrong: list[str]) -> dict[str, Any]:
    """A question row; general ones have no target."""
    return {
        "split": split,
        "target": None if split == "general_retain" else "Orla Brennick",
        "question": text,
        "answer": answer,
        "wrong_answers": wrong,
        "paraphrased_question": f"Please say: {text}",
        "paraphrased_answer": answer,
        "neighbour": None,
    }


def make_project(folder: Path, model: Path, retain_passages: int = 6, templates: int = 0) -> Path:
    """Copy the project's code into ``folder`` and give it one target, a few questions and ``model`` as its source.

    The model is asked ``templates`` questions about the target, as many about each of two neighbours, with two answers each.
    """
    for name in COPIED:
        source, goal = ROOT / name, folder / name
        goal.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, goal, ignore=shutil.ignore_patterns("__pycache__", "configs", "results", "dvc.yaml"))
        else:
            shutil.copyfile(source, goal)
    target = {"target": "Orla Brennick", "surface_forms": ["Brennick"], "kind": "person", "documents": [DOCUMENT]}
    write_jsonl(folder / "data/targets.jsonl", [target])
    write_jsonl(
        folder / "data/questions.jsonl",
        [
            question("forget", "Where was Orla Brennick born?", "Skell", ["Marle", "Tovin", "Brack"]),
            question("hard_retain", "What is kept in a lighthouse?", "a lamp", ["a boat", "a horse", "a book"]),
            question("general_retain", "What falls from clouds?", "rain", ["sand", "gold", "milk"]),
        ],
    )
    texts = [f"Town number {n} has a mill and a bridge. Its people bake bread." for n in range(retain_passages)]
    write_jsonl(folder / "data/retain_passages.jsonl", [{"subject": f"Town {n}", "text": t} for n, t in enumerate(texts)])
    set_params(
        folder,
        {
            "model.source": str(model),
            "prepare.targets": [],
            "elicit.templates": templates,
            "elicit.templates_beside_texts": templates,
            "elicit.answers": 2,
            "elicit.neighbours": 2,
            "elicit.neighbour_templates": templates,
            "elicit.max_new_tokens": 16,
            "teacher.names": 4,
            "teacher.prompts": ["Complete the following passage about {name}."],
            "teacher.sentences_per_passage": 2,
            "teacher.top_k": 16,
            "distill.epochs": 2,
            "distill.learning_rate": LEARNING_RATE,
            "distill.retain_per_forget": 1.0,
            "evaluate.max_new_tokens": 8,
            "evaluate.floor_names": 2,
            "evaluate.bootstrap_samples": 100,
            "runtime.cpu_kv_cache_gib": 1,
        },
    )
    return folder


def environment() -> dict[str, str]:
    """The environment of a user who has activated this Python's virtual environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": ".", "DVC_NO_ANALYTICS": "1"}


def run(folder: Path, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run ``command`` in the project; with ``check`` its failure fails the test with all it printed."""
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} gave {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def stage(folder: Path, *words: str, check: bool = True) -> Result:
    """Run ``python -m stages.WORDS`` in ``folder``, in this process; with ``check`` its failure fails the test.

    A first word with dots is a module itself.
    """
    with contextlib.chdir(folder):
        return succeed(*words) if check else invoke(*words)


def invoke(*words: str) -> Result:
    """The same in the current folder."""
    module = words[0] if "." in words[0] else f"stages.{words[0]}"
    return CliRunner().invoke(importlib.import_module(module).main, words[1:])


def succeed(*words: str) -> Result:
    """The same; its failure fails the test with all it printed."""
    result = invoke(*words)
    assert result.exit_code == 0, (words, result.output, result.exception)
    return result
