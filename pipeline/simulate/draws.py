"""Random numbers by name: each part of the world draws from a stream of its own.

A stream is named by the seed, the part and the week, so what one part draws, or whether it draws at
all, moves nothing elsewhere. Only the raw bits of PCG64 are used, which numpy never changes; what is
made of them is arithmetic here. Times are whole seconds, so the last bit of a logarithm, which
differs between machines, has nothing to decide.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_TO_UNIT = 2.0**-53
_SHA_DIGITS = 40
_SHA_BYTES = 20
_POISSON_MAX = 400


def _words(text: str) -> list[int]:
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return [int.from_bytes(digest[place : place + 4], "little") for place in range(0, 16, 4)]


class Stream:
    """The numbers of one part in one week."""

    def __init__(self, seed: int, part: str, week: int = 0) -> None:
        low, high = seed & 0xFFFFFFFF, seed >> 32
        self._bits = np.random.PCG64(np.random.SeedSequence([low, high, week, *_words(part)]))

    def uniform(self, *shape: int) -> Floats:
        """Numbers in [0, 1)."""
        count = 1
        for length in shape:
            count *= length
        raw: npt.NDArray[np.uint64] = self._bits.random_raw(count)
        units: Floats = (raw >> np.uint64(11)).astype(np.float64) * _TO_UNIT
        return units.reshape(shape)

    def shas(self, count: int) -> list[str]:
        """Commits: 40 hexadecimal digits each."""
        raw = self._bits.random_raw(count * _SHA_BYTES // 8 + 1).astype("<u8").tobytes().hex()
        return [raw[place : place + _SHA_DIGITS] for place in range(0, count * _SHA_DIGITS, _SHA_DIGITS)]


def share_of(seed: int, fault: str, name: str) -> float:
    """A number in [0, 1) that depends on nothing but the seed, a fault and what it meets."""
    digest = hashlib.blake2b(f"{seed} {fault} {name}".encode(), digest_size=7).digest()
    return (int.from_bytes(digest, "little") >> 3) * _TO_UNIT


#: Acklam's rational approximation of the normal quantile; its relative error is below 1.2e-9
_A = (-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.3577518672690, -30.66479806614716,
      2.506628277459239)  # fmt: skip
_B = (-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572)
_C = (-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
      2.938163982698783)  # fmt: skip
_D = (0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416)
_TAIL = 0.02425
_UNIT_MIN = 2.0**-54


def _polynomial(factors: tuple[float, ...], at: Floats) -> Floats:
    value = np.full_like(at, factors[0])
    for factor in factors[1:]:
        value = value * at + factor
    return value


def normal(units: Floats) -> Floats:
    """Standard normal numbers of uniform ones."""
    units = np.maximum(units, _UNIT_MIN)
    middle = units - 0.5
    square = middle * middle
    found = _polynomial(_A, square) * middle / (_polynomial(_B, square) * square + 1.0)
    nearer = np.minimum(units, 1.0 - units)
    if (tails := nearer < _TAIL).any():
        far = np.sqrt(-2.0 * np.log(nearer[tails]))
        tail = _polynomial(_C, far) / (_polynomial(_D, far) * far + 1.0)
        found[tails] = np.where(units[tails] < 0.5, tail, -tail)
    return found


def lognormal(units: Floats, median: float, sigma: float) -> Floats:
    """Log-normal numbers with this median."""
    return median * np.exp(sigma * normal(units))


def seconds(units: Floats, median: float, sigma: float, least: int, most: int) -> Integers:
    """Log-normal spans in whole seconds, within bounds."""
    return np.clip(lognormal(units, median, sigma), least, most).astype(np.int64)


def weibull(units: Floats, shape: float, scale: float) -> Floats:
    """Weibull numbers of uniform ones."""
    return scale * (-np.log(1.0 - units)) ** (1.0 / shape)


def poisson(units: Floats, means: Floats) -> Integers:
    """Poisson numbers of uniform ones, each with its mean."""
    term = np.exp(-means)
    total = term.copy()
    counts = np.zeros(units.shape, dtype=np.int64)
    for number in range(1, _POISSON_MAX):
        if not (above := units >= total).any():
            break
        counts += above
        term = term * means / number
        total = np.where(above, total + term, 2.0)
    return counts
