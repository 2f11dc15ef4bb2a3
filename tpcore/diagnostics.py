"""What flows back through a recurrence, measured: norms through time, and the angle to the gradient."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from tpcore.checks import check_option
from tpcore.nn import GRU, RNN, SequenceClassifier
from tpcore.nn.arguments import check_alike, check_finite
from tpcore.nn.recurrent import Recurrent
from tpcore.recurrences import carried_back, operator_of, step_of
from tpcore.recurrences.arrays import as_array, as_tensor
from tpcore.rules import BackProp, RescaledBackProp, Rule, TargetProp


def carried(rnn: Recurrent, rule: Rule, inputs: Tensor, h_0: Tensor, grad_last: Tensor) -> np.ndarray:
    """What a rule carries back from a gradient on the last hidden state.

    Parameters
    ----------
    rnn : RNN or GRU
        Of one layer. Its weights and activation count; its own rule plays no part.
    rule : any but LearnedTargetProp for a GRU
    inputs : Tensor (τ, B, p)
    h_0, grad_last : Tensor (B, d)
        The initial state and ∂ℓ/∂h_τ.

    Returns
    -------
    numpy.ndarray (τ + 1, B, d)
        λ_t under `BackProp` and `RescaledBackProp`, the displacement δ_t under the others, for t = 0 … τ.

    Raises
    ------
    ValueError, TypeError
        For several layers, a rule that the network cannot follow, inputs that are not finite, or inputs, states or a
        gradient of another shape, dtype or device.

    Examples
    --------
    >>> import torch, tpcore
    >>> from tpcore.diagnostics import carried
    >>> rnn = tpcore.nn.RNN(6, 32)
    >>> inputs, h_0, grad_last = torch.randn(60, 20, 6), torch.zeros(20, 32), torch.randn(20, 32)
    >>> delta = carried(rnn, tpcore.TargetProp(r=1.0), inputs, h_0, grad_last)
    >>> delta.shape, bool((delta[60] == -grad_last.numpy()).all())
    ((61, 20, 32), True)
    """
    if not isinstance(rnn, RNN | GRU):
        raise TypeError(f"rnn must be a tpcore.nn.RNN or GRU, got {type(rnn).__name__}")
    rule = rnn.checked_rule(rule)
    if rnn.num_layers != 1 or rnn.bidirectional:
        layers = f"num_layers={rnn.num_layers} and bidirectional={rnn.bidirectional}"
        raise ValueError(f"rnn must have one layer in one direction; it has {layers}")
    for name, value in (("inputs", inputs), ("h_0", h_0), ("grad_last", grad_last)):
        check_alike(name, value, rnn.weight_hh_l0)
    check_finite("inputs", inputs)
    p, d = rnn.input_size, rnn.hidden_size
    if inputs.ndim != 3 or inputs.shape[2] != p or h_0.shape != (inputs.shape[1], d):
        shapes = f"their shapes are {tuple(inputs.shape)} and {tuple(h_0.shape)}"
        raise ValueError(f"inputs must be (τ, B, p) and h_0 (B, d) with p = {p} and d = {d}; {shapes}")
    if grad_last.shape != h_0.shape:
        raise ValueError(f"grad_last must have h_0's shape {tuple(h_0.shape)}; its shape is {tuple(grad_last.shape)}")
    cell = rnn.run_cell(inputs, h_0)
    found = np.zeros(tuple(cell.states.shape))
    operator = operator_of(rule, cell)
    arriving = as_array(step_of(rule) * grad_last.to(as_tensor(cell.states)))
    with np.errstate(all="ignore"):
        for t, D, _ in carried_back(rule, cell, operator, None, arriving):
            found[t : t + len(D)] = as_tensor(D).cpu()
    return found if isinstance(rule, BackProp | RescaledBackProp) else -found


def norms_through_time(model: SequenceClassifier, rule: Rule, inputs: Tensor, grad_last: Tensor) -> np.ndarray:
    """‖λ_t‖ or ‖δ_t‖ over the whole batch.

    Parameters
    ----------
    model : SequenceClassifier
    rule : BackProp or TargetProp
    inputs : Tensor (B, τ, p)
    grad_last : Tensor (B, d)
        ∂ℓ/∂h_τ.

    Returns
    -------
    numpy.ndarray (τ + 1,)
        For t = 0 … τ.

    Examples
    --------
    >>> import torch, tpcore
    >>> from tpcore.diagnostics import norms_through_time
    >>> model = tpcore.nn.SequenceClassifier(6, 32, 4, rule=tpcore.BackProp())
    >>> norms_through_time(model, tpcore.TargetProp(r=1.0), torch.randn(20, 60, 6), torch.randn(20, 32)).shape
    (61,)
    """
    h_0 = inputs.new_zeros(len(inputs), model.recurrent.hidden_size)
    flows = carried(model.recurrent, rule, inputs.transpose(0, 1), h_0, grad_last)
    return np.sqrt((flows**2).sum((1, 2)))


def gradient_on_last_state(model: SequenceClassifier, inputs: Tensor, targets: Tensor) -> Tensor:
    """∂ℓ/∂h_τ of the cross-entropy.

    Parameters
    ----------
    model : SequenceClassifier
    inputs : Tensor (B, τ, p)
    targets : Tensor (B,)
        Classes.

    Returns
    -------
    Tensor (B, d)

    Examples
    --------
    >>> import torch, tpcore
    >>> from tpcore.diagnostics import gradient_on_last_state
    >>> model = tpcore.nn.SequenceClassifier(6, 32, 4, rule=tpcore.BackProp())
    >>> gradient_on_last_state(model, torch.randn(20, 60, 6), torch.randint(4, (20,))).shape
    torch.Size([20, 32])
    """
    with torch.no_grad():
        last = model.recurrent(inputs)[1][0]
    last.requires_grad_()
    loss = torch.nn.functional.cross_entropy(model.output(last), targets)
    (gradient,) = torch.autograd.grad(loss, last)
    return gradient


def coherent_and_noisy(
    model: SequenceClassifier, rule: Rule, batches: Iterable[tuple[Tensor, Tensor]], weight: str = "weight_ih_l0"
) -> tuple[np.ndarray, np.ndarray]:
    """What each step adds to a weight's direction: what batches agree on, and what they differ by.

    With G_t the share of step t in the direction of W or U, minus E_t h_{t−1}ᵀ or E_t x_tᵀ with E_t = a′(z_t) ⊙ δ_t
    summed over the batch, the noisy part is the spread of G_t over the batches, ν_t² = Σ_k ‖G_t − mean‖²/(K − 1); the
    coherent part the size of its mean, of which the spread that is left in it is taken away: ‖mean‖² − ν_t²/K.

    Parameters
    ----------
    model : SequenceClassifier
        With an `RNN` of one layer that answers at the end. Its own rule plays no part.
    rule : a rule whose directions are local
    batches : iterable of (inputs (B, τ, p), classes (B,))
        K ≥ 2 of them; the loss is the cross-entropy.
    weight : {"weight_ih_l0", "weight_hh_l0"}
        U or W.

    Returns
    -------
    (numpy.ndarray (τ,), numpy.ndarray (τ,))
        The coherent and the noisy part, in the Frobenius norm, for t = 1 … τ. Both hold γ_h.

    Raises
    ------
    ValueError
        If there are fewer than two batches, the weight is none of the two, the rule goes through time, or the recurrent
        part is no RNN.

    Examples
    --------
    >>> import torch, tpcore
    >>> from tpcore.diagnostics import coherent_and_noisy
    >>> from tpcore.tasks import TemporalOrder
    >>> model = tpcore.nn.SequenceClassifier(6, 32, 4, rule=tpcore.BackProp())
    >>> generator = torch.Generator().manual_seed(0)
    >>> batches = [TemporalOrder(60).batch(20, generator) for _ in range(10)]
    >>> coherent, noisy = coherent_and_noisy(model, tpcore.GeometricTargetProp(0.0), batches)
    >>> coherent.shape, noisy.shape
    ((60,), (60,))
    """
    check_option("weight", weight, ("weight_ih_l0", "weight_hh_l0"))
    if not isinstance(model.recurrent, RNN):
        raise ValueError(f"model.recurrent must be a tpcore.nn.RNN, got {type(model.recurrent).__name__}")
    if getattr(rule, "accumulate", "local") != "local":
        raise ValueError(
            'accumulate must be "local": through time, a step\'s share is not made of its displacement alone'
        )
    total, squares, count = np.zeros(()), np.zeros(()), 0
    for inputs, targets in batches:
        shares = _shares(model, rule, inputs, targets, of_states=weight == "weight_hh_l0")
        total, squares, count = total + shares, squares + (shares**2).sum((1, 2)), count + 1
    if count < 2:
        raise ValueError(f"batches must be at least 2, to tell what they agree on, got {count}")
    size = (total**2).sum((1, 2)) / count**2  # of the mean
    variance = np.maximum(squares - count * size, 0) / (count - 1)
    return np.sqrt(np.maximum(size - variance / count, 0)), np.sqrt(variance)


def _shares(model: SequenceClassifier, rule: Rule, inputs: Tensor, targets: Tensor, *, of_states: bool) -> np.ndarray:
    """Each step's share of .grad, (τ, d, p) or (τ, d, d)."""
    x, h_0 = inputs.transpose(0, 1), inputs.new_zeros(len(inputs), model.recurrent.hidden_size)
    flows = carried(model.recurrent, rule, x, h_0, gradient_on_last_state(model, inputs, targets))[1:]
    cell = model.recurrent.run_cell(x, h_0)
    slopes = as_tensor(cell.slopes(1, len(flows)).gain)[:, :, 0].double().cpu().numpy()
    given = as_tensor(cell.states[:-1] if of_states else cell.inputs).double().cpu().numpy()
    sign = 1 if isinstance(rule, BackProp | RescaledBackProp) else -1  # λ_t, but −δ_t
    return np.einsum("tbi,tbj->tij", sign * slopes * flows, given)


