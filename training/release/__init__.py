"""From a run to a champion: export, publishing, promotion, recorded demand."""
