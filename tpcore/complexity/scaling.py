"""How a cost grows with a size: the slope on logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def fitted_slope(sizes: Sequence[float], costs: Sequence[float], decades: float = 1.0) -> float:
    """The exponent k of cost ∝ sizeᵏ, fitted by least squares on logarithmic axes over the largest sizes.

    Parameters
    ----------
    sizes, costs : sequence of float > 0
        Of one length.
    decades : float > 0
        Only sizes within so many decades of the largest count: what is paid whatever the size, such as the start of an
        operation, hides the slope of the small ones.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If fewer than two different sizes lie in that range, or there is not one cost a size.

    Examples
    --------
    >>> from tpcore.complexity import fitted_slope
    >>> round(fitted_slope([1, 10, 100], [5.0, 5.02, 7.0], decades=1.0), 2)
    0.14
    >>> round(fitted_slope([1, 10, 100], [2.0, 200.0, 20000.0], decades=2.0), 2)
    2.0
    """
    if len(sizes) != len(costs):
        raise ValueError(f"costs must be as many as sizes, {len(sizes)}; there are {len(costs)}")
    x, y = np.log10(np.asarray(sizes, float)), np.log10(np.asarray(costs, float))
    kept = x >= x.max() - decades * (1 + 1e-9)
    if len(np.unique(x[kept])) < 2:
        raise ValueError(f"decades = {decades:g} leaves fewer than two of the sizes {list(sizes)}: take more decades")
    slope, _ = np.polyfit(x[kept], y[kept], 1)
    return float(slope)
