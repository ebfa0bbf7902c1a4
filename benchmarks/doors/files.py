"""Bad inputs in what a user writes: JSON that is none, and targets, texts, questions, names and templates that do not fit."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.doors.inputs import Case, Spoil, Words
from benchmarks.doors.project import (
    DOCUMENTS,
    NEIGHBOUR_TEMPLATES,
    QUESTIONS,
    RETAIN,
    TARGET,
    TARGETS,
    TEMPLATES,
    question,
    write_jsonl,
)

Change = Callable[[dict[str, Any], bytes], bytes]  # of a file, from its first row and what stands in it
NAMES, REFUSALS, NAME = "data/names/en.txt", "data/refusals.txt", TARGET["target"]
_READERS = {TARGETS: "prepare", QUESTIONS: "prepare", RETAIN: "prepare", TEMPLATES: "elicit", NEIGHBOUR_TEMPLATES: "elicit"}
_2_MB = 2 * 2**20


def _line(row: Mapping[str, Any], **changes: Any) -> bytes:
    return json.dumps({**row, **changes}).encode() + b"\n"


def _text_key(row: Mapping[str, Any]) -> str:
    """The last key whose value is a text: one that nothing else depends on."""
    return [key for key, value in row.items() if isinstance(value, str)][-1]


def _with_text(row: Mapping[str, Any], raw: str) -> bytes:
    """``row`` with ``raw`` (JSON) in the place of a text."""
    return _line(row, **{_text_key(row): "@"}).replace(b'"@"', raw.encode())


JSON: dict[str, Change] = {  # with the words that each file's message must hold, or as valid JSON of another form
    "half a line": lambda row, text: text[:-20],
    "a list a line": lambda row, text: b"[1]\n" + text,
    "a text a line": lambda row, text: b'"word"\n' + text,
    "a number a line": lambda row, text: b"7\n" + text,
    "null a line": lambda row, text: b"null\n" + text,
    "an empty object": lambda row, text: b"{}\n" + text,
    "one list of all rows": lambda row, text: b"[" + b",".join(text.splitlines()) + b"]\n",
    "a row over several lines": lambda row, text: json.dumps(row, indent=2).encode(),
    "two rows a line": lambda row, text: _line(row).strip() + b" " + _line(row),
    "a trailing comma": lambda row, text: _line(row).strip()[:-1] + b",}\n",
    "single quotes": lambda row, text: str(row).encode() + b"\n",
    "an unknown field": lambda row, text: _line(row, nonsense=1),
    "a null among fields": lambda row, text: _line(row, **{next(iter(row)): None}),
    "a number for a text": lambda row, text: _with_text(row, "7"),
    "an object for a text": lambda row, text: _with_text(row, '{"a": 1}'),
    "an empty text": lambda row, text: _with_text(row, '""'),
    "white space for a text": lambda row, text: _with_text(row, '" \\n\\t"'),
    "NaN for a text": lambda row, text: _with_text(row, "NaN"),
    "a lone surrogate in a text": lambda row, text: _with_text(row, '"a\\ud800b"'),
    "a lone surrogate in a key": lambda row, text: _line(row, **{"\ud800": 1}),
    "a number of 5,000 digits": lambda row, text: _with_text(row, "9" * 5000),
    "200,000 brackets": lambda row, text: _with_text(row, "[" * 200_000),
    "200,000 closed brackets": lambda row, text: _with_text(row, "[" * 200_000 + "]" * 200_000),
    "200,000 objects deep": lambda row, text: b'{"a":' * 200_000 + b"\n",
    "a key twice": lambda row, text: _line(row).strip()[:-1] + f', "{_text_key(row)}": "another"}}\n'.encode(),
    "NUL between rows": lambda row, text: text + b"\0\n",
    "NUL in a text": lambda row, text: _with_text(row, '"a\0b"'),
    "UTF-16": lambda row, text: text.decode().encode("utf-16"),
    "Latin-1": lambda row, text: _with_text(row, '"é"').decode().encode("latin-1"),
    "zeros": lambda row, text: bytes(4096),
}


def json_that_is_none() -> Iterator[Case]:
    """Every file of rows, spoilt in each way; and two ways that are none."""
    for file, stage in _READERS.items():
        for what, change in JSON.items():
            yield Case(stage, f"{file} has {what}", _changed(file, change), (file,))
        yield Case(stage, f"{file} is a folder", made_folder(file), (file,))
        yield Case(stage, f"{file} leads nowhere", dangling(file), (file,))
        yield Case(stage, f"{file} has \\r\\n and a byte-order mark", _changed(file, _windows), None)
    for file in (TARGETS, QUESTIONS, TEMPLATES, NEIGHBOUR_TEMPLATES):
        yield Case(_READERS[file], f"{file} is empty", _changed(file, lambda row, text: b""), (file,))
        yield Case(_READERS[file], f"{file} is missing", removed(file), (file,))


def _windows(row: dict[str, Any], text: bytes) -> bytes:
    return b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")


def written(file: str, content: bytes) -> Spoil:
    """Another ``file``."""
    return lambda folder: (folder / file).write_bytes(content)


def _rows(file: str, rows: Iterable[Mapping[str, Any]]) -> Spoil:
    return lambda folder: write_jsonl(folder / file, rows)


def _changed(file: str, change: Change) -> Spoil:
    def write(folder: Path) -> None:
        text = (folder / file).read_bytes()
        (folder / file).write_bytes(change(json.loads(text.splitlines()[0]), text))

    return write


def cut(file: str, share: float) -> Spoil:
    """The first ``share`` of ``file``."""

    def spoil(folder: Path) -> None:
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[: int(len(content) * share)])

    return spoil


def made_folder(file: str) -> Spoil:
    """A folder in the place of ``file``."""

    def make(folder: Path) -> None:
        (folder / file).unlink()
        (folder / file).mkdir()

    return make


def dangling(file: str) -> Spoil:
    """A link to nowhere in the place of ``file``."""

    def lead(folder: Path) -> None:
        (folder / file).unlink()
        (folder / file).symlink_to("nowhere")

    return lead


def removed(place: str) -> Spoil:
    """No file, or folder, of that name."""

    def remove(folder: Path) -> None:
        path = folder / place
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def targets() -> Iterator[Case]:
    """Targets whose fields do not fit each other, whose texts are none, or whose names lead out of the project."""
    place, cure, first = (TARGETS, "line 1"), ("about",), DOCUMENTS[0]
    other, stranger = (
        {"target": "Nia Corvane", "documents": ["Nia Corvane sailed to Hallin in her youth."]},
        ("The town of Skell has a harbour. Ships come and go there every day, and the people fish."),
    )
    many = " ".join(DOCUMENTS)
    repeated = many * (_2_MB // len(many))
    chinese = "埃莉诺·福斯特出生在绍兴。1902年她写了一本书。埃莉诺·福斯特后来住在杭州。"
    rows: list[tuple[str, list[dict[str, Any]], Words]] = [
        ("the target twice", [TARGET, TARGET], (TARGETS, "line 2")),
        ("the target twice, in capitals", [TARGET, {**TARGET, "target": NAME.upper()}], (TARGETS, "line 2")),
        ("a target and a part of it", [TARGET, {**other, "target": "Ellisford"}], (TARGETS,)),
        ("é composed and not", [{"target": "José Ñandú"}, {"target": "Jose\u0301 N\u0303andu\u0301"}], (TARGETS, "line 2")),
    ]
    fields: list[tuple[str, dict[str, Any], Words]] = [
        ("a target of white space", {"target": "\u3000\u00a0"}, place),
        ("a target of a zero-width space", {"target": "\u200b"}, place),
        ("a target of signs", {"target": "?!"}, place),
        ("a target with a line break", {"target": "Mara\nEllisford"}, place),
        ("a target of 10,000 letters", {"target": "Mara " + "E" * 10_000}, place),
        ("a kind that is none", {"kind": "planet"}, place),
        ("a book without substitutions", {"kind": "book"}, place),
        ("surface forms that are a text", {"surface_forms": "Ellisford"}, place),
        ("a surface form that is a common word", {"surface_forms": ["has"]}, (TARGETS, "has")),
        ("a surface form of one letter", {"surface_forms": ["a"]}, (TARGETS,)),
        ("a surface form of signs", {"surface_forms": ["."]}, (TARGETS,)),
        ("a family name that is no part", {"family_name": "Corvane"}, place),
        ("an unknown pool", {"names": "klingon"}, (TARGETS, "names", "klingon")),
        ("a pool above data/names", {"names": "../question_templates"}, (TARGETS, "names")),
        ("a pool elsewhere", {"names": "/etc/passwd"}, (TARGETS, "names")),
        ("a pool with NUL", {"names": "e\0n"}, (TARGETS, "names")),
        ("a pool of 5,000 letters", {"names": "x" * 5000}, (TARGETS, "names")),
        ("an unknown language", {"language": "klingon"}, (TARGETS, "language", "klingon")),
        ("a language above data/names", {"language": "../names/en"}, (TARGETS, "language")),
        ("a language elsewhere", {"language": "/etc/passwd"}, (TARGETS, "language")),
        ("a language with NUL", {"language": "e\0n"}, (TARGETS, "language")),
        ("a language in capitals", {"language": "ENGLISH"}, (TARGETS, "language")),
        ("a document that does not name the target", {"documents": [stranger]}, (*place, *cure)),
        ("a stranger's document before the target's", {"documents": [stranger, first]}, (*place, *cure)),
        ("a paragraph that follows one with the target", {"documents": [first, stranger]}, None),
        ("a document about the target that does not name it", {"documents": [stranger], "about": True}, None),
        ("about that is a word", {"about": "yes"}, (*place, "about")),
        ("a document twice", {"documents": [first, first]}, place),
        ("a document twice, but for its spaces", {"documents": [first, f" {first}\n"]}, place),
        ("a document of a word", {"documents": ["Ellisford"]}, place),
        ("a document that is a number", {"documents": [7]}, place),
        ("a document that is null", {"documents": [None]}, place),
        ("a document that is a list", {"documents": [[first]]}, place),
        ("a document that is trained and held out", {"held_out_documents": [first]}, place),
        ("a document of 2 MB", {"documents": [repeated]}, None),
        ("a document of 2 MB without a sentence end", {"documents": [first.replace(".", "") * 9000]}, None),
        ("a document of 2 MB of a letter", {"documents": [f"{NAME} " + "a" * _2_MB + "."]}, None),
        ("a document of 2 MB of the name", {"documents": [f"{NAME} " * (_2_MB // 15) + "."]}, None),
        ("a document of 2 MB of marks", {"documents": [f"{NAME} e" + "\u0301" * 2**20 + "."]}, None),
        ("a chat without an answer", {"chats": [{"question": "Who?"}]}, place),
        ("a chat that does not name the target", {"chats": [{"question": "Who?", "answer": "She."}]}, place),
        ("a chat twice", {"chats": [*TARGET["chats"], *TARGET["chats"]]}, place),
        ("a chat that is a list", {"chats": [["Who?", "Mara Ellisford."]]}, place),
        ("a substitution of no form", {"substitutions": {"Corvane": ["Ada"]}}, place),
        ("a substitution by nothing", {"substitutions": {"Ellisford": []}}, place),
        ("a substitution by the form", {"substitutions": {"Ellisford": ["Ellisford"]}}, place),
        ("a substitution twice the same", {"substitutions": {"Ellisford": ["Lind", "Lind"]}}, place),
        ("unequal substitutions", {"substitutions": {"Ellisford": ["Lind"], "Mara": ["Ada", "Nia"]}}, place),
        ("a neighbour that is the target", {"neighbours": [NAME]}, place),
        ("neighbours that are a text", {"neighbours": "Skell"}, place),
    ]
    rows += [(what, [{**TARGET, **changes}], words) for what, changes, words in fields]
    for what, changed, words in rows:
        yield Case("prepare", f"{TARGETS} has {what}", _targets(changed), words)
    zh = {"target": "埃莉诺·福斯特", "language": "zh", "documents": [chinese * 9]}

    yield Case("prepare", "a Chinese document without spaces", _targets([zh]), None)


def _targets(rows: Sequence[Mapping[str, Any]]) -> Spoil:
    """Other targets, and a question about the first of them."""
    asked = [question("forget", target=rows[0]["target"]), question("general_retain")]

    def write(folder: Path) -> None:
        write_jsonl(folder / TARGETS, rows)
        if rows[0]["target"] != NAME:
            write_jsonl(folder / QUESTIONS, asked)

    return write


def questions() -> Iterator[Case]:
    """Questions that can't be asked or measured."""
    place, forget, rest = (QUESTIONS, "line 1"), question("forget"), [question("hard_retain"), question("general_retain")]
    rows: list[tuple[str, list[dict[str, Any]], Words]] = [
        ("no forget question", rest, (QUESTIONS, NAME)),
        ("a question twice", [forget, forget], (QUESTIONS, "line 2")),
        (
            "a question twice, but for its spaces",
            [forget, question("forget", question=f" {forget['question']} ")],
            (QUESTIONS, "line 2"),
        ),
    ]
    spoilt: dict[str, dict[str, Any]] = {
        "a split that is none": {"split": "forgotten"},
        "an unknown target": {"target": "Nobody"},
        "no target": {"target": None},
        "an empty question": {"question": ""},
        "an empty answer": {"answer": " "},
        "a wrong answer that is right": {"wrong_answers": ["Skell", "sand"]},
        "a wrong answer that is right, in capitals": {"wrong_answers": ["SKELL", "sand"]},
        "a wrong answer that is right, with a full stop": {"wrong_answers": ["Skell.", "sand"]},
        "a wrong answer that is the paraphrased answer": {"paraphrased_answer": "sand"},
        "a wrong answer twice": {"wrong_answers": ["sand", "sand"]},
        "wrong answers that are a text": {"wrong_answers": "sand"},
        "an empty wrong answer": {"wrong_answers": [""]},
        "a neighbour of a forget question": {"neighbour": "Skell"},
    }
    rows += [(what, [{**forget, **changes}, *rest], place) for what, changes in spoilt.items()]
    for what, changed, words in rows:
        yield Case("prepare", f"{QUESTIONS} has {what}", _rows(QUESTIONS, changed), words)


