"""City folders: generated ones, and those made from exports of real networks."""
