"""What vLLM leaves to be had on a CPU: its own kernels for the norms.

vLLM has kernels of the norms for CPUs as well as for GPUs, and calls them on GPUs alone. What they are worth: docs/scale.md.
"""

from typing import Any

_KERNELS = "nevermet_cpu"
_VECTOR = 16  # numbers that a kernel takes at once, at the most


def norms_by_kernel() -> dict[str, list[str]]:
    """vLLM's ``ir_op_priority`` with its compiled norms before those made of PyTorch's operations.

    The kernels take rows of whole vectors that lie one after the other; of others vLLM goes on to the second of the list.
    """
    from vllm import ir
    from vllm.kernels import vllm_c

    def takes(x: Any, weight: Any, epsilon: float, variance_size: int | None = None) -> bool:
        fits = x.is_contiguous() and x.shape[-1] % _VECTOR == 0
        return bool(fits and vllm_c.rms_no_var_size(x, weight, epsilon, variance_size))

    def takes_both(x: Any, x_residual: Any, weight: Any, epsilon: float, variance_size: int | None = None) -> bool:
        return bool(x_residual.is_contiguous() and takes(x, weight, epsilon, variance_size))

    if _KERNELS not in ir.ops.rms_norm.impls:
        ir.ops.rms_norm.register_impl(_KERNELS, supports_args=takes)(vllm_c.rms_norm.impl_fn)
        ir.ops.fused_add_rms_norm.register_impl(_KERNELS, supports_args=takes_both, inplace=True)(
            vllm_c.fused_add_rms_norm.impl_fn
        )
    return {name: [_KERNELS, "native"] for name in ("rms_norm", "fused_add_rms_norm")}
