"""Stock: what is there, what is promised, and from where it goes out."""

from dataclasses import dataclass, field


class OutOfStock(Exception):
    """There are not enough pieces to promise."""

    def __init__(self, sku, wanted, available):
        super().__init__(f"{wanted} of {sku} wanted, {available} available")
        self.sku = sku
        self.wanted = wanted
        self.available = available


@dataclass
class Reservation:
    """Pieces promised to somebody until a moment (in seconds)."""

    id: int
    sku: str
    quantity: int
    until: float


@dataclass
class Warehouse:
    """One place with pieces on shelves; the lower ``distance``, the sooner it is asked."""

    name: str
    distance: int = 0
    shelves: dict = field(default_factory=dict)


class Inventory:
    """The stock of all warehouses together."""

    def __init__(self, warehouses=()):
        self._warehouses = sorted(warehouses, key=lambda place: (place.distance, place.name))
        self._reservations = {}
        self._next = 1
        self._reorder = {}

    def warehouse(self, name: str) -> Warehouse:
        for place in self._warehouses:
            if place.name == name:
                return place
        raise KeyError(name)

    def receive(self, name: str, sku: str, quantity: int) -> None:
        if quantity < 1:
            raise ValueError("a delivery has one piece at least")
        shelves = self.warehouse(name).shelves
        shelves[sku] = shelves.get(sku, 0) + quantity

    def on_hand(self, sku: str) -> int:
        return sum(place.shelves.get(sku, 0) for place in self._warehouses)

    def reserved(self, sku: str, now: float = 0) -> int:
        """Return the pieces promised and not expired."""
        return sum(r.quantity for r in self._reservations.values() if r.sku == sku and r.until > now)

    def available(self, sku: str, now: float = 0) -> int:
        return self.on_hand(sku) - self.reserved(sku, now)

    def reserve(self, sku: str, quantity: int, now: float = 0, hold: float = 900) -> Reservation:
        """Promise pieces for ``hold`` seconds."""
        free = self.available(sku, now)
        if quantity > free:
            raise OutOfStock(sku, quantity, free)
        reservation = Reservation(self._next, sku, quantity, now + hold)
        self._reservations[reservation.id] = reservation
        self._next += 1
        return reservation

    def release(self, reservation: Reservation) -> None:
        self._reservations.pop(reservation.id, None)

    def ship(self, reservation: Reservation) -> dict:
        """Take promised pieces off the shelves, the nearest warehouse first; returns how many from where."""
        if reservation.id not in self._reservations:
            raise KeyError(f"reservation {reservation.id} is not open")
        taken = {}
        missing = reservation.quantity
        for place in self._warehouses:
            pieces = min(missing, place.shelves.get(reservation.sku, 0))
            if pieces:
                place.shelves[reservation.sku] -= pieces
                taken[place.name] = pieces
                missing -= pieces
        if missing:
            raise OutOfStock(reservation.sku, reservation.quantity, reservation.quantity - missing)
        del self._reservations[reservation.id]
        return taken

    def reorder_at(self, sku: str, level: int) -> None:
        self._reorder[sku] = level

    def low(self) -> list:
        """Return the articles at or below their reorder level."""
        return sorted(sku for sku, level in self._reorder.items() if self.on_hand(sku) <= level)
