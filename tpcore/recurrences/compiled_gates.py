"""What is elementwise in a GRU's steps back, as compiled kernels: NumPy goes through the gates a dozen times for it.

Each computes what the method of `gru.Gated` that calls it does otherwise, to rounding. Arrays are those of a block of
n steps: gates (n, B, 4, d), ρ, z, n and m; slopes and E (n, B, 3, d); D and `before`, h_{t−1}, (n, B, d). A one has the
arrays' dtype, in which Numba then computes.
"""

from __future__ import annotations

from tpcore.recurrences.compiled import compiled


@compiled
def slopes(before, gates, one, gain):  # type: ignore[no-untyped-def]
    """gain (n, B, 3, d): (c_ρ, c_z, (1 − z) ⊙ κ)."""
    for t in range(len(gain)):
        for i in range(gain.shape[1]):
            gate, into, h = gates[t, i], gain[t, i], before[t, i]
            for j in range(gain.shape[3]):
                reset, update, candidate = gate[0, j], gate[1, j], gate[2, j]
                share = (one - update) * (one - candidate * candidate)
                into[0, j] = share * gate[3, j] * (reset * (one - reset))
                into[1, j] = (h[j] - candidate) * (update * (one - update))
                into[2, j] = share * reset


@compiled
def regularized(gates, slope, one, s, factor, others, gain):  # type: ignore[no-untyped-def]
    """gain (n, B, 3, d) for s > 0: `others` times c_ρ and c_z, and (1 − z) ⊙ factor κ/(κ² + s)."""
    for t in range(len(gain)):
        for i in range(gain.shape[1]):
            gate, given, into = gates[t, i], slope[t, i], gain[t, i]
            for j in range(gain.shape[3]):
                kappa = gate[0, j] * (one - gate[2, j] * gate[2, j])
                into[0, j], into[1, j] = others * given[0, j], others * given[1, j]
                into[2, j] = (one - gate[1, j]) * kappa * factor / (kappa * kappa + s)


@compiled
def exact(gates, one, least_reset, least_slope, gain):  # type: ignore[no-untyped-def]
    """gain (n, B, 1, d) for s = 0: (1 − z)/κ, with ρ and 1 − n² no lower than where they can be undone."""
    for t in range(len(gain)):
        for i in range(gain.shape[1]):
            gate, into = gates[t, i], gain[t, i, 0]
            for j in range(gain.shape[3]):
                reset, slope = gate[0, j], one - gate[2, j] * gate[2, j]
                reset = least_reset if reset < least_reset else reset
                slope = least_slope if slope < least_slope else slope
                into[j] = (one - gate[1, j]) / (reset * slope)


@compiled
def shares(slope, D, E):  # type: ignore[no-untyped-def]
    """E = slopes ⊙ D."""
    for t in range(len(E)):
        for i in range(E.shape[1]):
            for c in range(E.shape[2]):
                given, row, into = slope[t, i, c], D[t, i], E[t, i, c]
                for j in range(E.shape[3]):
                    into[j] = given[j] * row[j]


@compiled
def shares_of_inputs(gates, D, one, E):  # type: ignore[no-untyped-def]
    """Of n in E, which its input's part receives without ρ: (1 − z) ⊙ (1 − n²) ⊙ D."""
    for t in range(len(E)):
        for i in range(E.shape[1]):
            gate, row, into = gates[t, i], D[t, i], E[t, i, 2]
            for j in range(E.shape[3]):
                into[j] = (one - gate[1, j]) * (one - gate[2, j] * gate[2, j]) * row[j]
