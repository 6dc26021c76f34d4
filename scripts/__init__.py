"""Tools of the checkout, run by make. Invariant: nothing of them is deployed."""
