"""Where days come from: the reference city, recorded cities, random cities."""
