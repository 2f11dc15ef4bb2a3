// One lane's training step: the walk back under a rule, and the optimizer. What it computes is tpcore's, in double precision.

const LARGEST = 3.4e38; // in single precision, tpcore's own unless asked for more, what is larger is not finite
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Fill `gradient` with minus the directions of a rule for what `forward` and `judge` left. */
function setDirections(network, inputs, lane, gradient) {
  const { space, d, q, batch, flows, parameters } = network, rule = RULES[lane.rule];
  gradient.all.fill(0);
  space.addProduct(gradient.V, 0, network.onOutputs, 0, 1, q, q, network.last, batch, d);
  sumRows(gradient.c, network.onOutputs, q);
  setLastFlow(network, lane.rule === "bp" ? 1 : lane.gamma_h); // back-propagation has γ_h in its step size
  rule.setOperator(space, network.operator, parameters.W, d, lane, network.scratch);
  rule.setGains(network.gains, network.slopes, lane);
  carryBack(network, flows, network.gains, network.operator);
  let used = flows;
  if (lane.rule !== "bp" && lane.accumulate === "through_time") {
    used = network.through;
    used.set(flows);
    carryBack(network, used, network.slopes, parameters.W);
  }
  addUp(network, inputs, used, gradient);
}

/** D_τ = γ_h ∂ℓ/∂h_τ; zero before, as the walk back adds to it. */
function setLastFlow({ d, q, length, batch, flows, onOutputs, parameters }, gammaH) {
  flows.fill(0);
  for (let b = 0; b < batch; b++) {
    for (let k = 0; k < q; k++) {
      const factor = gammaH * onOutputs[b * q + k];
      for (let i = 0; i < d; i++) flows[(length * batch + b) * d + i] += factor * parameters.V[k * d + i];
    }
  }
}

/** D_{t−1} += (gain_t ⊙ D_t) operator, from the last step to the first. */
function carryBack({ space, d, length, batch, scaled }, D, gains, operator) {
  const size = batch * d;
  for (let t = length; t > 0; t--) {
    for (let i = 0; i < size; i++) {
      const value = gains[(t - 1) * size + i] * D[t * size + i];
      scaled[i] = value < 1e-290 && value > -1e-290 ? 0 : value; // what has vanished would slow the processor down
    }
    space.addProduct(D, (t - 1) * size, scaled, 0, d, 1, batch, operator, d, d);
  }
}

/** Minus the parameters' directions: Σ E h_{t−1}ᵀ, Σ E x_tᵀ and Σ E, with E = a′ ⊙ D. */
function addUp({ space, d, p, length, batch, states, slopes, shares }, inputs, D, gradient) {
  const size = batch * d;
  for (let i = 0; i < shares.length; i++) shares[i] = slopes[i] * D[size + i];
  space.addProduct(gradient.W, 0, shares, 0, 1, d, d, states, length * batch, d);
  space.addProduct(gradient.U, 0, shares, 0, 1, d, d, inputs, length * batch, p);
  sumRows(gradient.b_ih, shares, d);
  gradient.b_hh.set(gradient.b_ih);
}

/** Add the rows of A to out, which is zero. */
function sumRows(out, A, columns) {
  for (let i = 0; i < A.length; i += columns) for (let j = 0; j < columns; j++) out[j] += A[i + j];
}

/** One optimizer's step; the recurrent part moves by γ_θ γ_h, the output layer by γ_θ. */
class Optimizer {
  constructor(count) {
    this.mean = new Float64Array(count);
    this.square = new Float64Array(count);
    this.steps = 0;
  }

  step(network, lane) {
    const { all } = network.parameters, g = network.gradient.all, recurrent = network.recurrentCount();
    const scaled = lane.optimizer === "adam" || lane.rule === "bp"; // under the others γ_h is in g already
    const sizes = [lane.gamma_theta * (scaled ? lane.gamma_h : 1), lane.gamma_theta];
    if (lane.optimizer === "adam") return this.adam(all, g, recurrent, sizes);
    for (let i = 0; i < all.length; i++) all[i] -= sizes[i < recurrent ? 0 : 1] * g[i];
  }

  adam(all, g, recurrent, sizes) {
    const { beta1, beta2, epsilon } = ADAM, { mean, square } = this;
    this.steps += 1;
    const first = 1 - beta1 ** this.steps, second = Math.sqrt(1 - beta2 ** this.steps);
    for (let i = 0; i < all.length; i++) {
      mean[i] += (1 - beta1) * (g[i] - mean[i]);
      square[i] = beta2 * square[i] + (1 - beta2) * g[i] * g[i];
      all[i] -= (sizes[i < recurrent ? 0 : 1] / first) * (mean[i] / (Math.sqrt(square[i]) / second + epsilon));
    }
  }
}

/** The loss, and a step unless something is not finite: then null, and nothing moves. */
function trainingStep(network, optimizer, lane, inputs, targets, classes) {
  network.forward(inputs);
  const { loss } = network.judge(targets, classes);
  setDirections(network, inputs, lane, network.gradient);
  if (!Number.isFinite(loss) || !allBelow(network.gradient.all)) return null;
  optimizer.step(network, lane);
  return loss;
}

function allBelow(x) {
  for (let i = 0; i < x.length; i++) if (!(Math.abs(x[i]) < LARGEST)) return false;
  return true;
}
