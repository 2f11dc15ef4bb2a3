"""Identity 2 and the matrix part of identities 11, 12 and 14 of the calibrated form."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.definition import ridge_operator
from tpcore import inversion, regularized_inverse

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))
seeds = st.integers(0, 2**20)
regularizations = st.floats(1e-4, 1e4)


def matrix(seed, q, p, dtype=torch.float64):
    return torch.randn(q, p, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def square(seed, d=6):
    """Well-conditioned: singular values between 0.3 and 2."""
    left, _, right = torch.linalg.svd(matrix(seed, d, d))
    return left @ torch.diag(torch.linspace(2.0, 0.3, d, dtype=torch.float64)) @ right


@given(seeds, shapes, regularizations)
def test_equals_the_ridge_solution(seed, shape, r):
    W = matrix(seed, *shape)
    torch.testing.assert_close(regularized_inverse(W, r).matrix, ridge_operator(W, r), rtol=1e-8, atol=1e-10)


@given(seeds, shapes, regularizations)
def test_a_gpu_s_way_equals_it_or_is_left(seed, shape, r):
    W = matrix(seed, max(shape), min(shape))
    found, k = inversion._by_torch(W, r), float(torch.linalg.matrix_norm(W.T @ W + r * torch.eye(min(shape)))) / r
    assert (found is None) == (k > inversion.CHOLESKY)
    if found is not None:
        torch.testing.assert_close(found, ridge_operator(W, r), rtol=1e-8, atol=1e-10)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("shape", [(6, 6), (4, 7), (7, 4)])
@pytest.mark.parametrize("r", [1e-12, 1e-3, 1.0, 1e3, 1e38])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_on_a_gpu_it_is_the_same(shape, r, dtype):
    W = matrix(0, *shape, dtype)
    for calibrated in (False, True):
        found = regularized_inverse(W.cuda(), r, calibrated=calibrated).matrix
        assert found.is_cuda and found.dtype == dtype and found.is_contiguous()
        torch.testing.assert_close(found.cpu(), regularized_inverse(W, r, calibrated=calibrated).matrix)


def test_a_gpu_s_way_leaves_what_is_not_finite():
    assert inversion._by_torch(torch.full((3, 3), torch.nan), 1.0) is None


@given(seeds, shapes, regularizations)
def test_no_other_point_is_lower(seed, shape, r):
    W, y = matrix(seed, *shape), matrix(seed + 1, shape[0], 1)
    best = regularized_inverse(W, r).apply(y.T).T

    def objective(u):
        return 0.5 * (W @ u - y).square().sum() + 0.5 * r * u.square().sum()

    for k in range(5):
        assert objective(best) <= objective(best + 0.1 * matrix(seed + k, shape[1], 1)) + 1e-12


@given(seeds, shapes, regularizations, st.booleans())
def test_filter_factors_are_the_singular_values(seed, shape, r, calibrated):
    inverse = regularized_inverse(matrix(seed, *shape), r, calibrated=calibrated)
    expected = torch.linalg.svdvals(inverse.matrix)
    torch.testing.assert_close(inverse.filter_factors.sort(descending=True).values, expected, rtol=1e-7, atol=1e-9)


@given(seeds, shapes, regularizations)
def test_norm_bound(seed, shape, r):
    norm = torch.linalg.matrix_norm(regularized_inverse(matrix(seed, *shape), r).matrix, 2)
    assert norm <= (1 + 1e-9) / (2 * math.sqrt(r))


def test_limits_of_r():
    W = square(0)
    errors = [(r * regularized_inverse(W, r).matrix - W.T).norm().item() for r in (1e3, 1e4, 1e5)]
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.05) and errors[2] == pytest.approx(errors[1] / 10, rel=0.05)
    torch.testing.assert_close(regularized_inverse(W, 1e-12).matrix, torch.linalg.inv(W), rtol=1e-8, atol=1e-8)


def test_tall_and_wide_limits_are_the_pseudo_inverse():
    for shape in ((7, 3), (3, 7)):
        W = matrix(0, *shape)
        torch.testing.assert_close(regularized_inverse(W, 1e-10).matrix, torch.linalg.pinv(W), rtol=1e-6, atol=1e-6)


@given(seeds, st.floats(1e-3, 1e3))
def test_calibrated_is_the_weighted_harmonic_mean(seed, r):
    W = square(seed)
    mean = torch.linalg.inv((W + r * torch.linalg.inv(W).T) / (1 + r))
    torch.testing.assert_close(regularized_inverse(W, r, calibrated=True).matrix, mean, rtol=1e-9, atol=1e-10)


@given(st.floats(1e-3, 1e3), seeds)
def test_calibrated_inverts_an_isometry_exactly(r, seed):
    Q = torch.linalg.qr(matrix(seed, 5, 5))[0]
    torch.testing.assert_close(regularized_inverse(Q, r, calibrated=True).matrix, Q.T, rtol=1e-10, atol=1e-11)


@given(st.floats(1e-3, 1e3), st.floats(-3, 3))
def test_largest_calibrated_gain(r, log_sigma):
    gain = regularized_inverse(torch.tensor([[math.exp(log_sigma)]], dtype=torch.float64), r, calibrated=True)
    assert gain.matrix.item() <= (1 + r) / (2 * math.sqrt(r)) * (1 + 1e-12)


@given(st.floats(-5, 5))
def test_middle_gain_is_one_over_cosh(log_sigma):
    W = torch.tensor([[math.exp(log_sigma)]], dtype=torch.float64)
    assert regularized_inverse(W, 1.0, calibrated=True).matrix.item() == pytest.approx(
        1 / math.cosh(log_sigma), rel=1e-12
    )


def test_float32_is_as_accurate_as_its_own_rounding():
    W = matrix(3, 40, 40)
    exact = ridge_operator(W.float().double(), 1e-6)
    found = regularized_inverse(W.float(), 1e-6).matrix
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=1e-6 * float(exact.abs().max()))


def test_apply_is_the_matrix_on_each_row():
    W, v = matrix(0, 3, 5), matrix(1, 4 * 2, 3).view(4, 2, 3)
    inverse = regularized_inverse(W, 0.5)
    torch.testing.assert_close(inverse.apply(v), torch.einsum("pq,abq->abp", inverse.matrix, v))
    with pytest.raises(ValueError, match=r"v must have last dimension 3.*\(4, 2, 2\)"):
        inverse.apply(v[..., :2])


@pytest.mark.parametrize("r", [0, 0.0, -1, math.nan, math.inf, "1x", None])
def test_bad_r_is_named(r):
    with pytest.raises(ValueError, match="r must be a finite number above 0, got"):
        regularized_inverse(torch.eye(2), r)


@pytest.mark.parametrize(
    ("W", "error", "message"),
    [
        (np.eye(2), TypeError, "W must be a torch.Tensor, got ndarray"),
        (torch.zeros(3), ValueError, r"W must be a matrix .* its shape is \(3,\)"),
        (torch.zeros(0, 3), ValueError, r"its shape is \(0, 3\)"),
        (torch.eye(2, dtype=torch.int64), TypeError, "float32 or float64, got torch.int64"),
        (
            torch.tensor([[1.0, math.nan], [math.inf, 1.0]]),
            FloatingPointError,
            "W holds 2 of 4 values that are not finite",
        ),
    ],
)
def test_bad_W_is_explained(W, error, message):
    with pytest.raises(error, match=message):
        regularized_inverse(W, 1e-30)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("r", [1e-30, 1e-12, 1e-6, 1e-3, 0.1, 10, 1e6])
def test_no_r_is_too_small_or_too_large(dtype, r):
    """Cholesky in W's precision, in float64, and the SVD take over from each other without a seam."""
    W = (torch.eye(6, dtype=torch.float64) + 0.3 * matrix(0, 6, 6)).to(dtype)
    found, exact = regularized_inverse(W, r).matrix, ridge_operator(W.double(), r)
    condition = min(
        1 + float(torch.linalg.matrix_norm(W, 2)) ** 2 / r, 1e2
    )  # in float32, above 10² it is computed in float64
    tolerance = 20 * condition * torch.finfo(dtype).eps if dtype == torch.float32 else 1e-8
    assert float((found - exact).norm() / exact.norm()) < tolerance


