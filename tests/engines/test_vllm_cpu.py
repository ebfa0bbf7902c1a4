"""Memory that stays with the process, and norms by vLLM's kernels."""

import subprocess
import sys

import pytest
import torch
from vllm import ir
from vllm.config.kernel import IrOpPriorityConfig
from vllm.platforms import current_platform

from pipeline.core.runtime import keep_freed_memory
from pipeline.engines.vllm_cpu import norms_by_kernel
from tests.project import ROOT, environment

ARRAYS = """
import resource, numpy as np
from pipeline.core.runtime import keep_freed_memory
{}
faults = []
for _ in range(3):
    np.full(2**24, 1.0)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[2] - faults[1])
"""
EPSILON = 1e-5

pytestmark = pytest.mark.skipif(not current_platform.is_cpu(), reason="vLLM is not that for a CPU")


def pages_of_another_array(first: str) -> int:
    """Pages that the kernel hands out for the third of three arrays of 128 MiB, after ``first`` was called."""
    command = [sys.executable, "-c", ARRAYS.format(first)]
    return int(subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout)


def test_what_was_freed_is_taken_again_without_asking_the_kernel() -> None:
    assert pages_of_another_array("") > 2**24 * 8 // 2**21 - 1, "huge pages at the most"
    assert pages_of_another_array(f"{keep_freed_memory.__name__}()") < 16, "what Python itself may take meanwhile"


@pytest.mark.parametrize("shape", [(7, 64), (5, 3, 64), (7, 24)])
def test_norms_are_those_of_torch(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    width, whole_vectors = shape[-1:], shape[-1] == 64
    states, residual, weight = torch.randn(shape), torch.randn(shape), torch.randn(width)
    apart = torch.stack([states, residual], -1)[..., 0]  # its rows do not lie one after the other
    with IrOpPriorityConfig(**{"gelu_and_mul_sparse": ["native"], **norms_by_kernel()}).set_priority():
        assert (ir.ops.rms_norm.dispatch(states, weight, EPSILON).provider != "native") == whole_vectors
        assert (ir.ops.fused_add_rms_norm.dispatch(states, residual, weight, EPSILON).provider != "native") == whole_vectors
        assert ir.ops.rms_norm.dispatch(apart, weight, EPSILON).provider == "native"
        normed = [ir.ops.rms_norm(x, weight, EPSILON) for x in (states, apart)]
        both, total = ir.ops.fused_add_rms_norm(states, residual, weight, EPSILON)
    for found in normed:
        torch.testing.assert_close(found, torch.nn.functional.rms_norm(states, width, weight, EPSILON))
    torch.testing.assert_close(total, states + residual)
    torch.testing.assert_close(both, torch.nn.functional.rms_norm(states + residual, width, weight, EPSILON))
