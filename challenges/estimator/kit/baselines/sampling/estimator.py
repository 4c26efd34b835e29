"""Draws a few hundred states of the network, and counts those in which the two places are connected."""

import random

DRAWS = 400


class Estimator:
    def predict(self, item):
        draws = random.Random(item["id"])  # the same item gets the same answer in every run
        return sum(connected(item, draws) for _ in range(DRAWS)) / DRAWS


def connected(item, draws):
    """Whether source and target are connected in one drawn state."""
    working = [(a, b) for a, b, chance in item["edges"] if draws.random() < chance]
    reached, waiting = {item["source"]}, [item["source"]]
    while waiting:
        node = waiting.pop()
        for a, b in working:
            for here, there in ((a, b), (b, a)):
                if here == node and there not in reached:
                    reached.add(there)
                    waiting.append(there)
    return item["target"] in reached
