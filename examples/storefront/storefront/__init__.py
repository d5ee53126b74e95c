"""A small shop: catalogue, prices, carts, stock, orders, customers, search and recommendations."""