def test_a_singular_matrix_has_its_pseudo_inverse_in_the_limit():
    W = torch.ones(3, 4, dtype=torch.float64)
    torch.testing.assert_close(regularized_inverse(W, 1e-30).matrix, torch.linalg.pinv(W))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_numpy_s_error_mode_is_the_user_s_own(scale):
    W = scale * (torch.eye(4) + torch.ones(4, 4))
    with np.errstate(all="raise"):
        found = regularized_inverse(W, 1.0, calibrated=True).matrix
    limit = W.T if scale < 1 else torch.linalg.inv(W.double()).float()  # of M_1, for a W so small or so large
    torch.testing.assert_close(found, 2 * limit, rtol=1e-5, atol=0)


def test_a_huge_matrix_does_not_overflow():
    W = 1e200 * torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(regularized_inverse(W, 1.0).filter_factors * 1e200, torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(regularized_inverse(W, 1.0).matrix * 1e200, torch.eye(2, dtype=torch.float64))


def test_filter_factors_leave_out_what_the_matrix_leaves_out():
    W = matrix(0, 5, 2) @ matrix(1, 2, 5)  # of rank 2
    inverse = regularized_inverse(W, 1e-40)
    torch.testing.assert_close(inverse.filter_factors.sort().values, torch.linalg.svdvals(inverse.matrix).flip(0))
    assert int((inverse.filter_factors == 0).sum()) == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_isometry_is_inverted_at_an_r_beyond_float32(dtype):
    found = regularized_inverse(torch.eye(3, dtype=dtype), 1e39, calibrated=True)
    torch.testing.assert_close(found.matrix, torch.eye(3, dtype=dtype))


def test_what_becomes_of_W_afterwards_changes_nothing():
    W = torch.eye(2)
    inverse = regularized_inverse(W, 1.0)
    W.fill_(math.nan)
    torch.testing.assert_close(inverse.matrix, 0.5 * torch.eye(2))
    torch.testing.assert_close(inverse.filter_factors, torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize(
    ("v", "error", "message"),
    [
        ([1.0, 2.0], TypeError, "v must be a torch.Tensor, got list"),
        (torch.ones(2).double(), TypeError, "v is torch.float64 on cpu but W is torch.float32"),
        (torch.ones(3), ValueError, r"v must have last dimension 2, W's rows; its shape is \(3,\)"),
    ],
)
def test_bad_v_is_explained(v, error, message):
    with pytest.raises(error, match=message):
        regularized_inverse(torch.eye(2), 1.0).apply(v)


def test_calibrated_is_a_flag():
    with pytest.raises(ValueError, match="calibrated must be True or False, got 'no'"):
        regularized_inverse(torch.eye(2), 1.0, calibrated="no")


def test_a_matrix_too_ill_conditioned_to_be_squared_is_inverted_all_the_same() -> None:
    """σ = 1 and 10⁻⁶ at r = 10⁻¹²: WᵀW would lose a part in 10⁴ of the second."""
    one, other = (torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]).double() for a in (0.4, 1.1))
    sigma, r = torch.tensor([1.0, 1e-6]).double(), 1e-12
    expected = other @ torch.diag(sigma / (sigma**2 + r)) @ one.T
    found = regularized_inverse(one @ torch.diag(sigma) @ other.T, r).matrix
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