def angle_to_gradient(model: SequenceClassifier, rule: TargetProp, inputs: Tensor, targets: Tensor) -> float:
    """The angle between a rule's direction for all recurrent parameters and back-propagation's.

    Parameters
    ----------
    model : SequenceClassifier
    rule : BackProp or TargetProp
    inputs : Tensor (B, τ, p)
    targets : Tensor (B,)
        Classes; or (B, τ) where the model answers at every step.

    Returns
    -------
    float
        In degrees, from 0 to 180; over the parameters that are not frozen.

    Examples
    --------
    >>> import torch, tpcore
    >>> from tpcore.diagnostics import angle_to_gradient
    >>> model = tpcore.nn.SequenceClassifier(6, 32, 4, rule=tpcore.BackProp())
    >>> rule = tpcore.TargetProp(r=1e4, s=1e4, calibrated=True)  # far out on the slider: nearly back-propagation
    >>> angle_to_gradient(model, rule, torch.randn(20, 60, 6), torch.randint(4, (20,))) < 1
    True
    """
    own_rule, directions = model.recurrent.rule, []
    try:
        for model.recurrent.rule in (rule, BackProp()):
            loss = torch.nn.functional.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())
            trained = [parameter for parameter in model.recurrent.parameters() if parameter.requires_grad]
            grads = torch.autograd.grad(loss, trained)
            directions.append(torch.cat([grad.flatten() for grad in grads]))
    finally:
        model.recurrent.rule = own_rule
    return angle_between(*directions)


def angle_between(one: Tensor, other: Tensor) -> float:
    """The angle between two directions.

    Parameters
    ----------
    one, other : Tensor (n,)

    Returns
    -------
    float
        In degrees, from 0 to 180; NaN where an entry is not finite.

    Examples
    --------
    >>> import torch
    >>> from tpcore.diagnostics import angle_between
    >>> round(angle_between(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])), 6)
    45.0
    """
    # In float32 the cosine could not tell angles under 0.03 degrees from zero.
    cosine = torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=0)
    return float(torch.rad2deg(torch.acos(cosine.clamp(-1, 1))))
