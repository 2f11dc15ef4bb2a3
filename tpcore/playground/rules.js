// What each rule carries one step back: D_{t−1} = (gain ⊙ D_t) operator, with D = −δ, or λ under back-propagation, as rows.
// `setOperator` fills a (d, d) matrix once a step; `setGains` turns slopes a′(z_t), all of them, into gains; `gain` is what
// the operator does to a singular value. Another rule is another entry here, and its name in settings.py.

const MARGIN = 1e-3; // the inverse of tanh is taken on [−1 + margin, 1 − margin]
const FLOOR = 1e-6; // of the largest singular value: below, the geometric mean's gain falls to zero
const LEAST_SLOPE = 1 - (1 - MARGIN) ** 2;

const RULES = {
  /** Back-propagation: W and a′. */
  bp: {
    setOperator: (space, out, W) => out.set(W),
    setGains: (out, slopes) => out.set(slopes),
    gain: (sigma) => sigma,
  },
  /** The paper's rule: M_rᵀ and 1/a′, a′ at the clipped state. */
  paper: {
    setOperator: (space, out, W, d, { r }, scratch) => setInverse(space, out, W, d, r, scratch),
    setGains(out, slopes) {
      for (let i = 0; i < out.length; i++) out[i] = 1 / (slopes[i] > LEAST_SLOPE ? slopes[i] : LEAST_SLOPE);
    },
    gain: (sigma, { r }) => sigma / (sigma * sigma + r),
  },
  /** Calibrated, s = r: (1 + r) M_rᵀ and (1 + r) a′/(a′² + r). */
  cal: {
    setOperator(space, out, W, d, { r }, scratch) {
      setInverse(space, out, W, d, r, scratch);
      for (let i = 0; i < out.length; i++) out[i] *= 1 + r;
    },
    setGains(out, slopes, { r }) {
      for (let i = 0; i < out.length; i++) out[i] = ((1 + r) * slopes[i]) / (slopes[i] * slopes[i] + r);
    },
    gain: (sigma, { r }) => ((1 + r) * sigma) / (sigma * sigma + r),
  },
  /** The geometric mean: M_pᵀ = U Σᵖ Vᵀ and a′ᵖ, a′ at the clipped state for p ≤ 0. */
  geo: {
    setOperator(space, out, W, d, { p }) {
      const { sigma, scaled, right } = singularVectors(W, d, d), floor = FLOOR * Math.max(...sigma);
      fromSingular({ sigma, scaled: right, right: scaled }, d, d, (x) => Math.max(x, floor) ** (p - 1), out);
    },
    setGains(out, slopes, { p }) {
      const least = p > 0 ? 0 : LEAST_SLOPE;
      for (let i = 0; i < out.length; i++) out[i] = (slopes[i] > least ? slopes[i] : least) ** p;
    },
    gain: (sigma, { p }) => sigma ** p,
  },
};
RULES.first = RULES.geo; // targets first: its p is moved by the loss (schedule.js)
