"""How subjects are measured: processes, wire, recordings, statistics, comparison."""
