// Singular values, by Jacobi's rotations of one side: exact also where WᵀW would have lost the small ones.

/** Of W (rows, columns), rows ≥ columns: scaled[i] = σ_i u_i and right[i] = v_i as rows, so that W = Σ σ_i u_i v_iᵀ. */
function singularVectors(W, rows, columns) {
  const scaled = new Float64Array(columns * rows), right = new Float64Array(columns * columns);
  for (let i = 0; i < columns; i++) {
    right[i * columns + i] = 1;
    for (let l = 0; l < rows; l++) scaled[i * rows + l] = W[l * columns + i];
  }
  const rounding = 2.2e-16 * rows; // of a product of two columns: below it they are orthogonal
  for (let sweep = 0, turned = true; turned && sweep < 60; sweep++) {
    turned = false;
    for (let i = 0; i < columns; i++) {
      for (let j = i + 1; j < columns; j++) {
        const a = dot(scaled, i * rows, i * rows, rows), b = dot(scaled, j * rows, j * rows, rows);
        const c = dot(scaled, i * rows, j * rows, rows);
        if (!(Math.abs(c) > rounding * Math.sqrt(a * b))) continue;
        turned = true;
        const zeta = (b - a) / (2 * c);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        rotate(scaled, i * rows, j * rows, rows, tangent);
        rotate(right, i * columns, j * columns, columns, tangent);
      }
    }
  }
  const sigma = Float64Array.from({ length: columns }, (_, i) => Math.sqrt(dot(scaled, i * rows, i * rows, rows)));
  return { sigma, scaled, right };
}

/** Σ_i weight(σ_i) v_i (σ_i u_i)ᵀ, (columns, rows): a function of W of its transposed shape. */
function fromSingular({ sigma, scaled, right }, rows, columns, weight, out) {
  out.fill(0);
  const zero = Math.max(...sigma) * rows * 2.2e-16; // below, a singular value is a rounding error
  for (let i = 0; i < columns; i++) {
    if (!(sigma[i] > zero)) continue;
    const w = weight(sigma[i]);
    for (let k = 0; k < columns; k++) {
      const factor = w * right[i * columns + k];
      for (let l = 0; l < rows; l++) out[k * rows + l] += factor * scaled[i * rows + l];
    }
  }
}

function dot(x, i, j, n) {
  let sum = 0;
  for (let l = 0; l < n; l++) sum += x[i + l] * x[j + l];
  return sum;
}

function rotate(x, i, j, n, tangent) {
  const cosine = 1 / Math.hypot(1, tangent), sine = cosine * tangent;
  for (let l = 0; l < n; l++) {
    const p = x[i + l], q = x[j + l];
    x[i + l] = cosine * p - sine * q;
    x[j + l] = sine * p + cosine * q;
  }
}
