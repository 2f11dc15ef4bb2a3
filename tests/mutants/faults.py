"""Faults that the tests must find: for each, where it is, what stands there, and what is put in its place.

The text must occur once under the path named (a file, or a folder if the text may move within it). The tests are those
that should find it: files, or patterns of files. `python -m tests.mutants` puts each fault in and runs its tests.
"""

# path under tpcore/, its tests under tests/, and the pairs (text, fault)
FAULTS: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "activations.py",
        "test_activations.py nn/test_rnn.py nn/test_dense.py",
        [
            ("return 1 - h * h", "return 1 + h * h"),
            ("xp.clip(v, margin - 1, 1 - margin)", "xp.clip(v, -1, 1)"),
            ("1 - (1 - margin) ** 2, 1.0", "1 - (1 - margin), 1.0"),
            ("xp.clip(v, margin, None)", "xp.clip(v, 0, None)"),
            ("return 0.5 * sign * xp.log1p(", "return -0.5 * sign * xp.log1p("),
        ],
    ),
    (
        "checks.py",
        "test_rules.py",
        [
            ("if number >= 1:", "if number > 1:"),
            ('check_at_least("margin", margin, LEAST_MARGIN)', 'check_at_least("margin", margin, 0.0)'),
        ],
    ),
    (
        "rules.py",
        "test_rules.py",
        [
            ('if self.s > 0 and self.form != "linearized"', 'if self.s > 1 and self.form != "linearized"'),
        ],
    ),
    (
        "inversion.py",
        "test_inversion.py",
        [
            ("M * W.dtype.type(1 + r)", "M * W.dtype.type(r)"),
            ("if r > LARGE:", "if r > 1e39:"),
            ("OWN_PRECISION = 1e2", "OWN_PRECISION = 1e12"),
            ("CHOLESKY = 1e7", "CHOLESKY = 1e17"),
            ("gain = 1 + self.r if self.calibrated", "gain = self.r if self.calibrated"),
            ("checked_matrix(W).clone()", "checked_matrix(W)"),
        ],
    ),
    (
        "recurrences/",
        "nn/test_rnn.py nn/test_gru.py nn/test_inverted.py nn/test_any_loop.py",
        [
            ("adjoint[-1] = block[-1] + mu", "adjoint[-1] = block[-1]"),
            ("block[-1, :, :d] += source[-1]", "block[-1, :, :d] += source[0]"),
            ("xp.add(into, source[i - 1], out=into)", "xp.add(into, source[i], out=into)"),
            ("self.keep[i] * rows[i]", "self.keep[i]"),
            ("self.weights.U.T + self.weights.b_ih + self.weights.b_hh", "self.weights.U.T + self.weights.b_ih"),
            ("1 + rule.s if rule.calibrated", "1 + rule.r if rule.calibrated"),
            ("None and not D.any() and not mu.any()", "None and not D.any()"),
            ("(1 - gates.update) * (1 - gates.candidate**2)  #", "(1 - gates.candidate**2)  #"),
            ("gates.reset * (1 - gates.reset)", "gates.reset"),
            ("(s / (1 + s) * factor / (1 + s))", "(s / (1 + s) * factor / s)"),
            ("keep = gates.update / _uncalibrated(rule)", "keep = gates.update"),
            ("/ xp.clip(reset, rule.margin, 1.0)", "/ xp.clip(reset, 0.0, 1.0)"),
        ],
    ),
    (
        "recurrences/backward.py",
        "nn/test_rnn.py nn/test_gru.py nn/test_any_loop.py",
        [
            ("D[:, :d] += step_of(rule) * grad_output[-1]", "pass"),
            ("not D.any() and not np.any(mu)", "not D.any()"),
        ],
    ),
    (
        "recurrences/elman.py",
        "nn/test_rnn.py nn/test_any_loop.py",
        [("total.b_hh[...] += share", "total.b_hh[...] += 2 * share")],
    ),
    ("recurrences/gru.py", "nn/test_gru.py", [("total.b_hh[...] += summed(flat)", "pass")]),
    (
        "recurrences/fused.py",
        "nn/test_rnn.py nn/test_any_loop.py",
        [("D += step * grad_output[-1, rows]", "pass"), ("real(rule.s), real(1 + rule.s", "real(rule.s), real(rule.s")],
    ),
    (
        "recurrences/slopes.py",
        "nn/test_dense.py test_activations.py",
        [("gain += rule.s\n", "gain += rule.r\n"), ("gain *= 1 + rule.s", "gain *= 1 + rule.r")],
    ),
    (
        "recurrences/compiled_gates.py",
        "nn/test_gru.py",
        [
            ("into[2, j] = share * reset", "into[2, j] = share"),
            ("into[0, j], into[1, j] = others * given[0, j],", "into[0, j], into[1, j] = given[0, j],"),
            ("least_reset if reset < least_reset else reset", "reset"),
            ("(one - gate[1, j]) * (one - gate[2, j] * gate[2, j]) * row[j]", "(one - gate[1, j]) * row[j]"),
        ],
    ),
    (
        "recurrences/compiled.py",
        "test_compiled.py nn/test_rnn.py nn/test_gru.py nn/test_any_loop.py",
        [
            ("slope[j] = one - state[j] * state[j]", "slope[j] = one - state[j]"),
            ("flat[j] / (bound if slope[j] < bound else slope[j])", "flat[j] / slope[j]"),
            ("e[j] = slope[j] * (adjoint[j] + flat[j])", "e[j] = slope[j] * adjoint[j]"),
            ("now[j] = candidate + update * (before[j] - candidate)", "now[j] = candidate + update * before[j]"),
            ("row[j] += step * extra[j]", "row[j] += extra[j]"),
            ("(13, 19.1)", "(7, 19.1)"),
        ],
    ),
    ("recurrences/arrays.py", "nn/test_threads.py", [("pairwise(ends[1:])", "pairwise(ends[2:])")]),
    ("blas.py", "test_blas.py", [("_set_threads(_before)\n\n\n", "pass\n\n\n"), ("_inside -= 1", "_inside = 0")]),
    (
        "nn/",
        "nn/test_layers.py nn/test_rnn_errors.py nn/test_shapes.py",
        [
            ("else replace(rule, step=1.0)", "else rule"),
            ("return ctx.factor * grad, None", "return grad, None"),
            ("if state.shape != shape", "if state.ndim != len(shape)"),
            ("cell.states if cell.unbounded else cell.states[-1]", "cell.states[-1]"),
        ],
    ),
    (
        "nn/dense.py",
        "nn/test_dense.py nn/test_dense_in_use.py",
        [
            ("/ rule.step if into_input", "if into_input"),
            ("undone if bias is None else undone - bias", "undone"),
            ("E.sum(0) if into_bias", "E.mean(0) if into_bias"),
        ],
    ),
    (
        "nn/inverted.py",
        "nn/test_inverted.py nn/test_inverted_in_use.py",
        [
            ("gain = 1 + settings.r if", "gain = settings.r if"),
            ("Jt(J(u)) + settings.r * u", "Jt(J(u)) + u"),
            ("settings.step * grad_output", "grad_output"),
            ("LARGEST_MISMATCH = 0.05", "LARGEST_MISMATCH = 50"),
            ("fixed.clone()))", "fixed))"),
        ],
    ),
    (
        "nn/learned_inverse.py",
        "nn/test_learned_inverse.py nn/test_learned_inverse_in_use.py",
        [
            ("torch.cat((first, after[:-1]))", "torch.cat((after[:1], after[:-1]))"),
            ("return 0.5 * (self(", "return 1.0 * (self("),
            ("before + self.noise * torch", "before + torch"),
        ],
    ),
    (
        "nn/classifier.py",
        "test_training.py nn/test_rnn.py experiments/test_spec.py",
        [("generator=generator) * 2 - 1", "generator=generator)"), ("parameter.split(hidden_size)", "[parameter]")],
    ),
    (
        "tasks/",
        "tasks",
        [
            ("(numbers * marks).sum(1, keepdim=True) / 2", "(numbers * marks).sum(1, keepdim=True)"),
            ("TOLERANCE = 0.04", "TOLERANCE = 0.05"),
            ("range(tenth, half)", "range(half)"),
            ("classes = VALUES * classes + markers", "classes = classes + VALUES * markers"),
            ("3: (1, 3, 6)", "3: (1, 3, 5)"),
            ("len(order) // 6", "len(order) // 5"),
            ("(train[:cut], train[cut:])", "(train[cut:], train[:cut])"),
            ("codes - 31", "codes - 32"),
            ('file.name.removesuffix(".gz")', "file.name"),
            ("if len(data) - head != promised", "if len(data) - head < promised"),
            ("(values - mean) / deviation", "values - mean"),
            ("ordered[: vocabulary - 1], 1)", "ordered[:vocabulary], 1)"),
        ],
    ),
    (
        "",
        "test_training*.py",
        [
            ("recurrent = gamma_theta * gamma_h if", "recurrent = gamma_theta if"),
            ("manual_seed(2 * seed + offset)", "manual_seed(seed + offset)"),
            ("if step % log_every == 0 or step == steps", "if step % log_every == 0"),
            ("+= len(inputs) * float(", "+= float("),
            ('training_data.set_state(resume["training_data"])', "pass"),
            ("size * schedule(step)", "size * schedule(step + 1)"),
            ("losses.clear()", "pass"),
            ("model.eval()", "pass"),
        ],
    ),
    (
        "",
        "test_results*.py test_checkpoints.py",
        [
            ("sum(step < end for", "sum(step <= end for"),
            ('end.pop("sha256") == _checksum', 'end.pop("sha256") != "" or _checksum'),
            ('if name != "seconds"]', 'if name != "step"]'),
            ("return state if kept == _here(data) else None", "return state"),
            (".digest() != digest:\n        return None", ".digest() != digest:\n        pass"),
        ],
    ),
    (
        "experiments/",
        "experiments/test_measures.py experiments/test_contests.py experiments/test_search.py "
        "experiments/test_adapted.py experiments/test_method.py experiments/test_summary.py "
        "experiments/test_statistics.py",
        [
            ("won=int((differences > 0)", "won=int((differences >= 0)"),
            ("self.clip * step", "self.clip"),
            ("norms[k * (len(norms) - 1) // QUARTERS]", "norms[k * len(norms) // (QUARTERS + 1)]"),
            ("(y[:, 1:] + y[:, :-1]) / 2", "y[:, 1:]"),
            ("+ (expected - kept) * accuracy[0])", ")"),
            ("low * (high / low) ** place", "low + (high - low) * place"),
            ("np.argmax(scores)", "np.argmin(scores)"),
            ("validation=True))", "validation=False))"),
            ("/ math.sqrt(len(W))", ""),
            ('own["s"] = own["r"]', "pass"),
            ("1 - step / steps", "1.0"),
            ("row[kept:] = found[0]", "row[kept:] = found[kept - 1]"),
            ("last < KEPT * (level or 0)", "last < (level or 0)"),
        ],
    ),
    (
        "experiments/verify.py",
        "experiments/test_verify.py",
        [
            ("difference <= MARGIN * max(", "difference <= 1e9 * max("),
            ("<= ANSWERS + 0.5", "<= 0.5"),
            ("allowed = allowed and difference == 0", "pass"),
        ],
    ),
    (
        "experiments/learned.py",
        "experiments/test_learned.py",
        [("inverse.random_state.copy_(torch.get_rng_state())", "pass"), ('"momentum": 0.0', '"momentum": 0.9')],
    ),
    (
        "experiments/",
        "experiments/test_running*.py",
        [
            ('known is not None and known.status != "running"', "known is not None"),
            ("if len(record.rows) >= rows_known", "if True"),
            ("checkpoints.load(path, data)", "None"),
            ("check_same_data(known, data, path)", "pass"),
        ],
    ),
    (
        "complexity/",
        "complexity",
        [
            ("Work(2 * m * k * n, m * k + k * n + m * n)", "Work(2 * m * k * n, m * k + k * n)"),
            ("d * (d + 1) * (2 * d + 1) // 6", "d * (d + 1) * (2 * d + 1) // 3"),
            ('works["backward recurrence"] = 2 * recurrence', 'works["backward recurrence"] = recurrence'),
            ("half**2 - 13 / 18", "half**2"),
            ("seconds += max(arithmetic", "seconds += min(arithmetic"),
            ("quiet and not low <= 1 <= high", "quiet"),
            ("x >= x.max() - decades", "x >= x.min() - decades"),
        ],
    ),
    (
        "diagnostics.py",
        "test_diagnostics.py",
        [
            ("else -found", "else found"),
            ("(flows**2).sum((1, 2))", "(flows**2).sum(2).max(1)"),
            ("one.double(), other.double()", "one, other"),
        ],
    ),
    (
        "explorers/",
        "explorers/test_encoding.py explorers/test_explorer.py explorers/test_grid.py explorers/test_live.py "
        "explorers/test_picture.py explorers/test_questions.py",
        [
            ("DIGITS = 4", "DIGITS = 3"),
            ("given if active(control, effective) else control.value", "given"),
            ("and abs(value) < 1e9:", "and abs(value) < 1e3:"),
            ("html.escape(label)", "label"),
            ("if values == self.shown:", "if False:"),
            ("digest.update(path.read_bytes())", "pass"),
            ("name in trees or name.startswith(DISPLAY_ONLY)", "name in trees"),
            ("up = numbers(errors[", "up = 2 * numbers(errors["),
            ("rel_tol=TOLERANCE", "rel_tol=0.1"),
        ],
    ),
    (
        "chapters/target_propagation/through_time.py",
        "chapters/test_target_propagation.py",
        [("norms[::-1] / norms[-1]", "norms[::-1] / norms[0]")],
    ),
    (
        "chapters/",
        "chapters/test_regularized_inversion.py chapters/test_target_propagation.py chapters/test_training_an_rnn.py "
        "chapters/test_regularization.py chapters/one_slider chapters/test_rnn_experiments.py",
        [
            ("y * WEIGHTS / (WEIGHTS**2 + r)", "y * WEIGHTS / (WEIGHTS + r)"),
            ("accuracy = np.full((len(SEEDS), len(LOGGED)), CHANCE)", "accuracy = np.ones((len(SEEDS), len(LOGGED)))"),
            ('record.status == "diverged" or max(norms) > BROKEN', 'record.status == "diverged"'),
            ("return (1 + r) * x / (x**2 + r)", "return x / (x**2 + r)"),
        ],
    ),
]
