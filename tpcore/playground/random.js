// Random numbers with a seed, the same in every browser.

/** A function that draws uniform numbers in [0, 1): SplitMix32. Each `stream` of a seed is another sequence. */
function uniform(seed, stream) {
  let state = Math.imul(seed, 0x2545f491) + Math.imul(stream + 1, 0x9e3779b1);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 4294967296;
  };
}

/** An integer from low to high − 1. */
function integer(draw, low, high) {
  return low + Math.floor(draw() * (high - low));
}
