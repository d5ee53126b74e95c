"""Recommendations: what was bought together, what sells now. A basket is a set of article numbers."""

from collections import Counter
from itertools import combinations

HALF_LIFE = 14.0  # days after which a sale counts half


class Recommender:
    """Learns from baskets which articles go together."""

    def __init__(self, baskets=()):
        self._alone = Counter()
        self._together = Counter()
        self._baskets = 0
        for basket in baskets:
            self.learn(basket)

    def learn(self, basket) -> None:
        articles = sorted(set(basket))
        self._baskets += 1
        self._alone.update(articles)
        self._together.update(combinations(articles, 2))

    def similarity(self, one: str, other: str) -> float:
        """Return the share of the baskets with either article that hold both (Jaccard's index)."""
        both = self._together[tuple(sorted((one, other)))]
        either = self._alone[one] + self._alone[other] - both
        return both / either if either else 0.0

    def lift(self, one: str, other: str) -> float:
        """Return how much likelier one article is in a basket with the other than in any; 1 is no relation."""
        if not self._alone[one] or not self._alone[other]:
            return 0.0
        both = self._together[tuple(sorted((one, other)))]
        return both * self._baskets / (self._alone[one] * self._alone[other])

    def bought_with(self, sku: str, limit: int = 3) -> list:
        """Return the articles most similar to one, the nearest first."""
        scored = [(self.similarity(sku, other), other) for other in self._alone if other != sku]
        return [other for score, other in sorted(scored, key=lambda pair: (-pair[0], pair[1])) if score > 0][:limit]

    def for_basket(self, basket, limit: int = 3) -> list:
        """Return what goes best with a whole basket and is not in it."""
        have = set(basket)
        scores = {
            other: sum(self.similarity(sku, other) for sku in have) for other in self._alone if other not in have
        }
        ranked = sorted(scores, key=lambda other: (-scores[other], other))
        return [other for other in ranked if scores[other] > 0][:limit]


def bestsellers(sales, today, limit: int = 3) -> list:
    """Rank articles by their sales, pairs of article and day, the newest counting most."""
    scores = Counter()
    for sku, day in sales:
        age = (today - day).days
        if age >= 0:
            scores[sku] += 0.5 ** (age / HALF_LIFE)
    return [sku for sku, _ in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]]
