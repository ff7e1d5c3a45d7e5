"""The offline optimum: the bound, dual prices, and column generation."""
