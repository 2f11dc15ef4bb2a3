// M_r = (WᵀW + rI)⁻¹Wᵀ, as tpcore/inversion.py has it.

const CHOLESKY = 1e5; // the largest bound on the condition of WᵀW + rI with which it is factored; beyond, singular values

/** Set out (d, d) to M_rᵀ of W (d, d). */
function setInverse(space, out, W, d, r, scratch) {
  scratch.fill(0);
  space.addProduct(scratch, 0, W, 0, 1, d, d, W, d, d); // WᵀW
  for (let i = 0; i < d; i++) scratch[i * d + i] += r;
  let square = 0;
  for (let i = 0; i < d * d; i++) square += scratch[i] * scratch[i];
  if (Math.sqrt(square) <= CHOLESKY * r && factor(scratch, d)) {
    out.set(W);
    solveRows(scratch, out, d);
  } else {
    const { sigma, scaled, right } = singularVectors(W, d, d); // with both bases exchanged, the transpose
    fromSingular({ sigma, scaled: right, right: scaled }, d, d, (x) => 1 / (x * x + r), out);
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

/** Overwrite each row x of X by the solution y of L Lᵀ y = x. */
function solveRows(L, X, d) {
  for (let x = 0; x < d * d; x += d) {
    for (let i = 0; i < d; i++) {
      let sum = X[x + i];
      for (let j = 0; j < i; j++) sum -= L[i * d + j] * X[x + j];
      X[x + i] = sum / L[i * d + i];
    }
    for (let i = d - 1; i >= 0; i--) {
      const y = (X[x + i] /= L[i * d + i]);
      for (let j = 0; j < i; j++) X[x + j] -= L[i * d + j] * y;
    }
  }
}
