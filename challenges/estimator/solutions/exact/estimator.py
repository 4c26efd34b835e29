"""Takes the network apart, one connection at a time: it works, or it does not."""


class Estimator:
    def predict(self, item):
        edges = [(a, b, chance) for a, b, chance in item["edges"]]
        return min(1.0, max(0.0, likely(edges, item["source"], item["target"])))


def likely(edges, source, target):
    """The chance that `source` and `target` are connected."""
    if source == target:
        return 1.0
    place = next((at for at, (a, b, _) in enumerate(edges) if source in (a, b)), None)
    if place is None:
        return 0.0
    a, b, chance = edges[place]
    rest = edges[:place] + edges[place + 1 :]
    other = b if a == source else a
    merged = [(source if x == other else x, source if y == other else y, p) for x, y, p in rest]
    merged = [(x, y, p) for x, y, p in merged if x != y]
    return chance * likely(merged, source, source if target == other else target) + (1 - chance) * likely(
        rest, source, target
    )
