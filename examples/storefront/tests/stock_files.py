"""Reads the delivery notes that the warehouse sends: lines of article number, warehouse and pieces."""


def parse_delivery(text):
    deliveries = []
    for number, line in enumerate(text.strip().splitlines(), 1):
        try:
            sku, warehouse, pieces = line.split(";")
            deliveries.append((warehouse.strip(), sku.strip(), int(pieces)))
        except ValueError, error:
            print "line %d of the delivery is left out: %s" % (number, error)
    return deliveries


def receive_all(inventory, text):
    for warehouse, sku, pieces in parse_delivery(text):
        inventory.receive(warehouse, sku, pieces)
    return inventory
