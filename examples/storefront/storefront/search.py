"""Search: an index of the catalogue's words, ranked results, and results as HTML."""

import math
import re

import markupsafe

WORD = re.compile(r"[a-z0-9]+")
STOP = frozenset({"a", "an", "and", "for", "in", "of", "the", "to", "with"})


def words(text: str) -> list:
    """Return the words that count, in lower case and without a plural's s."""
    found = [word for word in WORD.findall(text.lower()) if word not in STOP]
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]


class Index:
    """Which products hold which words, and how often; names count more than tags."""

    def __init__(self, products=()):
        self._products = {}
        self._postings = {}
        for product in products:
            self.add(product)

    def add(self, product) -> None:
        self._products[product.sku] = product
        for weight, text in ((3, product.name), (2, " ".join(product.tags)), (1, product.category)):
            for word in words(text):
                posting = self._postings.setdefault(word, {})
                posting[product.sku] = posting.get(product.sku, 0) + weight

    def search(self, query: str, limit: int = 10) -> list:
        """Return the products that hold every word of the query, the best first."""
        wanted = words(query)
        if not wanted:
            return []
        holders = set.intersection(*(set(self._postings.get(word, ())) for word in wanted))
        scores = {sku: sum(self._weight(word, sku) for word in wanted) for sku in holders}
        ranked = sorted(holders, key=lambda sku: (-scores[sku], sku))
        return [self._products[sku] for sku in ranked[:limit]]

    def suggest(self, prefix: str, limit: int = 5) -> list:
        """Return indexed words that begin so, the commonest first."""
        found = [word for word in self._postings if word.startswith(prefix.lower())]
        return sorted(found, key=lambda word: (-len(self._postings[word]), word))[:limit]

    def did_you_mean(self, word: str):
        """Return the nearest indexed word that is one or two edits away, or None."""
        near = [(edits(word.lower(), known), known) for known in self._postings]
        distance, known = min(near, default=(3, None))
        return known if 0 < distance <= 2 else None

    def _weight(self, word: str, sku: str) -> float:
        posting = self._postings[word]
        return posting[sku] * (1 + math.log(len(self._products) / len(posting)))


def edits(one: str, other: str) -> int:
    """Return the number of letters to insert, drop or change to make one word of the other."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, second in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (letter != second))
    return row[-1]


def highlight(text, query: str) -> markupsafe.Markup:
    """Return text as HTML in which the words of the query are marked; what is HTML already stays so."""
    escaped = markupsafe.escape(markupsafe.soft_unicode(text))
    wanted = words(query)
    if not wanted:
        return escaped
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, wanted)) + r")", re.IGNORECASE)
    return markupsafe.Markup(pattern.sub(r"<mark>\1</mark>", str(escaped)))


def result_list(products, query: str) -> markupsafe.Markup:
    """Return search results as an HTML list."""
    rows = [
        markupsafe.Markup('<li><a href="/p/{}">{}</a></li>').format(product.slug, highlight(product.name, query))
        for product in products
    ]
    return markupsafe.Markup("<ul>{}</ul>").format(markupsafe.Markup("").join(rows))
