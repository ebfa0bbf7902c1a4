"""The method that a section of a benchmark's params.yaml names."""

from pipeline.benchmark.params import MethodParams
from pipeline.methods.distilled import Distilled
from pipeline.methods.interface import Method
from pipeline.methods.likelihood import Likelihood
from pipeline.methods.prompting import Prompting


def method_of(params: MethodParams) -> Method:
    """The method with the one way that ``params`` has."""
    if params.distill:
        return Distilled(params.distill)
    if params.baseline:
        return Likelihood(params.baseline)
    assert params.prompting
    return Prompting(params.prompting.system_prompt)