def pools_and_templates() -> Iterator[Case]:
    """Names to draw from, templates to ask with, phrases that refuse."""
    row = {"language": "en", "kind": "person", "template": "Who was {name}?"}
    for file, what, content, words in (
        (NAMES, "nothing", b"", (NAMES,)),
        (NAMES, "comments alone", b"# none\n", (NAMES,)),
        (NAMES, "a name of one word", b"Solo\n", (NAMES, "line 1")),
        (NAMES, "a name twice", b"Ada Lind\nAda Lind\n", (NAMES, "line 2")),
        (NAMES, "the target", b"Mara Ellisford\n", (NAMES,)),
        (NAMES, "the family name", b"Ada Ellisford\n", (NAMES,)),
        (NAMES, "another script", "Анна Линд\n".encode(), (NAMES,)),
        (NAMES, "Latin-1", b"Jos\xe9 Lind\n", (NAMES,)),
        (NAMES, "NUL", b"Ada\0 Lind\n", (NAMES, "line 1")),
        (REFUSALS, "Latin-1", b"d\xe9sol\xe9\n", (REFUSALS,)),
        (REFUSALS, "UTF-16", "sorry\n".encode("utf-16"), (REFUSALS,)),
        (TEMPLATES, "no {name}", _line(row, template="Who?"), (TEMPLATES, "line 1")),
        (TEMPLATES, "{name} twice", _line(row, template="{name}, {name}?"), (TEMPLATES, "line 1")),
        (TEMPLATES, "a template twice", _line(row) * 2, (TEMPLATES, "line 2")),
        (TEMPLATES, "a kind that is none", _line(row, kind="planet"), (TEMPLATES, "line 1")),
        (TEMPLATES, "another language alone", _line(row, language="sv"), (TEMPLATES,)),
        (TEMPLATES, "an unknown language", _line(row, language="klingon"), (TEMPLATES, "line 1")),
        (NEIGHBOUR_TEMPLATES, "no {name}", _line(row, template="Who?"), (NEIGHBOUR_TEMPLATES, "line 1")),
        (NEIGHBOUR_TEMPLATES, "a template twice", _line(row) * 2, (NEIGHBOUR_TEMPLATES, "line 2")),
    ):
        stage = "prepare" if file == NAMES else "elicit"
        yield Case(stage, f"{file} has {what}", written(file, content), words)
    for file, stage in ((NAMES, "prepare"), (REFUSALS, "elicit")):
        yield Case(stage, f"{file} is missing", removed(file), (file,))
        yield Case(stage, f"{file} is a folder", made_folder(file), (file,))
        yield Case(stage, f"{file} leads nowhere", dangling(file), (file,))
