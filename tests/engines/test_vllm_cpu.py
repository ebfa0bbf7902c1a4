"""Norms by vLLM's kernels."""

import pytest
import torch
from vllm import ir
from vllm.config.kernel import IrOpPriorityConfig
from vllm.platforms import current_platform

from pipeline.engines.vllm_cpu import norms_by_kernel

EPSILON = 1e-5

pytestmark = pytest.mark.skipif(not current_platform.is_cpu(), reason="vLLM is not that for a CPU")


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
