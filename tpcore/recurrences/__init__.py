"""The hot loops of recurrent networks: forward recurrence, backward recurrence and parameter products.

Backward, D_t stands for what a rule carries: the adjoint λ_t under back-propagation; minus the displacement, −δ_t,
under target propagation. With that sign, minus the direction of a parameter θ is Σ_t ∂_θ f_t(h_{t−1})ᵀ D_t under both.

A *cell* (`elman.Elman`, `gru.Gated`, `lstm.LongShortTerm`) is one layer's forward pass, with all that going back needs;
`backward` walks through any of them.
"""

from tpcore.recurrences.backward import Cell as Cell
from tpcore.recurrences.backward import Weights as Weights
from tpcore.recurrences.backward import carried_back as carried_back
from tpcore.recurrences.backward import operator_of as operator_of
from tpcore.recurrences.backward import run_backward as run_backward
from tpcore.recurrences.backward import step_of as step_of
from tpcore.recurrences.elman import Elman as Elman
