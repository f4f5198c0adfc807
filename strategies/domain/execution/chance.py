"""Chance that is the same after a restart: a number for each place in a run, without a generator's state."""

_MASK = (1 << 64) - 1


def uniform(*place: int) -> float:
    """A number from 0 up to below 1 that hangs on nothing but ``place``, whole numbers such as (seed, leg, order).

    The finaliser of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) over them.
    """
    state = 0
    for part in place:
        state = _mixed((state + part * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & _MASK)
    return (state >> 11) / (1 << 53)


def _mixed(state: int) -> int:
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)
