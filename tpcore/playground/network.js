// The network of tpcore.nn.SequenceClassifier: h_t = tanh(W h_{t−1} + U x_t + b_ih + b_hh), a linear layer reads h_τ.

const TABLE = Float64Array.from({ length: 20 * 64 + 2 }, (_, i) => Math.tanh(i / 64));

/** Overwrite x by tanh x, to rounding: tanh(c + s) from a table of tanh c and a short series for tanh s. */
function tanhInPlace(x, from, to) {
  for (let i = from; i < to; i++) {
    const v = x[i], size = v < 0 ? -v : v;
    if (size < 20) {
      const cell = (size * 64 + 0.5) | 0, s = size - cell * 0.015625, q = s * s, T = TABLE[cell];
      const u = s * (1 - q * (1 / 3 - q * (2 / 15 - q * (17 / 315))));
      const y = (T + u) / (1 + T * u);
      x[i] = v < 0 ? -y : y;
    } else if (size >= 20) {
      x[i] = v < 0 ? -1 : 1;
    } // what is not a number stays so
  }
}

/** Parameters, and all arrays that a training step writes: nothing is allocated while it runs. */
class Network {
  constructor(inputs, hidden, outputs, length, batch) {
    Object.assign(this, { p: inputs, d: hidden, q: outputs, length, batch });
    this.parameters = this.layout(new Float64Array(this.count()));
    this.gradient = this.layout(new Float64Array(this.count()));
    this.reference = this.layout(new Float64Array(this.count())); // back-propagation's, for the angle
    const all = length * batch * hidden;
    this.states = new Float64Array(all + batch * hidden); // h_0 … h_τ
    this.last = this.states.subarray(all); // h_τ
    this.slopes = new Float64Array(all); // a′(z_1) … a′(z_τ), and so the next three
    this.gains = new Float64Array(all);
    this.shares = new Float64Array(all); // a′ ⊙ D: what the parameters' products take
    this.flows = new Float64Array(all + batch * hidden); // D_0 … D_τ
    this.through = new Float64Array(all + batch * hidden); // μ_0 … μ_τ
    this.scaled = new Float64Array(batch * hidden);
    this.operator = new Float64Array(hidden * hidden);
    this.transposed = new Float64Array(hidden * hidden);
    this.scratch = new Float64Array(hidden * hidden);
    this.outputs = new Float64Array(batch * outputs);
    this.onOutputs = new Float64Array(batch * outputs); // ∂ℓ/∂outputs
  }

  count() {
    return this.recurrentCount() + this.q * (this.d + 1);
  }

  recurrentCount() {
    return this.d * (this.p + this.d + 2);
  }

  /** The parts of a vector of parameters, in torch's order. */
  layout(all) {
    const { p, d, q } = this;
    let at = 0;
    const part = (size) => all.subarray(at, (at += size));
    return { all, U: part(d * p), W: part(d * d), b_ih: part(d), b_hh: part(d), V: part(q * d), c: part(q) };
  }

  /** Orthonormal matrices, each the polar factor of a uniform one; zero biases. */
  initialize(draw) {
    const { p, d, q, parameters } = this;
    parameters.all.fill(0);
    setOrthonormal(parameters.U, d, p, draw);
    setOrthonormal(parameters.W, d, d, draw);
    setOrthonormal(parameters.V, q, d, draw);
  }

  /** Fill states, slopes and outputs from inputs (τ, B, p). */
  forward(inputs) {
    const { p, d, q, length, batch, states, slopes, outputs } = this, { U, W, b_ih, b_hh, V, c } = this.parameters;
    const size = batch * d;
    for (let i = size; i < states.length; i++) states[i] = b_ih[i % d] + b_hh[i % d];
    addTimesTransposed(states, size, inputs, 0, length * batch, p, U, d);
    for (let t = 1; t <= length; t++) {
      addTimesTransposed(states, t * size, states, (t - 1) * size, batch, d, W, d);
      tanhInPlace(states, t * size, (t + 1) * size);
    }
    for (let i = 0; i < slopes.length; i++) slopes[i] = 1 - states[size + i] * states[size + i];
    for (let i = 0; i < outputs.length; i++) outputs[i] = c[i % q];
    addTimesTransposed(outputs, 0, states, length * size, batch, d, V, q);
  }

  /** The loss of the outputs, its gradient in `onOutputs`, and how many answers are right. */
  judge(targets, classes) {
    return classes ? this.crossEntropy(targets) : this.squaredError(targets);
  }

  crossEntropy(targets) {
    const { q, batch, outputs, onOutputs } = this;
    let loss = 0, right = 0;
    for (let b = 0; b < batch; b++) {
      let most = 0, sum = 0;
      for (let k = 1; k < q; k++) if (outputs[b * q + k] > outputs[b * q + most]) most = k;
      for (let k = 0; k < q; k++) sum += Math.exp(outputs[b * q + k] - outputs[b * q + most]);
      for (let k = 0; k < q; k++) {
        const probability = Math.exp(outputs[b * q + k] - outputs[b * q + most]) / sum;
        onOutputs[b * q + k] = (probability - (k === targets[b] ? 1 : 0)) / batch;
      }
      loss += (outputs[b * q + most] + Math.log(sum) - outputs[b * q + targets[b]]) / batch;
      if (most === targets[b]) right++;
    }
    return { loss, right };
  }

  squaredError(targets) {
    const { batch, outputs, onOutputs } = this;
    let loss = 0, right = 0;
    for (let b = 0; b < batch; b++) {
      const error = outputs[b] - targets[b];
      onOutputs[b] = (2 * error) / batch;
      loss += (error * error) / batch;
      if (Math.abs(error) < TOLERANCE) right++;
    }
    return { loss, right };
  }
}

/** Fill a matrix (rows, columns) by the polar factor of one that is uniform on [−1, 1). */
function setOrthonormal(matrix, rows, columns, draw) {
  const uniform = Float64Array.from({ length: rows * columns }, () => 2 * draw() - 1);
  const tall = rows >= columns, long = tall ? rows : columns, short = tall ? columns : rows;
  const source = tall ? uniform : Float64Array.from(uniform, (_, i) => uniform[(i % short) * long + Math.floor(i / short)]);
  const polar = new Float64Array(rows * columns); // (short, long): the transpose of the tall matrix's
  fromSingular(singularVectors(source, long, short), long, short, (sigma) => 1 / sigma, polar);
  for (let i = 0; i < long; i++) {
    for (let j = 0; j < short; j++) matrix[tall ? i * short + j : j * long + i] = polar[j * long + i];
  }
}
