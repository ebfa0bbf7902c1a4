"""Which of the project's own files a stage really imports, at any depth, inside functions too.

python -m tests.import_closure   # writes them into dvc.yaml and benchmarks/dvc.yaml as the stages' code dependencies
"""

import ast
import re
from pathlib import Path


def _module_file(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def _imports(tree: ast.AST) -> set[str]:
    """Modules that the code imports when it runs; what stands under ``if TYPE_CHECKING`` is not run."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        found |= _imports(node)
    return found


def import_closure(root: Path, stage: str) -> set[str]:
    """Paths below ``root`` of the stage's file and of every project file it imports; empty __init__.py files left out."""
    waiting, closure = [root / "stages" / f"{stage}.py"], set()
    while waiting:
        path = waiting.pop()
        if path in closure:
            continue
        closure.add(path)
        for module in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            if module.split(".")[0] in ("pipeline", "stages"):
                file = _module_file(root, module)
                if file is not None and file.name != "__init__.py":
                    waiting.append(file)
    return {str(path.relative_to(root)) for path in closure}


def with_code_dependencies(text: str, root: Path) -> str:
    """A dvc.yaml's ``text`` with every stage's code dependencies as they should be."""
    lines: list[str] = []
    stage, pending = "", False
    for line in text.splitlines():
        if found := re.match(r"    cmd: python -m stages\.(\w+)", line):
            stage = found.group(1)
        if re.match(r"    deps:$", line):
            pending = True
        is_code = re.match(r"      - (pipeline|stages)/.*\.py$", line)
        if pending and (is_code or (re.match(r"    \w+:$", line) and line != "    deps:")):
            lines += [f"      - {path}" for path in sorted(import_closure(root, stage))]
            pending = False
        if not is_code:
            lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    here = Path(__file__).parent.parent
    for file in (here / "dvc.yaml", here / "benchmarks/dvc.yaml"):
        file.write_text(with_code_dependencies(file.read_text(encoding="utf-8"), here), encoding="utf-8")
