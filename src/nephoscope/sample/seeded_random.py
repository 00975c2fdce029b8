"""Seeded random numbers: every draw follows from the names of the generator."""

from __future__ import annotations

import math
import random


class Dice(random.Random):
    """Dice of a name: the same name gives the same throws in every process."""

    @classmethod
    def of(cls, *names: object) -> Dice:
        """Dice for some names, as (seed, stream, day)."""
        return cls("/".join(str(name) for name in names))

    def guid(self) -> str:
        """A GUID."""
        text = f"{self.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def is_chosen(self, chance: float) -> bool:
        """True in so many of 1."""
        return self.random() < chance

    def times(self, mean: float) -> int:
        """Return how often something happens that happens `mean` times (Poisson; above 30 its normal approximation)."""
        if mean > 30:
            return max(0, round(self.gauss(mean, math.sqrt(mean))))
        limit, count, product = math.exp(-mean), 0, self.random()
        while product > limit:
            count += 1
            product *= self.random()
        return count

    def draw_address_in_block(self, block: str) -> str:
        """An address in a block that is given by its first two numbers."""
        return f"{block}.{self.randrange(256)}.{self.randrange(1, 255)}"

    def draw_public_address(self) -> str:
        """An address of the Internet that nobody knows: of the ranges for documentation that the company does not use."""
        return (
            f"192.0.2.{self.randrange(100, 250)}"
            if self.random() < 0.5
            else f"198.51.100.{self.randrange(100, 250)}"
        )
