// The inner loop of the products for WebAssembly, two numbers at a time: in plain JavaScript a step takes three times as long.
// It is written here instruction by instruction, so that there is nothing to compile and nothing that is not its own source.

/** The module, or null where WebAssembly has no SIMD. */
const KERNEL = (() => {
  try {
    return new WebAssembly.Module(kernelBytes());
  } catch {
    return null;
  }
})();

/**
 * blocks(out, A, row, inner, rows, B, m, columns, k): all in bytes but `rows` and `k`. For each block of 4 rows and 4 columns
 *   sums = Σ_l A[i·row + l·inner] · B[l·m + j …]   in 8 registers of 2, then out += sums.
 */
function kernelBytes() {
  const I32 = 0x7f, V128 = 0x7b, PARAMETERS = 9;
  const [out, A, row, inner, rows, B, m, columns, k, i, j, l, a, b, o, at] = Array.from({ length: 16 }, (_, n) => n);
  const sums = [16, 17, 18, 19, 20, 21, 22, 23], b0 = 24, b1 = 25, x = 26;

  const get = (local) => [0x20, local], set = (local, ...value) => [...value.flat(), 0x21, local];
  const constant = (value) => [0x41, ...signed(value)], add = (p, q) => [...p, ...q, 0x6a], times = (p, q) => [...p, ...q, 0x6c];
  const loop = (...body) => [0x03, 0x40, ...body.flat(), 0x0b]; // a body ends with its own jump back
  const again = (...condition) => [...condition.flat(), 0x0d, 0];
  const simd = (code, ...more) => [0xfd, ...unsigned(code), ...more];
  const load = (address, offset = 0) => [...address, ...simd(0x00, 3, offset)];
  const splat = (address) => [...address, ...simd(0x0a, 3, 0)]; // one number, twice
  const plus = simd(0xf0, 1).slice(0, 3), multiplied = simd(0xf2, 1).slice(0, 3);
  const zero = [...simd(0x0c), ...new Array(16).fill(0)];

  const multiply = [0, 1, 2, 3].flatMap((r) => [
    ...(r ? set(at, add(get(at), get(row))) : set(at, get(a))),
    ...set(x, splat(get(at))),
    ...[b0, b1].flatMap((part, c) => set(sums[2 * r + c], get(sums[2 * r + c]), get(x), get(part), multiplied, plus)),
  ]);
  const store = [0, 1, 2, 3].flatMap((r) => [
    ...[0, 1].flatMap((c) => [...get(o), ...load(get(o), 16 * c), ...get(sums[2 * r + c]), ...plus, ...simd(0x0b, 3, 16 * c)]),
    ...set(o, add(get(o), get(m))),
  ]);
  const body = [
    ...set(i, constant(0)),
    ...loop(
      set(j, constant(0)),
      loop(
        sums.flatMap((sum) => set(sum, zero)),
        set(a, add(get(A), times(get(i), get(row)))),
        set(b, add(get(B), get(j))),
        set(l, get(k)),
        loop(
          set(b0, load(get(b))),
          set(b1, load(get(b), 16)),
          multiply,
          set(a, add(get(a), get(inner))),
          set(b, add(get(b), get(m))),
          set(l, add(get(l), constant(-1))),
          again(get(l)),
        ),
        set(o, add(add(get(out), times(get(i), get(m))), get(j))),
        store,
        set(j, add(get(j), constant(32))),
        again(get(j), get(columns), 0x49), // j < columns
      ),
      set(i, add(get(i), constant(4))),
      again(get(i), get(rows), 0x49),
    ),
    0x0b,
  ];
  const locals = [2, 7, I32, 11, V128];
  const code = [...locals, ...body];
  const section = (id, content) => [id, ...unsigned(content.length), ...content];
  const name = (text) => [text.length, ...[...text].map((letter) => letter.charCodeAt(0))];
  return new Uint8Array([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // "\0asm", version 1
    ...section(1, [1, 0x60, PARAMETERS, ...new Array(PARAMETERS).fill(I32), 0]), // its one type
    ...section(2, [1, ...name("space"), ...name("memory"), 0x02, 0x00, 1]), // the memory it is given
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("blocks"), 0x00, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

/** A number as WebAssembly writes it: seven bits a byte (LEB128). */
function unsigned(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function signed(value) {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}
