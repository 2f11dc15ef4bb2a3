"""Every shape, dtype and memory layout: the recurrent modules against torch's, and against themselves."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tpcore import BackProp, TargetProp
from tpcore.nn import GRU, RNN
from tpcore.recurrences import arrays, fused

CELLS = {"RNN": (torch.nn.RNN, RNN), "GRU": (torch.nn.GRU, GRU)}
cells, seeds = st.sampled_from(sorted(CELLS)), st.integers(0, 2**20)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(1, 4))  # τ, B, d, p
RULES = [
    BackProp(),
    TargetProp(0.5),
    TargetProp(0.5, 0.5, True, accumulate="through_time"),
    TargetProp(1.0, form="difference"),
    TargetProp(1.0, form="plain", accumulate="through_time"),
]
rules = st.sampled_from(RULES)


def taken(cell, rule):
    """The rule, or for a GRU the nearest one that it takes."""
    plain = cell == "GRU" and rule == RULES[-1]
    return RULES[-2] if plain else rule


def normal(seed, *shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def everything(module, x, h_0, on_output, on_last):
    """The outputs, and what the inputs, h_0 and the parameters receive from gradients on both outputs."""
    x, h_0 = x.detach().requires_grad_(), h_0.detach().requires_grad_()
    outputs = module(x, h_0)
    received = torch.autograd.grad(outputs, [x, h_0, *module.parameters()], [on_output, on_last])
    return [*(output.detach() for output in outputs), *received]


def assert_close(found, expected, tolerance):
    for value, wanted in zip(found, expected, strict=True):
        assert value.shape == wanted.shape and value.dtype == wanted.dtype
        scale = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
        torch.testing.assert_close(value, wanted, rtol=tolerance, atol=tolerance * scale)


@given(
    cells,
    seeds,
    sizes,
    st.booleans(),
    st.integers(1, 2),
    st.sampled_from(["time first", "batch first", "unbatched", "empty"]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_shapes_dtypes_and_gradients_are_torch_s(cell, seed, size, bias, layers, layout, dtype):
    tau, batch, d, p = size
    options = {"num_layers": layers, "bias": bias, "batch_first": layout == "batch first", "dtype": dtype}
    torch.manual_seed(seed)
    theirs, ours = (kind(p, d, **options) for kind in CELLS[cell])
    ours.load_state_dict(theirs.state_dict())
    rows = () if layout == "unbatched" else (0,) if layout == "empty" else (batch,)
    before = (*rows, tau) if layout == "batch first" else (tau, *rows)
    shapes = (*before, p), (layers, *rows, d), (*before, d), (layers, *rows, d)
    given_values = [normal(seed + i, *shape, dtype=dtype) for i, shape in enumerate(shapes)]
    found, expected = (everything(module, *given_values) for module in (ours, theirs))
    assert_close(found, expected, 1e-10 if dtype == torch.float64 else 1e-4)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("without_kernels", [False, True])
def test_an_empty_batch_moves_nothing(monkeypatch, cell, rule, without_kernels):
    if without_kernels:
        for each in (arrays, fused):
            monkeypatch.setattr(each, "compiled_kernels", lambda: None)
    module = CELLS[cell][1](3, 4, 2, rule=taken(cell, rule))
    x, h_0 = torch.zeros(5, 0, 3), torch.zeros(2, 0, 4)
    output, h_n, *received = everything(module, x, h_0, torch.zeros(5, 0, 4), torch.zeros(2, 0, 4))
    assert output.shape == (5, 0, 4) and h_n.shape == (2, 0, 4)
    assert received[0].shape == x.shape and received[1].shape == h_0.shape
    assert not any(value.any() for value in received[2:])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("size", [(3, 2, 4, 30_000), (3, 2, 150, 1), (2, 300, 3, 2), (300, 1, 1, 1)])
def test_sizes_of_another_order(cell, size):
    tau, batch, d, p = size
    torch.manual_seed(0)
    theirs, ours = (kind(p, d, dtype=torch.float64) for kind in CELLS[cell])
    ours.load_state_dict(theirs.state_dict())
    given_values = normal(0, tau, batch, p), normal(1, 1, batch, d), normal(2, tau, batch, d), normal(3, 1, batch, d)
    assert_close(everything(ours, *given_values), everything(theirs, *given_values), 1e-10)
    ours.rule = TargetProp(1.0, 1.0, True)
    assert all(value.isfinite().all() for value in everything(ours, *given_values))


@given(cells, rules, seeds, sizes, st.integers(1, 40))
def test_the_length_of_a_block_changes_nothing(cell, rule, seed, size, elements):
    tau, batch, d, p = size
    torch.manual_seed(seed)
    module = CELLS[cell][1](p, d, dtype=torch.float64, rule=taken(cell, rule))
    given_values = normal(0, tau, batch, p), normal(1, 1, batch, d), normal(2, tau, batch, d), normal(3, 1, batch, d)
    expected = everything(module, *given_values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "BLOCK_ELEMENTS", elements)
        assert_close(everything(module, *given_values), expected, 1e-9)


def laid_out(value, order, gaps):
    """The same values in memory of another order of its dimensions, with NaN between them."""
    memory = value.new_full([value.shape[k] * gaps[k] for k in order], float("nan"))
    view = memory.permute(*(order.index(k) for k in range(value.ndim)))
    return view[tuple(slice(None, None, gap) for gap in gaps)].copy_(value)


layouts = st.tuples(st.permutations(range(3)), st.tuples(*[st.integers(1, 3)] * 3))


@given(cells, rules, seeds, sizes, st.lists(layouts, min_size=4, max_size=4), st.booleans(), st.booleans())
def test_any_strides(cell, rule, seed, size, laid, batch_first, transposed):
    tau, batch, d, p = size
    torch.manual_seed(seed)
    options = {"batch_first": batch_first, "dtype": torch.float64, "rule": taken(cell, rule)}
    module = CELLS[cell][1](p, d, 2, **options)
    before = (batch, tau) if batch_first else (tau, batch)
    shapes = (*before, p), (2, batch, d), (*before, d), (2, batch, d)
    given_values = [normal(seed + i, *shape) for i, shape in enumerate(shapes)]
    expected = everything(module, *given_values)
    if transposed:
        with torch.no_grad():
            for name in ("weight_hh_l0", "weight_ih_l0", "weight_hh_l1", "weight_ih_l1"):
                weight = module.get_parameter(name)
                weight.set_(weight.T.contiguous().T)
    found = everything(module, *(laid_out(value, *how) for value, how in zip(given_values, laid, strict=True)))
    assert_close(found, expected, 1e-9)


@given(cells, rules, seeds, sizes)
def test_expanded_tensors_are_as_good_as_their_copies(cell, rule, seed, size):
    tau, batch, d, p = size
    torch.manual_seed(seed)
    module = CELLS[cell][1](p, d, dtype=torch.float64, rule=taken(cell, rule))
    one = torch.ones((), dtype=torch.float64)  # as it arrives from output.sum()
    expanded = [
        normal(seed, 1, 1, p).expand(tau, batch, p),
        normal(seed + 1, 1, 1, d).expand(1, batch, d),
        one.expand(tau, batch, d),
        one.expand(1, batch, d),
    ]
    assert_close(everything(module, *expanded), everything(module, *(value.clone() for value in expanded)), 1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_a_view_that_torch_negates_lazily(cell):
    module = CELLS[cell][1](3, 4, rule=TargetProp(1.0))
    x, gradient = (torch.randn(5, 2, size, dtype=torch.complex64).conj().imag for size in (3, 4))
    assert x.is_neg() and gradient.is_neg()
    rest = torch.zeros(1, 2, 4)
    found = everything(module, x, rest, gradient, rest)
    assert_close(found, everything(module, x.resolve_neg(), rest, gradient.resolve_neg(), rest), 1e-5)


@given(cells, rules, seeds, sizes, st.integers(1, 2))
def test_bfloat16_is_float32_rounded(cell, rule, seed, size, layers):
    tau, batch, d, p = size
    torch.manual_seed(seed)
    module = CELLS[cell][1](p, d, layers, rule=taken(cell, rule)).bfloat16()
    shapes = (tau, batch, p), (layers, batch, d), (tau, batch, d), (layers, batch, d)
    given_values = [normal(seed + i, *shape, dtype=torch.bfloat16) for i, shape in enumerate(shapes)]
    exact = everything(copy.deepcopy(module).float(), *(value.float() for value in given_values))
    assert_close(everything(module, *given_values), [value.bfloat16() for value in exact], 0)
