"""State that outlives a test: who changed it, the tests themselves or the product, and so who answers for it."""
