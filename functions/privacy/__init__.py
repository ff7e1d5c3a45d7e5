"""Privacy: the export of everything about a person, and the erasure of their account."""
