"""`python -m training.forecast`."""

from training.forecast.commands import app

app()
