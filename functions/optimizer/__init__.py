"""The optimizer: the decision core (city, candidates, objective, features), the policy that ranks, charge requests."""
