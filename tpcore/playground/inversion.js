// M_r = (WᵀW + rI)⁻¹Wᵀ, as tpcore/inversion.py has it.

const CHOLESKY = 1e5; // the largest bound on the condition of WᵀW + rI with which it is factored; beyond, singular values

/** Set out (d, d) to M_r of W (d, d). */
function setInverse(out, W, d, r, scratch) {
  setTransposedTimes(scratch, 0, W, d, d, W, d);
  for (let i = 0; i < d; i++) scratch[i * d + i] += r;
  let square = 0;
  for (let i = 0; i < d * d; i++) square += scratch[i] * scratch[i];
  const precise = Math.sqrt(square) <= CHOLESKY * r && factor(scratch, d);
  if (precise) {
    setTransposed(out, W, d);
    solve(scratch, out, d);
  } else {
    fromSingular(singularVectors(W, d, d), d, d, (sigma) => 1 / (sigma * sigma + r), out);
  }
}

/** Overwrite the lower half of a symmetric matrix by its Cholesky factor; false if it is not positive. */
function factor(A, d) {
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = A[i * d + j];
      for (let l = 0; l < j; l++) sum -= A[i * d + l] * A[j * d + l];
      if (i === j && !(sum > 0)) return false;
      A[i * d + j] = i === j ? Math.sqrt(sum) : sum / A[j * d + j];
    }
  }
  return true;
}

/** Overwrite the rows of X by the solution of L Lᵀ X = X. */
function solve(L, X, d) {
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < i; j++) subtractRow(X, i, j, L[i * d + j], d);
    for (let k = 0; k < d; k++) X[i * d + k] /= L[i * d + i];
  }
  for (let i = d - 1; i >= 0; i--) {
    for (let j = i + 1; j < d; j++) subtractRow(X, i, j, L[j * d + i], d);
    for (let k = 0; k < d; k++) X[i * d + k] /= L[i * d + i];
  }
}

function subtractRow(X, i, j, factor, d) {
  for (let k = 0; k < d; k++) X[i * d + k] -= factor * X[j * d + k];
}

function setTransposed(out, W, d) {
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) out[i * d + j] = W[j * d + i];
}
