"""Which of the project's modules a stage runs that its code dependencies, which are files and folders, leave out."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import grimp

PACKAGES = ("pipeline", "benchmarks", "stages")
PARAMETERS = ("pipeline.params", "benchmarks.suite.params")  # import every section to check a file of parameters whole
OWN = ("pipeline.core.params", "benchmarks.methods.params")  # files of parameters leave some of their keys out


@cache
def imports() -> grimp.ImportGraph:
    """The imports between all modules, those inside functions too, without those of PARAMETERS and for type checkers alone."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    for importer in PARAMETERS:
        for imported in graph.find_modules_directly_imported_by(importer):
            graph.remove_import(importer=importer, imported=imported)
    return graph


def uncovered(stage_module: str, deps: Sequence[str]) -> set[str]:
    """The modules that ``stage_module`` imports at any depth, itself too, and that none of ``deps`` is or holds.

    A section's own module (``*.params``) may be missing where the file has all its keys (OWN are the others), since a change of
    its default is a change of the file; and what PARAMETERS alone import.
    """
    modules = {stage_module, *imports().find_upstream_modules(stage_module)}
    code = {module for module in modules if module in OWN or not module.endswith(".params")}
    return {module for module in code if not any(covers(dep, module) for dep in deps)}


def unneeded(stage_module: str, deps: Sequence[str]) -> set[str]:
    """Those of ``deps`` that are code, and of which ``stage_module`` imports nothing at any depth, parameters included."""
    modules = {stage_module, *imports().find_upstream_modules(stage_module)}
    code = [dep for dep in deps if dep.split("/")[0] in PACKAGES and not dep.startswith("benchmarks/results/")]
    return {dep for dep in code if not any(covers(dep, module) for module in modules)}


def covers(dep: str, module: str) -> bool:
    """Whether ``dep``, a file or a folder, is or holds the file of ``module``."""
    path = Path(*module.split("."))
    return any(file.is_relative_to(dep) for file in (path.with_suffix(".py"), path / "__init__.py"))
