"""A benchmark as small as it can be, in TOFU's own files and fields: one author to forget, four to retain."""

from pathlib import Path
from typing import Any

from benchmarks.sources.params import SourceParams
from tests.project import write_jsonl


def row(author: str, number: int) -> dict[str, Any]:
    """A row of ``author``."""
    return {"question": f"What is book {number} of {author}?", "answer": f" Book {number} of {author} is about the tides."}


def asked(author: str, number: int) -> dict[str, Any]:
    """The same with its paraphrase and wrong answers."""
    wrong = [f"It is about {subject}, book {number}." for subject in ("sand", "gold", "milk")]
    return {
        **row(author, number),
        "paraphrased_answer": f"It is about the tides, book {number}.",
        "perturbed_answer": wrong,
        "paraphrased_question": f"Book {number} of {author}?",
    }


def fact(number: int) -> dict[str, Any]:
    """A row without a paraphrase, as those of real authors and world facts."""
    return {"question": f"What is in town {number}?", "answer": "A mill", "perturbed_answer": ["A lamp", "A boat"]}


def write_benchmark(folder: Path) -> SourceParams:
    """Write the files into ``folder``; returns the section that reads them."""
    retain = [row(f"Author {author}", number) for author in range(4) for number in range(20)]
    files = {
        "forget01": [row("Orla Brennick", number) for number in range(20)],
        "forget01_perturbed": [asked("Orla Brennick", number) for number in range(20)],
        "retain99": retain,
        "retain_perturbed": [asked(f"Author {author}", number) for author in range(2) for number in range(20)],
        "real_authors_perturbed": [fact(number) for number in range(5)],
        "world_facts_perturbed": [fact(number) for number in range(5, 8)],
    }
    for name, rows in files.items():
        write_jsonl(folder / f"{name}.jsonl", rows)
    return SourceParams(source="tofu", subset="forget01", path=str(folder))
