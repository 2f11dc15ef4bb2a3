// Products of matrices. All are Float64Arrays, row after row; a letter's start (out0, a0) is where its matrix begins.
// The loops hold a block of sums in variables: the engine keeps them in registers.

/** Add A Bᵀ to out: A (n, k), B (m, k), out (n, m). */
function addTimesTransposed(out, out0, A, a0, n, k, B, m) {
  const wholeRows = n - (n % 2), wholeColumns = m - (m % 4);
  for (let i = 0; i < wholeRows; i += 2) {
    const a = a0 + i * k, c = a + k;
    for (let j = 0; j < wholeColumns; j += 4) {
      const b = j * k, e = b + k, f = e + k, g = f + k;
      let p0 = 0, p1 = 0, p2 = 0, p3 = 0, q0 = 0, q1 = 0, q2 = 0, q3 = 0;
      for (let l = 0; l < k; l++) {
        const x = A[a + l], y = A[c + l], b0 = B[b + l], b1 = B[e + l], b2 = B[f + l], b3 = B[g + l];
        p0 += x * b0; p1 += x * b1; p2 += x * b2; p3 += x * b3;
        q0 += y * b0; q1 += y * b1; q2 += y * b2; q3 += y * b3;
      }
      const o = out0 + i * m + j, u = o + m;
      out[o] += p0; out[o + 1] += p1; out[o + 2] += p2; out[o + 3] += p3;
      out[u] += q0; out[u + 1] += q1; out[u + 2] += q2; out[u + 3] += q3;
    }
  }
  for (let i = 0; i < n; i++) { // what the blocks leave: the last columns, and the last row
    for (let j = i < wholeRows ? wholeColumns : 0; j < m; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += A[a0 + i * k + l] * B[j * k + l];
      out[out0 + i * m + j] += sum;
    }
  }
}

/** Set out to Aᵀ F: A (n, k), F (n, m), out (k, m). */
function setTransposedTimes(out, out0, A, n, k, F, m) {
  const wholeRows = k - (k % 2), wholeColumns = m - (m % 4);
  for (let i = 0; i < wholeRows; i += 2) {
    for (let j = 0; j < wholeColumns; j += 4) {
      let p0 = 0, p1 = 0, p2 = 0, p3 = 0, q0 = 0, q1 = 0, q2 = 0, q3 = 0;
      for (let l = 0, a = i, f = j; l < n; l++, a += k, f += m) {
        const x = A[a], y = A[a + 1], f0 = F[f], f1 = F[f + 1], f2 = F[f + 2], f3 = F[f + 3];
        p0 += x * f0; p1 += x * f1; p2 += x * f2; p3 += x * f3;
        q0 += y * f0; q1 += y * f1; q2 += y * f2; q3 += y * f3;
      }
      const o = out0 + i * m + j, u = o + m;
      out[o] = p0; out[o + 1] = p1; out[o + 2] = p2; out[o + 3] = p3;
      out[u] = q0; out[u + 1] = q1; out[u + 2] = q2; out[u + 3] = q3;
    }
  }
  for (let i = 0; i < k; i++) {
    for (let j = i < wholeRows ? wholeColumns : 0; j < m; j++) {
      let sum = 0;
      for (let l = 0; l < n; l++) sum += A[l * k + i] * F[l * m + j];
      out[out0 + i * m + j] = sum;
    }
  }
}
