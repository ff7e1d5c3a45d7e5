"""Training: scenarios, the network, export and publishing. torch lives here and nowhere else."""
