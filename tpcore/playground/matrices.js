// Products of matrices, in one function. All are Float64Arrays, row after row.

/** Where a network's arrays lie: in WebAssembly's memory where there is one with SIMD, so that its kernel can reach them. */
class Space {
  constructor(bytes = 32 * 2 ** 20) {
    this.used = 0;
    if (!KERNEL) return;
    this.memory = new WebAssembly.Memory({ initial: bytes / 65536 });
    this.blocks = new WebAssembly.Instance(KERNEL, { space: { memory: this.memory } }).exports.blocks;
  }

  /** Begin anew: arrays given out before are no longer used. */
  clear() {
    this.used = 0;
    return this;
  }

  /** An array of n zeros. */
  array(n) {
    if (!this.memory || this.used + 8 * n > this.memory.buffer.byteLength) return new Float64Array(n);
    const made = new Float64Array(this.memory.buffer, this.used, n);
    this.used += 8 * n;
    return made.fill(0);
  }

  /**
   * Add A B to out (n, m), from its element out0 on; B is (k, m). A's rows lie `row` elements apart and what is summed
   * over `inner` elements: so A may be (n, k), with (k, 1), or the transpose of (k, n), with (1, n).
   */
  addProduct(out, out0, A, a0, row, inner, n, B, k, m) {
    const reached = this.memory && [out, A, B].every((x) => x.buffer === this.memory.buffer);
    const rows = n - (n % 4), columns = m - (m % 4);
    if (reached && rows && columns) {
      this.blocks(out.byteOffset + 8 * out0, A.byteOffset + 8 * a0, 8 * row, 8 * inner, rows, B.byteOffset, 8 * m, 8 * columns, k);
      addEdges(out, out0, A, a0, row, inner, n, B, k, m, rows, columns);
    } else {
      addBlocks(out, out0, A, a0, row, inner, n - (n % 2), B, k, m, columns);
      addEdges(out, out0, A, a0, row, inner, n, B, k, m, n - (n % 2), columns);
    }
  }
}

/** The product in blocks of 2 × 4 sums, which the engine keeps in registers: where there is no WebAssembly. */
function addBlocks(out, out0, A, a0, row, inner, rows, B, k, m, columns) {
  for (let i = 0; i < rows; i += 2) {
    for (let j = 0; j < columns; j += 4) {
      let p0 = 0, p1 = 0, p2 = 0, p3 = 0, q0 = 0, q1 = 0, q2 = 0, q3 = 0;
      for (let l = 0, a = a0 + i * row, b = j; l < k; l++, a += inner, b += m) {
        const x = A[a], y = A[a + row], b0 = B[b], b1 = B[b + 1], b2 = B[b + 2], b3 = B[b + 3];
        p0 += x * b0; p1 += x * b1; p2 += x * b2; p3 += x * b3;
        q0 += y * b0; q1 += y * b1; q2 += y * b2; q3 += y * b3;
      }
      const o = out0 + i * m + j, u = o + m;
      out[o] += p0; out[o + 1] += p1; out[o + 2] += p2; out[o + 3] += p3;
      out[u] += q0; out[u + 1] += q1; out[u + 2] += q2; out[u + 3] += q3;
    }
  }
}

/** What the blocks have left: the last columns, and the last rows. */
function addEdges(out, out0, A, a0, row, inner, n, B, k, m, rows, columns) {
  for (let i = 0; i < n; i++) {
    for (let j = i < rows ? columns : 0; j < m; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += A[a0 + i * row + l * inner] * B[l * m + j];
      out[out0 + i * m + j] += sum;
    }
  }
}

function setTransposed(out, W, rows, columns) {
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = W[i * columns + j];
}
